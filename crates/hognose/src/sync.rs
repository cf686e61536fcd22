//! `hognose sync`: the packages that a project's `pyproject.toml` asks for, put into its `python_modules/`.
//!
//! As after `pywrangler sync`, the folder is the Worker's own and goes where the project goes: editors find the packages
//! there, and `dev` and `serve` load them from there without asking an index. Unlike pywrangler's it holds wheels for the
//! CPython that hognose runs under. The file `.synced` in it says what it was made from; it is not a version of
//! pywrangler, so pywrangler makes the folder anew before it deploys to Cloudflare.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};

use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::packages::{self, Effort};
use crate::project::{self, Configuration, PythonProject, relative};
use crate::remarks::Remarks;

/// The folder beside the configuration.
const FOLDER: &str = "python_modules";

#[derive(Debug, Args)]
pub(crate) struct SyncArguments {
    /// Read this configuration instead of looking for one in this folder and those above it
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Install even if nothing has changed, in the newest versions that are allowed
    #[arg(long, visible_alias = "upgrade")]
    force: bool,
    /// Let packages without a wheel be built, whatever `[tool.pywrangler] allow-build` says
    #[arg(long, overrides_with = "no_allow_build")]
    allow_build: bool,
    /// Take wheels only
    #[arg(long, action = ArgAction::SetTrue)]
    no_allow_build: bool,
}

/// Installs what is missing.
pub(crate) fn sync(
    arguments: &SyncArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let configuration = match &arguments.config {
        Some(path) => Configuration::named(path)?,
        None => Configuration::find(Path::new("."))?,
    };
    let folder = configuration.folder();
    let requirements = folder.join("requirements.txt");
    if requirements.is_file() {
        return Err(CommandError::RequirementsFile(relative(&requirements)));
    }
    let project = project::python(folder, &Remarks::new(console))?;
    let project = project.ok_or_else(|| CommandError::NoPythonProject(folder.to_owned()))?;
    let target = folder.join(FOLDER);
    if project.wants.dependencies.is_empty() {
        Console::print(&format!("`{}` asks for no packages", relative(&project.path).display()));
        return Ok(());
    }
    if !arguments.force && packages::is_synced(&project, &target, interpreter) {
        Console::print(&format!("`{FOLDER}` is up to date; `--force` installs again"));
        return Ok(());
    }
    check_ours(&target, arguments.force)?;
    let configured = project.wants.allow_build && !arguments.no_allow_build;
    let effort = Effort { may_build: arguments.allow_build || configured, refresh: arguments.force };
    fill(&project, effort, &target, interpreter, console)
}

/// A folder that nobody has synced holds what somebody has put there.
fn check_ours(target: &Path, force: bool) -> Result<(), CommandError> {
    let holds_something = fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some());
    let synced = target.join(packages::SYNCED).is_file();
    if holds_something && !synced && !force {
        return Err(CommandError::NotSynced(relative(target)));
    }
    Ok(())
}

/// Installs into a folder beside it, which takes its place when it is complete.
fn fill(
    project: &PythonProject,
    effort: Effort,
    target: &Path,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    let count = project.wants.dependencies.len();
    let packages = if count == 1 { "1 package".into() } else { format!("{count} packages") };
    console.note(&format!("Installing {packages} for Python {} into `{FOLDER}`", interpreter.version()));
    let partial = target.with_extension(format!("partial-{}", std::process::id()));
    packages::remove(&partial)?;
    let token = partial.join(packages::SYNCED);
    let made = packages::run_uv(&project.path, effort, &partial, interpreter).and_then(|()| {
        let failed = |source| CommandError::State { path: token.clone(), source };
        // By this file editors know the folder as an environment's, and pywrangler as one that it may replace.
        fs::write(partial.join("pyvenv.cfg"), "").map_err(failed)?;
        fs::write(&token, packages::token(project, interpreter)).map_err(failed)
    });
    if let Err(failed) = made {
        packages::remove(&partial)?;
        return Err(failed);
    }
    packages::remove(target)?;
    fs::rename(&partial, target).map_err(|source| CommandError::State { path: target.to_owned(), source })?;
    Console::print(&format!("`{FOLDER}` holds what `{}` asks for", relative(&project.path).display()));
    Ok(())
}
