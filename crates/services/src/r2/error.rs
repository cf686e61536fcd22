//! R2's failures, and how the Worker reads of them: `put: The specified object name is not valid. (10020)`.

use std::borrow::Cow;

use hognose_wire::r2::Algorithm;

use crate::{CallError, Failure, StreamError};

/// Why R2 did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum R2Error {
    /// The key is empty or too long.
    #[error("The specified object name is not valid. (10020)")]
    InvalidKey,
    /// The metadata is too large.
    #[error("Your metadata headers exceed the maximum allowed metadata size. (10012)")]
    MetadataTooLarge,
    /// There is no such storage class.
    #[error("The storage class specified is not valid. (10062)")]
    InvalidStorageClass,
    /// The content is longer than one put may bring.
    #[error("Your proposed upload exceeds the maximum allowed object size. (100100)")]
    TooLarge,
    /// A stream does not say how long it is.
    #[error(
        "Provided readable stream must have a known length (request/response body or readable half of FixedLengthStream)"
    )]
    UnknownLength,
    /// More keys than one deletion may name.
    #[error("Too many keys were given: at most 1000 can be deleted at once. (10029)")]
    TooManyKeys,
    /// A page of no objects, or of too many.
    #[error("MaxKeys params must be positive integer <= 1000. (10022)")]
    InvalidLimit,
    /// The cursor is not one that a page gave.
    #[error("The specified cursor is not valid. (10022)")]
    InvalidCursor,
    /// Nothing of the object is within the range.
    #[error("The requested range is not satisfiable (10039)")]
    RangeNotSatisfiable,
    /// The content is not what the checksum says.
    #[error(
        "The {0} checksum you specified did not match what we received.\nYou provided a {0} checksum with value: {1}\nActual {0} was: {2} (10037)"
    )]
    ChecksumMismatch(&'static str, String, String),
    /// The object was stored with another customer's key, or with none.
    #[error("The SSE-C key does not match the one that the object was stored with. (10003)")]
    WrongKey,
    /// The upload was never begun, is over, or was for another key.
    #[error("The specified multipart upload does not exist. (10024)")]
    NoSuchUpload,
    /// A part was named twice.
    #[error("We encountered an internal error. Please try again. (10001)")]
    RepeatedPart,
    /// A part was not uploaded.
    #[error("One or more of the specified parts could not be found. (10025)")]
    NoSuchPart,
    /// A part that is not the last is too small.
    #[error("Your proposed upload is smaller than the minimum allowed object size. (10011)")]
    PartTooSmall,
    /// Parts that are not the last are not of one size.
    #[error("There was a problem with the multipart upload. (10048)")]
    UnequalParts,
    /// The stream that was to bring the content broke off. Nothing was stored.
    #[error("{0}")]
    Source(StreamError),
    /// The disk has no room left.
    #[error("Insufficient Storage: the disk is full. (10001)")]
    Full {
        /// What the engine said.
        cause: String,
    },
    /// The engine failed.
    #[error("We encountered an internal error. Please try again. (10001)")]
    Engine {
        /// What it said.
        cause: String,
    },
}

impl R2Error {
    /// As the answer to a call of `action`, a method's name in JavaScript.
    pub(super) fn during(self, action: &str) -> CallError {
        let message = match &self {
            Self::UnknownLength => self.to_string(),
            Self::Source(error) => error.message.clone(),
            other => format!("{action}: {other}"),
        };
        let name = match &self {
            Self::UnknownLength => Cow::Borrowed("TypeError"),
            Self::Source(error) => Cow::Owned(error.name.clone()),
            _ => Cow::Borrowed("Error"),
        };
        let cause = match self {
            Self::Full { cause } | Self::Engine { cause } => Some(cause),
            _ => None,
        };
        CallError::Failed(Failure { name, message, retryable: false, cause })
    }
}

impl From<rusqlite::Error> for R2Error {
    fn from(error: rusqlite::Error) -> Self {
        let cause = error.to_string();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full { cause },
            _ => Self::Engine { cause },
        }
    }
}

impl From<std::io::Error> for R2Error {
    fn from(error: std::io::Error) -> Self {
        let cause = error.to_string();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full { cause },
            _ => Self::Engine { cause },
        }
    }
}

/// An algorithm's name in messages.
pub(super) fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha1 => "SHA-1",
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha384 => "SHA-384",
        Algorithm::Sha512 => "SHA-512",
    }
}
