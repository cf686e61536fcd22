//! `caches`: the natives under `js/cache.js`.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::{CapId, cache};

use super::content;
use super::natives::{from_json, json_result, link, operate, to_json};
use crate::cell::Cell;

/// Puts `caches`, `Cache` and `CacheStorage` on the global object, over the capability `cap`.
pub(super) fn define(cell: &Rc<Cell>, cap: CapId) -> Result<()> {
    let context = cell.context;
    let natives = context.object()?;
    content::define(&natives)?;
    natives.define_method("match", 2, |context, _this, arguments| find(context, arguments))?;
    natives.define_method("put", 3, |context, _this, arguments| put(context, arguments))?;
    natives.define_method("delete", 2, |context, _this, arguments| {
        let params: cache::Delete = from_json(context, &arguments[1])?;
        operate(context, &arguments[0], "Cache", "delete", &params, None, json_result::<bool>)
    })?;
    let file = context.eval(include_str!("../../js/cache.js"), "hognose:cache")?;
    file.call_function(&[natives, context.number(cap.0)]).map(drop)
}

/// `match(cap, json)`: a promise of `null` or the [`cache::Found`], with the `content` of what has a body.
fn find(context: Context, arguments: &[Value]) -> Result<Value> {
    let params: cache::Match = from_json(context, &arguments[1])?;
    operate(context, &arguments[0], "Cache", "match", &params, None, |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        let found = to_json::<Option<cache::Found>>(context, &bytes)?;
        if !found.is_null() && found.get("hasBody")?.as_bool() == Some(true) {
            found.set("content", &content::hold(context, answer.bodies.pop())?)?;
        }
        Ok(found)
    })
}

/// `put(cap, json, body)`
fn put(context: Context, arguments: &[Value]) -> Result<Value> {
    let params: cache::Put = from_json(context, &arguments[1])?;
    let (_cell, link) = link(context)?;
    let source = content::source(context, &arguments[2])?;
    let body = content::body(context, &link, &source)?;
    operate(context, &arguments[0], "Cache", "put", &params, Some(body), |context, _link, _answer| {
        Ok(context.undefined())
    })
}
