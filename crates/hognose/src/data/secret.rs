//! `hognose secret` and `hognose secrets-store`: what a Worker finds in `env`, or asks a store for, without its standing
//! in a file of the project. No command prints a value.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};

use clap::{Args, Subcommand};
use hognose_config::{SecretSources, load_secrets};
use hognose_services::secrets::{CHANGED_FILE, Scope, Vault};
use serde_json::{Map, Value, json};

use super::{ListArguments, Place, PlaceArguments, print_list, read_input, refused};
use crate::console::Console;
use crate::error::CommandError;
use crate::plan;

/// The folder of the state with the secrets.
pub(crate) const FOLDER: &str = "secrets";

/// Work with the secrets of a Worker
#[derive(Debug, Args)]
pub(crate) struct SecretArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Store a secret; its value is asked for, or read from standard input
    Put {
        /// Its name in `env`
        key: String,
        #[command(flatten)]
        worker: WorkerArguments,
    },
    /// Delete a secret
    Delete {
        /// Its name in `env`
        key: String,
        /// Do not ask
        #[arg(short = 'y', long)]
        skip_confirmation: bool,
        #[command(flatten)]
        worker: WorkerArguments,
    },
    /// List the names of the secrets
    List {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        worker: WorkerArguments,
    },
    /// Store many: JSON `{"NAME": "value"}`, in which null deletes, or lines of `NAME=value`
    Bulk {
        /// The file [default: standard input]
        file: Option<PathBuf>,
        #[command(flatten)]
        worker: WorkerArguments,
    },
}

#[derive(Debug, Args)]
struct WorkerArguments {
    /// The Worker [default: the configuration's]
    #[arg(long, value_name = "WORKER")]
    name: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Work with the secrets of a Secrets Store
#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Work with the secrets in a store
    #[command(subcommand)]
    Secret(StoreSecretCommand),
}

