//! Why a folder of assets cannot be served.

use std::io;
use std::path::PathBuf;

use super::{FILE_MAX_BYTES, FILES_MAX};

/// Why a folder of assets cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// What cannot be read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is larger than [`FILE_MAX_BYTES`].
    #[error("{} has {length} bytes, and an asset may have {FILE_MAX_BYTES}; name it in .assetsignore to leave it out", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes it has.
        length: u64,
    },
    /// There are more than [`FILES_MAX`].
    #[error("{} holds more than {FILES_MAX} files; name what is not to be served in .assetsignore", .0.display())]
    TooMany(PathBuf),
}
