//! `hognose queues`: the queues, and how their messages are delivered. Who consumes a queue is said in the
//! configurations of the Workers.

use std::sync::Arc;

use clap::{Args, Subcommand};
use hognose_services::SystemClock;
use hognose_services::queues::{QueueInfo, QueueSettings, SqliteQueue, SqliteQueues, WaitingMessage, limits};
use serde_json::{Value, json};

use super::queue_consumers::{self, ConsumerCommand};
use super::{ListArguments, Place, PlaceArguments, failed, print_list, refused};
use crate::console::Console;
use crate::error::CommandError;

/// Work with queues
#[derive(Debug, Args)]
pub(crate) struct QueuesArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a queue
    Create {
        #[command(flatten)]
        queue: QueueArguments,
        #[command(flatten)]
        settings: SettingsArguments,
    },
    /// Change what a queue was told
    Update {
        #[command(flatten)]
        queue: QueueArguments,
        #[command(flatten)]
        settings: SettingsArguments,
    },
    /// List all queues
    List {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Say what a queue holds
    Info {
        #[command(flatten)]
        queue: QueueArguments,
        #[command(flatten)]
        list: ListArguments,
    },
    /// Show the oldest messages that wait, without taking them
    Peek {
        #[command(flatten)]
        queue: QueueArguments,
        /// Show so many, 1 to 100
        #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        #[command(flatten)]
        list: ListArguments,
    },
    /// Delete a queue with its messages
    Delete {
        #[command(flatten)]
        queue: QueueArguments,
        /// Do not ask
        #[arg(short = 'y', long, visible_alias = "force")]
        skip_confirmation: bool,
    },
    /// Delete the messages of a queue
    Purge {
        #[command(flatten)]
        queue: QueueArguments,
        /// Do not ask
        #[arg(short = 'y', long)]
        force: bool,
    },
    /// Deliver no messages of a queue
    PauseDelivery(QueueArguments),
    /// Deliver them again
    ResumeDelivery(QueueArguments),
    /// Say who consumes queues
    #[command(subcommand)]
    Consumer(ConsumerCommand),
}

#[derive(Debug, Args)]
struct QueueArguments {
    /// The queue's name
    name: String,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Args)]
struct SettingsArguments {
    /// Hold messages back for so many seconds, where neither they nor their producer say
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=limits::DELAY_MAX_S))]
    delivery_delay_secs: Option<i64>,
    /// Keep messages for so many seconds, 60 to 1209600
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(limits::RETENTION_RANGE_S))]
    message_retention_period_secs: Option<i64>,
}

/// Runs one of the commands.
pub(crate) fn queues(arguments: &QueuesArguments, console: Console) -> Result<(), CommandError> {
    match &arguments.command {
        Command::Create { queue, settings } => create(queue, settings, console),
        Command::Update { queue, settings } => {
            existing(queue, console)?.change(|told| settings.change(told))?;
            Console::print(&format!("Updated the queue `{}`", queue.name));
            Ok(())
        }
        Command::List { list, place } => print_queues(&open(&Place::find(place, console)?)?, *list),
        Command::Info { queue, list } => {
            print_list(&KEYS, vec![row(existing(queue, console)?.info()?)], *list);
            Ok(())
        }
        Command::Peek { queue, limit, list } => peek(queue, *limit, *list, console),
        Command::Delete { queue, skip_confirmation } => delete(queue, *skip_confirmation, console),
        Command::Purge { queue, force } => purge(queue, *force, console),
        Command::PauseDelivery(queue) => pause(queue, true, console),
        Command::ResumeDelivery(queue) => pause(queue, false, console),
        Command::Consumer(command) => queue_consumers::consumer(command, console),
    }
}

impl SettingsArguments {
    fn change(&self, told: &mut QueueSettings) {
        told.delivery_delay_s = self.delivery_delay_secs.or(told.delivery_delay_s);
        told.retention_s = self.message_retention_period_secs.or(told.retention_s);
    }
}

fn create(
    arguments: &QueueArguments,
    settings: &SettingsArguments,
    console: Console,
) -> Result<(), CommandError> {
    let name = &arguments.name;
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return Err(refused(format!(
            "`{name}` cannot be the name of a queue: it has up to 63 of a-z, 0-9 and -"
        )));
    }
    let queues = open(&Place::find(&arguments.place, console)?)?;
    if queues.find(name).map_err(failed("Looking for the queue"))?.is_some() {
        return Err(refused(format!("There is a queue `{name}` already")));
    }
    let queue = queues.queue(name).map_err(failed("Making the queue"))?;
    Opened { queues, queue }.change(|told| settings.change(told))?;
    Console::print(&format!("Created the queue `{name}`. To use it, add to the configuration:\n"));
    let entry = json!({ "queues": { "producers": [{ "binding": "QUEUE", "queue": name }] } });
    Console::print(&format!("{entry:#}"));
    Ok(())
}

