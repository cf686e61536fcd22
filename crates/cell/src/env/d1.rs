//! D1 databases: the natives under `js/d1.js`.

use std::borrow::Cow;
use std::rc::Rc;

use hognose_engine::{Atom, Context, Result, Value};
use hognose_wire::{Body, d1};

use super::cells;
use super::natives::{convert_whole, link, operate, read};
use crate::cell::Cell;
use crate::host::js_error;

/// The class `D1Database`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("query", 3, |context, _this, arguments| query(context, arguments))?;
    context.eval(include_str!("../../js/d1.js"), "hognose:d1")?.call_function(&[natives])
}

/// `query(cap, statements, asArrays)`: each statement is an array of its SQL and its parameters. Gives a promise of the
/// results and the bookmark.
fn query(context: Context, arguments: &[Value]) -> Result<Value> {
    let statements = arguments[1].elements()?.iter().map(statement).collect::<Result<Vec<_>>>()?;
    let as_arrays = arguments[2].as_bool().unwrap_or_default();
    let bytes = postcard::to_allocvec(&statements).expect("invariant: statements are plain data");
    let (_cell, link) = link(context)?;
    let body: Body<'_> = link.body(&bytes).map_err(|error| js_error(context, &error))?;
    operate(context, &arguments[0], "D1", "query", &(), Some(body), move |context, link, answer| {
        convert_whole(context, link, answer.bytes, move |context, bytes| answered(context, &bytes, as_arrays))
    })
}

fn statement(pair: &Value) -> Result<d1::Statement<'static>> {
    let parts = pair.elements()?;
    let params = parts[1].elements()?.iter().map(param).collect::<Result<_>>()?;
    Ok(d1::Statement { sql: Cow::Owned(parts[0].to_js_string()?), params })
}

/// A parameter as `bind` has left it.
fn param(value: &Value) -> Result<d1::Value<'static>> {
    if let Some(number) = value.as_f64() {
        // JSON, in which Cloudflare's parameters travel, has no other numbers.
        return Ok(if number.is_finite() { d1::Value::Real(number) } else { d1::Value::Null });
    }
    if let Some(bytes) = value.bytes() {
        return Ok(d1::Value::Blob(Cow::Owned(bytes)));
    }
    if value.is_null() {
        return Ok(d1::Value::Null);
    }
    Ok(d1::Value::Text(Cow::Owned(value.to_js_string()?)))
}

fn answered(context: Context, bytes: &[u8], as_arrays: bool) -> Result<Value> {
    let answer: d1::QueryResult<'_> = read(context, bytes)?;
    let results: Vec<Value> =
        answer.results.iter().map(|result| one_result(context, result, as_arrays)).collect::<Result<_>>()?;
    let object = context.object()?;
    object.define("results", &context.array(&results)?)?;
    object.define("bookmark", &context.string(&answer.bookmark)?)?;
    Ok(object)
}

fn one_result(context: Context, result: &d1::StatementResult<'_>, as_arrays: bool) -> Result<Value> {
    let object = context.object()?;
    let rows = rows(context, result, as_arrays)?;
    object.define("rows", &rows)?;
    let columns: Vec<Value> =
        result.columns.iter().map(|name| context.string(name)).collect::<Result<_>>()?;
    object.define("columns", &context.array(&columns)?)?;
    object.define("meta", &meta(context, &result.meta)?)?;
    Ok(object)
}

fn rows(context: Context, result: &d1::StatementResult<'_>, as_arrays: bool) -> Result<Value> {
    let names: Vec<Atom> = result.columns.iter().map(|name| context.atom(name)).collect::<Result<_>>()?;
    let mut rest: &[u8] = &result.cells;
    let mut rows = Vec::with_capacity(result.row_count as usize);
    for _ in 0..result.row_count {
        let mut cells = Vec::with_capacity(names.len());
        for _ in &names {
            cells.push(next_cell(context, &mut rest)?);
        }
        rows.push(if as_arrays { context.array(&cells)? } else { row_object(context, &names, &cells)? });
    }
    context.array(&rows)
}

/// A row as an object; of columns with the same name the last counts.
fn row_object(context: Context, names: &[Atom], cells: &[Value]) -> Result<Value> {
    let row = context.object()?;
    names.iter().zip(cells).try_for_each(|(name, cell)| row.define(name, cell))?;
    Ok(row)
}

fn next_cell(context: Context, rest: &mut &[u8]) -> Result<Value> {
    match cells::take(context, rest)? {
        d1::Value::Null => Ok(context.null()),
        d1::Value::Integer(number) => Ok(context.number(number as f64)),
        // JSON again: it has neither infinities nor NaN.
        d1::Value::Real(number) if !number.is_finite() => Ok(context.null()),
        d1::Value::Real(number) => Ok(context.number(number)),
        d1::Value::Text(text) => context.string(&text),
        d1::Value::Blob(bytes) => {
            let numbers: Vec<Value> = bytes.iter().map(|byte| context.number(*byte)).collect();
            context.array(&numbers)
        }
    }
}

fn meta(context: Context, meta: &d1::Meta) -> Result<Value> {
    let object = context.object()?;
    let timings = context.object()?;
    timings.define("sql_duration_ms", &context.number(meta.duration_ms))?;
    object.define("served_by", &context.string("hognose")?)?;
    object.define("served_by_primary", &context.boolean(true))?;
    object.define("timings", &timings)?;
    object.define("changed_db", &context.boolean(meta.changed_db))?;
    for (name, number) in [
        ("duration", meta.duration_ms),
        ("changes", meta.changes as f64),
        ("last_row_id", meta.last_row_id as f64),
        ("size_after", meta.size_after as f64),
        ("rows_read", meta.rows_read as f64),
        ("rows_written", meta.rows_written as f64),
        ("total_attempts", 1.0),
    ] {
        object.define(name, &context.number(number))?;
    }
    Ok(object)
}
