//! What commands do to databases as files.

use std::fs;
use std::io;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{SqliteD1, history};
use crate::file_name::{file_name, id_of_file_name};

/// A database's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFile {
    /// The database's id.
    pub id: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes, without what was written last and is not in it yet.
    pub bytes: u64,
}

/// Why a database is not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// Somebody works with it.
    #[error("the database is in use; stop the server first")]
    InUse,
    /// Its file cannot be opened or removed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SqliteD1 {
    /// The databases that there are, by their ids.
    pub fn databases(&self) -> io::Result<Vec<DatabaseFile>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".sqlite"));
            if let Some(id) = name.and_then(id_of_file_name) {
                let bytes = fs::metadata(&path)?.len();
                found.push(DatabaseFile { id, path, bytes });
            }
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(found)
    }

    /// Deletes the database of that id, unless somebody works with it; `false` where there is none.
    pub fn delete(&self, id: &str) -> Result<bool, DeleteError> {
        let path = self.folder.join(format!("{}.sqlite", file_name(id)));
        if !path.exists() {
            return Ok(false);
        }
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| DeleteError::File {
            path: path.clone(),
            source,
        };
        let connection = Connection::open(&path).map_err(|error| failed(error.into()))?;
        // Leaving write-ahead mode needs the file for oneself alone, whoever else has it open, idle or not.
        let alone =
            connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0));
        match alone {
            Ok(mode) if mode == "delete" => {}
            Ok(_) => return Err(DeleteError::InUse),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                return Err(DeleteError::InUse);
            }
            // A file that is no database can go all the same.
            Err(_) => {}
        }
        fs::remove_file(&path).map_err(|error| failed(error.into()))?;
        let history = history::file(&path);
        history::discard_copy(&path);
        for path in [&path, &history] {
            for companion in ["-wal", "-shm"] {
                // They are gone with write-ahead mode, except beside a damaged file.
                let _ = fs::remove_file(format!("{}{companion}", path.display()));
            }
        }
        match fs::remove_file(&history) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error.into())),
            _ => {}
        }
        Ok(true)
    }
}
