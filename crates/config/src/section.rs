//! Reading typed values out of a table.
//!
//! A [`Section`] is a table with its path (`dev`, `env.prod.limits`). Each read checks the type, reports a
//! mistake in wrangler's words and remembers the key as known; [`Section::finish`] then warns of every key that
//! nobody asked for. So the list of known keys is the code that reads them, and cannot go stale.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::suggest::nearest;
use crate::tree::{Node, Span, Table, Value};

/// A value read, and its place, for checks that come after the type's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A table being read.
pub(crate) struct Section<'a> {
    pub(crate) table: &'a Table,
    pub(crate) span: Span,
    pub(crate) report: &'a Report,
    path: String,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The section at `path`; the empty path is the top level.
    pub(crate) fn new(table: &'a Table, path: impl Into<String>, span: Span, report: &'a Report) -> Self {
        Self { table, span, report, path: path.into(), known: RefCell::default() }
    }

    /// The name of the section, such as `env.prod.limits`; empty at the top level.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The full name of a key, as messages quote it.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The raw value of `key`, which from now on is known.
    pub(crate) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Whether `key` is given; does not make it known.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Keys that are understood and need nothing done, such as those of JavaScript bundling.
    pub(crate) fn accept(&self, keys: &[&'static str]) {
        self.known.borrow_mut().extend(keys);
    }

    pub(crate) fn string(&self, key: &'static str) -> Option<Spanned<&'a str>> {
        let node = self.node(key)?;
        match &node.value {
            Value::String(text) => Some(Spanned { value: text, span: node.span }),
            _ => self.wrong_type(key, node, "string"),
        }
    }

    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        match node.value {
            Value::Boolean(value) => Some(value),
            _ => self.wrong_type(key, node, "boolean"),
        }
    }

    pub(crate) fn number(&self, key: &'static str) -> Option<Spanned<f64>> {
        let node = self.node(key)?;
        match node.value.as_number() {
            Some(value) => Some(Spanned { value, span: node.span }),
            None => self.wrong_type(key, node, "number"),
        }
    }

    /// A whole number within `range`; JSON's `1.0` counts as whole, as in JavaScript.
    pub(crate) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let Spanned { value, span } = self.number(key)?;
        if value >= 0.0 && value.fract() == 0.0 && range.contains(&(value as u64)) {
            return Some(value as u64);
        }
        let (path, least, most) = (self.path_of(key), range.start(), range.end());
        let message =
            format!("Expected \"{path}\" to be a whole number from {least} to {most} but got {value}.");
        self.report.push(Diagnostic::error(Code::InvalidValue, message).at(span, "out of range"));
        None
    }

    /// A string out of a fixed choice.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let given = self.string(key)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == given.value) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "Expected \"{}\" field to be one of {} but got {}.",
            self.path_of(key),
            serde_json::Value::from(names.clone()),
            serde_json::Value::from(given.value),
        );
        let mut diagnostic = Diagnostic::error(Code::InvalidValue, message).at(given.span, "");
        if let Some(name) = nearest(given.value, names) {
            diagnostic = diagnostic.help(format!("did you mean \"{name}\"?"));
        }
        self.report.push(diagnostic);
        None
    }

    /// An array of strings; one wrong element spoils it.
    pub(crate) fn strings(&self, key: &'static str) -> Option<Vec<Spanned<&'a str>>> {
        let node = self.node(key)?;
        let Value::Array(items) = &node.value else { return self.wrong_type(key, node, "string array") };
        let strings: Vec<_> = items.iter().filter_map(Node::as_string).collect();
        if strings.len() == items.len() { Some(strings) } else { self.wrong_type(key, node, "string array") }
    }

    /// The same, without places.
    pub(crate) fn owned_strings(&self, key: &'static str) -> Option<Vec<String>> {
        let strings = self.strings(key)?;
        Some(strings.into_iter().map(|string| string.value.to_owned()).collect())
    }

    /// A section inside this one.
    pub(crate) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        match &node.value {
            Value::Table(table) => Some(Section::new(table, self.path_of(key), node.span, self.report)),
            _ => self.wrong_type(key, node, "object"),
        }
    }

    /// The elements of an array; wrangler's words for anything else.
    pub(crate) fn array(&self, key: &'static str) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        if let Value::Array(items) = &node.value {
            return Some(items);
        }
        let message =
            format!("The field \"{}\" should be an array but got {}.", self.path_of(key), node.shown());
        self.report.push(
            Diagnostic::error(Code::WrongType, message)
                .at(node.span, format!("expected an array, found {}", node.type_name())),
        );
        None
    }

    /// Warns of the keys that nobody asked for, each with the known key it resembles.
    pub(crate) fn finish(self) {
        let known = self.known.into_inner();
        let place = if self.path.is_empty() { "top-level" } else { &self.path };
        for entry in self.table.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("Unexpected fields found in {place} field: \"{}\"", entry.key);
            let mut diagnostic =
                Diagnostic::warning(Code::UnknownKey, message).at(entry.key_span, "not a known key, ignored");
            let unused = known.iter().copied().filter(|key| self.table.get(key).is_none());
            if let Some(key) = nearest(&entry.key, unused) {
                diagnostic = diagnostic.help(format!("did you mean \"{key}\"?"));
            }
            self.report.push(diagnostic);
        }
    }

    fn wrong_type<T>(&self, key: &str, node: &Node, expected: &str) -> Option<T> {
        let message =
            format!("Expected \"{}\" to be of type {expected} but got {}.", self.path_of(key), node.shown());
        let found = node.type_name();
        let mut diagnostic = Diagnostic::error(Code::WrongType, message)
            .at(node.span, format!("expected {}, found {found}", with_article(expected)));
        if let Some(help) = wrong_type_help(node, expected) {
            diagnostic = diagnostic.help(help);
        }
        self.report.push(diagnostic);
        None
    }
}

/// The two slips that explain most wrong types: quotes too few, or too many.
fn wrong_type_help(node: &Node, expected: &str) -> Option<String> {
    match (&node.value, expected) {
        (Value::Number(_) | Value::Boolean(_) | Value::Date(_), "string") => {
            Some(format!("put it in quotes: \"{}\"", node.shown().trim_matches('"')))
        }
        (Value::String(text), "number") if text.parse::<f64>().is_ok() => {
            Some(format!("remove the quotes: {text}"))
        }
        (Value::String(text), "boolean") if text == "true" || text == "false" => {
            Some(format!("remove the quotes: {text}"))
        }
        (Value::String(_), "string array") => Some(format!("put it in brackets: [{}]", node.shown())),
        _ => None,
    }
}

fn with_article(expected: &str) -> String {
    let article = if expected.starts_with(['a', 'o']) { "an" } else { "a" };
    format!("{article} {expected}")
}

impl Value {
    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }
}

impl Node {
    pub(crate) fn as_string(&self) -> Option<Spanned<&str>> {
        match &self.value {
            Value::String(text) => Some(Spanned { value: text, span: self.span }),
            _ => None,
        }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}
