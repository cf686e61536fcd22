//! Events handed to other Workers by a binding: `natives.scheduled` and `natives.queue` of `js/rpc.js`. Each gives a
//! promise of what the handler decided.

use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_wire::handing::{Due, QUEUE, SCHEDULED};
use hognose_wire::queues::Disposition;
use hognose_wire::report::ScheduledReport;
use hognose_wire::{Body, Payload};
use pyo3::Python;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cap_of;
use crate::cell::Cell;
use crate::host::{self, js_error, settle};
use crate::link::{Link, OwnedError};

/// `natives.scheduled(cap, cron, timeMs)`.
pub(super) fn scheduled(context: Context, arguments: &[Value]) -> Result<Value> {
    let due = Due { cron: arguments[1].to_js_string()?, time_ms: arguments[2].as_f64().unwrap_or_default() };
    let due = postcard::to_allocvec(&due).expect("invariant: a time is plain data");
    let payload = Payload { bytes: Body::Inline(&due), ..Payload::default() };
    let (cell, link) = sender(context)?;
    hand::<ScheduledReport>(context, (&cell, &link), &arguments[0], SCHEDULED, payload)
}

/// `natives.queue(cap, encoded)`.
pub(super) fn queue(context: Context, arguments: &[Value]) -> Result<Value> {
    let (cell, link) = sender(context)?;
    let owner = Python::attach(|py| cell.invocation(py));
    let packed = cell.rpc().pack_encoded(&cell, &arguments[1], owner)?;
    let handed = packed.with_payload(&link, |payload| {
        hand::<Disposition>(context, (&cell, &link), &arguments[0], QUEUE, payload)
    });
    handed.map_err(|error| js_error(context, &error))?
}

fn sender(context: Context) -> Result<(Rc<Cell>, Rc<Link>)> {
    let cell = Cell::current().expect("invariant: natives run in a cell");
    let link = cell.link().ok_or_else(|| Thrown::new(context, ErrorKind::Error, host::GLOBAL_SCOPE))?;
    Ok((cell, link))
}

fn hand<D: Serialize + DeserializeOwned>(
    context: Context,
    (cell, link): (&Rc<Cell>, &Rc<Link>),
    cap: &Value,
    event: &str,
    payload: Payload<'_>,
) -> Result<Value> {
    let owner = Python::attach(|py| cell.invocation(py));
    let deferred = Rc::new(context.deferred()?);
    let promise = deferred.promise.clone();
    let replied = Rc::clone(link);
    let reply = move |py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
        let content = result.and_then(|payload| {
            let accepted = replied.accept(payload.bytes, owner);
            accepted.map_err(|violation| OwnedError::error(&violation.to_string()))
        });
        match content {
            Ok(content) => replied.read_all(py, content, move |_py, bytes| {
                let bytes = bytes.map_err(|error| js_error(context, &error));
                settle(&deferred, bytes.and_then(|bytes| decided::<D>(context, &bytes)));
            }),
            Err(error) => settle(&deferred, Err(js_error(context, &error))),
        }
    };
    let target = cap_of(cap).unwrap_or_default();
    link.call(owner, target, event, payload, reply).map_err(|error| js_error(context, &error))?;
    Ok(promise)
}

fn decided<D: Serialize + DeserializeOwned>(context: Context, bytes: &[u8]) -> Result<Value> {
    let decided: D = postcard::from_bytes(bytes)
        .map_err(|error| Thrown::type_error(context, &format!("the answer could not be read: {error}")))?;
    let text = serde_json::to_string(&decided).expect("invariant: what was decided is plain data");
    context.json_parse(&text, "hognose:decided")
}
