//! Values as SQLite has them, read into JavaScript's.

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::d1;

/// Takes the next value off what is left of a result's cells.
pub(super) fn take<'a>(context: Context, rest: &mut &'a [u8]) -> Result<d1::Value<'a>> {
    let (value, left) = postcard::take_from_bytes::<d1::Value<'_>>(rest)
        .map_err(|error| Thrown::type_error(context, &format!("a row could not be read: {error}")))?;
    *rest = left;
    Ok(value)
}

/// The same for a Durable Object: bytes are an `ArrayBuffer`.
pub(crate) fn next(context: Context, rest: &mut &[u8]) -> Result<Value> {
    match take(context, rest)? {
        d1::Value::Null => Ok(context.null()),
        d1::Value::Integer(number) => Ok(context.number(number as f64)),
        d1::Value::Real(number) => Ok(context.number(number)),
        d1::Value::Text(text) => context.string(&text),
        d1::Value::Blob(bytes) => context.array_buffer(bytes.into_owned()),
    }
}
