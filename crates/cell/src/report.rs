//! Events whose handlers decide something by calling methods of the object that they get; what they decided is reported
//! when they have ended, well or not.

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::report::ScheduledReport;
use serde::Serialize;
use serde::de::DeserializeOwned;

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

    /// Makes the object that a handler gets, and its report.
    fn make<T: Serialize + DeserializeOwned>(
        context: Context,
        event: &str,
        arguments: &[Value],
    ) -> Result<(Value, Self)> {
        let library = context.eval(include_str!("../js/events.js"), "hognose:events")?.call_function(&[])?;
        Self::of::<T>(context, &library.get(event)?.call_function(arguments)?)
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
pub(crate) fn scheduled(context: Context, cron: &str, time_ms: f64) -> Result<(Value, Report)> {
    let arguments = [context.string(cron)?, context.number(time_ms)];
    Report::make::<ScheduledReport>(context, "scheduled", &arguments)
}

/// What a `tail` handler gets, from the JSON in which the supervisor tells it.
pub(crate) fn traces(context: Context, json: &str) -> Result<Value> {
    let make = context.eval(include_str!("../js/tail.js"), "hognose:tail")?.call_function(&[])?;
    make.call_function(&[context.json_parse(json, "hognose:traces")?])
}
