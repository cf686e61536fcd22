//! What the native functions of all bindings share: making a call that settles a promise, and reading arguments.

use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_wire::{Body, CallId, CapId, Payload, limits};
use pyo3::Python;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cell::Cell;
use crate::host::{js_error, settle};
use crate::link::{Content, Link, OwnedError};

/// How many operations one invocation may make on all bindings of one kind together.
const OPERATIONS_MAX: u32 = 1000;

/// A call's answer: the bytes that describe the result, and the bodies beside them.
pub(super) struct Answer {
    pub(super) bytes: Content,
    pub(super) bodies: Vec<Content>,
}

impl Answer {
    /// The description, of a kind that is always small.
    pub(super) fn inline(&mut self, context: Context) -> Result<Vec<u8>> {
        match std::mem::replace(&mut self.bytes, Content::None) {
            Content::Bytes(bytes) => Ok(bytes),
            Content::None | Content::Stream { .. } => {
                Err(Thrown::new(context, ErrorKind::Error, "the answer has not the form that was agreed on"))
            }
        }
    }
}

/// The way out, or what Workers say where there is none.
pub(super) fn link(context: Context) -> Result<(Rc<Cell>, Rc<Link>)> {
    let cell = Cell::current().expect("invariant: natives run in a cell");
    match cell.link() {
        Some(link) => Ok((cell, link)),
        None => Err(Thrown::new(context, ErrorKind::Error, crate::host::GLOBAL_SCOPE)),
    }
}

/// As [`call`], unless the invocation has used up its operations on bindings of that kind.
pub(super) fn operate<P: Serialize>(
    context: Context,
    cap: &Value,
    kind: &'static str,
    method: &str,
    params: &P,
    body: Option<Body<'_>>,
    convert: impl FnOnce(Context, &Rc<Link>, Answer) -> Result<Value> + 'static,
) -> Result<Value> {
    operate_until(context, cap, kind, method, params, body, convert).map(|(promise, _call)| promise)
}

/// A call that may be given up.
pub(super) type Open = Rc<std::cell::Cell<Option<CallId>>>;

/// As [`operate`]; gives the call's number beside the promise, for as long as there is no answer.
pub(super) fn operate_until<P: Serialize>(
    context: Context,
    cap: &Value,
    kind: &'static str,
    method: &str,
    params: &P,
    body: Option<Body<'_>>,
    convert: impl FnOnce(Context, &Rc<Link>, Answer) -> Result<Value> + 'static,
) -> Result<(Value, Open)> {
    let (cell, _link) = link(context)?;
    let invocation = Python::attach(|py| cell.invocation(py));
    let count = |invocation| cell.isolate().map_or(0, |isolate| isolate.count_operation(invocation, kind));
    if invocation.map_or(0, count) > OPERATIONS_MAX {
        let message = "Too many API requests by single worker invocation.";
        return Err(Thrown::new(context, ErrorKind::Error, message));
    }
    begin(context, cap, method, params, body, convert)
}

/// Calls `method` of the capability with postcard-encoded parameters and at most one body, and gives a promise of what
/// `convert` makes of the answer.
pub(super) fn call<P: Serialize>(
    context: Context,
    cap: &Value,
    method: &str,
    params: &P,
    body: Option<Body<'_>>,
    convert: impl FnOnce(Context, &Rc<Link>, Answer) -> Result<Value> + 'static,
) -> Result<Value> {
    begin(context, cap, method, params, body, convert).map(|(promise, _call)| promise)
}

