//! KV namespaces: the natives under `js/kv.js`.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::kv;

use super::content;
use super::natives::{convert_whole, link, operate, optional_number, read, string_or_null};
use crate::cell::Cell;

/// The class `KvNamespace`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("get", 3, |context, _this, arguments| get(context, arguments))?;
    natives.define_method("getBulk", 4, |context, _this, arguments| get_bulk(context, arguments))?;
    natives.define_method("put", 6, |context, _this, arguments| put(context, arguments))?;
    natives.define_method("delete", 2, |context, _this, arguments| delete(context, arguments))?;
    natives.define_method("list", 4, |context, _this, arguments| list(context, arguments))?;
    natives.define_method("isPuttable", 1, |context, _this, arguments| {
        Ok(context.boolean(is_puttable(&arguments[0])))
    })?;
    content::define(&natives)?;
    context.eval(include_str!("../../js/kv.js"), "hognose:kv")?.call_function(&[natives])
}

fn get(context: Context, arguments: &[Value]) -> Result<Value> {
    let key = arguments[1].to_js_string()?;
    let params = kv::Get { key: &key, cache_ttl_s: optional_number(&arguments[2]) };
    operate(context, &arguments[0], "KV", "get", &params, None, |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        let Some(entry) = read::<kv::GetResult<'_>>(context, &bytes)? else { return Ok(context.null()) };
        let found = context.object()?;
        found.define("metadata", &string_or_null(context, entry.metadata)?)?;
        found.define("body", &content::hold(context, answer.bodies.pop())?)?;
        Ok(found)
    })
}

fn get_bulk(context: Context, arguments: &[Value]) -> Result<Value> {
    let keys = arguments[1].elements()?.iter().map(Value::to_js_string).collect::<Result<Vec<_>>>()?;
    let type_name = arguments[2].to_js_string()?;
    let params = kv::GetBulk {
        keys: keys.iter().map(String::as_str).collect(),
        type_name: &type_name,
        cache_ttl_s: optional_number(&arguments[3]),
    };
    operate(context, &arguments[0], "KV", "get_bulk", &params, None, |context, link, answer| {
        convert_whole(context, link, answer.bytes, |context, bytes| bulk_entries(context, &bytes))
    })
}

fn bulk_entries(context: Context, bytes: &[u8]) -> Result<Value> {
    let result: kv::GetBulkResult<'_> = read(context, bytes)?;
    let entry = |(key, found): (&str, Option<(&str, Option<&str>)>)| {
        let (text, metadata) = found.unzip();
        let text = string_or_null(context, text)?;
        context.array(&[context.string(key)?, text, string_or_null(context, metadata.flatten())?])
    };
    let entries = result.entries.into_iter().map(entry).collect::<Result<Vec<_>>>()?;
    context.array(&entries)
}

fn put(context: Context, arguments: &[Value]) -> Result<Value> {
    let (_cell, link) = link(context)?;
    let key = arguments[1].to_js_string()?;
    let metadata = arguments[5].as_string();
    let params = kv::Put {
        key: &key,
        expiration_s: optional_number(&arguments[3]),
        expiration_ttl_s: optional_number(&arguments[4]),
        metadata: metadata.as_deref(),
    };
    let source = content::source(context, &arguments[2])?;
    let body = content::body(context, &link, &source)?;
    operate(context, &arguments[0], "KV", "put", &params, Some(body), |context, _link, _answer| {
        Ok(context.undefined())
    })
}

fn is_puttable(value: &Value) -> bool {
    value.byte_length().is_some() || value.constructor_name().as_deref() == Some("ReadableStream")
}

fn delete(context: Context, arguments: &[Value]) -> Result<Value> {
    let key = arguments[1].to_js_string()?;
    let done = |context: Context, _link: &Rc<_>, _answer| Ok(context.undefined());
    operate(context, &arguments[0], "KV", "delete", &kv::Delete { key: &key }, None, done)
}

fn list(context: Context, arguments: &[Value]) -> Result<Value> {
    let prefix = arguments[1].as_string().unwrap_or_default();
    let cursor = arguments[3].as_string();
    let params =
        kv::List { prefix: &prefix, limit: optional_number(&arguments[2]), cursor: cursor.as_deref() };
    operate(context, &arguments[0], "KV", "list", &params, None, |context, link, answer| {
        convert_whole(context, link, answer.bytes, |context, bytes| list_page(context, &bytes))
    })
}

fn list_page(context: Context, bytes: &[u8]) -> Result<Value> {
    let result: kv::ListResult<'_> = read(context, bytes)?;
    let key = |key: kv::ListKey<'_>| {
        let expiration = key.expiration_s.map_or(context.null(), |at| context.number(at as f64));
        context.array(&[context.string(key.name)?, expiration, string_or_null(context, key.metadata)?])
    };
    let keys = result.keys.into_iter().map(key).collect::<Result<Vec<_>>>()?;
    let page = context.object()?;
    page.define("keys", &context.array(&keys)?)?;
    page.define("cursor", &string_or_null(context, result.cursor)?)?;
    Ok(page)
}
