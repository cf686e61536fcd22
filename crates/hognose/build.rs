//! Embeds the dashboard, where it was built: a list of its files with their bytes, which `admin/dashboard.rs` includes.
//! Building it takes npm, so that a build without it embeds nothing rather than fail.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    // The folder around the built site is always there: cargo would run this again and again for one that is not.
    let around = manifest.join("../../dashboard/dist");
    let built = around.join("site");
    println!("cargo::rerun-if-changed={}", around.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    collect(&built, &built, &mut files);
    files.sort();
    let mut code = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        writeln!(code, "    ({name:?}, include_bytes!({path:?})),").expect("a string takes it");
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("dashboard.rs"), code).expect("OUT_DIR can be written");
}

/// The files below `folder`, each with its name relative to `root`; none where there is no such folder.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Ok(name) = path.strip_prefix(root) {
            files.push((name.to_string_lossy().into_owned(), path.to_string_lossy().into_owned()));
        }
    }
}
