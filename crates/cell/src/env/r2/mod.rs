//! R2 buckets: the natives under `js/r2.js`. JavaScript puts parameters together as JSON in the form of
//! `hognose_wire::r2`'s types; objects it gets as [`object`] writes them.

mod object;

use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_wire::r2;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::object::Include;
use super::content;
use super::natives::{Answer, from_json, json_result, link, operate};
use crate::cell::Cell;
use crate::host::js_error;
use crate::link::Link;

/// What makes an answer a JavaScript value, or a promise of one.
type Convert = fn(Context, &Rc<Link>, Answer) -> Result<Value>;

/// What the operations on buckets are counted as.
const KIND: &str = "R2";

/// The class `R2Bucket`; its constructor takes the capability's number.
pub(super) fn class(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let natives = context.object()?;
    content::define(&natives)?;
    natives.define_method("get", 2, |context, _this, arguments| get(context, arguments))?;
    natives.define_method("list", 4, |context, _this, arguments| list(context, arguments))?;
    let (found, made) = (object::object::<Option<r2::Object>>, object::object::<r2::Object>);
    method::<r2::Head>(&natives, "head", "head", found)?;
    method::<r2::CreateUpload>(&natives, "createUpload", "create_multipart_upload", json_result::<String>)?;
    method::<r2::Upload>(&natives, "abortUpload", "abort_multipart_upload", json_result::<()>)?;
    method_with_content::<r2::Put>(&natives, "put", "put", found)?;
    method_with_content::<r2::UploadPart>(&natives, "uploadPart", "upload_part", json_result::<String>)?;
    method_with_list::<r2::Delete, String>(&natives, "delete", "delete", json_result::<()>)?;
    method_with_list::<r2::Upload, r2::Part>(&natives, "completeUpload", "complete_multipart_upload", made)?;
    natives.define_method("isBuffer", 1, |context, _this, arguments| {
        Ok(context.boolean(arguments[0].byte_length().is_some()))
    })?;
    context.eval(include_str!("../../../js/r2.js"), "hognose:r2")?.call_function(&[natives])
}

/// Adds a native `name(cap, json)`, a call of `method`.
fn method<P>(natives: &Value, name: &str, method: &'static str, convert: Convert) -> Result<()>
where
    P: DeserializeOwned + Serialize,
{
    natives.define_method(name, 2, move |context, _this, arguments| {
        let params: P = from_json(context, &arguments[1])?;
        operate(context, &arguments[0], KIND, method, &params, None, convert)
    })
}

/// Adds a native `name(cap, json, content)`.
fn method_with_content<P>(natives: &Value, name: &str, method: &'static str, convert: Convert) -> Result<()>
where
    P: DeserializeOwned + Serialize,
{
    natives.define_method(name, 3, move |context, _this, arguments| {
        let params: P = from_json(context, &arguments[1])?;
        let (_cell, link) = link(context)?;
        let source = content::source(context, &arguments[2])?;
        let body = content::body(context, &link, &source)?;
        operate(context, &arguments[0], KIND, method, &params, Some(body), convert)
    })
}

/// Adds a native `name(cap, json, list)`; the list is JSON too.
fn method_with_list<P, L>(natives: &Value, name: &str, method: &'static str, convert: Convert) -> Result<()>
where
    P: DeserializeOwned + Serialize,
    L: DeserializeOwned + Serialize,
{
    natives.define_method(name, 3, move |context, _this, arguments| {
        let params: P = from_json(context, &arguments[1])?;
        let list: Vec<L> = from_json(context, &arguments[2])?;
        let (_cell, link) = link(context)?;
        let bytes = postcard::to_allocvec(&list).expect("invariant: a list is plain data");
        let body = link.body(&bytes).map_err(|error| js_error(context, &error))?;
        operate(context, &arguments[0], KIND, method, &params, Some(body), convert)
    })
}

/// `get(cap, json)`: a promise of `null` or `{ fields, content }`; without a content where the condition did not hold.
fn get(context: Context, arguments: &[Value]) -> Result<Value> {
    let params: r2::Get = from_json(context, &arguments[1])?;
    operate(context, &arguments[0], KIND, "get", &params, None, |context, _link, answer| {
        object::got(context, answer)
    })
}

/// `list(cap, json, http, custom)`, the last two whether that metadata is wanted: a promise of `[objects, groups, cursor]`.
fn list(context: Context, arguments: &[Value]) -> Result<Value> {
    let params: r2::List = from_json(context, &arguments[1])?;
    let wanted = |value: &Value| value.as_bool() == Some(true);
    let include = Include { http: wanted(&arguments[2]), custom: wanted(&arguments[3]) };
    operate(context, &arguments[0], KIND, "list", &params, None, move |context, link, answer| {
        object::page(context, link, answer, include)
    })
}
