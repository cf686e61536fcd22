//! Copies of databases that others work on meanwhile: each is as it was at one moment.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::Connection;

use super::BackupError;
use crate::objects::copy_object;
use crate::r2::link_blobs;
use crate::sqlite::{copy, damage, fold, pinned};

/// An alarm that an object's own storage has: its namespace, the object, and when it is due.
pub(super) type OwnAlarm = (String, String, f64);

/// What is told how many bytes more were copied, and says whether to go on.
pub(super) type Advance<'a> = &'a mut dyn FnMut(u64) -> bool;

/// Copies a database in write-ahead mode that any process may be writing to.
pub(super) fn copy_database(from: &Path, to: &Path, advance: Advance<'_>) -> Result<(), BackupError> {
    copy_from(&pinned(from).map_err(BackupError::database(from))?, from, to, advance)
}

/// The same of the index of R2; and the files it names, linked into the folder `blobs`, where nobody removes them.
pub(super) fn copy_r2(from: &Path, to: &Path, blobs: &Path, advance: Advance<'_>) -> Result<(), BackupError> {
    let connection = pinned(from).map_err(BackupError::database(from))?;
    let folder = from.parent().expect("invariant: the index lies in a folder");
    link_blobs(&connection, folder, blobs)?;
    copy_from(&connection, from, to, advance)
}

/// Copies the index of alarms, and sees to it that it misses none of the objects' own.
pub(super) fn copy_alarms(
    from: &Path,
    to: &Path,
    own: &[OwnAlarm],
    advance: Advance<'_>,
) -> Result<(), BackupError> {
    copy_database(from, to, advance)?;
    let added = Connection::open(to).and_then(|mut connection| {
        let transaction = connection.transaction()?;
        for alarm in own {
            let sql = "INSERT OR IGNORE INTO alarms VALUES (?1, ?2, ?3, ?3, 0)";
            transaction.prepare_cached(sql)?.execute((&alarm.0, &alarm.1, alarm.2))?;
        }
        transaction.commit()?;
        fold(&connection)
    });
    added.map_err(BackupError::database(from))
}

/// A copy of an object's storage.
pub(super) struct Stored {
    /// When its alarm is due.
    pub(super) alarm: Option<f64>,
}

/// Copies an object's storage, which a server may have for itself. `None`: it is there no more.
pub(super) fn copy_storage(from: &Path, to: &Path) -> Result<Option<Stored>, BackupError> {
    if !copy_object(from, to).map_err(BackupError::file(from))? {
        return Ok(None);
    }
    let read = Connection::open(to).and_then(|connection| {
        fold(&connection)?;
        damage(&connection).map(|damage| (damage, alarm_of(&connection)))
    });
    let (damage, alarm) = read.map_err(BackupError::database(from))?;
    if let Some(what) = damage {
        return Err(BackupError::Damaged { path: from.to_owned(), what });
    }
    alarm.map(|alarm| Some(Stored { alarm })).map_err(BackupError::database(from))
}

fn copy_from(
    connection: &Connection,
    from: &Path,
    to: &Path,
    advance: Advance<'_>,
) -> Result<(), BackupError> {
    let copied = copy(connection, to, || advance(0)).map_err(BackupError::database(from))?;
    let copied = copied.ok_or(BackupError::Interrupted)?;
    match damage(&copied).map_err(BackupError::database(from))? {
        None => Ok(()),
        Some(what) => Err(BackupError::Damaged { path: from.to_owned(), what }),
    }
}

fn alarm_of(copy: &Connection) -> rusqlite::Result<Option<f64>> {
    if !copy.table_exists(None, "_cf_METADATA")? {
        return Ok(None);
    }
    let sql = "SELECT (SELECT value FROM _cf_METADATA WHERE key = 1)";
    copy.query_row(sql, [], |row| row.get(0))
}

/// Makes the file that a copy is to be, for the owner's eyes only.
pub(super) fn stage(copy: &Path) -> Result<(), BackupError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy);
    made.map(drop).map_err(BackupError::file(copy))
}

/// Removes a copy that is in the archive.
pub(super) fn discard(copy: &Path) -> Result<(), BackupError> {
    fs::remove_file(copy).map_err(BackupError::file(copy))
}
