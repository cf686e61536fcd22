//! Vectorize: vectors by id, and which of them are nearest to a given one.
//!
//! [`Vectorize`] is what an engine does for one index; [`SqliteVectorize`] is the embedded engine. [`VectorizeService`]
//! stands between a cell and an engine: it reads the calls, checks Cloudflare's limits ([`limits`]) and words its
//! errors. Indexes are made by commands, never by a Worker.

mod calls;
mod error;
mod filter;
pub mod limits;
mod metadata;
mod sqlite;

pub use calls::{VectorizeService, check_batch, check_ids, check_query};
pub use error::{Operation, VectorizeError};
pub use filter::{Condition, Filter, Test};
pub use metadata::{PropertyKind, Scalar};
pub use sqlite::{Progress, SqliteIndex, SqliteVectorize, Watch};

pub use hognose_wire::vectorize::Detail;

use crate::Pending;

/// How near two vectors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The cosine of the angle between them: 1 is nearest.
    Cosine,
    /// Their distance: 0 is nearest.
    Euclidean,
    /// Their dot product, negated: the least is nearest.
    DotProduct,
}

impl Metric {
    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::DotProduct => "dot-product",
        }
    }

    /// The metric of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Cosine, Self::Euclidean, Self::DotProduct].into_iter().find(|metric| metric.name() == name)
    }
}

/// What an index is made with, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many values each vector has.
    pub dimensions: usize,
    /// How they are compared.
    pub metric: Metric,
    /// What its maker says of it.
    pub description: String,
}

/// A vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    /// Its name, unique in the index across namespaces.
    pub id: String,
    /// As many as the index has dimensions.
    pub values: Vec<f32>,
    /// Where it belongs.
    pub namespace: Option<String>,
    /// JSON of an object.
    pub metadata: Option<String>,
}

/// A question to an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What to look for the neighbours of.
    pub target: Target,
    /// How many matches at most.
    pub top_k: usize,
    /// Whether they bring their values.
    pub return_values: bool,
    /// Whether they bring their metadata.
    pub return_metadata: Detail,
    /// Only vectors of this namespace.
    pub namespace: Option<String>,
    /// Only vectors whose metadata fits.
    pub filter: Option<Filter>,
}

/// What a query looks for the neighbours of.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// These values.
    Values(Vec<f32>),
    /// A vector of the index.
    Id(String),
}

/// A vector that a query has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Its name.
    pub id: String,
    /// As the metric has it.
    pub score: f64,
    /// Its values, where asked for.
    pub values: Option<Vec<f32>>,
    /// Where it belongs.
    pub namespace: Option<String>,
    /// Its metadata, where asked for: JSON of an object.
    pub metadata: Option<String>,
}

/// The state of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it was made with.
    pub shape: Shape,
    /// How many vectors there are.
    pub vector_count: u64,
    /// The last change, and when it was made, in milliseconds since the epoch.
    pub processed_up_to: Option<(String, i64)>,
}

/// Whether vectors replace those that have their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// `insert`: what is there stays.
    Keep,
    /// `upsert`: what is there goes, all of it.
    Replace,
}

/// One page of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In ascending order.
    pub ids: Vec<String>,
    /// Whether there is none after them.
    pub complete: bool,
    /// How many vectors the index has.
    pub total: u64,
}

/// One index, as an engine keeps it. Arguments are within [`limits`].
pub trait Vectorize: Send + Sync {
    /// What it was made with.
    fn shape(&self) -> Pending<Result<Shape, VectorizeError>>;

    /// Adds vectors, all or none; gives the change's id once it is durable.
    fn put(&self, vectors: Vec<Vector>, conflict: Conflict) -> Pending<Result<String, VectorizeError>>;

    /// Removes vectors; missing ones are no error. Gives the change's id once it is durable.
    fn delete(&self, ids: Vec<String>) -> Pending<Result<String, VectorizeError>>;

    /// The vectors of these ids that there are, in the order of the ids.
    fn get(&self, ids: Vec<String>) -> Pending<Result<Vec<Vector>, VectorizeError>>;

    /// The nearest vectors, the best first.
    fn query(&self, query: Query) -> Pending<Result<Vec<Match>, VectorizeError>>;

    /// The state of the index.
    fn describe(&self) -> Pending<Result<Description, VectorizeError>>;
}
