//! Contents that have come with an answer but were not read: what JavaScript holds between `get` and `text()`.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, NativeClass, Result, Thrown, Value};
use hognose_web::{BodyId, BodySource};
use hognose_wire::{Body, limits};

use super::natives::{convert_whole, link};
use crate::host::{js_error, wire_body};
use crate::link::{Content, Link};

/// See the module.
struct Held(RefCell<Option<Content>>);

impl NativeClass for Held {
    const NAME: &'static str = "HeldContent";
}

/// The content as JavaScript holds it.
pub(super) fn hold(context: Context, content: Option<Content>) -> Result<Value> {
    context.new_instance(Held(RefCell::new(Some(content.unwrap_or(Content::None)))))
}

/// Adds the natives that read a content: `readText`, `readArrayBuffer`, `readStream`, and `discard`. Each takes it. The
/// first two give a promise only where the content is not there yet.
pub(super) fn define(natives: &Value) -> Result<()> {
    natives.define_method("readText", 1, |context, _this, arguments| {
        read(context, &arguments[0], |context, bytes| context.string(&String::from_utf8_lossy(&bytes)))
    })?;
    natives.define_method("readArrayBuffer", 1, |context, _this, arguments| {
        read(context, &arguments[0], Context::array_buffer)
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
    })
}

/// What JavaScript gives to be stored: a string, bytes, or anything else that can be a body.
pub(super) fn source(context: Context, value: &Value) -> Result<BodySource> {
    if let Some(bytes) = value.bytes() {
        return whole(context, bytes);
    }
    if value.is_string() {
        return whole(context, value.to_js_string()?.into_bytes());
    }
    let (cell, _link) = link(context)?;
    cell.web().send_body(value)
}

/// Bytes that are this call's own. What does not fit into a frame is handed to a stream here, without another copy.
fn whole(context: Context, bytes: Vec<u8>) -> Result<BodySource> {
    if bytes.len() <= limits::INLINE_MAX {
        return Ok(BodySource::Bytes(bytes));
    }
    let (_cell, link) = link(context)?;
    let length = Some(bytes.len() as u64);
    let stream = link.stream_of(bytes).map_err(|error| js_error(context, &error))?;
    Ok(BodySource::Stream { body: BodyId(stream.0), length })
}

/// The same on its way to the supervisor.
pub(super) fn body<'a>(context: Context, link: &Rc<Link>, source: &'a BodySource) -> Result<Body<'a>> {
    wire_body(link, source).map_err(|error| js_error(context, &error))
}

fn take(context: Context, held: &Value) -> Result<Content> {
    held.borrow_data::<Held>()
        .and_then(|held| held.0.borrow_mut().take())
        .ok_or_else(|| Thrown::new(context, ErrorKind::TypeError, "The value has been read already."))
}

fn read(
    context: Context,
    held: &Value,
    convert: impl FnOnce(Context, Vec<u8>) -> Result<Value> + 'static,
) -> Result<Value> {
    let (_cell, link) = link(context)?;
    match take(context, held)? {
        Content::Bytes(bytes) => convert(context, bytes),
        other => convert_whole(context, &link, other, convert),
    }
}
