//! Compiles the C that knows CPython's thread state and frames against the headers of the interpreter being built for.

use std::process::Command;

fn main() {
    const SOURCES: [&str; 2] = ["src/stack/pystack.c", "src/jsproxy/reads_to_call.c"];
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let include = Command::new(&python)
        .args(["-c", "import sysconfig; print(sysconfig.get_path('include'))"])
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run `{python}` to find its headers: {error}; set PYO3_PYTHON")
        });
    let include = String::from_utf8(include.stdout).expect("a path in UTF-8");
    cc::Build::new().files(SOURCES).include(include.trim()).opt_level(3).compile("cpython");
}
