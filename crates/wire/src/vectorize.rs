//! The vocabulary of a Vectorize capability. Methods: `insert`, `upsert`, `delete`, `get`, `query`, `describe`. What each
//! means is in Cloudflare's documentation of Vectorize; limits and error texts are the service's. Values travel as
//! 32-bit floats, little-endian, one after the other.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::form;

/// A vector. `insert` and `upsert` have no parameters: body 0 is the postcard of a list of these. They give a
/// [`Mutated`]. Also what `get` gives a list of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vector<'a> {
    /// Its name in the index.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// Its values.
    #[serde(serialize_with = "form::bytes")]
    pub values: Cow<'a, [u8]>,
    /// Where it belongs.
    pub namespace: Option<Cow<'a, str>>,
    /// What is known of it: JSON of an object.
    pub metadata: Option<Cow<'a, str>>,
}

/// The parameters of `delete`, which gives a [`Mutated`], and of `get`, which gives a list of [`Vector`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ids<'a> {
    /// The vectors.
    #[serde(borrow)]
    pub ids: Vec<&'a str>,
}

/// What a change gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mutated<'a> {
    /// What `describe` names once the change is seen by queries.
    pub mutation_id: &'a str,
}

/// The parameters of `query`, which gives a list of [`Match`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query<'a> {
    /// What to look for.
    #[serde(borrow)]
    pub target: Target<'a>,
    /// How many matches at most.
    pub top_k: i64,
    /// Whether they bring their values.
    pub return_values: bool,
    /// Whether they bring their metadata.
    pub return_metadata: Detail,
    /// Only vectors of this namespace.
    pub namespace: Option<&'a str>,
    /// Only vectors whose metadata fits: JSON of a filter.
    pub filter: Option<&'a str>,
}

/// What a query looks for the neighbours of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target<'a> {
    /// These values.
    Values(#[serde(borrow, serialize_with = "form::bytes")] &'a [u8]),
    /// A vector of the index.
    Id(&'a str),
}

/// How much of the metadata matches bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// The properties with a metadata index, strings cut as they are indexed.
    Indexed,
    /// Everything.
    All,
}

/// A vector that a query has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match<'a> {
    /// Its name.
    pub id: Cow<'a, str>,
    /// As the index's metric has it.
    pub score: f64,
    /// Its values, where asked for.
    #[serde(borrow)]
    pub values: Option<Cow<'a, [u8]>>,
    /// Where it belongs.
    pub namespace: Option<Cow<'a, str>>,
    /// Its metadata, where asked for: JSON of an object.
    pub metadata: Option<Cow<'a, str>>,
}

/// What `describe` gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description<'a> {
    /// How many vectors there are.
    pub vector_count: u64,
    /// How many values each has.
    pub dimensions: u32,
    /// When the last change was made, in milliseconds since the epoch.
    pub processed_up_to_ms: Option<i64>,
    /// That change.
    pub processed_up_to_mutation: Option<&'a str>,
}
