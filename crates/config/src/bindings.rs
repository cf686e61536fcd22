//! The bindings: one table of all that wrangler knows, with those that this version of hognose provides.
//!
//! Every binding is looked at, provided or not, so that names are checked across all of them and none is ever
//! passed over in silence. What is missing is warned of, and leaves a [`StandIn`] for each name, so that the rest of the
//! Worker runs.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::layers::Layers;
use crate::plan::StandIn;
use crate::section::{Section, Spanned};
use crate::tree::{Entry, Node, Span, Table, Value};

/// A kind of binding.
struct Kind {
    /// The key in wrangler's configuration.
    key: &'static str,
    /// The kind in wrangler's messages.
    title: &'static str,
    shape: Shape,
    provided: bool,
}

/// Where a kind keeps the names of its bindings.
#[derive(Clone, Copy)]
enum Shape {
    /// An array of objects; the name is under this key of each.
    List(&'static str),
    /// An array inside an object: the array's key, and the name's key in each element.
    Nested(&'static str, &'static str),
    /// One object, its name under `binding`.
    Single,
    /// An object whose keys are the names.
    Keys,
    /// Nothing that appears in `env`.
    Nameless,
}

const fn provided(key: &'static str, title: &'static str, shape: Shape) -> Kind {
    Kind { key, title, shape, provided: true }
}

const fn missing(key: &'static str, title: &'static str, shape: Shape) -> Kind {
    Kind { key, title, shape, provided: false }
}

/// Every kind of binding. When one lands in hognose, its line becomes `provided`.
const KINDS: &[Kind] = &[
    provided("vars", "Environment Variable", Shape::Keys),
    provided("kv_namespaces", "KV Namespace", Shape::List("binding")),
    provided("r2_buckets", "R2 Bucket", Shape::List("binding")),
    provided("d1_databases", "D1 Database", Shape::List("binding")),
    provided("durable_objects", "Durable Object", Shape::Nested("bindings", "name")),
    provided("workflows", "Workflow", Shape::List("binding")),
    provided("queues", "Queue", Shape::Nested("producers", "binding")),
    provided("services", "Worker", Shape::List("binding")),
    provided("ai", "AI", Shape::Single),
    provided("vectorize", "Vectorize Index", Shape::List("binding")),
    provided("assets", "Assets", Shape::Single),
    provided("hyperdrive", "Hyperdrive Config", Shape::List("binding")),
    provided("analytics_engine_datasets", "Analytics Engine Dataset", Shape::List("binding")),
    provided("ratelimits", "Rate Limit", Shape::List("name")),
    provided("send_email", "Send Email", Shape::List("name")),
    provided("secrets_store_secrets", "Secrets Store Secret", Shape::List("binding")),
    provided("worker_loaders", "Worker Loader", Shape::List("binding")),
    provided("tail_consumers", "Tail Consumer", Shape::Nameless),
    provided("version_metadata", "Worker Version Metadata", Shape::Single),
    provided("images", "Images", Shape::Single),
    missing("media", "Media", Shape::Single),
    missing("stream", "Stream", Shape::Single),
    missing("browser", "Browser Run", Shape::Single),
    provided("mtls_certificates", "mTLS Certificate", Shape::List("binding")),
    missing("dispatch_namespaces", "Dispatch Namespace", Shape::List("binding")),
    missing("pipelines", "Pipeline", Shape::List("binding")),
    missing("streaming_tail_consumers", "Streaming Tail Consumer", Shape::Nameless),
    missing("ai_search", "AI Search Instance", Shape::List("binding")),
    missing("ai_search_namespaces", "AI Search Namespace", Shape::List("binding")),
    missing("websearch", "Web Search", Shape::Single),
    missing("agent_memory", "Agent Memory", Shape::List("binding")),
    missing("vpc_services", "VPC Service", Shape::List("binding")),
    missing("vpc_networks", "VPC Network", Shape::List("binding")),
    missing("artifacts", "Artifacts", Shape::List("binding")),
    missing("flagship", "Flagship", Shape::List("binding")),
    missing("unsafe_hello_world", "Hello World", Shape::List("binding")),
    missing("unsafe", "Unsafe Metadata", Shape::Nested("bindings", "name")),
];

/// The one binding that environments inherit.
const INHERITED: &str = "assets";

/// Checks all bindings: that names are unique, and that hognose provides them. Gives those that it does not.
pub(crate) fn check(layers: &Layers<'_>) -> Vec<StandIn> {
    let mut names: BTreeMap<&str, Vec<(&Kind, Span)>> = BTreeMap::new();
    let mut stand_ins = Vec::new();
    for kind in KINDS {
        let Some(entry) = entry_of(layers, kind.key) else { continue };
        let own = names_in(entry, kind.shape);
        for name in &own {
            names.entry(name.value).or_default().push((kind, name.span));
        }
        if !kind.provided && !is_empty(&entry.node) {
            layers.top.report.push(not_provided(entry, &own));
            let stand_in =
                |name: &Spanned<&str>| StandIn { binding: name.value.to_owned(), key: kind.key.to_owned() };
            stand_ins.extend(own.iter().map(stand_in));
        }
        if let Shape::List(name) = kind.shape {
            warn_of_names_left_behind(layers, kind.key, name, entry);
        }
    }
    for (name, uses) in names {
        check_unique(name, &uses, layers.top.report);
    }
    stand_ins
}

/// Whether `key` belongs to some binding.
pub(crate) fn is_binding(key: &str) -> bool {
    KINDS.iter().any(|kind| kind.key == key)
}

fn entry_of<'a>(layers: &Layers<'a>, key: &'static str) -> Option<&'a Entry> {
    let entry = |section: &Section<'a>, key: &'static str| section.table.entry(key);
    if key == INHERITED {
        return layers.inherited(key, entry);
    }
    layers.warn_if_left_behind(key);
    layers.own(key, entry)
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Array(items) => items.is_empty(),
        Value::Table(table) => table.entries.iter().all(|entry| is_empty(&entry.node)),
        Value::Null => true,
        _ => false,
    }
}