fn begin<P: Serialize>(
    context: Context,
    cap: &Value,
    method: &str,
    params: &P,
    body: Option<Body<'_>>,
    convert: impl FnOnce(Context, &Rc<Link>, Answer) -> Result<Value> + 'static,
) -> Result<(Value, Open)> {
    let (cell, link) = link(context)?;
    let deferred = context.deferred()?;
    let promise = deferred.promise.clone();
    let bytes = postcard::to_allocvec(params).expect("invariant: parameters are plain data");
    if bytes.len() > limits::INLINE_MAX {
        return Err(Thrown::new(context, ErrorKind::RangeError, "The arguments are too large."));
    }
    let payload =
        Payload { bytes: Body::Inline(&bytes), caps: Vec::new(), bodies: body.into_iter().collect() };
    let invocation = Python::attach(|py| cell.invocation(py));
    let target = CapId(cap.as_f64().unwrap_or_default() as u32);
    let replied = Rc::clone(&link);
    let open = Open::default();
    let closing = Rc::clone(&open);
    let reply = move |_py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
        // From now on another call may have the number.
        closing.set(None);
        let outcome = result
            .and_then(|payload| take_answer(&replied, payload, invocation))
            .map_err(|error| js_error(context, &error))
            .and_then(|answer| convert(context, &replied, answer));
        settle(&deferred, outcome);
    };
    let call = link.call(invocation, target, method, payload, reply);
    open.set(Some(call.map_err(|error| js_error(context, &error))?));
    Ok((promise, open))
}

/// A promise of what `convert` makes of the whole content.
pub(super) fn convert_whole(
    context: Context,
    link: &Rc<Link>,
    content: Content,
    convert: impl FnOnce(Context, Vec<u8>) -> Result<Value> + 'static,
) -> Result<Value> {
    if let Content::Bytes(bytes) = content {
        return context.resolved_promise(&convert(context, bytes)?);
    }
    let deferred = context.deferred()?;
    let promise = deferred.promise.clone();
    let converted = move |_py: Python<'_>, bytes: std::result::Result<Vec<u8>, OwnedError>| {
        let bytes = bytes.map_err(|error| js_error(context, &error));
        settle(&deferred, bytes.and_then(|bytes| convert(context, bytes)));
    };
    Python::attach(|py| link.read_all(py, content, converted));
    Ok(promise)
}

fn take_answer(
    link: &Link,
    payload: Payload<'_>,
    invocation: Option<hognose_wire::InvocationId>,
) -> std::result::Result<Answer, OwnedError> {
    let take =
        |body| link.accept(body, invocation).map_err(|violation| OwnedError::error(&violation.to_string()));
    let bytes = take(payload.bytes)?;
    let bodies = payload.bodies.into_iter().map(take).collect::<std::result::Result<_, _>>()?;
    Ok(Answer { bytes, bodies })
}

/// Parameters that JavaScript gives as JSON text.
pub(crate) fn from_json<P: DeserializeOwned>(context: Context, json: &Value) -> Result<P> {
    serde_json::from_str(&json.to_js_string()?)
        .map_err(|error| Thrown::type_error(context, &format!("An argument cannot be sent: {error}")))
}

/// The description of a result, as the JavaScript value that its JSON form means.
pub(super) fn to_json<R: DeserializeOwned + Serialize>(context: Context, bytes: &[u8]) -> Result<Value> {
    parse(context, &read::<R>(context, bytes)?)
}

/// The JavaScript value that the JSON form of a result means.
pub(super) fn parse(context: Context, result: &impl Serialize) -> Result<Value> {
    let text = serde_json::to_string(result).expect("invariant: results are plain data");
    context.json_parse(&text, "hognose:result")
}

/// A promise of the result, which may be long.
pub(super) fn json_result<R: DeserializeOwned + Serialize + 'static>(
    context: Context,
    link: &Rc<Link>,
    answer: Answer,
) -> Result<Value> {
    convert_whole(context, link, answer.bytes, |context, bytes| to_json::<R>(context, &bytes))
}

/// Reads the description of a result.
pub(super) fn read<'a, T: serde::Deserialize<'a>>(context: Context, bytes: &'a [u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|error| {
        Thrown::new(context, ErrorKind::Error, &format!("the answer could not be read: {error}"))
    })
}

/// A string, or `null`.
pub(super) fn string_or_null(context: Context, text: Option<&str>) -> Result<Value> {
    text.map_or_else(|| Ok(context.null()), |text| context.string(text))
}

/// A number, unless `undefined`.
pub(super) fn optional_number(value: &Value) -> Option<i64> {
    value.as_f64().map(|number| number as i64)
}
