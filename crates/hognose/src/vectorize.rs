//! `hognose vectorize`: Vectorize indexes, which Workers use but cannot make. The commands open an index's file
//! themselves, so they work whether or not a server runs on it, which sees every change at its next query.

use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use hognose_services::vectorize::{
    Conflict, Description, Detail, Filter, Metric, Operation, PropertyKind, Query, Shape, SqliteIndex,
    SqliteVectorize, Target, Vector, Vectorize, VectorizeError, check_batch, check_ids, check_query, limits,
};
use hognose_services::{Pending, SystemClock, block_on};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::console::Console;
use crate::error::CommandError;
use crate::project::Configuration;
use crate::{format, state};

/// Work with Vectorize indexes
#[derive(Debug, Args)]
pub(crate) struct VectorizeArguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

/// Where the indexes are.
#[derive(Debug, Args)]
struct Place {
    /// Use the data beside this configuration instead of looking for one
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder with the data [default: `.hognose` beside the configuration]
    #[arg(long, global = true, value_name = "FOLDER")]
    persist_to: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an index
    Create(CreateArguments),
    /// List the indexes
    List,
    /// Show what an index was made with
    Get { name: String },
    /// Show how many vectors an index has, and its last change
    Info { name: String },
    /// Remove an index and all that is in it
    Delete { name: String },
    /// Add the vectors of a file; those whose ids are taken stay as they are
    Insert(BatchArguments),
    /// Add the vectors of a file, in place of those with their ids
    Upsert(BatchArguments),
    /// Find the vectors nearest to given values, or to one of the index
    Query(QueryArguments),
    /// Show vectors
    GetVectors(IdsArguments),
    /// Remove vectors
    DeleteVectors(IdsArguments),
    /// List the ids of vectors
    ListVectors {
        name: String,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// Where the page before has ended: its `nextCursor`
        #[arg(long, default_value = "")]
        cursor: String,
    },
    /// Let queries filter by a property of the metadata of vectors that are stored from now on
    CreateMetadataIndex {
        name: String,
        /// The property; dots lead into objects
        #[arg(long)]
        property_name: String,
        #[arg(long = "type", value_name = "TYPE")]
        kind: Kind,
    },
    /// List the properties that queries can filter by
    ListMetadataIndex { name: String },
    /// Stop filtering by a property
    DeleteMetadataIndex {
        name: String,
        #[arg(long)]
        property_name: String,
    },
}

#[derive(Debug, Args)]
struct CreateArguments {
    name: String,
    /// How many values each vector has
    #[arg(long, required_unless_present = "preset", requires = "metric")]
    dimensions: Option<usize>,
    /// How vectors are compared: `cosine`, `euclidean` or `dot-product`
    #[arg(long, value_parser = parse_metric)]
    metric: Option<Metric>,
    /// Take both from the model that the vectors come from
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["dimensions", "metric"], value_parser = parse_preset)]
    preset: Option<usize>,
    /// What the index is for
    #[arg(long, default_value = "")]
    description: String,
}

#[derive(Debug, Args)]
struct BatchArguments {
    name: String,
    /// A file with one vector a line: JSON with `id`, `values`, and perhaps `namespace` and `metadata`
    #[arg(long, value_name = "NDJSON")]
    file: PathBuf,
    /// How many vectors are stored at a time
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=5000))]
    batch_size: u16,
}

#[derive(Debug, Args)]
struct QueryArguments {
    name: String,
    /// The values
    #[arg(long, num_args = 1.., allow_negative_numbers = true, value_delimiter = ',', required_unless_present = "vector_id")]
    vector: Vec<f32>,
    /// A vector of the index
    #[arg(long, value_name = "ID", conflicts_with = "vector")]
    vector_id: Option<String>,
    /// How many matches at most
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    top_k: u8,
    /// Show the values of the matches
    #[arg(long)]
    return_values: bool,
    /// How much of their metadata to show
    #[arg(long, value_name = "DETAIL", default_value = "none")]
    return_metadata: Shown,
    /// Only vectors of this namespace
    #[arg(long)]
    namespace: Option<String>,
    /// Only vectors whose metadata fits
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
}

