//! What calls carry: parameters and results, whose types each binding's module has, as bytes.

use serde::{Deserialize, Serialize};

use crate::codec::ProtocolError;

/// A value's bytes.
///
/// # Panics
/// With a type whose length cannot be told beforehand, which the vocabulary does not have.
pub fn pack(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("invariant: the vocabulary's types have a form in bytes")
}

/// The value that `bytes` spell.
///
/// # Errors
/// [`ProtocolError::Malformed`] where they spell none.
pub fn unpack<'bytes, T: Deserialize<'bytes>>(bytes: &'bytes [u8]) -> Result<T, ProtocolError> {
    postcard::from_bytes(bytes).map_err(|error| ProtocolError::Malformed(error.to_string()))
}

/// The value that `bytes` begin with, and the bytes behind it.
///
/// # Errors
/// [`ProtocolError::Malformed`] where they begin with none.
pub fn unpack_first<'bytes, T: Deserialize<'bytes>>(
    bytes: &'bytes [u8],
) -> Result<(T, &'bytes [u8]), ProtocolError> {
    postcard::take_from_bytes(bytes).map_err(|error| ProtocolError::Malformed(error.to_string()))
}