fn names_in(entry: &Entry, shape: Shape) -> Vec<Spanned<&str>> {
    let table = entry.node.as_table();
    match shape {
        Shape::List(name) => names_in_list(&entry.node, name),
        Shape::Nested(list, name) => {
            table.and_then(|table| table.get(list)).map_or(Vec::new(), |list| names_in_list(list, name))
        }
        Shape::Single => table.and_then(|table| name_of(table, "binding")).into_iter().collect(),
        Shape::Keys => table.map_or(Vec::new(), |table| {
            table
                .entries
                .iter()
                .map(|entry| Spanned { value: entry.key.as_str(), span: entry.key_span })
                .collect()
        }),
        Shape::Nameless => Vec::new(),
    }
}

fn names_in_list<'a>(list: &'a Node, name: &str) -> Vec<Spanned<&'a str>> {
    let Value::Array(items) = &list.value else { return Vec::new() };
    items.iter().filter_map(|item| name_of(item.as_table()?, name)).collect()
}

fn name_of<'a>(table: &'a Table, name: &str) -> Option<Spanned<&'a str>> {
    table.get(name)?.as_string()
}

fn not_provided(entry: &Entry, names: &[Spanned<&str>]) -> Diagnostic {
    let message = format!("\"{}\" is not supported yet by this version of hognose", entry.key);
    let members: Vec<String> = names.iter().map(|name| format!("env.{}", name.value)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let label = match members[..] {
        [] => "without effect here".to_owned(),
        _ => format!("every use of {} will be an error", in_english(&members)),
    };
    Diagnostic::warning(Code::Unsupported, message).at(entry.key_span, label).help(
        "the rest of the Worker works; remove it, or move it into an environment ([env.<name>]) that is deployed \
         to Cloudflare only",
    )
}

fn check_unique(name: &str, uses: &[(&Kind, Span)], report: &Report) {
    let mut titles: Vec<&str> = Vec::new();
    let mut repeated: Vec<&str> = Vec::new();
    for (kind, _) in uses {
        let list = if titles.contains(&kind.title) { &mut repeated } else { &mut titles };
        if !list.contains(&kind.title) {
            list.push(kind.title);
        }
    }
    let span = uses.last().expect("invariant: a name stands where it was found").1;
    let push = |message: String| {
        report.push(Diagnostic::error(Code::DuplicateBinding, message).at(span, "used before").help(
            "Bindings must have unique names, so that they can all be referenced in the worker. Please change \
             your bindings to have unique names.",
        ));
    };
    if titles.len() > 1 {
        push(format!("{name} assigned to {} bindings.", in_english(&titles)));
    }
    for title in repeated {
        push(format!("{name} assigned to multiple {title} bindings."));
    }
}

/// `A`, `A and B`, `A, B, and C`.
fn in_english(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}

/// A binding of the top level that an environment's own list lacks was probably forgotten there.
fn warn_of_names_left_behind(layers: &Layers<'_>, key: &str, name: &'static str, entry: &Entry) {
    let Some(overridden) = layers.overridden(key) else { return };
    let names = names_in_list(&entry.node, name);
    for left in names_in_list(&overridden.node, name) {
        if names.iter().any(|known| known.value == left.value) {
            continue;
        }
        let place = layers.innermost().path();
        let message = format!(
            "There is a {key} binding with name \"{}\" at the top level, but not on \"{place}\".\nThis is not what \
             you probably want, since \"{key}\" configuration is not inherited by environments.\nPlease add a \
             binding for \"{}\" to \"{place}.{key}\".",
            left.value, left.value
        );
        let diagnostic = Diagnostic::warning(Code::Environment, message);
        layers.top.report.push(diagnostic.at(left.span, "not used in this environment"));
    }
}
