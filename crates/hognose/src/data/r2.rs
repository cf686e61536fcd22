//! `hognose r2`: buckets, and the objects in them.

use std::sync::Arc;

use clap::{Args, Subcommand};
use hognose_services::SystemClock;
use hognose_services::r2::{SqliteBucket, SqliteR2};
use serde_json::json;

use super::r2_lifecycle::{self, LifecycleCommand, MeaninglessArguments};
use super::r2_objects::{self, ObjectCommand};
use super::{ListArguments, Place, PlaceArguments, failed, print_list, refused};
use crate::console::Console;
use crate::error::CommandError;

/// Work with R2 buckets
#[derive(Debug, Args)]
pub(crate) struct R2Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, list and delete buckets
    #[command(subcommand)]
    Bucket(BucketCommand),
    /// Read and write objects
    #[command(subcommand)]
    Object(ObjectCommand),
}

#[derive(Debug, Subcommand)]
enum BucketCommand {
    /// Make a bucket
    Create {
        /// Its name: 3 to 63 of a-z, 0-9 and -
        name: String,
        #[command(flatten)]
        whereabouts: WhereaboutsArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// List all buckets
    List {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Say what a bucket holds
    Info {
        /// Its name
        name: String,
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Have objects and uploads end by themselves
    #[command(subcommand)]
    Lifecycle(LifecycleCommand),
    /// Not there: a bucket has no storage class of its own
    Update(MeaninglessArguments),
    /// Not there: buckets are not served to browsers
    Cors(MeaninglessArguments),
    /// Not there: objects cannot be locked
    Lock(MeaninglessArguments),
    /// Not there: buckets send no notifications
    Notification(MeaninglessArguments),
    /// Delete a bucket, which must be empty
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

/// What wrangler says of where a bucket lies.
#[derive(Debug, Args)]
struct WhereaboutsArguments {
    /// Accepted for wrangler's sake: there is one place
    #[arg(long, hide = true)]
    location: Option<String>,
    /// Accepted for wrangler's sake: there is one place
    #[arg(short = 'J', long, hide = true)]
    jurisdiction: Option<String>,
}

/// Runs one of the commands.
pub(crate) fn r2(arguments: &R2Arguments, console: Console) -> Result<(), CommandError> {
    match &arguments.command {
        Command::Bucket(command) => bucket(command, console),
        Command::Object(command) => r2_objects::object(command, console),
    }
}

fn bucket(command: &BucketCommand, console: Console) -> Result<(), CommandError> {
    match command {
        BucketCommand::Create { name, place, .. } => {
            check_name(name)?;
            let r2 = open(&Place::find(place, console)?)?;
            if r2.find(name).map_err(failed("Looking for the bucket"))?.is_some() {
                return Err(refused(format!("There is an R2 bucket `{name}` already")));
            }
            r2.bucket(name).map_err(failed("Making the bucket"))?;
            Console::print(&format!("Created the bucket `{name}`. To use it, add to the configuration:\n"));
            let entry = json!({ "r2_buckets": [{ "binding": "BUCKET", "bucket_name": name }] });
            Console::print(&format!("{entry:#}"));
        }
        BucketCommand::Lifecycle(command) => r2_lifecycle::lifecycle(command, console)?,
        BucketCommand::Update(_) => return Err(r2_lifecycle::meaningless("update")),
        BucketCommand::Cors(_) => return Err(r2_lifecycle::meaningless("cors")),
        BucketCommand::Lock(_) => return Err(r2_lifecycle::meaningless("lock")),
        BucketCommand::Notification(_) => return Err(r2_lifecycle::meaningless("notification")),
        BucketCommand::List { list, place } => {
            let names = open(&Place::find(place, console)?)?.buckets().map_err(failed("Listing"))?;
            print_list(&["name"], names.into_iter().map(|name| vec![json!(name)]).collect(), *list);
        }
        BucketCommand::Info { name, list, place } => {
            let place = Place::find(place, console)?;
            existing(&place, name)?;
            let info = open(&place)?.info(name).map_err(failed("Reading the bucket"))?;
            let info = info.ok_or_else(|| missing(name))?;
            let row = vec![json!(info.name), json!(info.object_count), json!(info.bytes)];
            print_list(&["name", "object_count", "bucket_size"], vec![row], *list);
        }
        BucketCommand::Delete { name, place } => {
            let r2 = open(&Place::find(place, console)?)?;
            let bucket = r2.find(name).map_err(failed("Opening the bucket"))?.ok_or_else(|| missing(name))?;
            if !r2.delete(bucket).map_err(failed("Deleting the bucket"))? {
                return Err(refused(format!("The bucket `{name}` is not empty; delete its objects first")));
            }
            Console::print(&format!("Deleted the bucket `{name}`"));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), CommandError> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (3..=63).contains(&name.len())
        && name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    let rule = "it has 3 to 63 of a-z, 0-9 and -, and neither begins nor ends with -";
    Err(refused(format!("`{name}` cannot be the name of a bucket: {rule}")))
}

/// Opens the data.
pub(crate) fn open(place: &Place) -> Result<SqliteR2, CommandError> {
    let folder = place.folder("r2")?;
    SqliteR2::open(&folder, Arc::new(SystemClock))
        .map_err(|source| CommandError::Storage { folder, source: source.into() })
}

/// The bucket of that name, which must be there; one that the configuration binds is made, as a server would.
pub(crate) fn existing(place: &Place, name: &str) -> Result<SqliteBucket, CommandError> {
    let r2 = open(place)?;
    match r2.find(name).map_err(failed("Opening the bucket"))? {
        Some(bucket) => Ok(bucket),
        None if place.binds_bucket(name)? => r2.bucket(name).map_err(failed("Making the bucket")),
        None => Err(missing(name)),
    }
}

fn missing(name: &str) -> CommandError {
    refused(format!("There is no R2 bucket `{name}`; make it with `hognose r2 bucket create {name}`"))
}