#[derive(Debug, Args)]
struct IdsArguments {
    name: String,
    #[arg(long, required = true, num_args = 1..)]
    ids: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    String,
    Number,
    Boolean,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shown {
    None,
    Indexed,
    All,
}

/// Cloudflare's presets: models, and how many values their vectors have. All compare by cosine.
const PRESETS: [(&str, usize); 5] = [
    ("@cf/baai/bge-small-en-v1.5", 384),
    ("@cf/baai/bge-base-en-v1.5", 768),
    ("@cf/baai/bge-large-en-v1.5", 1024),
    ("openai/text-embedding-ada-002", 1536),
    ("cohere/embed-multilingual-v2.0", 768),
];

fn parse_metric(name: &str) -> Result<Metric, String> {
    Metric::named(name).ok_or_else(|| "expected `cosine`, `euclidean` or `dot-product`".to_owned())
}

fn parse_preset(name: &str) -> Result<usize, String> {
    let known = PRESETS.iter().find(|(preset, _)| *preset == name);
    let names = || PRESETS.map(|(preset, _)| format!("`{preset}`")).join(", ");
    known.map(|(_, dimensions)| *dimensions).ok_or_else(|| format!("expected one of {}", names()))
}

/// Runs one of the commands.
pub(crate) fn vectorize(arguments: &VectorizeArguments) -> Result<(), CommandError> {
    let opened = Opened::new(&arguments.place)?;
    match &arguments.command {
        Command::Create(options) => opened.create(options),
        Command::List => opened.list(),
        Command::Get { name } => opened.get(name),
        Command::Info { name } => opened.info(name),
        Command::Delete { name } => opened.delete(name),
        Command::Insert(options) => opened.put(options, Operation::Insert, Conflict::Keep),
        Command::Upsert(options) => opened.put(options, Operation::Upsert, Conflict::Replace),
        Command::Query(options) => opened.query(options),
        Command::GetVectors(options) => opened.get_vectors(options),
        Command::DeleteVectors(options) => opened.delete_vectors(options),
        Command::ListVectors { name, count, cursor } => opened.list_vectors(name, *count, cursor),
        Command::CreateMetadataIndex { name, property_name, kind } => {
            opened.create_metadata_index(name, property_name, *kind)
        }
        Command::ListMetadataIndex { name } => opened.list_metadata_indexes(name),
        Command::DeleteMetadataIndex { name, property_name } => {
            opened.delete_metadata_index(name, property_name)
        }
    }
}

/// The indexes of a state folder.
struct Opened {
    engine: SqliteVectorize,
    json: bool,
}

impl Opened {
    fn new(place: &Place) -> Result<Self, CommandError> {
        let state = match (&place.persist_to, &place.config) {
            (Some(folder), _) => folder.clone(),
            (None, Some(file)) => Configuration::named(file)?.folder().join(state::FOLDER),
            (None, None) => Configuration::of_state()?.folder().join(state::FOLDER),
        };
        format::settle(&state)?;
        let folder = state.join("vectorize");
        let unwritable = |source| CommandError::State { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(unwritable)?;
        let engine = SqliteVectorize::new(folder, Arc::new(SystemClock));
        Ok(Self { engine, json: place.json })
    }

    /// Prints `text`, or the value where JSON is asked for.
    fn print(&self, text: &str, value: &Value) {
        Console::print(&if self.json { pretty(value) } else { text.to_owned() });
    }

    fn create(&self, options: &CreateArguments) -> Result<(), CommandError> {
        let shape = Shape {
            dimensions: options.preset.or(options.dimensions).unwrap_or_default(),
            metric: options.metric.unwrap_or(Metric::Cosine),
            description: options.description.clone(),
        };
        self.engine.create(&options.name, &shape)?;
        let name = &options.name;
        let binding = format!("[[vectorize]]\nbinding = \"VECTORIZE\"\nindex_name = \"{name}\"");
        let text =
            format!("Created the index {name}. To use it, add to the Worker's configuration:\n\n{binding}");
        self.print(&text, &about(name, &shape));
        Ok(())
    }

    fn list(&self) -> Result<(), CommandError> {
        let mut indexes = Vec::new();
        for name in self.engine.names()? {
            let shape = wait(self.engine.index(&name).shape())?;
            indexes.push((name, shape));
        }
        let line = |(name, shape): &(String, Shape)| {
            format!("{name}  {} dimensions, {}", shape.dimensions, shape.metric.name())
        };
        let text = indexes.iter().map(line).collect::<Vec<_>>().join("\n");
        let text = if text.is_empty() { "There is no index".to_owned() } else { text };
        self.print(&text, &indexes.iter().map(|(name, shape)| about(name, shape)).collect());
        Ok(())
    }

    fn get(&self, name: &str) -> Result<(), CommandError> {
        let value = about(name, &wait(self.engine.index(name).shape())?);
        self.print(&pretty(&value), &value);
        Ok(())
    }

    fn info(&self, name: &str) -> Result<(), CommandError> {
        let Description { shape, vector_count, processed_up_to } = wait(self.engine.index(name).describe())?;
        let (mutation, at_ms) = processed_up_to.unzip();
        let value = json!({
            "dimensions": shape.dimensions,
            "vectorCount": vector_count,
            "processedUpToMutation": mutation,
            "processedUpToMs": at_ms,
        });
        self.print(&pretty(&value), &value);
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), CommandError> {
        self.engine.delete(name)?;
        self.print(&format!("Deleted the index {name}"), &json!({ "deleted": name }));
        Ok(())
    }

    fn put(
        &self,
        options: &BatchArguments,
        operation: Operation,
        conflict: Conflict,
    ) -> Result<(), CommandError> {
        let index = self.engine.index(&options.name);
        let shape = wait(index.shape())?;
        let unread = |source| CommandError::Read { path: options.file.clone(), source };
        let file = fs::File::open(&options.file).map_err(unread)?;
        let total_bytes = file.metadata().map_err(unread)?.len();
        let mut progress = Progress::new(total_bytes);
        let mut batch = Vec::with_capacity(options.batch_size.into());
        let mut lines = BufReader::new(file).lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            let line = line.map_err(unread)?;
            progress.bytes += line.len() as u64 + 1;
            if !line.trim().is_empty() {
                batch.push(read_vector(&line, &options.file, number + 1)?);
            }
            if batch.len() >= usize::from(options.batch_size) || (lines.peek().is_none() && !batch.is_empty())
            {
                progress.vectors += batch.len();
                check_batch(&batch, &shape, operation, limits::COMMAND_BATCH_MAX)?;
                wait(index.put(std::mem::take(&mut batch), conflict))?;
                progress.show();
            }
        }
        progress.end();
        let count = progress.vectors;
        self.print(&format!("{count} vectors were read and stored"), &json!({ "count": count }));
        Ok(())
    }

