//! Workflows: the natives under `js/workflows.js`, the binding, and `js/workflow_run.js`, what an instance's run is given.

use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::InvocationId;

use super::natives::{Answer, call, convert_whole, link};
use crate::cell::Cell;
use crate::host::js_error;
use crate::link::Link;

/// The class `WorkflowImpl`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    library(cell)?.get("WorkflowImpl")
}

/// What the module `cloudflare:workflows` exports.
pub(crate) fn module(cell: &Rc<Cell>) -> Result<Vec<(String, Value)>> {
    let name = "NonRetryableError";
    Ok(vec![(name.to_owned(), library(cell)?.get(name)?)])
}

/// What a run is given, from the text of a [`hognose_wire::workflows::Start`]. Where `keeps_messages` is not set, an
/// uncaught `NonRetryableError` loses its own.
pub(crate) fn make_run(
    cell: &Rc<Cell>,
    start: &[u8],
    invocation: InvocationId,
    keeps_messages: bool,
) -> Result<Value> {
    let context = cell.context;
    let start = context.string(&String::from_utf8_lossy(start))?;
    let arguments = [start, context.number(invocation.0), context.boolean(keeps_messages)];
    library(cell)?.get("makeRun")?.call_function(&arguments)
}

fn library(cell: &Rc<Cell>) -> Result<Value> {
    cell.library("workflows", || make_library(cell))
}

fn make_library(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("call", 4, |context, _this, arguments| call_json(context, arguments))?;
    natives.define_method("suspend", 1, |context, _this, arguments| {
        let isolate = Cell::current().and_then(|cell| cell.isolate());
        if let (Some(isolate), Some(invocation)) = (isolate, invocation_of(&arguments[0])) {
            isolate.suspend(invocation);
        }
        Ok(context.undefined())
    })?;
    let file = context.eval(include_str!("../../js/workflows.js"), "hognose:workflows")?;
    let library = file.call_function(&[natives.clone(), cell.rpc().library()])?;
    let file = context.eval(include_str!("../../js/workflow_run.js"), "hognose:workflow_run")?;
    let run = file.call_function(&[natives, library.get("shared")?])?;
    library.set("makeRun", &run.get("makeRun")?)?;
    Ok(library)
}

/// `call(cap, invocation, method, text)`: a promise of the answer's text. A run's calls are its own invocation's, also
/// where JavaScript goes on by itself.
fn call_json(context: Context, arguments: &[Value]) -> Result<Value> {
    let (cell, link) = link(context)?;
    let (method, text) = (arguments[2].to_js_string()?, arguments[3].to_js_string()?);
    let body = link.body(text.as_bytes()).map_err(|error| js_error(context, &error))?;
    let begin = || call(context, &arguments[0], &method, &(), Some(body), text_of);
    match invocation_of(&arguments[1]) {
        Some(invocation) => cell.serve(invocation, begin),
        None => begin(),
    }
}

fn text_of(context: Context, link: &Rc<Link>, answer: Answer) -> Result<Value> {
    convert_whole(context, link, answer.bytes, |context, bytes| {
        let text = String::from_utf8(bytes);
        context.string(&text.map_err(|_| Thrown::type_error(context, "the answer is no text"))?)
    })
}

fn invocation_of(value: &Value) -> Option<InvocationId> {
    value.as_f64().map(|number| InvocationId(number as u32))
}
