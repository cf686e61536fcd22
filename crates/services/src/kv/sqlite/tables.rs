//! The tables, and every statement on them.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::values::{CHUNK_BYTES, Stored, ValueId};
use crate::kv::{ListQuery, ListedKey, Page, PutOptions};
use crate::pins::Pins;
use crate::sqlite::Schema;

/// How long a large value is kept once its entry is gone, in seconds, for readers in other processes. Readers in this
/// one are known and waited for.
const REPLACED_KEPT_S: i64 = 60;
/// How long a large value that no entry names yet is kept after its last piece came, in seconds.
const UPLOAD_KEPT_S: i64 = 3600;
/// The most entries, and the most large values, that one step of a sweep removes: others' writes wait for it.
const SWEEP_STEP: usize = 100;

pub(super) const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
        CREATE TABLE namespaces (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE
        ) STRICT;

        -- Keys are blobs so that they compare by their bytes. The value comes last: what stands before it is read
        -- without it. Exactly one of `value` and `inline` is set.
        CREATE TABLE entries (
            namespace INTEGER NOT NULL,
            key BLOB NOT NULL,
            expiration_s INTEGER,
            metadata TEXT,
            value INTEGER,
            length INTEGER NOT NULL,
            inline BLOB,
            PRIMARY KEY (namespace, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX entries_by_expiration ON entries (expiration_s) WHERE expiration_s IS NOT NULL;

        CREATE TABLE chunks (
            value INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (value, sequence)
        ) STRICT;

        -- Large values that no entry names: not yet, or no more. Also what numbers them.
        CREATE TABLE unclaimed (
            value INTEGER PRIMARY KEY AUTOINCREMENT,
            kept_until_s INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX unclaimed_by_time ON unclaimed (kept_until_s);
    ",
    changes: &[],
};

/// Where an entry stands.
pub(super) struct EntryKey {
    pub(super) namespace: i64,
    pub(super) name: String,
}

/// An entry to be stored.
pub(super) struct NewEntry {
    pub(super) key: EntryKey,
    pub(super) value: Stored,
    pub(super) options: PutOptions,
}

/// An entry as it was found.
pub(super) struct Found {
    pub(super) value: Stored,
    pub(super) metadata: Option<String>,
}

pub(super) fn find_namespace(connection: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT number FROM namespaces WHERE id = ?1")?;
    statement.query_row([id], |row| row.get(0)).optional()
}

pub(super) fn make_namespace(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<i64> {
    transaction.execute("INSERT OR IGNORE INTO namespaces (id) VALUES (?1)", [id])?;
    transaction.query_row("SELECT number FROM namespaces WHERE id = ?1", [id], |row| row.get(0))
}

pub(super) fn find(
    connection: &Connection,
    namespace: i64,
    key: &str,
    now_s: i64,
) -> rusqlite::Result<Option<Found>> {
    let mut statement = connection.prepare_cached(
        "SELECT metadata, value, length, inline FROM entries
         WHERE namespace = ?1 AND key = ?2 AND (expiration_s IS NULL OR expiration_s > ?3)",
    )?;
    statement.query_row(params![namespace, key.as_bytes(), now_s], read_found).optional()
}

fn read_found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let metadata = row.get(0)?;
    let value = match row.get::<_, Option<i64>>(1)? {
        Some(value) => Stored::Apart { value: ValueId(value), length: row.get::<_, i64>(2)? as u64 },
        None => Stored::Inline(Bytes::copy_from_slice(row.get_ref(3)?.as_blob()?)),
    };
    Ok(Found { value, metadata })
}

pub(super) fn put(transaction: &Transaction<'_>, entry: &NewEntry, now_s: i64) -> rusqlite::Result<()> {
    let NewEntry { key, value, options } = entry;
    unclaim(transaction, key, now_s)?;
    let (value, length, inline) = match value {
        Stored::Inline(bytes) => (None, bytes.len() as u64, Some(&bytes[..])),
        Stored::Apart { value, length } => {
            claim(transaction, *value)?;
            (Some(value.0), *length, None)
        }
    };
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO entries (namespace, key, expiration_s, metadata, value, length, inline)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let (name, expiration_s) = (key.name.as_bytes(), options.expiration_s);
    statement.execute(params![
        key.namespace,
        name,
        expiration_s,
        options.metadata,
        value,
        length as i64,
        inline
    ])?;
    Ok(())
}

pub(super) fn delete(transaction: &Transaction<'_>, key: &EntryKey, now_s: i64) -> rusqlite::Result<()> {
    unclaim(transaction, key, now_s)?;
    let mut statement =
        transaction.prepare_cached("DELETE FROM entries WHERE namespace = ?1 AND key = ?2")?;
    statement.execute(params![key.namespace, key.name.as_bytes()])?;
    Ok(())
}

/// Notes that the entry about to go no longer names its large value, where it has one.
fn unclaim(transaction: &Transaction<'_>, key: &EntryKey, now_s: i64) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO unclaimed (value, kept_until_s)
         SELECT value, ?3 FROM entries WHERE namespace = ?1 AND key = ?2 AND value IS NOT NULL",
    )?;
    statement.execute(params![key.namespace, key.name.as_bytes(), now_s + REPLACED_KEPT_S])?;
    Ok(())
}

/// Notes that an entry names `value` from now on. Fails where a sweep has taken the value for forgotten.
fn claim(transaction: &Transaction<'_>, value: ValueId) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("DELETE FROM unclaimed WHERE value = ?1")?;
    match statement.execute([value.0])? {
        1 => Ok(()),
        changed => Err(rusqlite::Error::StatementChangedRows(changed)),
    }
}

/// A number for a new large value.
pub(super) fn begin_value(transaction: &Transaction<'_>, now_s: i64) -> rusqlite::Result<ValueId> {
    let mut statement = transaction.prepare_cached("INSERT INTO unclaimed (kept_until_s) VALUES (?1)")?;
    statement.insert([now_s + UPLOAD_KEPT_S]).map(ValueId)
}

/// Adds `bytes` to a large value, from the chunk of number `sequence` on.
pub(super) fn append(
    transaction: &Transaction<'_>,
    value: ValueId,
    sequence: i64,
    bytes: &[u8],
    now_s: i64,
) -> rusqlite::Result<()> {
    let mut keep = transaction.prepare_cached("UPDATE unclaimed SET kept_until_s = ?2 WHERE value = ?1")?;
    keep.execute([value.0, now_s + UPLOAD_KEPT_S])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO chunks (value, sequence, bytes) VALUES (?1, ?2, ?3)")?;
    for (sequence, chunk) in (sequence..).zip(bytes.chunks(CHUNK_BYTES)) {
        insert.execute(params![value.0, sequence, chunk])?;
    }
    Ok(())
}

/// Lets the next sweep take a value that will not be finished.
pub(super) fn forget(transaction: &Transaction<'_>, value: ValueId) -> rusqlite::Result<()> {
    let mut statement =
        transaction.prepare_cached("UPDATE unclaimed SET kept_until_s = 0 WHERE value = ?1")?;
    statement.execute([value.0]).map(drop)
}

/// A piece of a large value; `None` where it has been removed.
pub(super) fn chunk(
    connection: &Connection,
    value: ValueId,
    sequence: i64,
) -> rusqlite::Result<Option<Bytes>> {
    let mut statement =
        connection.prepare_cached("SELECT bytes FROM chunks WHERE value = ?1 AND sequence = ?2")?;
    let bytes = |row: &Row<'_>| Ok(Bytes::copy_from_slice(row.get_ref(0)?.as_blob()?));
    statement.query_row([value.0, sequence], bytes).optional()
}

pub(super) fn list(
    connection: &Connection,
    namespace: i64,
    query: ListQuery<'_>,
    now_s: i64,
) -> rusqlite::Result<Page> {
    let mut statement = connection.prepare_cached(
        "SELECT key, expiration_s, metadata FROM entries
         WHERE namespace = ?1 AND key >= ?2 AND key < ?3 AND (expiration_s IS NULL OR expiration_s > ?4)
         ORDER BY key LIMIT ?5",
    )?;
    let (first, end) = (first_key(query), end_of_prefix(query.prefix));
    // One more than asked for tells whether there are more.
    let rows =
        statement.query_map(params![namespace, first, end, now_s, query.limit as i64 + 1], read_listed)?;
    let mut keys = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let complete = keys.len() <= query.limit;
    keys.truncate(query.limit);
    Ok(Page { keys, complete })
}

/// The least key that the page may hold: the prefix itself, or what comes right after the last key of the page before.
fn first_key(query: ListQuery<'_>) -> Vec<u8> {
    let after = query.after.map(|key| [key.as_bytes(), &[0]].concat());
    after.unwrap_or_default().max(query.prefix.as_bytes().to_vec())
}

/// What is greater than all keys with that prefix. UTF-8 has no byte above 0xf4, so the last one can be counted up.
fn end_of_prefix(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    match end.last_mut() {
        Some(last) => *last += 1,
        None => end.push(0xff),
    }
    end
}

fn read_listed(row: &Row<'_>) -> rusqlite::Result<ListedKey> {
    let name = String::from_utf8_lossy(row.get_ref(0)?.as_blob()?).into_owned();
    Ok(ListedKey { name, expiration_s: row.get(1)?, metadata: row.get(2)? })
}

/// Removes some of what has expired and of what nothing refers to; gives whether there may be more.
pub(super) fn sweep(
    transaction: &Transaction<'_>,
    pins: &Pins<ValueId>,
    now_s: i64,
) -> rusqlite::Result<bool> {
    let expired = remove_expired(transaction, now_s)?;
    let unclaimed = remove_unclaimed(transaction, pins, now_s)?;
    Ok(expired == SWEEP_STEP || unclaimed == SWEEP_STEP)
}

fn remove_expired(transaction: &Transaction<'_>, now_s: i64) -> rusqlite::Result<usize> {
    let mut statement = transaction.prepare_cached(
        "SELECT namespace, key FROM entries WHERE expiration_s IS NOT NULL AND expiration_s <= ?1 LIMIT ?2",
    )?;
    let read = |row: &Row<'_>| {
        let name = String::from_utf8_lossy(row.get_ref(1)?.as_blob()?).into_owned();
        Ok(EntryKey { namespace: row.get(0)?, name })
    };
    let keys =
        statement.query_map([now_s, SWEEP_STEP as i64], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    keys.iter().try_for_each(|key| delete(transaction, key, now_s))?;
    Ok(keys.len())
}

fn remove_unclaimed(
    transaction: &Transaction<'_>,
    pins: &Pins<ValueId>,
    now_s: i64,
) -> rusqlite::Result<usize> {
    let mut statement = transaction
        .prepare_cached("SELECT value FROM unclaimed WHERE kept_until_s <= ?1 ORDER BY kept_until_s")?;
    let values = statement.query_map([now_s], |row| row.get(0).map(ValueId))?;
    let free = values.filter(|value| !value.as_ref().is_ok_and(|value| pins.hold(value)));
    let values = free.take(SWEEP_STEP).collect::<rusqlite::Result<Vec<_>>>()?;
    for value in &values {
        transaction.prepare_cached("DELETE FROM chunks WHERE value = ?1")?.execute([value.0])?;
        transaction.prepare_cached("DELETE FROM unclaimed WHERE value = ?1")?.execute([value.0])?;
    }
    Ok(values.len())
}
