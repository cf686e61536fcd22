//! The vocabulary of a capability that answers requests: a Worker's way out, or another Worker. The one method is
//! `fetch`; `params.bytes` is postcard of an [`HttpRequest`], the result's bytes are postcard of an [`HttpResponse`]. Both
//! are always inline: a head within its limits and an inline body together stay below
//! [`crate::limits::VALUE_INLINE_MAX`].
//!
//! [`crate::Frame::check`] does not look into a value's bytes, so each side checks what it writes here and what it reads.

use crate::codec::{ProtocolError, decode};
use crate::frame::{HttpRequest, HttpResponse};
use crate::side::Side;
use crate::violation::Violation;

/// Why a message within a value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes do not spell it.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// It says what it may not.
    #[error(transparent)]
    Rule(#[from] Violation),
}

/// Reads and checks a request that `from` makes.
pub fn read_request(bytes: &[u8], from: Side) -> Result<HttpRequest<'_>, ReadError> {
    let request: HttpRequest = decode(bytes)?;
    request.check(from)?;
    Ok(request)
}

/// Reads and checks a response that `from` gives.
pub fn read_response(bytes: &[u8], from: Side) -> Result<HttpResponse<'_>, ReadError> {
    let response: HttpResponse = decode(bytes)?;
    response.check(from)?;
    Ok(response)
}
