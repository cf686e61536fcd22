//! KV namespaces: the natives under `js/kv.js`.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_web::{BodyId, BodySource};
use hognose_wire::kv;

use super::natives::{convert_whole, link, operate, optional_number, read, string_or_null};
use crate::cell::Cell;
use crate::host::{js_error, wire_body};
use crate::link::Content;

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
    natives.define_method("readText", 1, |context, _this, arguments| {
        read_body(context, &arguments[0], |context, bytes| context.string(&String::from_utf8_lossy(&bytes)))
    })?;
    natives.define_method("readArrayBuffer", 1, |context, _this, arguments| {
        read_body(context, &arguments[0], Context::array_buffer)
    })?;
    natives.define_method("readStream", 1, |context, _this, arguments| {
        let (cell, _link) = link(context)?;
        match take(context, &arguments[0])? {
            Content::None => context.uint8_array(Vec::new()),
            Content::Bytes(bytes) => context.uint8_array(bytes),
            Content::Stream { stream, length } => cell.web().stream_of_body(BodyId(stream.0), length),
        }
    })?;
    natives.define_method("discard", 1, |context, _this, arguments| {
        let (_cell, link) = link(context)?;
        if let Content::Stream { stream, .. } = take(context, &arguments[0])? {
            link.cancel_stream(stream, "the value is not wanted");
        }
        Ok(context.undefined())
    })?;
    context.eval(include_str!("../../js/kv.js"), "hognose:kv")?.call_function(&[natives])
}

/// A value that has come but not been read, as JavaScript holds it between `get` and `readText`.
struct Held(RefCell<Option<Content>>);

impl hognose_engine::NativeClass for Held {
    const NAME: &'static str = "KvValue";
}

fn take(context: Context, held: &Value) -> Result<Content> {
    held.borrow_data::<Held>()
        .and_then(|held| held.0.borrow_mut().take())
        .ok_or_else(|| Thrown::new(context, ErrorKind::TypeError, "The value has been read already."))
}

fn get(context: Context, arguments: &[Value]) -> Result<Value> {
    let key = arguments[1].to_js_string()?;
    let params = kv::Get { key: &key, cache_ttl_s: optional_number(&arguments[2]) };
    operate(context, &arguments[0], "KV", "get", &params, None, |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        let Some(entry) = read::<kv::GetResult<'_>>(context, &bytes)? else { return Ok(context.null()) };
        let found = context.object()?;
        found.define("metadata", &string_or_null(context, entry.metadata)?)?;
        let content = answer.bodies.pop().unwrap_or(Content::None);
        found.define("body", &context.new_instance(Held(RefCell::new(Some(content))))?)?;
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
    let (cell, link) = link(context)?;
    let key = arguments[1].to_js_string()?;
    let metadata = arguments[5].as_string();
    let params = kv::Put {
        key: &key,
        expiration_s: optional_number(&arguments[3]),
        expiration_ttl_s: optional_number(&arguments[4]),
        metadata: metadata.as_deref(),
    };
    let source = match (arguments[2].bytes(), arguments[2].is_string()) {
        (Some(bytes), _) => BodySource::Bytes(bytes),
        (None, true) => BodySource::Bytes(arguments[2].to_js_string()?.into_bytes()),
        (None, false) => cell.web().send_body(&arguments[2])?,
    };
    let body = wire_body(&link, &source).map_err(|error| js_error(context, &error))?;
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

fn read_body(
    context: Context,
    held: &Value,
    convert: impl FnOnce(Context, Vec<u8>) -> Result<Value> + 'static,
) -> Result<Value> {
    let (_cell, link) = link(context)?;
    convert_whole(context, &link, take(context, held)?, convert)
}
