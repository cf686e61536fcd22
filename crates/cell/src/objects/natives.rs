//! The natives under `js/objects.js` and `js/object-state.js`.

use std::borrow::Cow;
use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_web::Web;
use hognose_wire::d1;
use hognose_wire::objects::{Answer, Entry, ObjectNumber, Operation, Range, Rows};
use hognose_wire::{CapId, CapRef, Violation};
use pyo3::prelude::*;

use super::{Instance, Objects, facets, ids, sockets};
use crate::cell::{Cell, Entrypoints};
use crate::env::cells;
use crate::host::{js_error, owned_error};
use crate::isolate::Isolate;
use crate::rpc::Rpc;
use crate::web_sockets;

/// What an instance is told that goes on after its end.
const ENDED: &str = "This instance of the Durable Object has ended.";

/// The flag with which `deleteAll` takes the alarm, too.
const DELETE_ALL_DELETES_ALARM: &str = "delete_all_deletes_alarm";

/// Makes what the runtime needs for objects: `makeState` and `makeAlarmInfo`, and the class of namespaces.
pub(crate) fn make_runtime(context: Context, web: &Web, rpc: &Rpc, runtime: &Value) -> Result<()> {
    let namespaces = context.eval(include_str!("../../js/objects.js"), "hognose:objects")?;
    let namespaces = namespaces.call_function(&[ids::natives(context)?, rpc.library()])?;
    let sockets = context.eval(include_str!("../../js/object-sockets.js"), "hognose:object-sockets")?;
    let natives = sockets::natives(context)?;
    let sockets = sockets.call_function(&[natives, rpc.get("stored")?, web.hibernation()])?;
    let facets = context.eval(include_str!("../../js/facets.js"), "hognose:facets")?;
    let ids = namespaces.get("DurableObjectId")?;
    let facets = facets.call_function(&[facets::natives(context)?, rpc.library(), ids])?;
    runtime.set("facets", &facets)?;
    let state = context.eval(include_str!("../../js/object-state.js"), "hognose:object-state")?;
    let natives = state_natives(context)?;
    let state = state.call_function(&[
        natives,
        rpc.get("stored")?,
        namespaces.clone(),
        sockets,
        facets.get("DurableObjectFacets")?,
        runtime.get("exported")?,
    ])?;
    runtime.set("DurableObjectNamespace", &namespaces.get("DurableObjectNamespace")?)?;
    runtime.set("makeState", &state.get("makeState")?)?;
    runtime.set("makeAlarmInfo", &state.get("makeAlarmInfo")?)
}

/// The class of the namespaces in `env`.
pub(crate) fn namespace_class(cell: &Cell) -> Result<Value> {
    cell.runtime().get("DurableObjectNamespace")
}

pub(super) type Native = fn(Context, &Here, &[Value]) -> Result<Value>;

/// What natives of a live object work on.
pub(super) struct Here {
    pub(super) cell: Rc<Cell>,
    isolate: Rc<Isolate>,
    pub(super) number: ObjectNumber,
}

impl Here {
    fn of(context: Context, arguments: &[Value]) -> Result<Self> {
        let cell = Cell::current().expect("invariant: natives run in a cell");
        let number = ObjectNumber(arguments[0].as_f64().unwrap_or_default() as u32);
        match cell.isolate() {
            Some(isolate) if isolate.objects().get(number).is_some() => Ok(Self { cell, isolate, number }),
            _ => Err(Thrown::new(context, ErrorKind::Error, ENDED)),
        }
    }

    fn objects(&self) -> &Objects {
        self.isolate.objects()
    }

    /// Takes the capability of a WebSocket, which is given back with the event if nothing becomes of it.
    pub(super) fn hold(&self, cap: CapId) -> std::result::Result<(), Violation> {
        let invocation = Python::attach(|py| self.cell.invocation(py));
        web_sockets::hold(&self.cell, CapRef::Sender(cap), invocation).map(drop)
    }

