//! Images: the natives under `js/images.js`.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::images as wire;

use super::content;
use super::natives::{from_json, link, operate, read};
use crate::cell::Cell;

/// The class `ImagesBindingImpl`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("info", 3, |context, _this, arguments| info(context, arguments))?;
    natives.define_method("transform", 5, |context, _this, arguments| transform(context, arguments))?;
    content::define(&natives)?;
    context.eval(include_str!("../../js/images.js"), "hognose:images")?.call_function(&[natives])
}

/// `info(cap, bytes, lengths)`
fn info(context: Context, arguments: &[Value]) -> Result<Value> {
    let (_cell, link) = link(context)?;
    let [source] = sources(context, &arguments[2])?[..] else { return Ok(context.undefined()) };
    let bytes = content::source(context, &arguments[1])?;
    let body = content::body(context, &link, &bytes)?;
    operate(context, &arguments[0], "Images", "info", &source, Some(body), |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        let info: wire::Info = read(context, &bytes)?;
        let shown = context.object()?;
        if let Some(raster) = info.raster {
            shown.set("fileSize", &context.number(raster.file_size))?;
            shown.set("width", &context.number(raster.width))?;
            shown.set("height", &context.number(raster.height))?;
        }
        shown.set("format", &context.string(&info.format)?)?;
        Ok(shown)
    })
}

/// `transform(cap, bytes, lengths, steps, output)`
fn transform(context: Context, arguments: &[Value]) -> Result<Value> {
    let (_cell, link) = link(context)?;
    let sources = sources(context, &arguments[2])?;
    let (steps, output) = (arguments[3].to_js_string()?, arguments[4].to_js_string()?);
    let bytes = content::source(context, &arguments[1])?;
    let body = content::body(context, &link, &bytes)?;
    let params = wire::Transform { sources, steps: &steps, output: &output };
    let cap = &arguments[0];
    operate(context, cap, "Images", "transform", &params, Some(body), |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        let head: wire::Transformed = read(context, &bytes)?;
        let body = content::hold(context, answer.bodies.pop())?;
        context.array(&[context.string(&head.content_type)?, body])
    })
}

/// The images of a body: JSON of pairs, how long, and whether in Base64.
fn sources(context: Context, lengths: &Value) -> Result<Vec<wire::Source>> {
    let pairs: Vec<(u32, bool)> = from_json(context, lengths)?;
    Ok(pairs.into_iter().map(|(length, is_base64)| wire::Source { length, is_base64 }).collect())
}
