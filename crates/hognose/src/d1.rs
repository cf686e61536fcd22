//! `hognose d1`: SQL on a database, and its migrations. The commands open the database's file themselves, so they work
//! whether or not a server runs on it: SQLite lets several processes work on a file.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use hognose_config::{D1Database, Date};
use hognose_services::d1::{D1, Outcome, SqliteD1, SqliteDatabase, Statement, Value, is_blank, split};
use hognose_services::{SystemClock, block_on};
use serde_json::json;

use crate::console::Console;
use crate::data::d1_files::{
    self, CreateArguments, DeleteArguments, ExportArguments, InfoArguments, ListPlace,
};
use crate::data::d1_insights::{self, InsightsArguments};
use crate::data::d1_time_travel::{self, TimeTravelCommand};
use crate::data::{Place, PlaceArguments};
use crate::error::CommandError;
use crate::project;
use crate::table;

/// How long a command's SQL may run: an import is longer than a Worker's query.
const QUERY_MAX: Duration = Duration::from_hours(1);

/// Work with D1 databases
#[derive(Debug, Args)]
pub(crate) struct D1Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run SQL on a database, all of it or nothing
    Execute(ExecuteArguments),
    /// Make a database
    Create(CreateArguments),
    /// List all databases
    List(ListPlace),
    /// Say what a database holds
    Info(InfoArguments),
    /// Delete a database
    Delete(DeleteArguments),
    /// Write a database as SQL, which `execute --file` reads again
    Export(ExportArguments),
    /// Say which statements cost most since the server was started
    Insights(InsightsArguments),
    /// Look at what a database was, and make it that again
    #[command(subcommand)]
    TimeTravel(TimeTravelCommand),
    /// Change a database's tables step by step
    #[command(subcommand)]
    Migrations(MigrationsCommand),
}

#[derive(Debug, Args)]
struct ExecuteArguments {
    #[command(flatten)]
    database: DatabaseArguments,
    /// The SQL
    #[arg(long, value_name = "SQL", required_unless_present = "file", conflicts_with = "file")]
    command: Option<String>,
    /// A file with the SQL
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// Accepted for wrangler's sake: nothing is asked
    #[arg(short, long, hide = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum MigrationsCommand {
    /// Make the file of a new migration
    Create {
        #[command(flatten)]
        database: DatabaseArguments,
        /// What it does, for the file's name
        #[arg(required = true)]
        message: Vec<String>,
    },
    /// List the migrations that were not applied yet
    List(DatabaseArguments),
    /// Apply them, each all or nothing, up to the first that fails
    Apply(DatabaseArguments),
}

#[derive(Debug, Args)]
struct DatabaseArguments {
    /// The database: its name, its binding or its id
    database: String,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Runs one of the commands.
pub(crate) fn d1(arguments: &D1Arguments, console: Console) -> Result<(), CommandError> {
    match &arguments.command {
        Command::Execute(options) => execute(options, console),
        Command::Create(options) => d1_files::create(options, console),
        Command::List(options) => d1_files::list(options, console),
        Command::Info(options) => d1_files::info(options, console),
        Command::Delete(options) => d1_files::delete(options, console),
        Command::Export(options) => d1_files::export(options, console),
        Command::Insights(options) => d1_insights::insights(options, console),
        Command::TimeTravel(command) => d1_time_travel::time_travel(command, console),
        Command::Migrations(MigrationsCommand::Create { database, message }) => {
            Opened::new(database, console)?.create(&message.join(" "))
        }
        Command::Migrations(MigrationsCommand::List(database)) => Opened::new(database, console)?.list(),
        Command::Migrations(MigrationsCommand::Apply(database)) => Opened::new(database, console)?.apply(),
    }
}

fn execute(options: &ExecuteArguments, console: Console) -> Result<(), CommandError> {
    let opened = Opened::new(&options.database, console)?;
    let sql = match (&options.command, &options.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) => read(file)?,
        (None, None) => String::new(),
    };
    let outcome = opened.query(statements(&sql)).inspect_err(|error| {
        // As wrangler has it, for who reads the output; people read the error.
        if let (CommandError::Sql { source, .. }, true) = (error, options.json) {
            Console::print(&format!("{:#}", json!({ "error": { "text": source.to_string() } })));
        }
    })?;
    if options.json {
        Console::print(&table::json(&outcome.results));
    } else {
        for result in &outcome.results {
            Console::print(&table::text(result));
        }
    }
    Ok(())
}

/// A database, and where its migrations are.
struct Opened {
    about: D1Database,
    database: SqliteDatabase,
    migrations: PathBuf,
}

impl Opened {
    fn new(arguments: &DatabaseArguments, console: Console) -> Result<Self, CommandError> {
        let place = Place::find(&arguments.place, console)?;
        let plan = place.plan()?;
        let configuration = place.configuration()?;
        let wanted = Some(&arguments.database);
        let about = plan.d1_databases.into_iter().find(|known| {
            known.name.as_ref() == wanted || Some(&known.binding) == wanted || Some(&known.id) == wanted
        });
        let about = about.ok_or_else(|| CommandError::UnknownDatabase {
            name: arguments.database.clone(),
            configuration: project::relative(&configuration.path),
        })?;
        let engine = SqliteD1::new(place.folder("d1")?, Arc::new(SystemClock)).with_query_max(QUERY_MAX);
        let migrations = configuration.folder().join(&about.migrations_dir);
        Ok(Self { database: engine.database(&about.id), migrations, about })
    }

