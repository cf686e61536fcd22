//! Rows of a database on a terminal, or as JSON for programs.

use hognose_services::d1::{Meta, StatementResult, Value};
use serde_json::json;

/// A result as a table with borders; without columns, what it changed.
pub(crate) fn text(result: &StatementResult) -> String {
    if result.columns.is_empty() {
        return format!("{} rows changed", result.meta.changes);
    }
    let rows: Vec<Vec<String>> = result.rows().iter().map(|row| row.iter().map(shown).collect()).collect();
    grid(&result.columns, &rows)
}

/// Rows with borders, under the names of their columns.
pub(crate) fn grid(columns: &[String], rows: &[Vec<String>]) -> String {
    let width = |index: usize| {
        let cells = rows.iter().map(|row| row[index].chars().count());
        cells.chain([columns[index].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut lines = vec![border("┌┬┐", &widths), line(columns, &widths), border("├┼┤", &widths)];
    lines.extend(rows.iter().map(|row| line(row, &widths)));
    lines.push(border("└┴┘", &widths));
    lines.join("\n")
}

fn border(corners: &str, widths: &[usize]) -> String {
    let mut corners = corners.chars();
    let mut corner = || corners.next().unwrap_or('─').to_string();
    let (left, middle, right) = (corner(), corner(), corner());
    let spans: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
    format!("{left}{}{right}", spans.join(&middle))
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let missing = width - cell.chars().count();
        format!(" {cell}{} ", " ".repeat(missing))
    });
    format!("│{}│", padded.collect::<Vec<_>>().join("│"))
}

/// A value on a line of its own.
pub(crate) fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.replace(['\n', '\r'], " "),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// Results in the form that a Worker gets them in.
pub(crate) fn json(results: &[StatementResult]) -> String {
    let all: Vec<serde_json::Value> = results.iter().map(one).collect();
    serde_json::to_string_pretty(&all).expect("invariant: results have a JSON form")
}

fn one(result: &StatementResult) -> serde_json::Value {
    let row = |row: Vec<Value<'_>>| {
        let cells = row.iter().map(cell);
        result.columns.iter().cloned().zip(cells).collect::<serde_json::Map<_, _>>()
    };
    let rows: Vec<_> = result.rows().into_iter().map(row).collect();
    json!({ "results": rows, "success": true, "meta": meta(&result.meta) })
}

/// A value as JSON has it.
pub(crate) fn cell(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Blob(bytes) => json!(bytes),
    }
}

/// What a statement cost and changed.
pub(crate) fn meta(meta: &Meta) -> serde_json::Value {
    json!({
        "duration": meta.duration_ms,
        "changes": meta.changes,
        "last_row_id": meta.last_row_id,
        "changed_db": meta.changed_db,
        "size_after": meta.size_after,
        "rows_read": meta.rows_read,
        "rows_written": meta.rows_written,
    })
}
