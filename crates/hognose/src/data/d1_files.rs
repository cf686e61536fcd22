//! `hognose d1 create|list|info|delete|export`: databases as a whole. SQL on them is in [`crate::d1`].

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use hognose_services::d1::{D1, DatabaseFile, ExportOptions, SqliteD1, Statement};
use hognose_services::{SystemClock, block_on, d1};
use serde_json::json;

use super::{ListArguments, Place, PlaceArguments, failed, print_list, refused, writing};
use crate::console::Console;
use crate::error::CommandError;
use crate::table;

#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// The database's name, which is its id as well
    name: String,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ListPlace {
    #[command(flatten)]
    list: ListArguments,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    /// The database: its name, its binding or its id
    name: String,
    #[command(flatten)]
    list: ListArguments,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The database: its name, its binding or its id
    name: String,
    /// Do not ask
    #[arg(short = 'y', long)]
    skip_confirmation: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The database: its name, its binding or its id
    name: String,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Only this table; may be repeated
    #[arg(long, value_name = "TABLE")]
    table: Vec<String>,
    /// Only the rows
    #[arg(long)]
    no_schema: bool,
    /// Only the tables, without their rows
    #[arg(long, conflicts_with = "no_schema")]
    no_data: bool,
    /// Accepted for wrangler's sake: nothing is asked
    #[arg(short = 'y', long, hide = true)]
    skip_confirmation: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Makes a database.
pub(crate) fn create(arguments: &CreateArguments, console: Console) -> Result<(), CommandError> {
    let (engine, name) = (open(&Place::find(&arguments.place, console)?)?, &arguments.name);
    if engine.path(name).exists() {
        return Err(refused(format!("There is a D1 database `{name}` already")));
    }
    let nothing = Statement { sql: "SELECT 1".to_owned(), params: Vec::new() };
    block_on(engine.database(name).query(vec![nothing]).wait()).map_err(failed("Making the database"))?;
    Console::print(&format!("Created the database `{name}`. To use it, add to the configuration:\n"));
    let entry = json!({ "d1_databases": [{ "binding": "DB", "database_name": name, "database_id": name }] });
    Console::print(&format!("{entry:#}"));
    Ok(())
}

/// Lists all databases.
pub(crate) fn list(arguments: &ListPlace, console: Console) -> Result<(), CommandError> {
    let place = Place::find(&arguments.place, console)?;
    let found = open(&place)?.databases().map_err(failed("Listing the databases"))?;
    let names =
        place.configuration().and_then(|_| place.plan()).map(|plan| plan.d1_databases).unwrap_or_default();
    let row = |file: DatabaseFile| {
        let name = names.iter().find(|known| known.id == file.id).and_then(|known| known.name.clone());
        vec![json!(file.id), json!(name.unwrap_or_else(|| file.id.clone())), json!(file.bytes)]
    };
    print_list(&["uuid", "name", "file_size"], found.into_iter().map(row).collect(), arguments.list);
    Ok(())
}

/// Says what a database holds.
pub(crate) fn info(arguments: &InfoArguments, console: Console) -> Result<(), CommandError> {
    let (engine, file) = existing(&arguments.name, &Place::find(&arguments.place, console)?)?;
    let sql =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'".to_owned();
    let counted = engine.database(&file.id).query(vec![Statement { sql, params: Vec::new() }]);
    let outcome = block_on(counted.wait()).map_err(failed("Reading the database"))?;
    let rows = outcome.results.first().map(d1::StatementResult::rows).unwrap_or_default();
    let count: u64 =
        rows.iter().flatten().next().and_then(|count| table::shown(count).parse().ok()).unwrap_or(0);
    let row = vec![json!(file.id), json!(arguments.name), json!(count), json!(file.bytes)];
    print_list(&["uuid", "name", "num_tables", "file_size"], vec![row], arguments.list);
    Ok(())
}

/// Deletes a database.
pub(crate) fn delete(arguments: &DeleteArguments, console: Console) -> Result<(), CommandError> {
    let (engine, file) = existing(&arguments.name, &Place::find(&arguments.place, console)?)?;
    let question = format!("Delete the D1 database `{}` with everything in it?", arguments.name);
    Place::confirm(&question, arguments.skip_confirmation)?;
    engine.delete(&file.id).map_err(failed("Deleting the database"))?;
    Console::print(&format!("Deleted the database `{}`", arguments.name));
    Ok(())
}

/// Writes a database as SQL.
pub(crate) fn export(arguments: &ExportArguments, console: Console) -> Result<(), CommandError> {
    let (_, file) = existing(&arguments.name, &Place::find(&arguments.place, console)?)?;
    let options = ExportOptions {
        tables: arguments.table.clone(),
        schema: !arguments.no_schema,
        data: !arguments.no_data,
    };
    let rows = written(&arguments.output, |out| {
        d1::export(&file.path, &options, out).map_err(failed("Exporting the database"))
    })?;
    let output = arguments.output.display();
    Console::print(&format!("Wrote the database `{}` to {output} ({rows} rows)", arguments.name));
    Ok(())
}

/// Writes a file beside its place and puts it there when it is whole.
fn written(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<u64, CommandError>,
) -> Result<u64, CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::NamedTempFile::new_in(folder).map_err(writing(path))?;
    let mut out: BufWriter<&File> = BufWriter::new(draft.as_file());
    let count = write(&mut out)?;
    drop(out);
    draft.persist(path).map_err(|error| writing(path)(error.error))?;
    Ok(count)
}

fn open(place: &Place) -> Result<SqliteD1, CommandError> {
    Ok(SqliteD1::new(place.folder("d1")?, Arc::new(SystemClock)))
}

/// The database that is meant, whose file must be there.
pub(super) fn existing(name: &str, place: &Place) -> Result<(SqliteD1, DatabaseFile), CommandError> {
    let engine = open(place)?;
    let known = match place.configuration() {
        Ok(_) => place.plan()?.d1_databases,
        Err(_) => Vec::new(),
    };
    let about = known.into_iter().find(|known| known.name.as_deref() == Some(name) || known.binding == name);
    let id = about.map_or(name.to_owned(), |about| about.id);
    let files = engine.databases().map_err(failed("Looking for the database"))?;
    match files.into_iter().find(|file| file.id == id) {
        Some(file) => Ok((engine, file)),
        None => Err(refused(format!("There is no D1 database `{name}`; one is made when it is first used"))),
    }
}
