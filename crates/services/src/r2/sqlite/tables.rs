//! The index's tables, and the statements on objects and their files. Those on uploads and lists are beside this.

use bytes::Bytes;
use hognose_wire::r2::{Condition, Object};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::blobs::{Folder, Piece, Place};
use crate::pins::Pins;
use crate::r2::conditions;
use crate::sqlite::Schema;

/// How long a file is kept once the index does not name it any more, in seconds, for readers in other processes.
const REPLACED_KEPT_S: i64 = 60;
/// How long a file is kept that the index does not name yet, in seconds: longer than any put takes.
const ANNOUNCED_KEPT_S: i64 = 24 * 3600;
/// The most files that one step of a sweep removes: others' writes wait for it.
pub(super) const SWEEP_STEP: usize = 100;

pub(super) const SCHEMA: Schema = Schema {
    version: 2,
    tables: "
        CREATE TABLE buckets (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE
        ) STRICT;

        -- Keys are blobs so that they compare by their bytes. `about` is JSON. The content comes last: what stands
        -- before it is read without it. Where it is NULL, the content is in the files of `pieces`.
        CREATE TABLE objects (
            bucket INTEGER NOT NULL,
            key BLOB NOT NULL,
            version TEXT NOT NULL,
            about TEXT NOT NULL,
            inline BLOB,
            PRIMARY KEY (bucket, key)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE pieces (
            version TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            blob TEXT NOT NULL,
            size INTEGER NOT NULL,
            PRIMARY KEY (version, sequence)
        ) STRICT, WITHOUT ROWID;

        -- `about` is the object to be, without what its parts decide.
        CREATE TABLE uploads (
            id TEXT PRIMARY KEY,
            bucket INTEGER NOT NULL,
            about TEXT NOT NULL,
            begun_s INTEGER NOT NULL,
            is_over INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX uploads_by_time ON uploads (begun_s);

        CREATE TABLE parts (
            upload TEXT NOT NULL,
            number INTEGER NOT NULL,
            md5 BLOB NOT NULL,
            blob TEXT NOT NULL,
            size INTEGER NOT NULL,
            PRIMARY KEY (upload, number)
        ) STRICT, WITHOUT ROWID;

        -- Files that neither `pieces` nor `parts` name: not yet, or no more.
        CREATE TABLE unclaimed (
            blob TEXT PRIMARY KEY,
            kept_until_s INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX unclaimed_by_time ON unclaimed (kept_until_s);

        -- `rules` is JSON.
        CREATE TABLE lifecycles (
            bucket INTEGER PRIMARY KEY,
            rules TEXT NOT NULL
        ) STRICT;
    ",
    changes: &["CREATE TABLE lifecycles (bucket INTEGER PRIMARY KEY, rules TEXT NOT NULL) STRICT"],
};

pub(super) fn find_bucket(connection: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT number FROM buckets WHERE id = ?1")?;
    statement.query_row([id], |row| row.get(0)).optional()
}

pub(super) fn make_bucket(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<i64> {
    transaction.execute("INSERT OR IGNORE INTO buckets (id) VALUES (?1)", [id])?;
    transaction.query_row("SELECT number FROM buckets WHERE id = ?1", [id], |row| row.get(0))
}

/// What is known of an object.
pub(super) fn find(connection: &Connection, bucket: i64, key: &str) -> rusqlite::Result<Option<Object>> {
    let mut statement =
        connection.prepare_cached("SELECT about FROM objects WHERE bucket = ?1 AND key = ?2")?;
    statement.query_row(params![bucket, key.as_bytes()], |row| read_about(row, 0)).optional()
}

/// The same, and where its content lies.
pub(super) fn find_content(
    connection: &Connection,
    bucket: i64,
    key: &str,
) -> rusqlite::Result<Option<(Object, Place)>> {
    let mut statement =
        connection.prepare_cached("SELECT about, inline FROM objects WHERE bucket = ?1 AND key = ?2")?;
    let read = |row: &Row<'_>| {
        let inline = row.get_ref(1)?.as_blob_or_null()?.map(Bytes::copy_from_slice);
        Ok((read_about(row, 0)?, inline))
    };
    let Some((object, inline)) = statement.query_row(params![bucket, key.as_bytes()], read).optional()?
    else {
        return Ok(None);
    };
    let place = match inline {
        Some(bytes) => Place::Inline(bytes),
        None => Place::Files(pieces(connection, &object.version)?),
    };
    Ok(Some((object, place)))
}

fn pieces(connection: &Connection, version: &str) -> rusqlite::Result<Vec<Piece>> {
    let mut statement =
        connection.prepare_cached("SELECT blob, size FROM pieces WHERE version = ?1 ORDER BY sequence")?;
    let read = |row: &Row<'_>| Ok(Piece { blob: row.get(0)?, size: row.get::<_, i64>(1)? as u64 });
    statement.query_map([version], read)?.collect()
}

/// An object's description, which is JSON.
pub(super) fn read_about(row: &Row<'_>, index: usize) -> rusqlite::Result<Object> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, error.into())
    })
}

/// An object's description as JSON.
pub(super) fn about(object: &Object) -> String {
    serde_json::to_string(object).expect("invariant: an object is plain data")
}

/// Stores an object in place of any earlier one, if the condition holds of that; gives whether it does.
pub(super) fn put(
    transaction: &Transaction<'_>,
    bucket: i64,
    object: &Object,
    place: &Place,
    only_if: Option<&Condition>,
    now_s: i64,
) -> rusqlite::Result<bool> {
    let earlier = find(transaction, bucket, &object.key)?;
    if only_if.is_some_and(|condition| !conditions::holds(condition, earlier.as_ref())) {
        return Ok(false);
    }
    if let Some(earlier) = earlier {
        unclaim_pieces(transaction, &earlier.version, now_s)?;
    }
    let inline = match place {
        Place::Inline(bytes) => Some(&bytes[..]),
        Place::Files(pieces) => {
            insert_pieces(transaction, &object.version, pieces)?;
            None
        }
    };
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO objects (bucket, key, version, about, inline) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![bucket, object.key.as_bytes(), object.version, about(object), inline])?;
    Ok(true)
}

