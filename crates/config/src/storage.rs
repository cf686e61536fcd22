//! The storage bindings of a configuration, read into the plan. That their names are unique is checked with all other
//! bindings'.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::layers::Layers;
use crate::plan::{
    D1Database, KvNamespace, QueueConsumer, QueueProducer, QueuePull, R2Bucket, StoredSecret, VectorizeIndex,
};
use crate::section::Section;
use crate::tree::{Node, Value};

/// Reads `kv_namespaces`.
pub(crate) fn kv_namespaces(layers: &Layers<'_>) -> Vec<KvNamespace> {
    list(layers, "kv_namespaces", |section, node| {
        section.accept(&["preview_id", "remote"]);
        let binding = field(section, node, "binding", true);
        let id = field(section, node, "id", false);
        let binding = binding?;
        Some(KvNamespace { id: id.unwrap_or(binding).to_owned(), binding: binding.to_owned() })
    })
}

/// Reads `d1_databases`.
pub(crate) fn d1_databases(layers: &Layers<'_>) -> Vec<D1Database> {
    list(layers, "d1_databases", |section, node| {
        section.accept(&["preview_database_id", "remote", "database_internal_env", "migrations_pattern"]);
        let binding = field(section, node, "binding", true);
        let id = field(section, node, "database_id", false);
        let name = field(section, node, "database_name", false);
        let migrations_dir = field(section, node, "migrations_dir", false);
        let migrations_table = field(section, node, "migrations_table", false);
        let binding = binding?;
        Some(D1Database {
            binding: binding.to_owned(),
            id: id.unwrap_or(binding).to_owned(),
            name: name.map(str::to_owned),
            migrations_dir: migrations_dir.unwrap_or("migrations").to_owned(),
            migrations_table: migrations_table.unwrap_or("d1_migrations").to_owned(),
        })
    })
}

/// Reads `r2_buckets`.
pub(crate) fn r2_buckets(layers: &Layers<'_>) -> Vec<R2Bucket> {
    list(layers, "r2_buckets", |section, node| {
        section.accept(&["preview_bucket_name", "jurisdiction", "remote"]);
        let binding = field(section, node, "binding", true);
        let name = field(section, node, "bucket_name", false);
        let binding = binding?;
        Some(R2Bucket { name: name.unwrap_or(binding).to_owned(), binding: binding.to_owned() })
    })
}

/// Reads `ai`.
pub(crate) fn ai(layers: &Layers<'_>) -> Option<String> {
    let section = layers.own("ai", Section::section)?;
    section.accept(&["remote", "staging"]);
    let binding = section.string("binding").map(|binding| binding.value.to_owned());
    section.finish();
    binding
}

/// Reads `images`.
pub(crate) fn images(layers: &Layers<'_>) -> Option<String> {
    let section = layers.own("images", Section::section)?;
    section.accept(&["remote"]);
    let binding = section.string("binding").map(|binding| binding.value.to_owned());
    section.finish();
    binding
}

/// Reads `vectorize`.
pub(crate) fn vectorize(layers: &Layers<'_>) -> Vec<VectorizeIndex> {
    list(layers, "vectorize", |section, node| {
        section.accept(&["remote"]);
        let binding = field(section, node, "binding", true);
        let index_name = field(section, node, "index_name", true);
        Some(VectorizeIndex { binding: binding?.to_owned(), index_name: index_name?.to_owned() })
    })
}

/// Reads `secrets_store_secrets`.
pub(crate) fn stored_secrets(layers: &Layers<'_>) -> Vec<StoredSecret> {
    list(layers, "secrets_store_secrets", |section, node| {
        section.accept(&["remote"]);
        let binding = field(section, node, "binding", true);
        let store_id = field(section, node, "store_id", true);
        let secret_name = field(section, node, "secret_name", true);
        Some(StoredSecret {
            binding: binding?.to_owned(),
            store_id: store_id?.to_owned(),
            secret_name: secret_name?.to_owned(),
        })
    })
}

/// Who sends into queues, which queues are consumed here, and which are fetched from outside.
type Queues = (Vec<QueueProducer>, Vec<QueueConsumer>, Vec<QueuePull>);

/// Reads `queues`.
pub(crate) fn queues(layers: &Layers<'_>) -> Queues {
    let Some(section) = layers.own("queues", Section::section) else { return Default::default() };
    let producers = elements(&section, "producers", producer);
    let (mut consumers, mut pulls) = (Vec::new(), Vec::new());
    let consumed = RefCell::default();
    for read in elements(&section, "consumers", |section, node| only_consumer(section, node, &consumed)) {
        match read {
            Consumer::Worker(consumer) => consumers.push(consumer),
            Consumer::Pull(pull) => pulls.push(pull),
        }
    }
    section.finish();
    (producers, consumers, pulls)
}

/// Reads `version_metadata`.
pub(crate) fn version_metadata(layers: &Layers<'_>) -> Option<String> {
    let section = layers.own("version_metadata", Section::section)?;
    let binding = section.string("binding").map(|binding| binding.value.to_owned());
    section.finish();
    binding
}

fn producer(section: &Section<'_>, node: &Node) -> Option<QueueProducer> {
    section.accept(&["remote"]);
    let binding = field(section, node, "binding", true);
    let queue = field(section, node, "queue", true);
    let delivery_delay_s = section.integer("delivery_delay", 0..=DELAY_MAX_S);
    Some(QueueProducer { binding: binding?.to_owned(), queue: queue?.to_owned(), delivery_delay_s })
}

