//! Email: the natives under `js/email.js`, which is the binding, the class of messages, and what a handler gets.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::email::{Delivery, EmailReport, Send, Sent};

use super::natives::{json_result, link, operate, read};
use crate::cell::Cell;
use crate::host::js_error;
use crate::report::Report;

/// The class of bindings; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    library(cell)?.get("Sender")
}

/// What the module `cloudflare:email` exports.
pub(crate) fn module(cell: &Rc<Cell>) -> Result<Vec<(String, Value)>> {
    let name = "EmailMessage";
    Ok(vec![(name.to_owned(), library(cell)?.get(name)?)])
}

/// The message as its handler gets it, from a [`Delivery`] and the message's bytes.
pub(crate) fn open(cell: &Rc<Cell>, delivery: &[u8], message: Vec<u8>) -> Result<(Value, Report)> {
    let context = cell.context;
    let Delivery { through, from, to } = read(context, delivery)?;
    let envelope = context.object()?;
    envelope.define("through", &context.number(through))?;
    envelope.define("from", &context.string(&from)?)?;
    envelope.define("to", &context.string(&to)?)?;
    let arguments = [envelope, context.array_buffer(message)?];
    let made = library(cell)?.get("makeMessage")?.call_function(&arguments)?;
    Report::of::<EmailReport>(context, &made)
}

fn library(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    cell.library("email", || {
        let natives = context.object()?;
        natives.define_method("send", 5, |context, _this, arguments| send(context, arguments))?;
        context.eval(include_str!("../../js/email.js"), "hognose:email")?.call_function(&[natives])
    })
}

/// `send(cap, from, to, isOwn, message)`
fn send(context: Context, arguments: &[Value]) -> Result<Value> {
    let (_cell, link) = link(context)?;
    let params = Send {
        from: arguments[1].to_js_string()?,
        to: arguments[2].elements()?.iter().map(Value::to_js_string).collect::<Result<_>>()?,
        is_own: arguments[3].as_bool().unwrap_or_default(),
    };
    let message = arguments[4].bytes().unwrap_or_default();
    let body = link.body(&message).map_err(|error| js_error(context, &error))?;
    operate(context, &arguments[0], "Email", "send", &params, Some(body), json_result::<Sent>)
}
