//! Both configuration languages read into one tree.
//!
//! wrangler's files are TOML or JSON with comments; everything after this module sees only a [`Node`], a value
//! together with the bytes it came from. That is what lets one set of checks serve both languages and still
//! point into the user's own text.

mod json;
mod toml;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Report};

/// The longest configuration text that is read, in bytes. Real ones stay under a hundredth of it.
pub const TEXT_MAX_BYTES: usize = 256 * 1024;

/// The longest rendering of an offending value inside a message, in characters.
const SHOWN_VALUE_MAX_CHARACTERS: usize = 100;

/// A range of bytes in the text a value came from; `start` and `end` always lie on character borders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The nearest span to `start..end` that can be used to slice `text`.
    pub(crate) fn within(text: &str, start: usize, end: usize) -> Self {
        let start = text.floor_char_boundary(start);
        Self { start, end: text.ceil_char_boundary(end).max(start) }
    }
}

/// The language of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, with comments and trailing commas allowed (`wrangler.json` and `wrangler.jsonc` alike).
    Json,
    /// TOML.
    Toml,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// What both languages can say, and TOML's dates, which JSON cannot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    String(String),
    Date(String),
    Array(Vec<Node>),
    Table(Table),
}

/// Keys and values in the order of the file; no key occurs twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
    /// Where in `entries` each key is.
    positions: HashMap<String, usize>,
}

/// One key of a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.positions.get(key).map(|&position| &self.entries[position])
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Adds an entry; as in `JSON.parse`, a key given again takes the place of the first.
    fn insert(&mut self, entry: Entry, report: &Report) {
        if let Some(&earlier) = self.positions.get(&entry.key) {
            let message = format!("The key \"{}\" is given twice", entry.key);
            let diagnostic = Diagnostic::warning(Code::DuplicateKey, message);
            report.push(diagnostic.at(entry.key_span, "this one is used, the earlier one ignored"));
            self.entries[earlier] = entry;
        } else {
            self.positions.insert(entry.key.clone(), self.entries.len());
            self.entries.push(entry);
        }
    }
}

impl Node {
    /// The value as JSON; a TOML date becomes its text.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Number(value) => value.clone().into(),
            Value::String(value) | Value::Date(value) => value.as_str().into(),
            Value::Array(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(table) => {
                table.entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
            }
        }
    }

    /// The value as wrangler's messages show it, compact JSON, cut where it gets long.
    pub(crate) fn shown(&self) -> String {
        let json = self.to_json().to_string();
        match json.char_indices().nth(SHOWN_VALUE_MAX_CHARACTERS) {
            Some((end, _)) => format!("{}…", &json[..end]),
            None => json,
        }
    }

    /// The type of the value in the words of the messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Date(_) => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "an object",
        }
    }
}

/// Reads `text` as a table. What is wrong goes into `report`; without a table there is always an error in it.
pub(crate) fn parse(text: &str, format: Format, report: &Report) -> Option<(Table, Span)> {
    if text.len() > TEXT_MAX_BYTES {
        let message =
            format!("The file has {} bytes, more than the {TEXT_MAX_BYTES} that are read", text.len());
        report.push(Diagnostic::error(Code::TooLarge, message));
        return None;
    }
    let text = without_byte_order_mark(text);
    let node = match format {
        Format::Json => json::parse(&text, report)?,
        Format::Toml => toml::parse(&text, report)?,
    };
    if let Value::Table(table) = node.value {
        return Some((table, node.span));
    }
    let message = format!("The file should hold an object but holds {}", node.type_name());
    report.push(Diagnostic::error(Code::Syntax, message).at(node.span, "expected `{ … }`"));
    None
}

/// Windows editors may put a byte order mark first. Three blanks in its place keep every span true.
fn without_byte_order_mark(text: &str) -> Cow<'_, str> {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Cow::Owned(format!("   {rest}")),
        None => Cow::Borrowed(text),
    }
}