    pub(super) fn perform<T>(
        &self,
        context: Context,
        operation: Operation<'_>,
        read: impl FnOnce(Answer<'_>) -> Result<T>,
    ) -> Result<T> {
        let done = self.objects().perform(&self.cell, self.number, operation, read);
        done.map_err(|error| js_error(context, &error))?
    }

    /// Does what has no result.
    fn carry_out(&self, context: Context, operation: Operation<'_>) -> Result<Value> {
        self.perform(context, operation, |_| Ok(context.undefined()))
    }
}

fn state_natives(context: Context) -> Result<Value> {
    let natives = context.object()?;
    let all: [(&str, Native); 22] = [
        ("get", get),
        ("put", put),
        ("delete", delete),
        ("list", list),
        ("deleteAll", delete_all),
        ("exec", exec),
        ("size", |context, here, _| {
            here.perform(context, Operation::Size, |answer| number(context, &answer))
        }),
        ("begin", |context, here, _| here.carry_out(context, Operation::Begin)),
        ("keep", |context, here, _| here.carry_out(context, Operation::Keep)),
        ("undo", |context, here, _| here.carry_out(context, Operation::Undo)),
        ("commit", |context, here, _| {
            here.objects().commit(&here.cell);
            Ok(context.undefined())
        }),
        ("alarm", |context, here, _| {
            here.perform(context, Operation::Alarm, |answer| number(context, &answer))
        }),
        ("setAlarm", |context, here, arguments| {
            here.carry_out(context, Operation::SetAlarm(arguments[1].as_f64()))
        }),
        ("bookmark", |context, here, _| {
            here.perform(context, Operation::Bookmark, |answer| text(context, &answer))
        }),
        ("bookmarkAt", |context, here, arguments| {
            let then_ms = arguments[1].as_f64().unwrap_or(f64::NAN);
            here.perform(context, Operation::BookmarkAt(then_ms), |answer| text(context, &answer))
        }),
        ("restoreNext", |context, here, arguments| {
            let bookmark = arguments[1].to_js_string()?.into();
            here.perform(context, Operation::RestoreNext(bookmark), |answer| text(context, &answer))
        }),
        ("hasHandler", has_handler),
        ("block", |context, here, _| {
            here.objects().get(here.number).iter().for_each(|object| object.block());
            Ok(context.undefined())
        }),
        ("unblock", |context, here, _| {
            here.objects().get(here.number).iter().for_each(|object| object.unblock(&here.cell));
            Ok(context.undefined())
        }),
        ("reset", |context, here, arguments| {
            here.objects().reset(&here.cell, here.number, &owned_error(&Thrown(arguments[1].clone())));
            Ok(context.undefined())
        }),
        ("abort", abort),
        ("isLive", |context, _, _| Ok(context.boolean(true))),
    ];
    define(&natives, all)?;
    natives.define_method("waitUntil", 1, |context, _this, arguments| {
        let cell = Cell::current().expect("invariant: natives run in a cell");
        let invocation = Python::attach(|py| cell.invocation(py));
        if let (Some(invocation), Some(isolate)) = (invocation, cell.isolate()) {
            isolate.wait_until(invocation, &arguments[0])?;
        }
        Ok(context.undefined())
    })?;
    Ok(natives)
}

pub(super) fn define<'a>(natives: &Value, all: impl IntoIterator<Item = (&'a str, Native)>) -> Result<()> {
    all.into_iter().try_for_each(|(name, native)| {
        natives.define_method(name, 8, move |context, _this, arguments| {
            native(context, &Here::of(context, arguments)?, arguments)
        })
    })
}

pub(super) fn strings(value: &Value) -> Result<Vec<Cow<'static, str>>> {
    value.elements()?.iter().map(|key| key.to_js_string().map(Cow::Owned)).collect()
}

fn get(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    here.perform(context, Operation::Get(strings(&arguments[1])?), |answer| entries(context, &answer))
}

/// `put(object, [key, text, blobs, key, text, blobs ...])`.
fn put(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let mut given = Vec::new();
    for entry in arguments[1].elements()?.chunks(3) {
        let [key, text, blobs] = entry else { break };
        given.push(Entry { key: Cow::Owned(key.to_js_string()?), value: Cow::Owned(pack(text, blobs)?) });
    }
    let stored = here.objects().put(&here.cell, here.number, given);
    stored.map(|()| context.undefined()).map_err(|error| js_error(context, &error))
}

/// The bytes of a structured clone: its text's length, its text, and what is in it of bytes.
pub(super) fn pack(text: &Value, blobs: &Value) -> Result<Vec<u8>> {
    let text = text.to_js_string()?;
    let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    for blob in blobs.elements()? {
        bytes.extend(blob.bytes().unwrap_or_default());
    }
    Ok(bytes)
}

/// A structured clone's text and bytes.
pub(super) fn unpack(context: Context, bytes: &[u8]) -> Result<[Value; 2]> {
    let malformed = || Thrown::type_error(context, "A value was stored in a form that is not known.");
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
    let text = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
    let (text, blobs) = text.ok_or_else(malformed)?;
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    Ok([context.string(text)?, context.array_buffer(blobs.to_vec())?])
}

fn delete(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    here.perform(context, Operation::Delete(strings(&arguments[1])?), |answer| match answer {
        Answer::Count(count) => Ok(context.number(count)),
        other => Err(unexpected(context, &other)),
    })
}

