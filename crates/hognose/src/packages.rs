//! The packages a Worker asks for in its `pyproject.toml`, installed by `uv` for the interpreter hognose runs under.
//!
//! They go into `packages/<hash>` of the state folder, never into the project's or hognose's own environment. The hash
//! covers everything the result depends on, so an unchanged project starts without `uv`, and a changed one gets a
//! folder of its own while the old version of the Worker still reads the old. A folder appears under its name only when
//! it is complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::project::{PythonProject, relative};

/// The file by which a `python_modules/` is known to be up to date.
pub(crate) const SYNCED: &str = ".synced";

/// What [`SYNCED`] says of packages that were installed for `project`.
pub(crate) fn token(project: &PythonProject, interpreter: &Interpreter) -> String {
    format!("hognose {}\n", hash(&project.text, interpreter))
}

/// Whether `hognose sync` has put into `modules` all that the project asks for now, for this interpreter.
pub(crate) fn is_synced(project: &PythonProject, modules: &Path, interpreter: &Interpreter) -> bool {
    fs::read_to_string(modules.join(SYNCED)).is_ok_and(|text| text == token(project, interpreter))
}

/// The folder with the packages of `project` under `folder`, installed now if need be; none where it asks for none.
pub(crate) fn install(
    project: &PythonProject,
    may_build: bool,
    folder: &Path,
    interpreter: &Interpreter,
    console: Console,
) -> Result<Option<PathBuf>, CommandError> {
    let count = project.wants.dependencies.len();
    if count == 0 {
        return Ok(None);
    }
    let target = folder.join(hash(&project.text, interpreter));
    if target.is_dir() {
        return Ok(Some(target));
    }
    let packages = if count == 1 { "1 package".into() } else { format!("{count} packages") };
    console.note(&format!("Installing {packages} for Python {}", interpreter.version()));
    let partial = folder.join(format!("partial-{}", std::process::id()));
    remove(&partial)?;
    let effort = Effort { may_build, refresh: false };
    if let Err(failed) = run_uv(&project.path, effort, &partial, interpreter) {
        remove(&partial)?;
        return Err(failed);
    }
    fs::rename(&partial, &target).map_err(|source| CommandError::State { path: target.clone(), source })?;
    Ok(Some(target))
}

/// Removes what earlier runs installed, and what they left unfinished, but for `kept`.
pub(crate) fn prune(folder: &Path, kept: &[&Path]) -> Result<(), CommandError> {
    let failed = |source| CommandError::State { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !kept.contains(&path.as_path()) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Names the result: the project's file and the interpreter decide it. The architecture is the machine's, and the
/// state folder may lie on a disk that several machines share.
fn hash(project: &str, interpreter: &Interpreter) -> String {
    let mut hasher = Sha256::new();
    for part in [project, &interpreter.version(), std::env::consts::ARCH] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    format!("{:032x}", digest.iter().take(16).fold(0u128, |name, byte| name << 8 | u128::from(*byte)))
}

/// How `uv` goes about it.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Whether packages may be built from source.
    pub may_build: bool,
    /// Whether to ask again for what it has fetched or built before.
    pub refresh: bool,
}

/// `uv pip install`, with its progress and its complaints on our standard error. It reads the project's file itself, so
/// that `[tool.uv]` sources, indexes and constraints are respected; it takes wheels before source packages, whose build
/// runs outside any cell; and it compiles to bytecode, for a cell cannot write any.
pub(crate) fn run_uv(
    project: &Path,
    Effort { may_build, refresh }: Effort,
    target: &Path,
    interpreter: &Interpreter,
) -> Result<(), CommandError> {
    let uv = find_uv(interpreter).ok_or(CommandError::UvMissing)?;
    let mut command = Command::new(&uv);
    command.args(["pip", "install", "--compile-bytecode"]);
    if !may_build {
        command.arg("--no-build");
    }
    if refresh {
        command.arg("--refresh");
    }
    command
        .arg("--python")
        .arg(&interpreter.executable)
        .arg("--target")
        .arg(target)
        .arg("--requirement")
        .arg(project);
    command
        .current_dir(project.parent().unwrap_or(Path::new("/")))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(CommandError::Packages { project: relative(project), may_build }),
        Err(source) => Err(CommandError::UvBroken { path: uv, source }),
    }
}

/// The `uv` that was installed with hognose, else the one on `PATH`.
pub(crate) fn find_uv(interpreter: &Interpreter) -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(interpreter.prefix.join("bin"))
        .chain(std::env::split_paths(&search))
        .map(|folder| folder.join("uv"))
        .find(|uv| uv.is_file())
}

/// Removes a folder, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<(), CommandError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(CommandError::State { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}
