//! The functions that the JavaScript half calls, as one object (`js/natives.js`). Each file here adds one group.

mod crypto;
mod fields;
mod forms;
mod outside;
mod packing;
mod rewriter;
mod sockets;
mod text;
pub(crate) mod urls;
mod web_sockets;

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};

use crate::Host;

/// The object with all of them.
pub(crate) fn object(context: Context, host: Rc<dyn Host>) -> Result<Value> {
    let natives = Natives { context, object: context.object()? };
    text::add(&natives)?;
    urls::add(&natives)?;
    fields::add(&natives)?;
    forms::add(&natives)?;
    crypto::add(&natives)?;
    rewriter::add(&natives)?;
    packing::add(&natives)?;
    outside::add(&natives, &host)?;
    sockets::add(&natives, &host)?;
    web_sockets::add(&natives, &host)?;
    Ok(natives.object)
}

/// The object while it grows.
struct Natives {
    context: Context,
    object: Value,
}

impl Natives {
    fn add<F>(&self, name: &str, closure: F) -> Result<()>
    where
        F: Fn(Context, &Arguments) -> Result<Value> + 'static,
    {
        let function = self
            .context
            .function(name, 0, move |context, _, values| closure(context, &Arguments { context, values }))?;
        self.object.set(name, &function)
    }
}

/// The arguments of a call. Only our own JavaScript calls these functions, so a wrong type is no user's mistake: it
/// reads as the type's zero.
struct Arguments<'call> {
    context: Context,
    values: &'call [Value],
}

impl Arguments<'_> {
    fn value(&self, index: usize) -> Value {
        self.values.get(index).cloned().unwrap_or_else(|| self.context.undefined())
    }

    fn string(&self, index: usize) -> Result<String> {
        self.value(index).to_js_string()
    }

    fn optional_string(&self, index: usize) -> Result<Option<String>> {
        match self.values.get(index) {
            Some(value) if !value.is_undefined() => value.to_js_string().map(Some),
            _ => Ok(None),
        }
    }

    fn number(&self, index: usize) -> f64 {
        self.values.get(index).and_then(Value::as_f64).unwrap_or_default()
    }

    fn boolean(&self, index: usize) -> bool {
        self.values.get(index).is_some_and(Value::to_boolean)
    }

    fn bytes(&self, index: usize) -> Vec<u8> {
        self.values.get(index).and_then(Value::bytes).unwrap_or_default()
    }

    fn read_bytes<R: Default>(&self, index: usize, read: impl FnOnce(&[u8]) -> R + Send) -> R {
        self.values.get(index).and_then(|value| value.with_bytes(read)).unwrap_or_default()
    }
}

/// An array of strings.
fn strings<T: AsRef<str>>(context: Context, texts: &[T]) -> Result<Value> {
    let values = texts.iter().map(|text| context.string(text.as_ref())).collect::<Result<Vec<_>>>()?;
    context.array(&values)
}
