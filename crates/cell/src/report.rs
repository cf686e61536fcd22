//! Events whose handlers decide something by calling methods of the object that they get; what they decided is reported
//! when they have ended, well or not.

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::report::ScheduledReport;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cell::Cell;
use crate::env::natives::from_json;

/// What tells what was decided.
pub(crate) struct Report {
    /// A JavaScript function that is told whether the handler failed, and gives JSON.
    tell: Value,
    encode: fn(Context, &Value) -> Result<Vec<u8>>,
}

impl Report {
    /// What was decided until now, as the wire has it.
    pub(crate) fn bytes(&self, context: Context, failed: bool) -> Result<Vec<u8>> {
        (self.encode)(context, &self.tell.call_function(&[context.boolean(failed)])?)
    }

    /// The object that a handler gets, and its report, from an array of the two.
    pub(crate) fn of<T: Serialize + DeserializeOwned>(
        context: Context,
        made: &Value,
    ) -> Result<(Value, Self)> {
        let [object, tell] = <[Value; 2]>::try_from(made.elements()?)
            .map_err(|_| Thrown::type_error(context, "an event has not the form that was agreed on"))?;
        Ok((object, Self { tell, encode: encode::<T> }))
    }
}

fn encode<T: Serialize + DeserializeOwned>(context: Context, json: &Value) -> Result<Vec<u8>> {
    let report: T = from_json(context, json)?;
    Ok(postcard::to_allocvec(&report).expect("invariant: a report is plain data"))
}

/// A cron trigger; the time is in milliseconds since the epoch.
pub(crate) fn scheduled(cell: &Cell, cron: &str, time_ms: f64) -> Result<(Value, Report)> {
    let context = cell.context;
    let library = cell.library("events", || {
        context.eval(include_str!("../js/events.js"), "hognose:events")?.call_function(&[])
    })?;
    let arguments = [context.string(cron)?, context.number(time_ms)];
    Report::of::<ScheduledReport>(context, &library.get("scheduled")?.call_function(&arguments)?)
}

/// What a `tail` handler gets, from the JSON in which the supervisor tells it.
pub(crate) fn traces(cell: &Cell, json: &str) -> Result<Value> {
    let context = cell.context;
    let make = cell.library("tail", || {
        context.eval(include_str!("../js/tail.js"), "hognose:tail")?.call_function(&[])
    })?;
    make.call_function(&[context.json_parse(json, "hognose:traces")?])
}