/// A consumer of either type.
enum Consumer {
    Worker(QueueConsumer),
    Pull(QueuePull),
}

/// A consumer whose queue is none of those `consumed` before it: a message goes to one.
fn only_consumer(
    section: &Section<'_>,
    node: &Node,
    consumed: &RefCell<HashSet<String>>,
) -> Option<Consumer> {
    let read = consumer(section, node)?;
    let (Consumer::Worker(QueueConsumer { queue, .. }) | Consumer::Pull(QueuePull { queue, .. })) = &read;
    if !consumed.borrow_mut().insert(queue.clone()) {
        let message = format!("The queue \"{queue}\" has more than one consumer.");
        section.report.push(
            Diagnostic::error(Code::Conflict, message)
                .at(node.span, "consumed before")
                .help("give it one; a Worker can send what it gets into other queues"),
        );
    }
    Some(read)
}

fn consumer(section: &Section<'_>, node: &Node) -> Option<Consumer> {
    let queue = field(section, node, "queue", true).map(str::to_owned);
    let pulls = section.choice("type", &[("worker", false), ("http_pull", true)]) == Some(true);
    let number = |key, range, default| section.integer(key, range).unwrap_or(default);
    let retries_max = number("max_retries", 0..=100, 3);
    let retry_delay_s = number("retry_delay", 0..=DELAY_MAX_S, 0);
    let dead_letter_queue = field(section, node, "dead_letter_queue", false).map(str::to_owned);
    let visibility_timeout_ms = number("visibility_timeout_ms", 0..=VISIBILITY_MAX_MS, 30_000);
    if pulls {
        section.accept(&["max_batch_size", "max_batch_timeout", "max_concurrency"]);
        let queue = queue?;
        return Some(Consumer::Pull(QueuePull {
            queue,
            visibility_timeout_ms,
            retries_max,
            retry_delay_s,
            dead_letter_queue,
        }));
    }
    Some(Consumer::Worker(QueueConsumer {
        queue: queue?,
        batch_size_max: number("max_batch_size", 1..=100, 10),
        batch_timeout_s: number("max_batch_timeout", 0..=60, 5),
        retries_max,
        retry_delay_s,
        dead_letter_queue,
        concurrency_max: section
            .node("max_concurrency")
            .filter(|value| !matches!(value.value, Value::Null))
            .and_then(|_| section.integer("max_concurrency", 1..=250)),
    }))
}

/// The longest time for which a message can be fetched, in milliseconds: twelve hours.
const VISIBILITY_MAX_MS: u64 = 43_200_000;

/// The longest delay of a message, in seconds.
const DELAY_MAX_S: u64 = 86_400;

/// Reads the objects in the list `key` of a section.
pub(crate) fn elements<T>(
    section: &Section<'_>,
    key: &'static str,
    read: impl Fn(&Section<'_>, &Node) -> Option<T>,
) -> Vec<T> {
    let path = section.path_of(key);
    let nodes = section.array(key).unwrap_or_default();
    each(key, &path, nodes, section.report, read)
}

/// Reads the bindings in the list `key`, each an object; what is wrong with one leaves it out.
pub(crate) fn list<T>(
    layers: &Layers<'_>,
    key: &'static str,
    read: impl Fn(&Section<'_>, &Node) -> Option<T>,
) -> Vec<T> {
    let Some(nodes) = layers.own(key, Section::array) else { return Vec::new() };
    each(key, &layers.innermost().path_of(key), nodes, layers.top.report, read)
}

/// Reads objects; what is wrong with one leaves it out.
pub(crate) fn each<T>(
    key: &str,
    path: &str,
    nodes: &[Node],
    report: &Report,
    read: impl Fn(&Section<'_>, &Node) -> Option<T>,
) -> Vec<T> {
    let read = |(index, node): (usize, &Node)| {
        let section = object(key, &format!("{path}[{index}]"), node, report)?;
        let binding = read(&section, node);
        section.finish();
        binding
    };
    nodes.iter().enumerate().filter_map(read).collect()
}

fn object<'a>(key: &str, path: &str, node: &'a Node, report: &'a Report) -> Option<Section<'a>> {
    let Some(table) = node.as_table() else {
        let message = format!("\"{key}\" bindings should be objects, but got {}", node.shown());
        report.push(Diagnostic::error(Code::WrongType, message).at(node.span, "expected an object"));
        return None;
    };
    Some(Section::new(table, path, node.span, report))
}

/// A string of a binding that must not be empty, and, if `required`, not absent.
pub(crate) fn field<'a>(
    section: &Section<'a>,
    node: &Node,
    key: &'static str,
    required: bool,
) -> Option<&'a str> {
    let value = section.node(key);
    let text = value.and_then(Node::as_string).map(|text| text.value).filter(|text| !text.is_empty());
    if text.is_none() && (required || value.is_some()) {
        let path = section.path();
        let message =
            format!("\"{path}\" bindings should have a string \"{key}\" field but got {}.", node.shown());
        let span = value.map_or(node.span, |value| value.span);
        let label = format!("\"{key}\" should be a string that is not empty");
        section.report.push(Diagnostic::error(Code::MissingKey, message).at(span, label));
    }
    text
}
