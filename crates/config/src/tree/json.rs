//! JSON as wrangler reads it: strict, except for comments and trailing commas.

use jsonc_parser::ast::{Array, NumberLit, Object, Value as JsonValue};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Number;

use super::{Entry, Node, Span, Table, Value};
use crate::diagnostic::{Code, Diagnostic, Report};

const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn parse(text: &str, report: &Report) -> Option<Node> {
    let reader = Reader { text, report };
    let parsed = match parse_to_ast(text, &CollectOptions::default(), &OPTIONS) {
        Ok(parsed) => parsed,
        Err(error) => {
            let span = reader.span(error.range());
            let diagnostic = Diagnostic::error(Code::Syntax, "The file is not valid JSON");
            report.push(diagnostic.at(span, error.kind().to_string()));
            return None;
        }
    };
    if parsed.value.is_none() {
        report.push(Diagnostic::error(Code::Syntax, "The file is empty; expected a JSON object"));
    }
    reader.node(&parsed.value?)
}

struct Reader<'a> {
    text: &'a str,
    report: &'a Report,
}

impl Reader<'_> {
    fn span(&self, range: Range) -> Span {
        Span::within(self.text, range.start, range.end)
    }

    fn node(&self, value: &JsonValue<'_>) -> Option<Node> {
        let span = self.span(value.range());
        let value = match value {
            JsonValue::NullKeyword(_) => Value::Null,
            JsonValue::BooleanLit(literal) => Value::Boolean(literal.value),
            JsonValue::NumberLit(literal) => self.number(literal)?,
            JsonValue::StringLit(literal) => Value::String(literal.value.to_string()),
            JsonValue::Array(array) => self.array(array)?,
            JsonValue::Object(object) => self.table(object)?,
        };
        Some(Node { value, span })
    }

    fn number(&self, literal: &NumberLit<'_>) -> Option<Value> {
        let number = number(literal.value);
        if number.is_none() {
            let diagnostic =
                Diagnostic::error(Code::Syntax, format!("The number {} cannot be read", literal.value));
            self.report.push(diagnostic.at(self.span(literal.range), "too large"));
        }
        number.map(Value::Number)
    }

    fn array(&self, array: &Array<'_>) -> Option<Value> {
        array.elements.iter().map(|element| self.node(element)).collect::<Option<_>>().map(Value::Array)
    }

    fn table(&self, object: &Object<'_>) -> Option<Value> {
        let mut table = Table::default();
        for property in &object.properties {
            let entry = Entry {
                key: property.name.as_str().to_owned(),
                key_span: self.span(property.name.range()),
                node: self.node(&property.value)?,
            };
            table.insert(entry, self.report);
        }
        Some(Value::Table(table))
    }
}

/// A whole number where it is written as one and fits, else the nearest double. serde_json's own reading of
/// fractions can be off by the last digit.
fn number(literal: &str) -> Option<Number> {
    let whole =
        literal.parse::<i64>().map(Number::from).or_else(|_| literal.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(literal.parse().ok()?))
}
