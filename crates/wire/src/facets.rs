//! Facets of a Durable Object: objects below it, each with a class and a storage of its own, that live in the object's
//! isolate or in a dynamic Worker's and end with the object. What is asked of them is answered on the isolate's second
//! socket, beside the storage.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::check::{Checked, at_most, event_object_id};
use crate::limits::NAME_MAX;
use crate::objects::ObjectId;
use crate::value::CapId;

/// How many objects may stand below each other, the one that is no facet included (workerd's).
pub const FACET_DEPTH_MAX: usize = 4;

/// The largest `ctx.props` of a facet, in bytes.
pub const PROPS_MAX: usize = 16 << 10;

/// Something an object asks of the facet of that name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetRequest<'a> {
    /// Which.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// What.
    pub operation: FacetOperation<'a>,
}

/// What can be asked of a facet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FacetOperation<'a> {
    /// The capability of one that runs.
    Find,
    /// The capability of one that runs, or else begins to run so.
    Start(#[serde(borrow)] FacetStart<'a>),
    /// Ends it, if it runs, with this error.
    Abort(Cow<'a, str>),
    /// Ends it and those below it, and removes what they have stored.
    Delete,
}

/// How a facet runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetStart<'a> {
    /// The dynamic Worker that has the class; `None`: the object's own.
    pub loaded: Option<CapId>,
    /// The class.
    #[serde(borrow)]
    pub class: Cow<'a, str>,
    /// `ctx.props`, as JSON of an object.
    pub props: Cow<'a, str>,
    /// The digits that `ctx.id` has, or none where it is a text.
    pub digits: Cow<'a, str>,
    /// The name that `ctx.id` has, or the text that it is.
    pub id_name: Option<Cow<'a, str>>,
}

impl FacetStart<'_> {
    /// Whether what the object says of the facet can be told to the facet's own isolate.
    pub fn check(&self) -> Checked {
        at_most("name of a class", self.class.len(), NAME_MAX)?;
        at_most("props", self.props.len(), PROPS_MAX)?;
        event_object_id(&ObjectId { digits: &self.digits, name: self.id_name.as_deref() })
    }
}