    fn query(&self, options: &QueryArguments) -> Result<(), CommandError> {
        let index = self.engine.index(&options.name);
        let target =
            options.vector_id.clone().map_or_else(|| Target::Values(options.vector.clone()), Target::Id);
        let query = Query {
            target,
            top_k: options.top_k.into(),
            return_values: options.return_values,
            return_metadata: match options.return_metadata {
                Shown::None => Detail::None,
                Shown::Indexed => Detail::Indexed,
                Shown::All => Detail::All,
            },
            namespace: options.namespace.clone(),
            filter: options.filter.as_deref().map(Filter::parse).transpose()?,
        };
        check_query(&query, &wait(index.shape())?)?;
        let mut matches = Vec::new();
        for found in wait(index.query(query))? {
            let mut value = json!({ "id": found.id, "score": found.score });
            describe(&mut value, found.values, found.namespace, found.metadata.as_deref());
            matches.push(value);
        }
        let value = json!({ "count": matches.len(), "matches": matches });
        self.print(&pretty(&value), &value);
        Ok(())
    }

    fn get_vectors(&self, options: &IdsArguments) -> Result<(), CommandError> {
        check_ids(&options.ids.iter().map(String::as_str).collect::<Vec<_>>(), limits::GET_MAX)?;
        let mut vectors = Vec::new();
        for vector in wait(self.engine.index(&options.name).get(options.ids.clone()))? {
            let mut value = json!({ "id": vector.id });
            describe(&mut value, Some(vector.values), vector.namespace, vector.metadata.as_deref());
            vectors.push(value);
        }
        self.print(&pretty(&vectors.clone().into()), &vectors.into());
        Ok(())
    }

    fn delete_vectors(&self, options: &IdsArguments) -> Result<(), CommandError> {
        check_ids(&options.ids.iter().map(String::as_str).collect::<Vec<_>>(), limits::BATCH_MAX)?;
        let mutation = wait(self.engine.index(&options.name).delete(options.ids.clone()))?;
        self.print(&format!("Deleted, by the mutation {mutation}"), &json!({ "mutationId": mutation }));
        Ok(())
    }

