//! R2 buckets: the natives under `js/r2.js`. JavaScript puts parameters together as JSON in the form of
//! `hognose_wire::r2`'s types, and gets results the same way.

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::{Body, r2};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::content;
use super::natives::{from_json, json_result, link, operate, to_json};
use crate::cell::Cell;
use crate::host::js_error;

/// The class `R2Bucket`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    content::define(&natives)?;
    natives.define_method("get", 2, |context, _this, arguments| get(context, arguments))?;
    method::<r2::Head, Option<r2::Object>>(&natives, "head", "head")?;
    method::<r2::List, r2::Listed>(&natives, "list", "list")?;
    method::<r2::CreateUpload, String>(&natives, "createUpload", "create_multipart_upload")?;
    method::<r2::Upload, ()>(&natives, "abortUpload", "abort_multipart_upload")?;
    method_with_content::<r2::Put, Option<r2::Object>>(&natives, "put", "put")?;
    method_with_content::<r2::UploadPart, String>(&natives, "uploadPart", "upload_part")?;
    method_with_list::<r2::Delete, String, ()>(&natives, "delete", "delete")?;
    method_with_list::<r2::Upload, r2::Part, r2::Object>(
        &natives,
        "completeUpload",
        "complete_multipart_upload",
    )?;
    natives.define_method("isBuffer", 1, |context, _this, arguments| {
        Ok(context.boolean(arguments[0].byte_length().is_some()))
    })?;
    context.eval(include_str!("../../js/r2.js"), "hognose:r2")?.call_function(&[natives])
}

/// Adds a native `name(cap, json)`, a call of `method`.
fn method<P, R>(natives: &Value, name: &str, method: &'static str) -> Result<()>
where
    P: DeserializeOwned + Serialize,
    R: DeserializeOwned + Serialize + 'static,
{
    natives.define_method(name, 2, move |context, _this, arguments| {
        let params: P = from_json(context, &arguments[1])?;
        invoke::<P, R>(context, &arguments[0], method, &params, None)
    })
}

/// Adds a native `name(cap, json, content)`.
fn method_with_content<P, R>(natives: &Value, name: &str, method: &'static str) -> Result<()>
where
    P: DeserializeOwned + Serialize,
    R: DeserializeOwned + Serialize + 'static,
{
    natives.define_method(name, 3, move |context, _this, arguments| {
        let params: P = from_json(context, &arguments[1])?;
        let (_cell, link) = link(context)?;
        let source = content::source(context, &arguments[2])?;
        let body = content::body(context, &link, &source)?;
        invoke::<P, R>(context, &arguments[0], method, &params, Some(body))
    })
}

/// Adds a native `name(cap, json, list)`; the list is JSON too.
fn method_with_list<P, L, R>(natives: &Value, name: &str, method: &'static str) -> Result<()>
where
    P: DeserializeOwned + Serialize,
    L: DeserializeOwned + Serialize,
    R: DeserializeOwned + Serialize + 'static,
{
    natives.define_method(name, 3, move |context, _this, arguments| {
        let params: P = from_json(context, &arguments[1])?;
        let list: Vec<L> = from_json(context, &arguments[2])?;
        let (_cell, link) = link(context)?;
        let bytes = postcard::to_allocvec(&list).expect("invariant: a list is plain data");
        let body = link.body(&bytes).map_err(|error| js_error(context, &error))?;
        invoke::<P, R>(context, &arguments[0], method, &params, Some(body))
    })
}

fn invoke<P: Serialize, R: DeserializeOwned + Serialize + 'static>(
    context: Context,
    cap: &Value,
    method: &str,
    params: &P,
    body: Option<Body<'_>>,
) -> Result<Value> {
    operate(context, cap, "R2", method, params, body, json_result::<R>)
}

/// `get(cap, json)`: a promise of `null` or `{ object, content }`; without a content where the condition did not hold.
fn get(context: Context, arguments: &[Value]) -> Result<Value> {
    let params: r2::Get = from_json(context, &arguments[1])?;
    operate(context, &arguments[0], "R2", "get", &params, None, |context, _link, mut answer| {
        let bytes = answer.inline(context)?;
        let got = to_json::<Option<r2::Got>>(context, &bytes)?;
        if !got.is_null() && got.get("hasBody")?.as_bool() == Some(true) {
            got.set("content", &content::hold(context, answer.bodies.pop())?)?;
        }
        Ok(got)
    })
}
