//! Compression, handed to JavaScript as an object: `feed`, `flush` and `finish` take input, `next` gives output, and
//! `rest`, `hasEnded` and `reason` tell what became of it.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};

use super::{Arguments, Natives};
use crate::compression::{Format, Pump};

pub(super) fn add(natives: &Natives) -> Result<()> {
    natives.add("newCompressor", |context, arguments| {
        let level = arguments.value(1);
        let level = (!level.is_undefined()).then(|| arguments.number(1) as u32);
        pump(context, arguments, |format| Pump::compress(format, level))
    })?;
    natives.add("newDecompressor", |context, arguments| pump(context, arguments, Pump::decompress))
}

/// `undefined` for a format that there is not.
fn pump(context: Context, arguments: &Arguments, new: impl FnOnce(Format) -> Pump) -> Result<Value> {
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
    let flushed = Rc::clone(&pump);
    object.add("flush", move |context, _| {
        flushed.borrow_mut().flush();
        Ok(context.undefined())
    })?;
    add_questions(&object, &pump)?;
    object.add("next", move |context, _| match pump.borrow_mut().next() {
        Ok(Some(chunk)) => context.uint8_array(chunk),
        Ok(None) => Ok(context.undefined()),
        Err(error) => Err(Thrown::type_error(context, &error.to_string())),
    })?;
    Ok(object.object)
}

/// What may be asked of a pump besides its output.
fn add_questions(object: &Natives, pump: &Rc<RefCell<Pump>>) -> Result<()> {
    let asked = Rc::clone(pump);
    object.add("rest", move |context, _| context.uint8_array(asked.borrow().rest().to_vec()))?;
    let asked = Rc::clone(pump);
    object.add("hasEnded", move |context, _| Ok(context.boolean(asked.borrow().has_ended())))?;
    let asked = Rc::clone(pump);
    object.add("reason", move |context, _| match asked.borrow().reason() {
        Some(reason) => context.string(reason),
        None => Ok(context.undefined()),
    })
}
