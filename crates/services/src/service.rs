//! What every binding looks like to the supervisor: something that answers calls.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Content, Pending};

/// The server half of one binding: what a capability number in an isolate's table stands for. One service may stand in
/// the tables of many isolates at once.
pub trait Service: Send + Sync {
    /// Begins a call. It never blocks on a disk's flush or on a peer: what does is in the [`Pending::Later`] it returns.
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>>;
}

/// A call that a cell makes. All of it was chosen by the cell; only its size is bounded (by the wire).
#[derive(Debug)]
pub struct Call<'a> {
    /// In the vocabulary of the binding's kind.
    pub method: &'a str,
    /// The arguments: postcard of the type that the method's vocabulary names.
    pub params: &'a [u8],
    /// What travels beside them, in order.
    pub bodies: Vec<Content>,
}

impl<'a> Call<'a> {
    /// The arguments as `T`; anything else, or bytes left over, is a [`CallError::Violation`].
    pub fn read_params<T: Deserialize<'a>>(&self) -> Result<T, CallError> {
        match postcard::take_from_bytes(self.params) {
            Ok((params, [])) => Ok(params),
            Ok(_) => Err(CallError::violation(format!("`{}` with bytes left over", self.method))),
            Err(error) => {
                Err(CallError::violation(format!("`{}` with malformed arguments: {error}", self.method)))
            }
        }
    }
}

/// What a call gives.
#[derive(Debug, Default)]
pub struct Answer {
    /// Postcard of the type that the method's vocabulary names, or nothing. May exceed what fits a frame: then it is
    /// the supervisor's to stream.
    pub bytes: Vec<u8>,
    /// What travels beside it.
    pub bodies: Vec<Content>,
}

impl Answer {
    /// An answer of `bytes` alone, holding `result`.
    pub fn of<T: Serialize>(result: &T) -> Self {
        let bytes =
            postcard::to_allocvec(result).expect("invariant: the vocabulary's types have a postcard form");
        Self { bytes, bodies: Vec::new() }
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API documents this failure; the Worker's promise rejects with it.
    #[error("{0}")]
    Failed(Failure),
    /// No unmodified cell says this. The supervisor closes the connection, ends the cell and logs the text.
    #[error("the cell broke the protocol: {0}")]
    Violation(String),
}

impl CallError {
    /// A breach of protocol, described for the log.
    pub fn violation(what: impl Into<String>) -> Self {
        Self::Violation(what.into())
    }

    /// A call of a method that the binding does not have.
    pub fn unknown_method(binding: &str, method: &str) -> Self {
        Self::Violation(format!("{binding} has no method `{}`", method.escape_debug()))
    }
}

/// A documented failure: what the Worker is told, and apart from it what its operator is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Failure {
    /// The JavaScript error's name.
    pub name: Cow<'static, str>,
    /// The JavaScript error's text, as documented.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// What went wrong inside, for the operator's log only.
    pub cause: Option<String>,
}
