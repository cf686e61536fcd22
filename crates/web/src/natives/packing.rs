//! Compression, handed to JavaScript as an object with the functions `feed`, `finish` and `next`.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};

use super::{Arguments, Natives};
use crate::compression::{Format, Pump};

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("newCompressor", |context, arguments| pump(context, arguments, Pump::compress))?;
    natives.add("newDecompressor", |context, arguments| pump(context, arguments, Pump::decompress))
}

/// `undefined` for a format that there is not.
fn pump(context: Context, arguments: &Arguments, new: fn(Format) -> Pump) -> Result<Value> {
    let Some(format) = Format::from_name(&arguments.string(0)?) else { return Ok(context.undefined()) };
    let object = Natives { context, object: context.object()? };
    let pump = Rc::new(RefCell::new(new(format)));
    let fed = Rc::clone(&pump);
    object.add("feed", move |context, arguments| {
        fed.borrow_mut().feed(arguments.bytes(0));
        Ok(context.undefined())
    })?;
    let finished = Rc::clone(&pump);
    object.add("finish", move |context, _| {
        finished.borrow_mut().finish();
        Ok(context.undefined())
    })?;
    object.add("next", move |context, _| match pump.borrow_mut().next() {
        Ok(Some(chunk)) => context.uint8_array(chunk),
        Ok(None) => Ok(context.undefined()),
        Err(error) => Err(Thrown::type_error(context, &error.to_string())),
    })?;
    Ok(object.object)
}