/// `list(object, start, startAfter, end, prefix, reverse, limit)`.
fn list(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let text = |index: usize| arguments[index].as_string().map(Cow::Owned);
    let range = Range {
        start: text(1),
        start_after: text(2),
        end: text(3),
        prefix: text(4),
        reverse: arguments[5].as_bool().unwrap_or_default(),
        limit: arguments[6].as_f64().map(|limit| limit as u32),
    };
    here.perform(context, Operation::List(range), |answer| entries(context, &answer))
}

fn delete_all(context: Context, here: &Here, _arguments: &[Value]) -> Result<Value> {
    let worker = here.cell.worker();
    let alarm = worker.and_then(|worker| worker.plan.flags.get(DELETE_ALL_DELETES_ALARM).copied());
    here.carry_out(context, Operation::DeleteAll { alarm: alarm.unwrap_or_default() })
}

/// `exec(object, sql, bindings)`: the columns, the rows as arrays, and how many rows were read and written.
fn exec(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let sql = Cow::Owned(arguments[1].to_js_string()?);
    let params = arguments[2].elements()?.iter().map(param).collect::<Result<_>>()?;
    here.perform(context, Operation::Exec { sql, params }, |answer| match answer {
        Answer::Rows(rows) => result(context, &rows),
        other => Err(unexpected(context, &other)),
    })
}

fn param(value: &Value) -> Result<d1::Value<'static>> {
    if let Some(number) = value.as_f64() {
        return Ok(d1::Value::Real(number));
    }
    if value.is_null() {
        return Ok(d1::Value::Null);
    }
    match value.bytes() {
        Some(bytes) => Ok(d1::Value::Blob(Cow::Owned(bytes))),
        None => Ok(d1::Value::Text(Cow::Owned(value.to_js_string()?))),
    }
}

fn result(context: Context, rows: &Rows<'_>) -> Result<Value> {
    let columns = rows.columns.iter().map(|name| context.string(name)).collect::<Result<Vec<_>>>()?;
    let mut rest: &[u8] = &rows.cells;
    let mut arrays = Vec::with_capacity(rows.count as usize);
    for _ in 0..rows.count {
        let row = columns.iter().map(|_| cells::next(context, &mut rest)).collect::<Result<Vec<_>>>()?;
        arrays.push(context.array(&row)?);
    }
    context.array(&[
        context.array(&columns)?,
        context.array(&arrays)?,
        context.number(rows.rows_read as f64),
        context.number(rows.rows_written as f64),
    ])
}

/// Keys, texts and bytes, one after the other.
fn entries(context: Context, answer: &Answer<'_>) -> Result<Value> {
    let Answer::Entries(entries) = answer else { return Err(unexpected(context, answer)) };
    let mut flat = Vec::with_capacity(3 * entries.len());
    for Entry { key, value } in entries {
        flat.push(context.string(key)?);
        flat.extend(unpack(context, value)?);
    }
    context.array(&flat)
}

fn number(context: Context, answer: &Answer<'_>) -> Result<Value> {
    match answer {
        Answer::Number(number) => Ok(number.map_or(context.null(), |number| context.number(number))),
        other => Err(unexpected(context, other)),
    }
}

fn text(context: Context, answer: &Answer<'_>) -> Result<Value> {
    match answer {
        Answer::Text(text) => context.string(text),
        other => Err(unexpected(context, other)),
    }
}

pub(super) fn unexpected(context: Context, answer: &Answer<'_>) -> Thrown {
    Thrown::type_error(context, &format!("The storage answered something else: {answer:?}"))
}

fn has_handler(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let name = arguments[1].to_js_string()?;
    let Some(object) = here.objects().get(here.number) else { return Ok(context.boolean(false)) };
    let worker = here.cell.worker();
    let found = match (object.instance().as_deref(), worker.as_deref().map(|worker| &worker.entrypoints)) {
        (Some(Instance::JavaScript(instance)), _) => instance.get(name.as_str())?.is_function(),
        // While the constructor runs there is only the class to be asked.
        (_, Some(Entrypoints::Python { handlers, .. })) => Python::attach(|py| {
            let asked = handlers.bind(py).call_method1("has_object_handler", (&object.class, &name));
            asked.and_then(|found| found.is_truthy()).unwrap_or_default()
        }),
        (None, Some(Entrypoints::JavaScript(main))) => main.class_has(&object.class, &name)?,
        _ => false,
    };
    Ok(context.boolean(found))
}

/// `abort(object, error, dropAlarm)`: what was not committed is undone, and the object ends.
fn abort(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    here.carry_out(context, Operation::Abandon)?;
    if arguments[2].as_bool().unwrap_or_default() {
        here.carry_out(context, Operation::EndAlarm)?;
        here.objects().commit(&here.cell);
    }
    here.objects().reset(&here.cell, here.number, &owned_error(&Thrown(arguments[1].clone())));
    Ok(context.undefined())
}
