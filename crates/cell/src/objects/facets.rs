//! The natives under `js/facets.js`: what an object asks of the facet of a name.

use std::borrow::Cow;

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::facets::{FacetOperation, FacetRequest, FacetStart};
use hognose_wire::objects::{Answer, Operation};
use hognose_wire::{CapId, CapRef};

use super::natives::{Here, Native, define, unexpected};
use crate::host::js_error;
use crate::link::OwnedError;

pub(super) fn natives(context: Context) -> Result<Value> {
    let natives = context.object()?;
    let all: [(&str, Native); 4] = [
        ("find", |context, here, arguments| ask(context, here, arguments, FacetOperation::Find)),
        ("start", start),
        ("abort", |context, here, arguments| {
            let reason = arguments[2].to_js_string()?;
            ask(context, here, arguments, FacetOperation::Abort(reason.into()))
        }),
        ("delete", |context, here, arguments| ask(context, here, arguments, FacetOperation::Delete)),
    ];
    define(&natives, all)?;
    Ok(natives)
}

/// `start(object, name, loaded, class, props, digits, idName)`.
fn start(context: Context, here: &Here, arguments: &[Value]) -> Result<Value> {
    let start = FacetStart {
        loaded: arguments[2].as_f64().map(|number| CapId(number as u32)),
        class: arguments[3].to_js_string()?.into(),
        props: arguments[4].to_js_string()?.into(),
        digits: arguments[5].to_js_string()?.into(),
        id_name: arguments[6].as_string().map(Cow::Owned),
    };
    start.check().map_err(|violation| Thrown::type_error(context, &violation.to_string()))?;
    ask(context, here, arguments, FacetOperation::Start(start))
}

/// A capability's number, or `null`.
fn ask(context: Context, here: &Here, arguments: &[Value], operation: FacetOperation<'_>) -> Result<Value> {
    let request = FacetRequest { name: arguments[1].to_js_string()?.into(), operation };
    here.perform(context, Operation::Facet(request), |answer| match answer {
        Answer::Facet(Some(cap)) => {
            let received = here.cell.rpc().receive(CapRef::Sender(cap));
            received.map_err(|violation| js_error(context, &OwnedError::error(&violation.to_string())))
        }
        Answer::Facet(None) | Answer::Done => Ok(context.null()),
        other => Err(unexpected(context, &other)),
    })
}
