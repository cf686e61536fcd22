//! `hognose init`: a folder with a Worker to begin with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::console::Console;
use crate::error::CommandError;
use crate::interpreter::Interpreter;

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The folder to make; its name becomes the Worker's
    #[arg(value_name = "NAME")]
    pub folder: PathBuf,
    /// What to begin with
    #[arg(short, long, value_enum, default_value_t = Template::Hello)]
    pub template: Template,
    /// Ask nothing; hognose never does
    #[arg(short, long)]
    pub yes: bool,
}

/// What a Worker can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// One that says hello
    Hello,
    /// A FastAPI application
    Fastapi,
    /// Notes in a KV namespace
    Kv,
    /// Tasks in a D1 database, with a migration
    D1,
    /// Jobs through a queue
    Queue,
    /// Counters, each a Durable Object with a database of its own
    DurableObject,
    /// Questions to a model of Workers AI
    Ai,
    /// One in JavaScript
    Javascript,
}

/// The files of a template, each with its path and text.
macro_rules! files {
    ($template:literal: $($path:literal),+) => {
        &[$(($path, include_str!(concat!("../templates/", $template, "/", $path)))),+]
    };
}

impl Template {
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Hello => files!("hello": "wrangler.jsonc", "pyproject.toml", "src/entry.py"),
            Self::Fastapi => files!("fastapi": "wrangler.jsonc", "pyproject.toml", "src/entry.py"),
            Self::Kv => files!("kv": "wrangler.jsonc", "pyproject.toml", "src/entry.py"),
            Self::D1 => {
                files!("d1": "wrangler.jsonc", "pyproject.toml", "src/entry.py", "migrations/0001_tasks.sql")
            }
            Self::Queue => files!("queue": "wrangler.jsonc", "pyproject.toml", "src/entry.py"),
            Self::DurableObject => {
                files!("durable-object": "wrangler.jsonc", "pyproject.toml", "src/entry.py")
            }
            Self::Ai => files!("ai": "wrangler.jsonc", "pyproject.toml", "src/entry.py", "hognose.toml"),
            Self::Javascript => files!("javascript": "wrangler.jsonc", "src/index.js"),
        }
    }
}

/// Makes the folder.
pub(crate) fn init(arguments: &InitArguments, interpreter: &Interpreter) -> Result<(), CommandError> {
    let folder = &arguments.folder;
    let name = name_of(folder)?;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CommandError::NotEmpty(folder.clone()));
    }
    for (path, text) in arguments.template.files() {
        let text = text.replace("NAME", &name).replace("DATE", date(interpreter));
        write(&folder.join(path), &text)
            .map_err(|source| CommandError::State { path: folder.join(path), source })?;
    }
    Console::print(&format!("Made `{name}` in {}", folder.display()));
    Console::print(&format!("\n  cd {}", folder.display()));
    if arguments.template == Template::D1 {
        Console::print("  hognose d1 migrations apply tasks");
    }
    Console::print("  hognose dev");
    Ok(())
}

/// The folder's name as a Worker's: lower case, with dashes for whatever else is no letter or digit.
fn name_of(folder: &Path) -> Result<String, CommandError> {
    let unnamed = |source| CommandError::Read { path: folder.to_owned(), source };
    let absolute = std::path::absolute(folder).map_err(unnamed)?;
    let name = absolute.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let plain = plain.trim_matches('-');
    if plain.is_empty() { Err(CommandError::WorkerName(name)) } else { Ok(plain.to_owned()) }
}

/// A date with which Cloudflare runs a Worker on the same Python as hognose does.
fn date(interpreter: &Interpreter) -> &'static str {
    match interpreter.release[1] {
        12 => "2025-09-01",
        13 => "2026-06-01",
        _ => "2026-09-08",
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
