//! A project's own build (`build.command`): what makes files that the Worker needs, such as the static files of a Django
//! application. It runs before the project is served for the first time, as the user who gave the command, outside
//! any cell.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use hognose_config::Plan;

use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;

/// Runs the build of a project, if it has one, by a shell in the folder that it names. `python` there is the one that
/// hognose runs under, and finds the Worker's packages. What the build prints goes to standard error; for which `command`
/// of hognose it runs, it finds in `WRANGLER_COMMAND`.
pub(crate) fn run(
    command: &str,
    plan: &Plan,
    packages: Option<&Path>,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let Some(build) = &plan.build else { return Ok(()) };
    console.note(&format!("Running the build `{}`", build.command));
    let folder = plan.directory.join(&build.directory);
    let failed =
        |why: String| CommandError::Build { command: build.command.clone(), folder: folder.clone(), why };
    let output = io::stderr().as_fd().try_clone_to_owned().map_err(|error| failed(error.to_string()))?;
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(&build.command).current_dir(&folder).stdin(Stdio::null()).stdout(output);
    shell.env("PATH", search_path(interpreter)).env("WRANGLER_COMMAND", command);
    if let Some(packages) = packages {
        shell.env("PYTHONPATH", packages);
    }
    match shell.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// `PATH` with hognose's own environment in front.
fn search_path(interpreter: &Interpreter) -> OsString {
    let mut path = interpreter.prefix.join("bin").into_os_string();
    if let Some(before) = std::env::var_os("PATH") {
        path.push(":");
        path.push(before);
    }
    path
}
