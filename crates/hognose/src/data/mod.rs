//! The commands on data: KV, R2, Queues, D1 and secrets. They open the files of the state folder themselves, so they
//! work whether or not a server runs on them: SQLite lets several processes work on a file.
//!
//! Names and options are wrangler's. Lists are tables on a terminal and JSON for programs: with `--json`, or where
//! the output goes elsewhere.

pub(crate) mod d1_files;
pub(crate) mod d1_insights;
pub(crate) mod d1_time_travel;
pub(crate) mod kv;
mod kv_bulk;
mod progress;
mod queue_consumers;
pub(crate) mod queues;
pub(crate) mod r2;
mod r2_lifecycle;
mod r2_objects;
pub(crate) mod secret;

pub(crate) use progress::Progress;

use std::fs;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use hognose_config::Plan;
use serde_json::Value;

use crate::console::Console;
use crate::error::CommandError;
use crate::project::{self, Configuration};
use crate::remarks::Remarks;
use crate::{format, state, table};

/// Where the data is.
#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// Read this configuration instead of looking for one
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use this environment of the configuration
    #[arg(short, long, env = "CLOUDFLARE_ENV", hide_env_values = true, value_name = "NAME")]
    env: Option<String>,
    /// The folder with the data [default: `.hognose` beside the configuration]
    #[arg(long, value_name = "FOLDER")]
    persist_to: Option<PathBuf>,
    /// Accepted for wrangler's sake: there is no other place
    #[arg(long, hide = true)]
    local: bool,
    /// Known for wrangler's sake, and refused
    #[arg(long, hide = true, conflicts_with = "local")]
    remote: bool,
    /// Accepted for wrangler's sake: there are no preview data
    #[arg(long, hide = true)]
    preview: bool,
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ListArguments {
    /// Print JSON, as is done anyway where the output is no terminal
    #[arg(long)]
    json: bool,
}

/// The data, and the project that it belongs to.
pub(crate) struct Place {
    /// The state folder.
    pub(crate) state: PathBuf,
    /// Where the project is configured, where there is one.
    configuration: Option<Configuration>,
    environment: Option<String>,
    console: Console,
}

impl Place {
    /// Finds it. A configuration is only needed by what asks for its plan.
    pub(crate) fn find(arguments: &PlaceArguments, console: Console) -> Result<Self, CommandError> {
        if arguments.remote {
            return Err(refused("All data is on this machine: there is nothing `--remote`; leave that out"));
        }
        let configuration = match &arguments.config {
            Some(path) => Some(Configuration::named(path)?),
            None => match Configuration::of_state() {
                Ok(found) => Some(found),
                Err(CommandError::NoState(_)) if arguments.persist_to.is_some() => None,
                Err(error) => return Err(error),
            },
        };
        let beside = || configuration.as_ref().map(|found| found.folder().join(state::FOLDER));
        let state = arguments.persist_to.clone().or_else(beside);
        let state = state.expect("invariant: without a configuration the folder was named");
        let environment = arguments.env.clone().filter(|name| !name.is_empty());
        Ok(Self { state, configuration, environment, console })
    }

    /// What the configuration says.
    pub(crate) fn plan(&self) -> Result<Plan, CommandError> {
        let configuration = self.configuration()?;
        project::plan(configuration, self.environment.as_deref(), &Remarks::new(self.console))
    }

    /// Where the project is configured.
    pub(crate) fn configuration(&self) -> Result<&Configuration, CommandError> {
        let missing = || CommandError::NoConfiguration(PathBuf::from("."));
        self.configuration.as_ref().ok_or_else(missing)
    }

    /// Whether the configuration, where there is one, binds a bucket of that name.
    fn binds_bucket(&self, name: &str) -> Result<bool, CommandError> {
        let is_bound = |plan: Plan| plan.r2_buckets.iter().any(|bucket| bucket.name == name);
        if self.configuration.is_some() { self.plan().map(is_bound) } else { Ok(false) }
    }

    /// Whether the configuration, where there is one, has a queue of that name, for dead letters or otherwise.
    fn names_queue(&self, name: &str) -> Result<bool, CommandError> {
        if self.configuration.is_none() {
            return Ok(false);
        }
        let plan = self.plan()?;
        let consumers = plan.queue_consumers.iter().map(|each| (&each.queue, &each.dead_letter_queue));
        let pulls = plan.queue_pulls.iter().map(|each| (&each.queue, &each.dead_letter_queue));
        let mut consumed = consumers.chain(pulls);
        Ok(plan.queue_producers.iter().any(|producer| producer.queue == name)
            || consumed.any(|(queue, dead)| queue == name || dead.as_deref() == Some(name)))
    }

    /// A folder of the state, made if need be.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, CommandError> {
        fs::create_dir_all(&self.state).map_err(writing(&self.state))?;
        format::settle(&self.state)?;
        let folder = self.state.join(name);
        if !folder.is_dir() {
            fs::create_dir_all(&folder).map_err(writing(&folder))?;
            state::keep_names(&self.state)?;
        }
        let ignore = self.state.join(".gitignore");
        fs::write(&ignore, "*\n").map_err(writing(&ignore))?;
        Ok(folder)
    }

    /// Asks before something is lost. Where nobody can be asked, `-y` has to be given.
    pub(crate) fn confirm(question: &str, already: bool) -> Result<(), CommandError> {
        if already {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(CommandError::Unconfirmed(question.to_owned()));
        }
        let mut answer = String::new();
        let asked = write!(io::stderr(), "{question} (y/N) ")
            .and_then(|()| io::stderr().flush())
            .and_then(|()| io::stdin().lock().read_line(&mut answer));
        match asked {
            Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
            _ => Err(CommandError::Declined),
        }
    }
}

/// Prints a list: the keys are the columns, and each row has a value for each.
pub(crate) fn print_list(keys: &[&str], rows: Vec<Vec<Value>>, arguments: ListArguments) {
    if arguments.json || !io::stdout().is_terminal() {
        let object = |row: Vec<Value>| {
            let given =
                keys.iter().map(|key| (*key).to_owned()).zip(row).filter(|(_, value)| !value.is_null());
            Value::Object(given.collect())
        };
        let list = Value::Array(rows.into_iter().map(object).collect());
        return Console::print(&format!("{list:#}"));
    }
    let cell = |value: Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        value => value.to_string(),
    };
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
    let columns: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    Console::print(&table::grid(&columns, &rows));
}

/// All of a file; of standard input where none is named.
pub(crate) fn read_input(file: Option<&Path>) -> Result<Vec<u8>, CommandError> {
    if let Some(path) = file {
        return fs::read(path).map_err(|source| CommandError::Read { path: path.to_owned(), source });
    }
    let mut bytes = Vec::new();
    let read = io::stdin().read_to_end(&mut bytes);
    read.map_err(|source| CommandError::Read { path: PathBuf::from("standard input"), source })?;
    Ok(bytes)
}

/// Something that cannot be written.
pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> CommandError {
    let path = path.to_owned();
    move |source| CommandError::State { path, source }
}

/// A failure that has no other cause.
pub(crate) fn refused(text: impl Into<String>) -> CommandError {
    CommandError::Data(text.into())
}

/// A failure of a storage engine.
pub(crate) fn failed<E: std::error::Error>(what: &str) -> impl Fn(E) -> CommandError {
    move |error| CommandError::Data(format!("{what} failed: {error}"))
}
