//! `hognose r2 bucket lifecycle`: the rules by which objects and uploads end by themselves. And what wrangler sets on
//! buckets besides, which has no meaning here.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hognose_services::r2::SqliteBucket;
use hognose_services::r2::lifecycle::{self, LifecycleRule, RuleConditions, Transition, TransitionCondition};
use serde::Deserialize;
use serde_json::json;

use super::r2::existing;
use super::{ListArguments, Place, PlaceArguments, failed, print_list, read_input, refused};
use crate::console::Console;
use crate::error::CommandError;

const DAY_S: u32 = 24 * 3600;

#[derive(Debug, Subcommand)]
pub(crate) enum LifecycleCommand {
    /// Add a rule
    Add(AddArguments),
    /// List the rules
    List {
        /// The bucket
        bucket: String,
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Remove a rule
    Remove {
        /// The bucket
        bucket: String,
        /// The rule's name
        #[arg(long, visible_alias = "id", value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Put the rules of a file in the place of all
    Set {
        /// The bucket
        bucket: String,
        /// JSON as Cloudflare's API has it: `{"rules": [...]}`
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Do not ask
        #[arg(short = 'y', long, visible_alias = "skip-confirmation")]
        force: bool,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The bucket
    bucket: String,
    /// The rule's name
    #[arg(long = "name", visible_alias = "id", value_name = "NAME", required_unless_present = "rule")]
    name: Option<String>,
    /// The rule's name
    rule: Option<String>,
    /// What the keys begin with [default: nothing, which is all keys]
    #[arg(long = "prefix", value_name = "PREFIX", conflicts_with = "keys")]
    prefix: Option<String>,
    /// What the keys begin with
    keys: Option<String>,
    /// Delete objects so many days after they were stored
    #[arg(long, value_name = "DAYS", conflicts_with = "expire_date")]
    expire_days: Option<u16>,
    /// Delete objects at a date
    #[arg(long, value_name = "DATE")]
    expire_date: Option<String>,
    /// End uploads that were not completed so many days after they were begun
    #[arg(long, value_name = "DAYS")]
    abort_multipart_days: Option<u16>,
    /// Accepted for wrangler's sake: nothing is asked
    #[arg(short = 'y', long, hide = true)]
    force: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// What wrangler sets on buckets, and hognose does not.
#[derive(Debug, Args)]
pub(crate) struct MeaninglessArguments {
    /// Wrangler's arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    others: Vec<String>,
}

/// Rules in a file.
#[derive(Deserialize)]
struct RulesFile {
    rules: Vec<LifecycleRule>,
}

/// Runs one of the commands.
pub(crate) fn lifecycle(command: &LifecycleCommand, console: Console) -> Result<(), CommandError> {
    match command {
        LifecycleCommand::Add(options) => add(options, console),
        LifecycleCommand::List { bucket, list, place } => {
            let rules = rules(&bucket_of(bucket, place, console)?)?;
            print_list(&KEYS, rules.iter().map(row).collect(), *list);
            Ok(())
        }
        LifecycleCommand::Remove { bucket, name, place } => {
            let opened = bucket_of(bucket, place, console)?;
            let mut kept = rules(&opened)?;
            let before = kept.len();
            kept.retain(|rule| rule.id != *name);
            if kept.len() == before {
                return Err(refused(format!("The bucket `{bucket}` has no lifecycle rule `{name}`")));
            }
            set(&opened, &kept)?;
            Console::print(&format!("Removed the lifecycle rule `{name}` of the bucket `{bucket}`"));
            Ok(())
        }
        LifecycleCommand::Set { bucket, file, force, place } => {
            let opened = bucket_of(bucket, place, console)?;
            let bytes = read_input(Some(file))?;
            let wrong = |error| refused(format!("`{}` has no lifecycle rules: {error}", file.display()));
            let RulesFile { rules } = serde_json::from_slice(&bytes).map_err(wrong)?;
            Place::confirm(&format!("Replace all lifecycle rules of the bucket `{bucket}`?"), *force)?;
            set(&opened, &rules)?;
            Console::print(&format!("Set {} lifecycle rules of the bucket `{bucket}`", rules.len()));
            Ok(())
        }
    }
}

/// Says why a setting of wrangler's is not there.
pub(crate) fn meaningless(setting: &str) -> CommandError {
    let why = match setting {
        "cors" => {
            "buckets are not served to browsers: answer `OPTIONS` and set `access-control-` headers in the Worker"
        }
        "update" => "a bucket has no storage class: give objects theirs with `r2 object put --storage-class`",
        "lock" => "objects cannot be locked: let no Worker that may not delete them have the binding",
        _ => "buckets send no notifications: send a message to a queue in the Worker that writes",
    };
    refused(format!("`hognose r2 bucket {setting}` has nothing to set, for {why}"))
}

fn add(arguments: &AddArguments, console: Console) -> Result<(), CommandError> {
    let id = arguments.name.as_ref().or(arguments.rule.as_ref()).cloned().unwrap_or_default();
    let prefix = arguments.prefix.as_ref().or(arguments.keys.as_ref()).cloned().unwrap_or_default();
    let after = |days: u16| TransitionCondition::Age { max_age: u32::from(days) * DAY_S };
    let at = |date: &String| TransitionCondition::Date { date: date.clone() };
    let transition = |condition| Transition { condition };
    let expiry = arguments.expire_days.map(after).or(arguments.expire_date.as_ref().map(at));
    let opened = bucket_of(&arguments.bucket, &arguments.place, console)?;
    let mut rules = rules(&opened)?;
    rules.push(LifecycleRule {
        id: id.clone(),
        enabled: true,
        conditions: RuleConditions { prefix },
        delete_objects_transition: expiry.map(transition),
        abort_multipart_uploads_transition: arguments.abort_multipart_days.map(after).map(transition),
    });
    set(&opened, &rules)?;
    Console::print(&format!("Added the lifecycle rule `{id}` to the bucket `{}`", arguments.bucket));
    Ok(())
}

fn bucket_of(name: &str, place: &PlaceArguments, console: Console) -> Result<SqliteBucket, CommandError> {
    existing(&Place::find(place, console)?, name)
}

fn rules(bucket: &SqliteBucket) -> Result<Vec<LifecycleRule>, CommandError> {
    bucket.lifecycle().map_err(failed("Reading the lifecycle rules"))
}

fn set(bucket: &SqliteBucket, rules: &[LifecycleRule]) -> Result<(), CommandError> {
    lifecycle::check(rules).map_err(|what| refused(format!("The lifecycle rules cannot be: {what}")))?;
    bucket.set_lifecycle(rules).map_err(failed("Keeping the lifecycle rules"))
}

/// What lists show of a rule.
const KEYS: [&str; 5] = ["name", "enabled", "prefix", "expire", "abort_multipart"];

fn row(rule: &LifecycleRule) -> Vec<serde_json::Value> {
    let when = |transition: &Option<Transition>| match transition.as_ref().map(|given| &given.condition) {
        Some(TransitionCondition::Age { max_age }) => {
            json!(format!("after {} days", f64::from(*max_age) / f64::from(DAY_S)))
        }
        Some(TransitionCondition::Date { date }) => json!(format!("on {date}")),
        None => json!(null),
    };
    vec![
        json!(rule.id),
        json!(rule.enabled),
        json!(rule.conditions.prefix),
        when(&rule.delete_objects_transition),
        when(&rule.abort_multipart_uploads_transition),
    ]
}
