//! `hognose kv`: namespaces, their keys, and many of them at a time. A namespace's id is what `id` in the
//! configuration names; one that is created here has its title for an id.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use hognose_services::kv::{Entry, Kv, ListQuery, PutOptions, SqliteKv, SqliteNamespace, limits};
use hognose_services::{Clock, Content, SystemClock, block_on, read_whole};
use serde_json::{Value, json};

use super::kv_bulk::{self, BulkCommand};
use super::{ListArguments, Place, PlaceArguments, failed, print_list, read_input, refused};
use crate::console::Console;
use crate::error::CommandError;

/// Work with KV namespaces
#[derive(Debug, Args)]
pub(crate) struct KvArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, list, rename and delete namespaces
    #[command(subcommand)]
    Namespace(NamespaceCommand),
    /// Read and write single keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Read and write many keys at a time
    #[command(subcommand)]
    Bulk(BulkCommand),
}

#[derive(Debug, Subcommand)]
enum NamespaceCommand {
    /// Make a namespace
    Create {
        /// Its name, which is its id as well
        namespace: String,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// List all namespaces
    List {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Give a namespace another name
    Rename(RenameArguments),
    /// Delete a namespace with everything in it
    Delete {
        #[command(flatten)]
        namespace: NamespaceArguments,
        /// Do not ask
        #[arg(short = 'y', long)]
        skip_confirmation: bool,
    },
}

#[derive(Debug, Args)]
struct RenameArguments {
    /// The name it has
    #[arg(required_unless_present_any = ["binding", "namespace_id"])]
    old_name: Option<String>,
    /// Its binding in the configuration, in place of the name
    #[arg(short, long, value_name = "NAME", conflicts_with = "old_name")]
    binding: Option<String>,
    /// Its id, in place of the name
    #[arg(short, long, value_name = "ID", conflicts_with_all = ["old_name", "binding"])]
    namespace_id: Option<String>,
    /// The name it gets
    #[arg(long, value_name = "NAME")]
    new_name: String,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Store a value under a key
    Put(PutArguments),
    /// Print the value of a key
    Get {
        /// The key
        key: String,
        /// Print it as text, with what is no UTF-8 replaced
        #[arg(long)]
        text: bool,
        #[command(flatten)]
        namespace: NamespaceArguments,
    },
    /// List the keys
    List {
        /// Those that start with this
        #[arg(long, default_value = "")]
        prefix: String,
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        namespace: NamespaceArguments,
    },
    /// Delete a key
    Delete {
        /// The key
        key: String,
        #[command(flatten)]
        namespace: NamespaceArguments,
    },
}

#[derive(Debug, Args)]
struct PutArguments {
    /// The key
    key: String,
    /// The value; without one and without --path, standard input
    #[arg(conflicts_with = "path")]
    value: Option<String>,
    /// Take the value from this file
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
    /// Let it expire after so many seconds
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<i64>,
    /// Let it expire at this time, in seconds since 1970
    #[arg(long, value_name = "TIME")]
    expiration: Option<i64>,
    /// Store this JSON with it
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    #[command(flatten)]
    namespace: NamespaceArguments,
}

/// Which namespace is meant.
#[derive(Debug, Args)]
pub(crate) struct NamespaceArguments {
    /// The namespace's binding in the configuration
    #[arg(short, long, value_name = "NAME", required_unless_present = "namespace_id")]
    binding: Option<String>,
    /// The namespace's id
    #[arg(short, long, value_name = "ID", conflicts_with = "binding")]
    namespace_id: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Runs one of the commands.
pub(crate) fn kv(arguments: &KvArguments, console: Console) -> Result<(), CommandError> {
    match &arguments.command {
        Command::Namespace(command) => namespace(command, console),
        Command::Key(command) => key(command, console),
        Command::Bulk(command) => kv_bulk::bulk(command, console),
    }
}

fn namespace(command: &NamespaceCommand, console: Console) -> Result<(), CommandError> {
    match command {
        NamespaceCommand::Create { namespace, place } => {
            let kv = open(&Place::find(place, console)?)?;
            if kv.find(namespace).map_err(failed("Looking for the namespace"))?.is_some() {
                return Err(refused(format!("There is a KV namespace `{namespace}` already")));
            }
            kv.namespace(namespace).map_err(failed("Making the namespace"))?;
            Console::print(&format!(
                "Created the namespace `{namespace}`. To use it, add to the configuration:\n"
            ));
            let entry = json!({ "kv_namespaces": [{ "binding": binding_of(namespace), "id": namespace }] });
            Console::print(&format!("{entry:#}"));
        }
        NamespaceCommand::List { list, place } => {
            let ids = open(&Place::find(place, console)?)?.namespaces().map_err(failed("Listing"))?;
            let rows = ids.into_iter().map(|id| vec![json!(id), json!(id)]).collect();
            print_list(&["id", "title"], rows, *list);
        }
        NamespaceCommand::Rename(RenameArguments { old_name, binding, namespace_id, new_name, place }) => {
            // A name is an id as well.
            let id = namespace_id.as_ref().or(old_name.as_ref());
            let opened = Opened::existing(binding.as_ref(), id, &Place::find(place, console)?)?;
            if !opened.kv.rename(&opened.namespace, new_name).map_err(failed("Renaming"))? {
                return Err(refused(format!("There is a KV namespace `{new_name}` already")));
            }
            Console::print(&format!("Renamed `{}` to `{new_name}`; its id changes with it", opened.id));
        }
        NamespaceCommand::Delete { namespace, skip_confirmation } => {
            let NamespaceArguments { binding, namespace_id, place } = namespace;
            let place = Place::find(place, console)?;
            let opened = Opened::existing(binding.as_ref(), namespace_id.as_ref(), &place)?;
            let question = format!("Delete the KV namespace `{}` and everything in it?", opened.id);
            Place::confirm(&question, *skip_confirmation)?;
            opened.kv.delete(opened.namespace).map_err(failed("Deleting the namespace"))?;
            Console::print(&format!("Deleted the namespace `{}`", opened.id));
        }
    }
    Ok(())
}

/// What a namespace of that name may be called in `env`.
fn binding_of(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect()
}

fn key(command: &KeyCommand, console: Console) -> Result<(), CommandError> {
    match command {
        KeyCommand::Put(options) => put(options, console),
        KeyCommand::Get { key, text, namespace } => get(&Opened::new(namespace, console)?, key, *text),
        KeyCommand::List { prefix, list, namespace } => {
            print_keys(&Opened::new(namespace, console)?, prefix, *list)
        }
        KeyCommand::Delete { key, namespace } => {
            let opened = Opened::new(namespace, console)?;
            block_on(opened.namespace.delete(key).wait()).map_err(failed("Deleting the key"))?;
            Console::print(&format!("Deleted the key `{key}` of the namespace `{}`", opened.id));
            Ok(())
        }
    }
}

fn put(options: &PutArguments, console: Console) -> Result<(), CommandError> {
    let opened = Opened::new(&options.namespace, console)?;
    let value = match &options.value {
        Some(value) => value.clone().into_bytes(),
        None => read_input(options.path.as_deref())?,
    };
    let (key, metadata) = (&options.key, options.metadata.as_deref());
    let checked = checked(key, value.len(), options.expiration, options.ttl, metadata);
    let stored = opened.namespace.put(key, Content::Whole(value.into()), checked?);
    block_on(stored.wait()).map_err(failed("Storing the value"))?;
    Console::print(&format!("Stored the key `{key}` in the namespace `{}`", opened.id));
    Ok(())
}

/// What is stored with a value, once all of it was held against the limits that Workers have.
pub(crate) fn checked(
    key: &str,
    length: usize,
    expiration_s: Option<i64>,
    ttl_s: Option<i64>,
    metadata: Option<&str>,
) -> Result<PutOptions, CommandError> {
    let options = limits::check_key(key)
        .and_then(|()| limits::check_value_length(length as u64))
        .and_then(|()| limits::check_metadata(metadata))
        .and_then(|()| limits::expiration(expiration_s, ttl_s, SystemClock.now_s()));
    let expiration_s = options.map_err(failed(&format!("Storing the key `{key}`")))?;
    Ok(PutOptions { expiration_s, metadata: metadata.map(str::to_owned) })
}

fn get(opened: &Opened, key: &str, text: bool) -> Result<(), CommandError> {
    let found = block_on(opened.namespace.get(key).wait()).map_err(failed("Reading the key"))?;
    let Some(Entry { value, .. }) = found else {
        return Err(refused(format!("The namespace `{}` has no key `{key}`", opened.id)));
    };
    let bytes = block_on(read_whole(value)).map_err(failed("Reading the value"))?;
    if text {
        Console::print(&String::from_utf8_lossy(&bytes));
        return Ok(());
    }
    let mut out = io::stdout().lock();
    // Python ends the process, and does not know of what Rust has not written yet.
    out.write_all(&bytes).and_then(|()| out.flush()).map_err(failed("Printing the value"))
}

fn print_keys(opened: &Opened, prefix: &str, list: ListArguments) -> Result<(), CommandError> {
    let (mut rows, mut after): (Vec<Vec<Value>>, Option<String>) = (Vec::new(), None);
    loop {
        let limit = limits::LIST_MAX_KEYS as usize;
        let query = ListQuery { prefix, limit, after: after.as_deref() };
        let page = block_on(opened.namespace.list(query).wait()).map_err(failed("Listing the keys"))?;
        after = page.keys.last().map(|key| key.name.clone());
        rows.extend(page.keys.into_iter().map(|key| {
            let metadata = key.metadata.and_then(|text| serde_json::from_str(&text).ok());
            vec![json!(key.name), json!(key.expiration_s), metadata.unwrap_or_default()]
        }));
        if page.complete {
            break;
        }
    }
    print_list(&["name", "expiration", "metadata"], rows, list);
    Ok(())
}

fn open(place: &Place) -> Result<SqliteKv, CommandError> {
    let folder = place.folder("kv")?;
    let opened = SqliteKv::open(&folder.join("kv.sqlite"), Arc::new(SystemClock));
    opened.map_err(|source| CommandError::Storage { folder, source: source.into() })
}

/// A namespace.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) namespace: SqliteNamespace,
    kv: SqliteKv,
}

impl Opened {
    /// The namespace that is meant, made where it does not exist yet but is configured or named.
    pub(crate) fn new(arguments: &NamespaceArguments, console: Console) -> Result<Self, CommandError> {
        let place = Place::find(&arguments.place, console)?;
        let (kv, id) = Self::find(arguments.binding.as_ref(), arguments.namespace_id.as_ref(), &place)?;
        let namespace = kv.namespace(&id).map_err(failed("Opening the namespace"))?;
        Ok(Self { id, namespace, kv })
    }

    /// The one with that id or binding, which must be there.
    fn existing(binding: Option<&String>, id: Option<&String>, place: &Place) -> Result<Self, CommandError> {
        let (kv, id) = Self::find(binding, id, place)?;
        match kv.find(&id).map_err(failed("Opening the namespace"))? {
            Some(namespace) => Ok(Self { id, namespace, kv }),
            None => Err(refused(format!("There is no KV namespace `{id}`"))),
        }
    }

    fn find(
        binding: Option<&String>,
        id: Option<&String>,
        place: &Place,
    ) -> Result<(SqliteKv, String), CommandError> {
        let id = match (id, binding) {
            (Some(id), _) => id.clone(),
            (None, binding) => {
                let name = binding.map(String::as_str).unwrap_or_default();
                let known = place.plan()?.kv_namespaces.into_iter().find(|known| known.binding == name);
                known
                    .ok_or_else(|| {
                        refused(format!("The configuration has no KV namespace with the binding `{name}`"))
                    })?
                    .id
            }
        };
        Ok((open(place)?, id))
    }
}
