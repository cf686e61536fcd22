//! The storage bindings of a configuration, read into the plan. That their names are unique is checked with all other
//! bindings'.

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::layers::Layers;
use crate::plan::{D1Database, KvNamespace, R2Bucket};
use crate::section::Section;
use crate::tree::Node;

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

/// Reads the bindings in the list `key`, each an object; what is wrong with one leaves it out.
fn list<T>(
    layers: &Layers<'_>,
    key: &'static str,
    read: impl Fn(&Section<'_>, &Node) -> Option<T>,
) -> Vec<T> {
    let Some(nodes) = layers.own(key, Section::array) else { return Vec::new() };
    let path = layers.innermost().path_of(key);
    let read = |(index, node): (usize, &Node)| {
        let section = object(key, &format!("{path}[{index}]"), node, layers.top.report)?;
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
fn field<'a>(section: &Section<'a>, node: &Node, key: &'static str, required: bool) -> Option<&'a str> {
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
