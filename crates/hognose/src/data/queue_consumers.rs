//! `hognose queues consumer`: who consumes queues. That is said in the configurations of Workers and nowhere else, so
//! it can be listed here, and where wrangler would change it, is told where it is changed.

use clap::{Args, Subcommand};
use hognose_config::Plan;
use serde_json::{Value, json};

use super::{ListArguments, Place, PlaceArguments, print_list, refused};
use crate::console::Console;
use crate::error::CommandError;
use crate::plan;

#[derive(Debug, Subcommand)]
pub(crate) enum ConsumerCommand {
    /// List the consumers in the project's configuration
    List {
        /// Only those of this queue
        queue: Option<String>,
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Say where a Worker is made the consumer of a queue
    Add(ChangeArguments),
    /// Say where a consumer is removed
    Remove(ChangeArguments),
    /// The same as `add` and `remove`
    #[command(subcommand)]
    Worker(ChangeCommand),
    /// The same for consumers that pull messages over HTTP
    #[command(subcommand)]
    Http(ChangeCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChangeCommand {
    /// Say where a consumer is added
    Add(ChangeArguments),
    /// Say where a consumer is removed
    Remove(ChangeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArguments {
    /// The queue's name
    queue: String,
    /// Wrangler's further arguments, which make no difference
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    others: Vec<String>,
}

/// Runs one of the commands.
pub(crate) fn consumer(command: &ConsumerCommand, console: Console) -> Result<(), CommandError> {
    match command {
        ConsumerCommand::List { queue, list, place } => {
            let plan = Place::find(place, console)?.plan()?;
            let mut rows = rows(&plan);
            rows.retain(|row| queue.as_ref().is_none_or(|queue| row[0] == *queue));
            print_list(&KEYS, rows, *list);
            Ok(())
        }
        ConsumerCommand::Add(queue) | ConsumerCommand::Worker(ChangeCommand::Add(queue)) => {
            Err(added(queue, ""))
        }
        ConsumerCommand::Http(ChangeCommand::Add(queue)) => Err(added(queue, ", type = \"http_pull\"")),
        ConsumerCommand::Remove(queue)
        | ConsumerCommand::Worker(ChangeCommand::Remove(queue))
        | ConsumerCommand::Http(ChangeCommand::Remove(queue)) => Err(removed(queue)),
    }
}

/// What lists show of a consumer.
const KEYS: [&str; 7] =
    ["queue", "type", "script", "batch_size", "max_retries", "retry_delay", "dead_letter_queue"];

fn rows(plan: &Plan) -> Vec<Vec<Value>> {
    let workers = plan.queue_consumers.iter().map(|consumer| {
        vec![
            json!(consumer.queue),
            json!("worker"),
            json!(plan::name(plan)),
            json!(consumer.batch_size_max),
            json!(consumer.retries_max),
            json!(consumer.retry_delay_s),
            json!(consumer.dead_letter_queue),
        ]
    });
    let pulls = plan.queue_pulls.iter().map(|pull| {
        vec![
            json!(pull.queue),
            json!("http_pull"),
            Value::Null,
            Value::Null,
            json!(pull.retries_max),
            json!(pull.retry_delay_s),
            json!(pull.dead_letter_queue),
        ]
    });
    workers.chain(pulls).collect()
}

fn added(ChangeArguments { queue, .. }: &ChangeArguments, more: &str) -> CommandError {
    refused(format!(
        "Who consumes a queue is said in the configuration of the Worker: \
         queues.consumers = [{{ queue = \"{queue}\"{more} }}]"
    ))
}

fn removed(ChangeArguments { queue, .. }: &ChangeArguments) -> CommandError {
    refused(format!(
        "Who consumes a queue is said in the configuration of the Worker: remove `{queue}` from `queues.consumers` there"
    ))
}
