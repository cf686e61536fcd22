//! Why secrets cannot be stored or read.

use std::io;
use std::path::PathBuf;

use super::{SECRETS_MAX, VALUE_MAX_BYTES};
use crate::OpenError;

/// Why secrets cannot be stored or read. No text of it holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file of values cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file of values failed.
    #[error("the secrets cannot be read or stored: {0}")]
    Engine(#[from] rusqlite::Error),
    /// A file beside it cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others can read the key.
    #[error("{} can be read by others; take that from them with `chmod 600`", .0.display())]
    Exposed(PathBuf),
    /// There are secrets, and the key is gone or no key.
    #[error("{} does not hold the key of the secrets; put it back, or delete the folder and store them anew", .0.display())]
    KeyLost(PathBuf),
    /// A value does not open: it was sealed with another key, or changed since.
    #[error(
        "the secret `{name}` cannot be decrypted: it was stored with another key, or is damaged; store it anew"
    )]
    Closed {
        /// The secret.
        name: String,
    },
    /// A value is longer than [`VALUE_MAX_BYTES`].
    #[error("the secret `{name}` has {size} bytes, and may have {VALUE_MAX_BYTES}")]
    TooLong {
        /// The secret.
        name: String,
        /// How long it is.
        size: usize,
    },
    /// There would be more than [`SECRETS_MAX`].
    #[error("a Worker or store can have {SECRETS_MAX} secrets; nothing was stored")]
    TooMany,
}
