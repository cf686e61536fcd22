//! The bindings that exchange nothing but JSON: rate limits, datasets of the Analytics Engine, secrets of a store. Each is
//! a class in JavaScript over one native.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};

use super::natives::{call, read};
use crate::cell::Cell;

/// The class `Ratelimit`; as those below, its constructor takes the capability's number.
pub(super) fn rate_limit(cell: &Rc<Cell>) -> Result<Value> {
    class(cell, include_str!("../../js/rate-limit.js"), "hognose:rate-limit")
}

/// The class `AnalyticsEngine`.
pub(super) fn analytics(cell: &Rc<Cell>) -> Result<Value> {
    class(cell, include_str!("../../js/analytics.js"), "hognose:analytics")
}

/// The class of a Secrets Store's secret, which is called `Fetcher`.
pub(super) fn stored_secret(cell: &Rc<Cell>) -> Result<Value> {
    class(cell, include_str!("../../js/stored-secret.js"), "hognose:stored-secret")
}

fn class(cell: &Rc<Cell>, source: &str, name: &str) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("call", 3, |context, _this, arguments| call_with_json(context, arguments))?;
    context.eval(source, name)?.call_function(&[natives])
}

/// `call(cap, method, json)`: a promise of the value that the answer's JSON means; `undefined` for an empty answer.
fn call_with_json(context: Context, arguments: &[Value]) -> Result<Value> {
    let (method, json) = (arguments[1].to_js_string()?, arguments[2].to_js_string()?);
    call(context, &arguments[0], &method, &json, None, |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        match read::<&str>(context, &bytes)? {
            "" => Ok(context.undefined()),
            text => context.json_parse(text, "hognose:result"),
        }
    })
}