/// What lists show of a queue.
const KEYS: [&str; 7] = [
    "name",
    "backlog_count",
    "backlog_bytes",
    "oldest_message_ms",
    "delivery_delay",
    "message_retention_period",
    "delivery_paused",
];

fn row(info: QueueInfo) -> Vec<Value> {
    let QueueInfo { name, metrics, settings } = info;
    vec![
        json!(name),
        json!(metrics.backlog_count),
        json!(metrics.backlog_bytes),
        json!(metrics.oldest_message_ms),
        json!(settings.delivery_delay_s.unwrap_or(0)),
        json!(settings.retention_s.unwrap_or(limits::RETENTION_S)),
        json!(settings.is_paused),
    ]
}

fn print_queues(queues: &SqliteQueues, list: ListArguments) -> Result<(), CommandError> {
    let mut rows = Vec::new();
    for name in queues.names().map_err(failed("Listing"))? {
        // One that another process has just deleted is passed over.
        if let Some(queue) = queues.find(&name).map_err(failed("Listing"))? {
            rows.push(row(queue.info().map_err(failed("Listing"))?));
        }
    }
    print_list(&KEYS, rows, list);
    Ok(())
}

fn peek(
    arguments: &QueueArguments,
    limit: u8,
    list: ListArguments,
    console: Console,
) -> Result<(), CommandError> {
    let waiting =
        existing(arguments, console)?.queue.peek(limit.into()).map_err(failed("Reading the queue"))?;
    print_list(&MESSAGE_KEYS, waiting.iter().map(message_row).collect(), list);
    Ok(())
}

/// What is shown of a message.
const MESSAGE_KEYS: [&str; 8] =
    ["id", "sent_ms", "ready_ms", "attempts", "in_delivery", "content_type", "size", "body"];

fn message_row(message: &WaitingMessage) -> Vec<Value> {
    vec![
        json!(message.id),
        json!(message.sent_ms),
        json!(message.ready_ms),
        json!(message.attempts),
        json!(message.is_leased),
        json!(message.content_type),
        json!(message.size),
        json!(message.text()),
    ]
}

fn delete(arguments: &QueueArguments, already: bool, console: Console) -> Result<(), CommandError> {
    let Opened { queues, queue } = existing(arguments, console)?;
    Place::confirm(&format!("Delete the queue `{}` and its messages?", arguments.name), already)?;
    queues.delete(queue).map_err(failed("Deleting the queue"))?;
    Console::print(&format!("Deleted the queue `{}`", arguments.name));
    Ok(())
}

fn purge(arguments: &QueueArguments, already: bool, console: Console) -> Result<(), CommandError> {
    let opened = existing(arguments, console)?;
    Place::confirm(&format!("Delete all messages of the queue `{}`?", arguments.name), already)?;
    let count = opened.queue.purge().map_err(failed("Deleting the messages"))?;
    Console::print(&format!("Deleted {count} messages of the queue `{}`", arguments.name));
    Ok(())
}

fn pause(arguments: &QueueArguments, is_paused: bool, console: Console) -> Result<(), CommandError> {
    existing(arguments, console)?.change(|told| told.is_paused = is_paused)?;
    let done = if is_paused { "Paused" } else { "Resumed" };
    Console::print(&format!("{done} the delivery of the queue `{}`", arguments.name));
    Ok(())
}

struct Opened {
    queues: SqliteQueues,
    queue: SqliteQueue,
}

impl Opened {
    fn info(&self) -> Result<QueueInfo, CommandError> {
        self.queue.info().map_err(failed("Reading the queue"))
    }

    fn change(&self, change: impl FnOnce(&mut QueueSettings)) -> Result<(), CommandError> {
        let mut told = self.info()?.settings;
        change(&mut told);
        self.queue.set(told).map_err(failed("Changing the queue"))
    }
}

/// The queue of that name, which must be there; one that the configuration names is made, as a server would.
fn existing(arguments: &QueueArguments, console: Console) -> Result<Opened, CommandError> {
    let (place, name) = (Place::find(&arguments.place, console)?, &arguments.name);
    let queues = open(&place)?;
    let queue = match queues.find(name).map_err(failed("Opening the queue"))? {
        Some(queue) => queue,
        None if place.names_queue(name)? => queues.queue(name).map_err(failed("Making the queue"))?,
        None => {
            let hint = format!("make it with `hognose queues create {name}`");
            return Err(refused(format!("There is no queue `{name}`; {hint}")));
        }
    };
    Ok(Opened { queues, queue })
}

fn open(place: &Place) -> Result<SqliteQueues, CommandError> {
    let folder = place.folder("queues")?;
    SqliteQueues::open(&folder.join("queues.sqlite"), Arc::new(SystemClock))
        .map_err(|source| CommandError::Storage { folder, source: source.into() })
}
