//! Durable Objects: the bindings to their namespaces, and the migrations of their classes.

use crate::diagnostic::{Code, Diagnostic};
use crate::layers::Layers;
use crate::plan::{Migration, ObjectBinding};
use crate::section::Section;
use crate::storage::{each, elements, field};
use crate::tree::{Node, Value};

/// Reads `durable_objects.bindings`.
pub(crate) fn bindings(layers: &Layers<'_>) -> Vec<ObjectBinding> {
    let Some(section) = layers.own("durable_objects", Section::section) else { return Vec::new() };
    let bindings = elements(&section, "bindings", |section, node| {
        section.accept(&["environment"]);
        let binding = field(section, node, "name", true);
        let class = field(section, node, "class_name", true);
        let script = field(section, node, "script_name", false).map(str::to_owned);
        Some(ObjectBinding { binding: binding?.to_owned(), class: class?.to_owned(), script })
    });
    section.finish();
    bindings
}

/// Reads `migrations`, whose tags are all different.
pub(crate) fn migrations(layers: &Layers<'_>) -> Vec<Migration> {
    let report = layers.top.report;
    let Some(nodes) = layers.inherited("migrations", Section::array) else { return Vec::new() };
    let migrations = each("migrations", "migrations", nodes, report, migration);
    for (index, migration) in migrations.iter().enumerate() {
        if migrations[..index].iter().any(|earlier| earlier.tag == migration.tag) {
            let message = format!("The migration tag \"{}\" is used twice.", migration.tag);
            report.push(Diagnostic::error(Code::Conflict, message).at(nodes[index].span, "used before"));
        }
    }
    migrations
}

fn migration(section: &Section<'_>, node: &Node) -> Option<Migration> {
    let tag = field(section, node, "tag", true);
    let migration = Migration {
        tag: tag.unwrap_or_default().to_owned(),
        new_classes: section.owned_strings("new_classes").unwrap_or_default(),
        new_sqlite_classes: section.owned_strings("new_sqlite_classes").unwrap_or_default(),
        deleted_classes: section.owned_strings("deleted_classes").unwrap_or_default(),
        renamed_classes: named(section, "renamed_classes", ["from", "to"])
            .into_iter()
            .map(|[from, to]| (from, to))
            .collect(),
        transferred_classes: named(section, "transferred_classes", ["from", "from_script", "to"])
            .into_iter()
            .map(|[from, script, to]| (from, script, to))
            .collect(),
    };
    tag.map(|_| migration)
}

/// The objects in the list `key`, each of which has all of these strings.
fn named<const COUNT: usize>(
    section: &Section<'_>,
    key: &'static str,
    names: [&'static str; COUNT],
) -> Vec<[String; COUNT]> {
    let mut found = Vec::new();
    for node in section.array(key).unwrap_or_default() {
        let text = |name| match node.as_table().and_then(|table| table.get(name)).map(|node| &node.value) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let texts: Vec<String> = names.iter().filter_map(|name| text(name)).collect();
        if let Ok(texts) = texts.try_into() {
            found.push(texts);
            continue;
        }
        let path = section.path_of(key);
        let message = format!("Expected \"{path}\" to hold objects with the strings {}.", names.join(", "));
        let diagnostic = Diagnostic::error(Code::WrongType, message);
        section.report.push(diagnostic.at(node.span, "something is missing here"));
    }
    found
}
