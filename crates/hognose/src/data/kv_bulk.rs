//! `hognose kv bulk`: many keys at a time, out of a JSON file.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use hognose_services::kv::{Kv, PutOptions};
use hognose_services::{Content, block_on, read_whole};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::kv::{NamespaceArguments, Opened, checked};
use super::progress::Progress;
use super::{Place, failed, read_input, refused};
use crate::console::Console;
use crate::error::CommandError;

/// How many keys are written in one transaction.
const STEP: usize = 1000;
/// Larger values are written one by one, each in pieces.
const SMALL_MAX_BYTES: usize = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum BulkCommand {
    /// Store what a file lists: `[{"key", "value", "expiration"?, "expiration_ttl"?, "metadata"?, "base64"?}]`
    Put {
        /// The file
        filename: PathBuf,
        #[command(flatten)]
        namespace: NamespaceArguments,
    },
    /// Print the values of the keys that a file lists: `["key"]` or `[{"name": "key"}]`
    Get {
        /// The file
        filename: PathBuf,
        #[command(flatten)]
        namespace: NamespaceArguments,
    },
    /// Delete the keys that a file lists
    Delete {
        /// The file
        filename: PathBuf,
        /// Do not ask
        #[arg(short, long, visible_short_alias = 'y')]
        force: bool,
        #[command(flatten)]
        namespace: NamespaceArguments,
    },
}

#[derive(Debug, Deserialize)]
struct Pair {
    key: String,
    value: String,
    expiration: Option<i64>,
    expiration_ttl: Option<i64>,
    metadata: Option<Value>,
    #[serde(default)]
    base64: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Object { name: String },
}

/// Runs one of the commands.
pub(crate) fn bulk(command: &BulkCommand, console: Console) -> Result<(), CommandError> {
    match command {
        BulkCommand::Put { filename, namespace } => put(filename, &Opened::new(namespace, console)?),
        BulkCommand::Get { filename, namespace } => get(filename, &Opened::new(namespace, console)?),
        BulkCommand::Delete { filename, force, namespace } => {
            delete(filename, &Opened::new(namespace, console)?, *force)
        }
    }
}

/// A pair that was checked.
type Ready = (String, Vec<u8>, PutOptions);

/// Everything is checked before the first key is stored.
fn put(file: &Path, opened: &Opened) -> Result<(), CommandError> {
    let pairs: Vec<Pair> = parse(file, "an array of objects with `key` and `value`")?;
    let pairs = pairs.into_iter().map(ready).collect::<Result<Vec<Ready>, _>>()?;
    let (count, mut progress) = (pairs.len(), Progress::new("Storing", pairs.len() as u64));
    let (small, large): (Vec<Ready>, Vec<Ready>) =
        pairs.into_iter().partition(|(_, value, _)| value.len() <= SMALL_MAX_BYTES);
    let mut small = small.into_iter().peekable();
    while small.peek().is_some() {
        let step: Vec<_> =
            small.by_ref().take(STEP).map(|(key, value, options)| (key, value.into(), options)).collect();
        let stored = step.len() as u64;
        block_on(opened.namespace.put_many(step).wait()).map_err(failed("Storing the keys"))?;
        progress.advance(stored);
    }
    for (key, value, options) in large {
        let stored = opened.namespace.put(&key, Content::Whole(value.into()), options);
        block_on(stored.wait()).map_err(failed("Storing the keys"))?;
        progress.advance(1);
    }
    drop(progress);
    Console::print(&format!("Stored {count} keys in the namespace `{}`", opened.id));
    Ok(())
}

fn ready(pair: Pair) -> Result<Ready, CommandError> {
    let Pair { key, value, expiration, expiration_ttl, metadata, base64 } = pair;
    let decoded = if base64 {
        STANDARD.decode(&value).map_err(failed(&format!("Reading the value of `{key}`")))?
    } else {
        value.into_bytes()
    };
    let metadata = metadata.map(|metadata| metadata.to_string());
    let options = checked(&key, decoded.len(), expiration, expiration_ttl, metadata.as_deref())?;
    Ok((key, decoded, options))
}

fn get(file: &Path, opened: &Opened) -> Result<(), CommandError> {
    let mut found = Map::new();
    for name in names(file)? {
        let entry = block_on(opened.namespace.get(&name).wait()).map_err(failed("Reading the keys"))?;
        let value = match entry {
            None => Value::Null,
            Some(entry) => {
                let bytes = block_on(read_whole(entry.value)).map_err(failed("Reading a value"))?;
                let metadata = entry.metadata.and_then(|text| serde_json::from_str(&text).ok());
                let text = Value::String(String::from_utf8_lossy(&bytes).into_owned());
                let both = [("value", text), ("metadata", metadata.unwrap_or_default())];
                Value::Object(
                    both.map(|(key, value)| (key.to_owned(), value))
                        .into_iter()
                        .filter(|(_, value)| !value.is_null())
                        .collect(),
                )
            }
        };
        found.insert(name, value);
    }
    Console::print(&format!("{:#}", Value::Object(found)));
    Ok(())
}

fn delete(file: &Path, opened: &Opened, force: bool) -> Result<(), CommandError> {
    let names = names(file)?;
    let question = format!("Delete {} keys of the namespace `{}`?", names.len(), opened.id);
    Place::confirm(&question, force)?;
    let mut progress = Progress::new("Deleting", names.len() as u64);
    for step in names.chunks(STEP) {
        block_on(opened.namespace.delete_many(step).wait()).map_err(failed("Deleting the keys"))?;
        progress.advance(step.len() as u64);
    }
    drop(progress);
    Console::print(&format!("Deleted {} keys of the namespace `{}`", names.len(), opened.id));
    Ok(())
}

fn names(file: &Path) -> Result<Vec<String>, CommandError> {
    let names: Vec<Name> = parse(file, "an array of names or of objects with `name`")?;
    let text = |name| match name {
        Name::Text(name) | Name::Object { name } => name,
    };
    Ok(names.into_iter().map(text).collect())
}

fn parse<T: for<'a> Deserialize<'a>>(file: &Path, form: &str) -> Result<Vec<T>, CommandError> {
    serde_json::from_slice(&read_input(Some(file))?)
        .map_err(|error| refused(format!("`{}` should hold {form}: {error}", file.display())))
}