    fn list_vectors(&self, name: &str, count: u16, cursor: &str) -> Result<(), CommandError> {
        let page = self.engine.index(name).list(cursor, count.into())?;
        let next = page.ids.last().filter(|_| !page.complete);
        let ids: Vec<Value> = page.ids.iter().map(|id| json!({ "id": id })).collect();
        let value = json!({
            "vectors": ids,
            "count": page.ids.len(),
            "totalCount": page.total,
            "isTruncated": !page.complete,
            "nextCursor": next,
        });
        let more = next.map(|id| format!("\n… {} in all; go on with --cursor {id:?}", page.total));
        self.print(&(page.ids.join("\n") + &more.unwrap_or_default()), &value);
        Ok(())
    }

    fn create_metadata_index(&self, name: &str, path: &str, kind: Kind) -> Result<(), CommandError> {
        let kind = match kind {
            Kind::String => PropertyKind::String,
            Kind::Number => PropertyKind::Number,
            Kind::Boolean => PropertyKind::Boolean,
        };
        let index: SqliteIndex = self.engine.index(name);
        index.create_metadata_index(path, kind)?;
        let text = format!("Vectors stored from now on can be filtered by {path}");
        self.print(&text, &json!({ "propertyName": path, "indexType": kind.name() }));
        Ok(())
    }

    fn list_metadata_indexes(&self, name: &str) -> Result<(), CommandError> {
        let indexes = self.engine.index(name).metadata_indexes()?;
        let lines: Vec<String> =
            indexes.iter().map(|(path, kind)| format!("{path}  {}", kind.name())).collect();
        let value =
            |(path, kind): &(String, PropertyKind)| json!({ "propertyName": path, "indexType": kind.name() });
        self.print(
            &lines.join("\n"),
            &json!({ "metadataIndexes": indexes.iter().map(value).collect::<Vec<_>>() }),
        );
        Ok(())
    }

    fn delete_metadata_index(&self, name: &str, path: &str) -> Result<(), CommandError> {
        if !self.engine.index(name).delete_metadata_index(path)? {
            return Err(CommandError::NoMetadataIndex { name: name.to_owned(), property: path.to_owned() });
        }
        self.print(&format!("{path} is indexed no more"), &json!({ "deleted": path }));
        Ok(())
    }
}

/// A line of a file of vectors.
#[derive(Deserialize)]
struct Line {
    id: Value,
    values: Vec<f32>,
    namespace: Option<String>,
    metadata: Option<Value>,
}

fn read_vector(text: &str, path: &Path, line: usize) -> Result<Vector, CommandError> {
    let unread = |source| CommandError::Vector { path: path.to_owned(), line, source };
    let Line { id, values, namespace, metadata } = serde_json::from_str(text).map_err(unread)?;
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    Ok(Vector { id, values, namespace, metadata: metadata.map(|metadata| metadata.to_string()) })
}

fn describe(value: &mut Value, values: Option<Vec<f32>>, namespace: Option<String>, metadata: Option<&str>) {
    if let Some(namespace) = namespace {
        value["namespace"] = namespace.into();
    }
    if let Some(values) = values {
        value["values"] = values.into();
    }
    if let Some(metadata) = metadata {
        value["metadata"] = serde_json::from_str(metadata).unwrap_or_default();
    }
}

fn about(name: &str, shape: &Shape) -> Value {
    let config = json!({ "dimensions": shape.dimensions, "metric": shape.metric.name() });
    json!({ "name": name, "description": shape.description, "config": config })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("invariant: a JSON value has a text")
}

fn wait<T: Send + 'static>(pending: Pending<Result<T, VectorizeError>>) -> Result<T, CommandError> {
    block_on(pending.wait()).map_err(CommandError::from)
}

/// How far a file has been read, shown in place on a terminal only.
struct Progress {
    bytes: u64,
    total_bytes: u64,
    vectors: usize,
    shown: bool,
}

impl Progress {
    fn new(total_bytes: u64) -> Self {
        Self { bytes: 0, total_bytes, vectors: 0, shown: std::io::stderr().is_terminal() }
    }

    fn show(&self) {
        if self.shown {
            let percent = 100 * self.bytes / self.total_bytes.max(1);
            // A reader who has gone is no reason to stop.
            let _ = write!(std::io::stderr(), "\r{percent:3} %  {} vectors", self.vectors);
        }
    }

    fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
