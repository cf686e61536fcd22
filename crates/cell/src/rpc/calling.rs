//! Calls on what others host: `natives.call` of `js/rpc.js`.

use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_wire::{Access, Body, Payload};
use pyo3::Python;

use super::{Rpc, cap_of};
use crate::cell::Cell;
use crate::host::{self, js_error, settle};
use crate::link::OwnedError;
use crate::objects::Target;

/// What the supervisor knows as the wish for other props.
const WITH_PROPS: &str = "constructor with props";

/// `natives.call(cap, path, method, read, encoded)`.
pub(super) fn call(context: Context, arguments: &[Value]) -> Result<Value> {
    let cell = Cell::current().expect("invariant: natives run in a cell");
    let link = cell.link().ok_or_else(|| Thrown::new(context, ErrorKind::Error, host::GLOBAL_SCOPE))?;
    let text = arguments[0].to_js_string()?;
    let target = Target::parse(&text);
    let path = arguments[1].elements()?.iter().map(Value::to_js_string).collect::<Result<Vec<_>>>()?;
    let method = arguments[2].to_js_string()?;
    let callee = target.access().object.map(|object| object.digits.to_owned());
    let access = Access {
        path: path.iter().map(String::as_str).collect(),
        read: arguments[3].strict_equals(&context.boolean(true)),
        ..target.access()
    };
    let owner = Python::attach(|py| cell.invocation(py));
    let rpc = cell.rpc();
    let packed = rpc.pack_encoded(&cell, &arguments[4], owner)?;
    let deferred = context.deferred()?;
    let promise = deferred.promise.clone();
    let replied = Rc::clone(&link);
    let failed = Rc::clone(&rpc);
    let reply = move |_py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
        let deferred = Rc::new(deferred);
        let settled = Rc::clone(&deferred);
        let received = result.and_then(|payload| {
            let disposable = rpc.get("disposable");
            let done = move |value: Result<Value>| {
                let value = value.and_then(|value| disposable?.call_function(&[value]));
                settle(&settled, value);
            };
            let taken = rpc.unpack(&replied, payload, owner, done);
            taken.map_err(|violation| OwnedError::error(&violation.to_string()))
        });
        if let Err(error) = received {
            settle(&deferred, Err(failed.remote_error(&error, callee.as_deref())));
        }
    };
    let called = packed.with_payload(&link, |params| {
        let params = if access.read { Payload::default() } else { params };
        link.call_method(owner, target.cap, &method, access, params, reply)
    });
    called.and_then(|called| called).map_err(|error| js_error(context, &error))?;
    Ok(promise)
}

/// `natives.specialize(cap, props)`: a promise of the number of the same entrypoint of this Worker's with other props.
pub(super) fn specialize(context: Context, arguments: &[Value]) -> Result<Value> {
    let cell = Cell::current().expect("invariant: natives run in a cell");
    let link = cell.link().ok_or_else(|| Thrown::new(context, ErrorKind::Error, host::GLOBAL_SCOPE))?;
    let target = cap_of(&arguments[0]).unwrap_or_default();
    let props = arguments[1].to_js_string()?;
    let owner = Python::attach(|py| cell.invocation(py));
    let deferred = context.deferred()?;
    let promise = deferred.promise.clone();
    let rpc = cell.rpc();
    let reply = move |_py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
        let received = result.map_err(|error| js_error(context, &error)).and_then(|payload| {
            let cap = payload.caps.first().copied();
            let received = cap.and_then(|cap| rpc.receive(cap).ok());
            received.ok_or_else(|| Thrown::type_error(context, "The entrypoint was not given."))
        });
        settle(&deferred, received);
    };
    let payload = Payload { bytes: Body::Inline(props.as_bytes()), ..Payload::default() };
    let called = link.call(owner, target, WITH_PROPS, payload, reply);
    called.map_err(|error| js_error(context, &error))?;
    Ok(promise)
}

impl Rpc {
    /// The JavaScript error for one that came from another isolate, and from the Durable Object with this id if one was called.
    fn remote_error(&self, error: &OwnedError, object: Option<&str>) -> Thrown {
        let thrown = js_error(self.context, error);
        // An error that cannot be written to is told without its properties.
        self.received(&thrown, &error.properties, object).map_or(thrown, Thrown)
    }

    fn received(&self, thrown: &Thrown, properties: &[u8], object: Option<&str>) -> Result<Value> {
        let none = self.context.undefined();
        let object = object.map_or(Ok(none), |digits| self.context.string(digits))?;
        let properties = if properties.is_empty() {
            self.context.object()?
        } else {
            self.decode(properties, &[], Vec::new())?
        };
        self.get("received")?.call_function(&[thrown.0.clone(), properties, object])
    }
}
