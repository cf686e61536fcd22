//! Worker Loader: the natives under `js/worker-loader.js`.

use std::rc::Rc;

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::loading::{ENTER, Enter, FIND, LOAD, Load, Module, ModuleKind, Outbound};
use hognose_wire::{Body, CapId, Payload};
use pyo3::Python;
use serde::Serialize;

use super::natives::{from_json, link};
use crate::cell::Cell;
use crate::host::{js_error, settle};
use crate::link::{Link, OwnedError};

/// The class `WorkerLoader`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("find", 2, |context, _this, arguments| {
        let id = arguments[1].to_js_string()?;
        ask(context, &arguments[0], FIND, &plain(&id), |payload| payload)
    })?;
    natives.define_method("load", 9, |context, _this, arguments| load(context, arguments))?;
    natives.define_method("enter", 3, |context, _this, arguments| {
        let enter = Enter { name: arguments[1].as_string(), props: arguments[2].to_js_string()? };
        ask(context, &arguments[0], ENTER, &plain(&enter), |payload| payload)
    })?;
    let make = context.eval(include_str!("../../js/worker-loader.js"), "hognose:worker-loader")?;
    make.call_function(&[natives, cell.rpc().library(), cell.runtime().get("facets")?])
}

/// `load(cap, id, date, flags, main, outbound, modules, surroundings, tails)`.
fn load(context: Context, arguments: &[Value]) -> Result<Value> {
    let [cap, id, date, flags, main, outbound, modules, surroundings, tails] = arguments else {
        return Err(Thrown::type_error(context, "a Worker is loaded by nine values"));
    };
    let load = Load {
        id: id.as_string(),
        compatibility_date: date.to_js_string()?,
        compatibility_flags: flags.elements()?.iter().map(Value::to_js_string).collect::<Result<_>>()?,
        main: main.to_js_string()?,
        outbound: match outbound.to_js_string()?.as_str() {
            "inherited" => Outbound::Inherited,
            "nothing" => Outbound::Nothing,
            _ => Outbound::Worker,
        },
        tails: tails.as_f64().unwrap_or_default() as usize,
    };
    let modules = modules.elements()?;
    let modules = modules.iter().map(|module| read_module(context, module)).collect::<Result<Vec<_>>>()?;
    let modules = plain(&modules);
    let (cell, link) = link(context)?;
    let packed = cell.rpc().pack_encoded(&cell, surroundings, Python::attach(|py| cell.invocation(py)))?;
    let modules = link.body(&modules).map_err(|error| js_error(context, &error))?;
    let asked = packed.with_payload(&link, |env| {
        ask(context, cap, LOAD, &plain(&load), |params| Payload {
            caps: env.caps,
            bodies: vec![modules, env.bytes],
            ..params
        })
    });
    asked.map_err(|error| js_error(context, &error))?
}

fn read_module(context: Context, module: &Value) -> Result<Module> {
    let parts = module.elements()?;
    let kind = context.string(&format!("\"{}\"", parts[1].to_js_string()?))?;
    let kind: ModuleKind = from_json(context, &kind)?;
    Ok(Module { name: parts[0].to_js_string()?, kind, bytes: parts[2].bytes().unwrap_or_default() })
}

fn plain<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("invariant: what is asked of a loader is plain data")
}

/// Asks a loader, or what it has loaded: a promise of the number of the capability that it answers with, or `null`.
fn ask<'a>(
    context: Context,
    cap: &Value,
    method: &str,
    params: &'a [u8],
    complete: impl FnOnce(Payload<'a>) -> Payload<'a>,
) -> Result<Value> {
    let (cell, link): (Rc<Cell>, Rc<Link>) = link(context)?;
    let (rpc, owner) = (cell.rpc(), Python::attach(|py| cell.invocation(py)));
    let deferred = context.deferred()?;
    let promise = deferred.promise.clone();
    let reply = move |_py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
        let given = result.map_err(|error| js_error(context, &error)).and_then(|payload| {
            let Some(cap) = payload.caps.first() else { return Ok(context.null()) };
            rpc.receive(*cap).map_err(|violation| Thrown::type_error(context, &violation.to_string()))
        });
        settle(&deferred, given);
    };
    let target = CapId(cap.as_f64().unwrap_or_default() as u32);
    let payload = complete(Payload { bytes: Body::Inline(params), ..Payload::default() });
    link.call(owner, target, method, payload, reply).map_err(|error| js_error(context, &error))?;
    Ok(promise)
}