fn insert_pieces(transaction: &Transaction<'_>, version: &str, pieces: &[Piece]) -> rusqlite::Result<()> {
    let mut statement = transaction
        .prepare_cached("INSERT INTO pieces (version, sequence, blob, size) VALUES (?1, ?2, ?3, ?4)")?;
    for (sequence, piece) in (0_i64..).zip(pieces) {
        statement.execute(params![version, sequence, piece.blob, piece.size as i64])?;
    }
    Ok(())
}

/// Removes an object; a missing one is no error.
pub(super) fn delete(
    transaction: &Transaction<'_>,
    bucket: i64,
    key: &str,
    now_s: i64,
) -> rusqlite::Result<()> {
    if let Some(object) = find(transaction, bucket, key)? {
        unclaim_pieces(transaction, &object.version, now_s)?;
        let mut statement =
            transaction.prepare_cached("DELETE FROM objects WHERE bucket = ?1 AND key = ?2")?;
        statement.execute(params![bucket, key.as_bytes()])?;
    }
    Ok(())
}

fn unclaim_pieces(transaction: &Transaction<'_>, version: &str, now_s: i64) -> rusqlite::Result<()> {
    let mut unclaim = transaction.prepare_cached(
        "INSERT INTO unclaimed (blob, kept_until_s) SELECT blob, ?2 FROM pieces WHERE version = ?1",
    )?;
    unclaim.execute(params![version, now_s + REPLACED_KEPT_S])?;
    transaction.prepare_cached("DELETE FROM pieces WHERE version = ?1")?.execute([version]).map(drop)
}

/// Notes a file that is about to be written.
pub(super) fn announce(transaction: &Transaction<'_>, blob: &str, now_s: i64) -> rusqlite::Result<()> {
    let mut statement =
        transaction.prepare_cached("INSERT INTO unclaimed (blob, kept_until_s) VALUES (?1, ?2)")?;
    statement.execute(params![blob, now_s + ANNOUNCED_KEPT_S]).map(drop)
}

/// Notes that a file is named by the index from now on. Fails where a sweep has taken it for forgotten.
pub(super) fn claim(transaction: &Transaction<'_>, place: &Place) -> rusqlite::Result<()> {
    let Place::Files(pieces) = place else { return Ok(()) };
    let mut statement = transaction.prepare_cached("DELETE FROM unclaimed WHERE blob = ?1")?;
    for piece in pieces {
        match statement.execute([&piece.blob])? {
            1 => {}
            changed => return Err(rusqlite::Error::StatementChangedRows(changed)),
        }
    }
    Ok(())
}

/// Lets the next sweep take a file.
pub(super) fn forget(transaction: &Transaction<'_>, blob: &str) -> rusqlite::Result<()> {
    let mut statement =
        transaction.prepare_cached("UPDATE unclaimed SET kept_until_s = 0 WHERE blob = ?1")?;
    statement.execute([blob]).map(drop)
}

/// Removes some of the files that the index does not name; gives whether there may be more. The file goes first, so
/// that it is not forgotten where the transaction fails.
pub(super) fn sweep(
    transaction: &Transaction<'_>,
    folder: &Folder,
    pins: &Pins<String>,
    now_s: i64,
) -> rusqlite::Result<bool> {
    let mut statement = transaction
        .prepare_cached("SELECT blob FROM unclaimed WHERE kept_until_s <= ?1 ORDER BY kept_until_s")?;
    let blobs = statement.query_map([now_s], |row| row.get::<_, String>(0))?;
    let free = blobs.filter(|blob| !blob.as_ref().is_ok_and(|blob| pins.hold(blob)));
    let blobs = free.take(SWEEP_STEP).collect::<rusqlite::Result<Vec<_>>>()?;
    for blob in &blobs {
        folder.remove(blob).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction.prepare_cached("DELETE FROM unclaimed WHERE blob = ?1")?.execute([blob])?;
    }
    Ok(blobs.len() == SWEEP_STEP)
}
