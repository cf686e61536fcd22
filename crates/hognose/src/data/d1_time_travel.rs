//! `hognose d1 time-travel info|restore`: what a database was, and the way back to it.

use clap::{Args, Subcommand};
use hognose_services::d1::{History, Moment, point_in_time};
use hognose_services::{Clock, SystemClock};
use serde_json::json;

use super::{Place, PlaceArguments, d1_files, failed, refused};
use crate::console::Console;
use crate::d1::timestamp;
use crate::error::CommandError;

#[derive(Debug, Subcommand)]
pub(crate) enum TimeTravelCommand {
    /// Print the bookmark of a database as it is, or as it was at a time
    Info(InfoArguments),
    /// Make a database what it was, while servers work with it or not
    Restore(RestoreArguments),
}

#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    /// The database: its name, its binding or its id
    name: String,
    /// The time: RFC 3339, or seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME")]
    timestamp: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The database: its name, its binding or its id
    name: String,
    /// The time: RFC 3339, or seconds since 1970
    #[arg(long, value_name = "TIME", required_unless_present = "bookmark", conflicts_with = "bookmark")]
    timestamp: Option<String>,
    /// A bookmark that `info` or `restore` has printed, or one of a Worker's session
    #[arg(long)]
    bookmark: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Runs one of the commands.
pub(crate) fn time_travel(command: &TimeTravelCommand, console: Console) -> Result<(), CommandError> {
    match command {
        TimeTravelCommand::Info(options) => info(options, console),
        TimeTravelCommand::Restore(options) => restore(options, console),
    }
}

fn info(arguments: &InfoArguments, console: Console) -> Result<(), CommandError> {
    let place = Place::find(&arguments.place, console)?;
    let (now, history) = open(&arguments.name, &place)?;
    let moment = match &arguments.timestamp {
        Some(time) => at(&history, time)?,
        None => now,
    };
    if arguments.json {
        Console::print(&format!("{:#}", json!({ "bookmark": moment.to_string() })));
        return Ok(());
    }
    let (name, since) = (&arguments.name, shown(&moment));
    Console::print(&format!("The bookmark of `{name}`, last written to at {since}, is {moment}"));
    Console::print(&format!("To restore that: hognose d1 time-travel restore {name} --bookmark={moment}"));
    Ok(())
}

fn restore(arguments: &RestoreArguments, console: Console) -> Result<(), CommandError> {
    let place = Place::find(&arguments.place, console)?;
    let (now, history) = open(&arguments.name, &place)?;
    let moment = match (&arguments.timestamp, &arguments.bookmark) {
        (Some(time), _) => at(&history, time)?,
        (None, bookmark) => marked(&history, bookmark.as_deref().unwrap_or_default())?,
    };
    let (name, since) = (&arguments.name, shown(&moment));
    let question = format!("Undo all that was written to `{name}` after {since}?");
    Place::confirm(&question, arguments.yes)?;
    history.restore(&moment).map_err(failed("Restoring the database"))?;
    if arguments.json {
        let message = format!("The database was restored to {since}");
        let answer = json!({
            "bookmark": moment.to_string(), "previous_bookmark": now.to_string(), "message": message,
        });
        Console::print(&format!("{answer:#}"));
        return Ok(());
    }
    Console::print(&format!("`{name}` is again what it was at {since}"));
    Console::print(&format!("To undo this: hognose d1 time-travel restore {name} --bookmark={now}"));
    Ok(())
}

/// The history of a database, and in it the database as it is now.
fn open(name: &str, place: &Place) -> Result<(Moment, History), CommandError> {
    let (_, file) = d1_files::existing(name, place)?;
    let mut history = History::open(&file.path).map_err(failed("Opening the history"))?;
    let now = history.now(SystemClock.now_s()).map_err(failed("Noting what the database is now"))?;
    Ok((now, history))
}

fn at(history: &History, time: &str) -> Result<Moment, CommandError> {
    let wrong =
        || refused(format!("`{time}` is no time: give one like 2026-07-31T18:00:00Z, or seconds since 1970"));
    let then_s = point_in_time(time).ok_or_else(wrong)?;
    if then_s > SystemClock.now_s() {
        return Err(refused(format!("`{time}` is in the future")));
    }
    let found = history.at(then_s).map_err(failed("Reading the history"))?;
    found.map_or_else(|| Err(forgotten(history, &format!("of {time}"))), Ok)
}

fn marked(history: &History, bookmark: &str) -> Result<Moment, CommandError> {
    let found = history.marked(bookmark).map_err(failed("Reading the history"))?;
    found.map_or_else(|| Err(forgotten(history, &format!("with the bookmark `{bookmark}`"))), Ok)
}

/// What was asked for is not in the history.
fn forgotten(history: &History, what: &str) -> CommandError {
    let begins = history.begins_s().ok().flatten().map_or_else(|| "now".to_owned(), seconds);
    refused(format!("There is no state {what} in the database's history, which begins at {begins}"))
}

fn shown(moment: &Moment) -> String {
    seconds(moment.since_s)
}

fn seconds(since_s: i64) -> String {
    timestamp(u64::try_from(since_s).unwrap_or(0))
}
