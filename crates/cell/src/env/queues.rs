//! Queues: the natives under `js/queues.js`, and the batches that a consumer's handler gets.

use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::{Body, CapId, InvocationId, Payload, queues};

use super::natives::{json_result, link, operate, optional_number, read, to_json};
use crate::cell::Cell;
use crate::host::js_error;
use crate::report::Report;

/// The class `WorkerQueue`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    library(cell)?.get("WorkerQueue")
}

fn library(cell: &Rc<Cell>) -> Result<Value> {
    cell.library("queues", || make_library(cell))
}

fn make_library(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("send", 4, |context, _this, arguments| send(context, arguments))?;
    natives.define_method("metrics", 1, |context, _this, arguments| {
        let params = queues::ReadMetrics {};
        operate(context, &arguments[0], "Queues", "metrics", &params, None, json_result::<queues::Metrics>)
    })?;
    natives.define_method("isOn", 1, |context, _this, arguments| {
        let (worker, flag) = (Cell::current().and_then(|cell| cell.worker()), arguments[0].to_js_string()?);
        let is_on = worker.is_some_and(|worker| worker.plan.flags.get(&*flag) == Some(&true));
        Ok(context.boolean(is_on))
    })?;
    let file = context.eval(include_str!("../../js/queues.js"), "hognose:queues")?;
    file.call_function(&[natives, cell.rpc().library()])
}

/// `send(cap, isBatch, delay, messages)`: each message is an array of its type, its content and its delay.
fn send(context: Context, arguments: &[Value]) -> Result<Value> {
    let messages = arguments[3].elements()?;
    let messages =
        messages.iter().map(|message| new_message(context, message)).collect::<Result<Vec<_>>>()?;
    let bytes = postcard::to_allocvec(&messages).expect("invariant: messages are plain data");
    let (_cell, link) = link(context)?;
    let body = link.body(&bytes).map_err(|error| js_error(context, &error))?;
    let params = queues::Send {
        is_batch: arguments[1].as_bool().unwrap_or_default(),
        delay_s: optional_number(&arguments[2]),
    };
    operate(context, &arguments[0], "Queues", "send", &params, Some(body), json_result::<queues::Metrics>)
}

fn new_message(context: Context, message: &Value) -> Result<queues::NewMessage> {
    let parts = message.elements()?;
    let content_type =
        super::natives::from_json(context, &context.string(&format!("\"{}\"", parts[0].to_js_string()?))?)?;
    let body = match parts[1].bytes() {
        Some(bytes) => bytes,
        None => parts[1].to_js_string()?.into_bytes(),
    };
    Ok(queues::NewMessage { content_type, body, delay_s: optional_number(&parts[2]) })
}

/// A batch that a handler works on.
pub(crate) struct OpenBatch {
    settle_through: CapId,
    number: u64,
    /// The JavaScript function that tells what was decided.
    decided: Value,
}

/// The batch as its handler gets it, and what is to be [settled](OpenBatch::settle) when the handler has ended.
pub(crate) fn open(cell: &Rc<Cell>, queue: &str, bytes: &[u8]) -> Result<(Value, OpenBatch)> {
    let context = cell.context;
    let delivery: queues::Delivery = read(context, bytes)?;
    let messages = delivery.batch.messages.into_iter().map(|message| delivered(context, message));
    let messages = context.array(&messages.collect::<Result<Vec<_>>>()?)?;
    let metrics = postcard::to_allocvec(&delivery.batch.metrics).expect("invariant: metrics are plain data");
    let metrics = to_json::<queues::Metrics>(context, &metrics)?;
    let make = library(cell)?.get("makeBatch")?;
    let made = make.call_function(&[context.string(queue)?, messages, metrics])?.elements()?;
    let [controller, decided] = <[Value; 2]>::try_from(made)
        .map_err(|_| Thrown::type_error(context, "the batch has not the form that was agreed on"))?;
    let settle_through = CapId(delivery.settle_through);
    Ok((controller, OpenBatch { settle_through, number: delivery.number, decided }))
}

/// The batch that another Worker hands over: an array of the queue's name, the messages, and what is known of the queue.
pub(crate) fn open_handed(cell: &Rc<Cell>, values: &Value) -> Result<(Value, Report)> {
    let make = library(cell)?.get("makeHandedBatch")?;
    Report::of::<queues::Disposition>(cell.context, &make.call_function(&values.elements()?)?)
}

fn delivered(context: Context, message: queues::Delivered) -> Result<Value> {
    let (kind, body) = match message.content_type {
        queues::ContentType::Bytes => ("bytes", context.uint8_array(message.body)?),
        queues::ContentType::V8 => ("v8", context.uint8_array(message.body)?),
        queues::ContentType::Text => ("text", context.string(&String::from_utf8_lossy(&message.body))?),
        queues::ContentType::Json => ("json", context.string(&String::from_utf8_lossy(&message.body))?),
    };
    context.array(&[
        context.string(&message.id)?,
        context.number(message.timestamp_ms as f64),
        context.number(message.attempts),
        context.string(kind)?,
        body,
    ])
}

impl OpenBatch {
    /// Tells the supervisor what was decided; to be called before the event is completed.
    pub(crate) fn settle(self, context: Context, invocation: InvocationId, failed: bool) -> Result<()> {
        let decided = self.decided.call_function(&[])?;
        let disposition: queues::Disposition = super::natives::from_json(context, &decided)?;
        let settle = queues::Settle {
            number: self.number,
            disposition: queues::Disposition { failed, ..disposition },
        };
        let bytes = postcard::to_allocvec(&settle).expect("invariant: a disposition is plain data");
        let payload = Payload { bytes: Body::Inline(&bytes), caps: Vec::new(), bodies: Vec::new() };
        let (_cell, link) = link(context)?;
        // The answer says nothing: what is not settled is delivered again.
        let called = link.call(Some(invocation), self.settle_through, "settle", payload, |_py, _result| ());
        called.map(drop).map_err(|error| js_error(context, &error))
    }
}