    fn query(&self, statements: Vec<Statement>) -> Result<Outcome, CommandError> {
        let answered = block_on(self.database.query(statements).wait());
        answered.map_err(|source| CommandError::Sql { what: format!("`{}`", self.about.binding), source })
    }

    fn create(&self, message: &str) -> Result<(), CommandError> {
        fs::create_dir_all(&self.migrations).map_err(writing(&self.migrations))?;
        let last = self.files()?.iter().map(|name| number_of(name)).max().unwrap_or(0);
        let number = format!("{:04}", last + 1);
        let path = self.migrations.join(format!("{number}_{}.sql", message.replace([' ', '/'], "_")));
        let text = format!("-- Migration number: {number} \t {}\n", now());
        fs::write(&path, text).map_err(writing(&path))?;
        Console::print(&format!("Created {}", project::relative(&path).display()));
        Ok(())
    }

    fn list(&self) -> Result<(), CommandError> {
        let unapplied = self.unapplied()?;
        if unapplied.is_empty() {
            Console::print("No migrations to apply");
        }
        for name in &unapplied {
            Console::print(name);
        }
        Ok(())
    }

    fn apply(&self) -> Result<(), CommandError> {
        let unapplied = self.unapplied()?;
        if unapplied.is_empty() {
            Console::print("No migrations to apply");
        }
        for name in &unapplied {
            let mut batch = statements(&read(&self.migrations.join(name))?);
            let params = vec![Value::Text(Cow::Owned(name.clone()))];
            batch.push(Statement { sql: format!("INSERT INTO {} (name) VALUES (?)", self.table()), params });
            block_on(self.database.query(batch).wait())
                .map_err(|source| CommandError::Sql { what: format!("`{name}`"), source })?;
            Console::print(&format!("Applied {name}"));
        }
        Ok(())
    }

    /// The names of the migrations that the database does not know of, in their order.
    fn unapplied(&self) -> Result<Vec<String>, CommandError> {
        let table = self.table();
        let outcome = self.query(statements(&format!(
            "CREATE TABLE IF NOT EXISTS {table}(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, \
             applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL); SELECT name FROM {table}"
        )))?;
        let rows = outcome.results.last().map(|result| result.rows()).unwrap_or_default();
        let applied: Vec<String> = rows.into_iter().flatten().map(|name| table::shown(&name)).collect();
        let mut files = self.files()?;
        files.retain(|name| !applied.contains(name));
        files.sort_by_key(|name| (number_of(name), name.clone()));
        Ok(files)
    }

    /// The names of all migrations. A folder that does not exist has none.
    fn files(&self) -> Result<Vec<String>, CommandError> {
        let Ok(entries) = self.migrations.read_dir() else { return Ok(Vec::new()) };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> = names
            .collect::<Result<_, _>>()
            .map_err(|source| CommandError::Read { path: self.migrations.clone(), source })?;
        Ok(names
            .into_iter()
            .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "sql"))
            .collect())
    }

    /// The name of the table of migrations, as SQL has it.
    fn table(&self) -> String {
        format!("\"{}\"", self.about.migrations_table.replace('"', "\"\""))
    }
}

/// The statements of a text. A transaction around all of it is left out, since all runs in one anyway.
fn statements(sql: &str) -> Vec<Statement> {
    let (mut statements, mut rest) = (Vec::new(), sql.trim());
    while !rest.is_empty() {
        let cut = split(rest);
        if !is_blank(cut.statement) {
            statements.push(cut.statement.trim().to_owned());
        }
        rest = cut.rest;
    }
    let is = |statement: Option<&String>, words: [&str; 2]| {
        let word = statement.map(|sql| sql.trim_end_matches(';').trim().to_ascii_uppercase());
        word.is_some_and(|word| words.contains(&word.as_str()))
    };
    if is(statements.first(), ["BEGIN TRANSACTION", "BEGIN"]) && is(statements.last(), ["COMMIT", "END"]) {
        statements.pop();
        statements.remove(0);
    }
    statements.into_iter().map(|sql| Statement { sql, params: Vec::new() }).collect()
}

/// The number that a migration's name begins with.
fn number_of(name: &str) -> u64 {
    name.split('_').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The time, as ISO 8601 has it.
fn now() -> String {
    timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// A time in seconds since the epoch, as ISO 8601 has it.
pub(crate) fn timestamp(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{}T{hours:02}:{minutes:02}:{:02}.000Z", Date::from_unix_seconds(seconds), seconds % 60)
}

/// The text of a file with SQL; a database as SQLite keeps it is no text.
fn read(path: &Path) -> Result<String, CommandError> {
    let unread = |source| CommandError::Read { path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(unread)?;
    if bytes.starts_with(b"SQLite format 3\0") {
        return Err(CommandError::BinaryDatabase(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| unread(std::io::Error::other(error)))
}

fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> CommandError {
    let path = path.to_owned();
    move |source| CommandError::State { path, source }
}
