//! Workers AI: the natives under `js/ai.js`.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::ai;

use super::content;
use super::natives::{Answer, convert_whole, from_json, link, operate, operate_until, read};
use crate::cell::Cell;
use crate::link::Link;

/// The class `Ai`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    natives.define_method("run", 7, |context, _this, arguments| run(context, arguments))?;
    natives.define_method("models", 2, |context, _this, arguments| models(context, arguments))?;
    natives.define_method("toMarkdown", 4, |context, _this, arguments| to_markdown(context, arguments))?;
    content::define(&natives)?;
    context.eval(include_str!("../../js/ai.js"), "hognose:ai")?.call_function(&[natives])
}

/// `run(cap, model, options, body, key, contentType, others)`: the promise of the response, and what gives it up.
fn run(context: Context, arguments: &[Value]) -> Result<Value> {
    let (_cell, link) = link(context)?;
    let (model, options) = (arguments[1].to_js_string()?, arguments[2].to_js_string()?);
    let [key, content_type, others] = [4, 5, 6].map(|index: usize| arguments[index].as_string());
    let stream = key.as_deref().map(|key| ai::StreamInput {
        key,
        content_type: content_type.as_deref().unwrap_or_default(),
        others: others.as_deref().unwrap_or("{}"),
    });
    let source = content::source(context, &arguments[3])?;
    let body = content::body(context, &link, &source)?;
    let params = ai::Run { model: &model, options: &options, stream };
    let respond = |context, _link: &Rc<Link>, answer| response(context, answer);
    let (promise, open) =
        operate_until(context, &arguments[0], "Workers AI", "run", &params, Some(body), respond)?;
    let running = context.object()?;
    running.define("response", &promise)?;
    running.define_method("cancel", 0, move |context, _this, _arguments| {
        if let Some(call) = open.get() {
            link.cancel_call(call);
        }
        Ok(context.undefined())
    })?;
    Ok(running)
}

fn response(context: Context, mut answer: Answer) -> Result<Value> {
    let bytes = answer.inline(context)?;
    let head: ai::Response<'_> = read(context, &bytes)?;
    let found = context.object()?;
    found.define("status", &context.number(head.status))?;
    let pair = |(name, value): &(&str, &str)| context.array(&[context.string(name)?, context.string(value)?]);
    let headers = head.headers.iter().map(pair).collect::<Result<Vec<_>>>()?;
    found.define("headers", &context.array(&headers)?)?;
    found.define("body", &content::hold(context, answer.bodies.pop())?)?;
    Ok(found)
}

/// `toMarkdown(cap, bytes, documents, options)`, the documents being JSON of name, type and length of each.
fn to_markdown(context: Context, arguments: &[Value]) -> Result<Value> {
    let (_cell, link) = link(context)?;
    let heads: Vec<(String, String, u32)> = from_json(context, &arguments[2])?;
    let options = arguments[3].to_js_string()?;
    let documents = heads
        .iter()
        .map(|(name, mime_type, length)| ai::Document { name, mime_type, length: *length })
        .collect();
    let source = content::source(context, &arguments[1])?;
    let body = content::body(context, &link, &source)?;
    let params = ai::ToMarkdown { documents, options: &options };
    let cap = &arguments[0];
    operate(context, cap, "Workers AI", "toMarkdown", &params, Some(body), |context, link, answer| {
        convert_whole(context, link, answer.bytes, |context, bytes| {
            let results: String = read(context, &bytes)?;
            context.json_parse(&results, "hognose:markdown")
        })
    })
}

fn models(context: Context, arguments: &[Value]) -> Result<Value> {
    let search = arguments[1].to_js_string()?;
    operate(
        context,
        &arguments[0],
        "Workers AI",
        "models",
        &search.as_str(),
        None,
        |context, link, answer| {
            convert_whole(context, link, answer.bytes, |context, bytes| {
                let catalogue: String = read(context, &bytes)?;
                context.json_parse(&catalogue, "hognose:models")
            })
        },
    )
}
