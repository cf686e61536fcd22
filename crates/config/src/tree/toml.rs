//! TOML, through the one parser that keeps the place of every key.

use std::ops::Range;

use toml_edit::{Array, ArrayOfTables, Document, Item, TableLike, TomlError, Value as TomlValue};

use super::{Entry, Node, Span, Table, Value};
use crate::diagnostic::{Code, Diagnostic, Report};

pub(super) fn parse(text: &str, report: &Report) -> Option<Node> {
    let reader = Reader { text, report };
    match Document::parse(text) {
        Ok(document) => {
            let whole = Span { start: 0, end: text.len() };
            let value = reader.table(document.as_table(), whole)?;
            Some(Node { value, span: whole })
        }
        Err(error) => {
            report.push(reader.syntax_error(&error));
            None
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    report: &'a Report,
}

impl Reader<'_> {
    fn syntax_error(&self, error: &TomlError) -> Diagnostic {
        let span = self.span(error.span(), Span { start: self.text.len(), end: self.text.len() });
        Diagnostic::error(Code::Syntax, "The file is not valid TOML").at(span, error.message().trim())
    }

    /// Implicit tables (`a` in `[a.b]`) have no place of their own and take that of what holds them.
    fn span(&self, range: Option<Range<usize>>, outer: Span) -> Span {
        range.map_or(outer, |range| Span::within(self.text, range.start, range.end))
    }

    fn item(&self, item: &Item, outer: Span) -> Option<Node> {
        let span = self.span(item.span(), outer);
        let value = match item {
            Item::None => Value::Null,
            Item::Value(value) => return self.value(value, span),
            Item::Table(table) => self.table(table, span)?,
            Item::ArrayOfTables(tables) => self.tables(tables, span)?,
        };
        Some(Node { value, span })
    }

    fn value(&self, value: &TomlValue, outer: Span) -> Option<Node> {
        let span = self.span(value.span(), outer);
        let value = match value {
            TomlValue::String(text) => Value::String(text.value().clone()),
            TomlValue::Integer(number) => Value::Number((*number.value()).into()),
            TomlValue::Float(number) => self.float(*number.value(), span)?,
            TomlValue::Boolean(boolean) => Value::Boolean(*boolean.value()),
            TomlValue::Datetime(date) => Value::Date(date.value().to_string()),
            TomlValue::Array(array) => self.array(array, span)?,
            TomlValue::InlineTable(table) => self.table(table, span)?,
        };
        Some(Node { value, span })
    }

    fn float(&self, number: f64, span: Span) -> Option<Value> {
        let finite = serde_json::Number::from_f64(number);
        if finite.is_none() {
            self.report.push(
                Diagnostic::error(Code::Syntax, format!("The number {number} cannot be used here"))
                    .at(span, "a Worker's configuration is JSON at heart, which has no such number"),
            );
        }
        finite.map(Value::Number)
    }

    fn array(&self, array: &Array, outer: Span) -> Option<Value> {
        array.iter().map(|value| self.value(value, outer)).collect::<Option<_>>().map(Value::Array)
    }

    fn tables(&self, tables: &ArrayOfTables, outer: Span) -> Option<Value> {
        let node = |table: &toml_edit::Table| {
            let span = self.span(table.span(), outer);
            Some(Node { value: self.table(table, span)?, span })
        };
        tables.iter().map(node).collect::<Option<_>>().map(Value::Array)
    }

    fn table(&self, source: &dyn TableLike, outer: Span) -> Option<Value> {
        let mut table = Table::default();
        for (name, item) in source.iter() {
            let key_span = source.key(name).and_then(toml_edit::Key::span);
            let entry = Entry {
                key: name.to_owned(),
                key_span: self.span(key_span, outer),
                node: self.item(item, outer)?,
            };
            table.insert(entry, self.report);
        }
        Some(Value::Table(table))
    }
}
