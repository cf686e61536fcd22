//! Compiles the C shim that knows CPython's thread state against the headers of the interpreter being built for.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=src/stack/pystack.c");
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    let python = std::env::var("PYO3_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let include = Command::new(&python)
        .args(["-c", "import sysconfig; print(sysconfig.get_path('include'))"])
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run `{python}` to find its headers: {error}; set PYO3_PYTHON")
        });
    let include = String::from_utf8(include.stdout).expect("a path in UTF-8");
    cc::Build::new().file("src/stack/pystack.c").include(include.trim()).opt_level(3).compile("pystack");
}