#[derive(Debug, Subcommand)]
enum StoreSecretCommand {
    /// Store a secret; without --value it is asked for, or read from standard input
    #[command(visible_alias = "update")]
    Create {
        #[command(flatten)]
        secret: StoredArguments,
        /// Its value; other programs can see it while the command runs
        #[arg(long)]
        value: Option<String>,
    },
    /// List the names of the secrets
    List {
        /// The store's id
        store_id: String,
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Delete a secret
    Delete {
        #[command(flatten)]
        secret: StoredArguments,
        /// Do not ask
        #[arg(short = 'y', long)]
        skip_confirmation: bool,
    },
}

#[derive(Debug, Args)]
struct StoredArguments {
    /// The store's id
    store_id: String,
    /// The secret's name
    #[arg(long)]
    name: String,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Runs one of the commands on a Worker's secrets.
pub(crate) fn secret(arguments: &SecretArguments, console: Console) -> Result<(), CommandError> {
    match &arguments.command {
        Command::Put { key, worker } => {
            let (vault, name) = open(worker, console)?;
            put(&vault, Scope::Worker(&name), key, &asked_for(key)?)?;
            Console::print(&format!("Stored the secret `{key}` for the Worker `{name}`"));
        }
        Command::Delete { key, skip_confirmation, worker } => {
            let (vault, name) = open(worker, console)?;
            Place::confirm(
                &format!("Delete the secret `{key}` of the Worker `{name}`?"),
                *skip_confirmation,
            )?;
            delete(&vault, Scope::Worker(&name), key)?;
            Console::print(&format!("Deleted the secret `{key}` of the Worker `{name}`"));
        }
        Command::List { list, worker } => {
            let (vault, name) = open(worker, console)?;
            print_names(&vault, Scope::Worker(&name), *list)?;
        }
        Command::Bulk { file, worker } => {
            let (vault, name) = open(worker, console)?;
            let changes = changes(file.as_deref())?;
            let count = changes.len();
            vault.put_all(Scope::Worker(&name), changes).map_err(CommandError::Secrets)?;
            Console::print(&format!("Changed {count} secrets of the Worker `{name}`"));
        }
    }
    Ok(())
}

/// Runs one of the commands on a store's secrets.
pub(crate) fn store(arguments: &StoreArguments, console: Console) -> Result<(), CommandError> {
    let StoreCommand::Secret(command) = &arguments.command;
    match command {
        StoreSecretCommand::Create { secret, value } => {
            let vault = vault(&Place::find(&secret.place, console)?)?;
            let value = value.clone().map_or_else(|| asked_for(&secret.name), Ok)?;
            put(&vault, Scope::Store(&secret.store_id), &secret.name, &value)?;
            Console::print(&format!(
                "Stored the secret `{}` in the store `{}`",
                secret.name, secret.store_id
            ));
        }
        StoreSecretCommand::List { store_id, list, place } => {
            print_names(&vault(&Place::find(place, console)?)?, Scope::Store(store_id), *list)?;
        }
        StoreSecretCommand::Delete { secret, skip_confirmation } => {
            let vault = vault(&Place::find(&secret.place, console)?)?;
            let question = format!("Delete the secret `{}` of the store `{}`?", secret.name, secret.store_id);
            Place::confirm(&question, *skip_confirmation)?;
            delete(&vault, Scope::Store(&secret.store_id), &secret.name)?;
            Console::print(&format!(
                "Deleted the secret `{}` of the store `{}`",
                secret.name, secret.store_id
            ));
        }
    }
    Ok(())
}

/// The secrets stored for a Worker, if any ever were, and the file that changes with them.
pub(crate) fn stored(state: &Path, worker: &str) -> Result<(Vec<(String, String)>, PathBuf), CommandError> {
    let folder = state.join(FOLDER);
    let changed = folder.join(CHANGED_FILE);
    if !folder.join("secrets.sqlite").exists() {
        return Ok((Vec::new(), changed));
    }
    let all = Vault::open(&folder).and_then(|vault| vault.all(Scope::Worker(worker)));
    Ok((all.map_err(CommandError::Secrets)?, changed))
}

fn open(arguments: &WorkerArguments, console: Console) -> Result<(Vault, String), CommandError> {
    let place = Place::find(&arguments.place, console)?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => plan::name(&place.plan()?).to_owned(),
    };
    Ok((vault(&place)?, name))
}

fn vault(place: &Place) -> Result<Vault, CommandError> {
    Vault::open(&place.folder(FOLDER)?).map_err(CommandError::Secrets)
}

fn put(vault: &Vault, scope: Scope<'_>, key: &str, value: &str) -> Result<(), CommandError> {
    if key.is_empty() {
        return Err(refused("A secret needs a name"));
    }
    vault.put(scope, key, value).map_err(CommandError::Secrets)
}

fn delete(vault: &Vault, scope: Scope<'_>, key: &str) -> Result<(), CommandError> {
    if vault.delete(scope, key).map_err(CommandError::Secrets)? {
        return Ok(());
    }
    Err(refused(format!("There is no secret `{key}`")))
}

fn print_names(vault: &Vault, scope: Scope<'_>, list: ListArguments) -> Result<(), CommandError> {
    let names = vault.names(scope).map_err(CommandError::Secrets)?;
    let rows = names.into_iter().map(|name| vec![json!(name), json!("secret_text")]).collect();
    print_list(&["name", "type"], rows, list);
    Ok(())
}

/// A value that was typed unseen, or that standard input holds; a line's end does not belong to it.
fn asked_for(key: &str) -> Result<String, CommandError> {
    let mut value = if io::stdin().is_terminal() {
        typed(key)?
    } else {
        let text = String::from_utf8(read_input(None)?);
        text.map_err(|_| refused("The value of a secret should be text"))?
    };
    value.truncate(value.trim_end_matches(['\n', '\r']).len());
    Ok(value)
}

fn typed(key: &str) -> Result<String, CommandError> {
    let unread = |source| CommandError::Read { path: PathBuf::from("standard input"), source };
    write!(io::stderr(), "The value of `{key}`: ").and_then(|()| io::stderr().flush()).map_err(unread)?;
    echo(false);
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    echo(true);
    // The line's end was not echoed either.
    let _ = writeln!(io::stderr());
    read.map_err(unread)?;
    Ok(line)
}

/// Whether the terminal shows what is typed. Where it cannot be told, it goes on as before.
fn echo(on: bool) {
    let setting = if on { "echo" } else { "-echo" };
    let _ = Program::new("stty").arg(setting).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
}

/// What a file of many secrets says.
fn changes(file: Option<&Path>) -> Result<Vec<(String, Option<String>)>, CommandError> {
    let text = String::from_utf8(read_input(file)?).map_err(|_| refused("The secrets should be text"))?;
    if text.trim_start().starts_with('{') {
        let object: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| refused(format!("The secrets are no JSON object: line {}", error.line())))?;
        return object.into_iter().map(change).collect();
    }
    let sources = SecretSources { env_files: &["secrets"], ..SecretSources::default() };
    match load_secrets(&sources, &|_| Some(text.clone())) {
        Ok(read) => Ok(read.value.values.into_iter().map(|(name, value)| (name, Some(value))).collect()),
        Err(_) => Err(refused("The secrets are neither a JSON object nor lines of `NAME=value`")),
    }
}

fn change((name, value): (String, Value)) -> Result<(String, Option<String>), CommandError> {
    match value {
        Value::String(text) => Ok((name, Some(text))),
        Value::Null => Ok((name, None)),
        _ => Err(refused(format!("The value of `{name}` should be a string, or null to delete it"))),
    }
}
