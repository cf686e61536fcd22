//! Why a backup is not made, or not restored.

use std::io;
use std::path::{Path, PathBuf};

/// Nothing was left half done.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file of the state cannot be read, or one of the copy not be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A database cannot be copied.
    #[error("the database {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A database is not what SQLite would have written.
    #[error("the database {} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first thing that is wrong.
        what: String,
    },
    /// A name that an archive cannot hold.
    #[error("{} has a name that is not UTF-8, or has a line break in it", .0.display())]
    Name(PathBuf),
    /// The archive cannot be written.
    #[error("the backup cannot be written: {0}")]
    Output(io::Error),
    /// The archive cannot be read.
    #[error("the backup cannot be read: {0}")]
    Input(io::Error),
    /// What was read was not written by `hognose backup`.
    #[error("this is not a backup of hognose's: {0}")]
    NotABackup(String),
    /// The archive ends too early, or is not as it was written.
    #[error("the backup is damaged: {0}")]
    Broken(String),
    /// It holds data of a later release.
    #[error("the backup has data of format {found}; this hognose knows format {known}")]
    Newer {
        /// What the archive says.
        found: u32,
        /// What this program writes.
        known: u32,
    },
    /// Whoever asked for it wants it no more.
    #[error("interrupted")]
    Interrupted,
}

impl BackupError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(crate) fn database(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Database { path, source }
    }
}
