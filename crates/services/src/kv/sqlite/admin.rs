//! What commands do to namespaces beyond what a Worker may: listing, renaming and deleting them, and changing many
//! entries in one transaction.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::tables::{self, EntryKey, NewEntry};
use super::values::Stored;
use super::{SqliteKv, SqliteNamespace};
use crate::kv::{KvError, PutOptions};
use crate::{Pending, block_on};

/// How many entries one transaction removes.
const DELETE_STEP: usize = 1000;

impl SqliteKv {
    /// The ids of all namespaces, in order.
    pub fn namespaces(&self) -> Result<Vec<String>, KvError> {
        Ok(self.store.database.read(|connection| {
            let mut statement = connection.prepare("SELECT id FROM namespaces ORDER BY id")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?)
    }

    /// The namespace of that id, if there is one.
    pub fn find(&self, id: &str) -> Result<Option<SqliteNamespace>, KvError> {
        let number = self.store.database.read(|connection| tables::find_namespace(connection, id))?;
        Ok(number.map(|number| SqliteNamespace { store: self.store.clone(), number }))
    }

    /// Gives a namespace another id; `false` where that is taken already. Waits for the disk.
    pub fn rename(&self, namespace: &SqliteNamespace, id: &str) -> Result<bool, KvError> {
        let (number, id) = (namespace.number, id.to_owned());
        Ok(block_on(self.store.database.write(move |transaction| {
            let sql = "UPDATE OR IGNORE namespaces SET id = ?2 WHERE number = ?1";
            Ok(transaction.execute(sql, params![number, id])? == 1)
        }))?)
    }

    /// Removes a namespace with all that is in it. Waits for the disk.
    pub fn delete(&self, namespace: SqliteNamespace) -> Result<(), KvError> {
        let (number, now_s) = (namespace.number, self.store.clock.now_s());
        let step = move |transaction: &Transaction<'_>| {
            let keys = some_keys(transaction, number)?;
            keys.iter().try_for_each(|key| tables::delete(transaction, key, now_s))?;
            if keys.is_empty() {
                transaction.execute("DELETE FROM namespaces WHERE number = ?1", [number])?;
            }
            Ok(!keys.is_empty())
        };
        while block_on(self.store.database.write(step))? {}
        Ok(())
    }
}

fn some_keys(connection: &Connection, namespace: i64) -> rusqlite::Result<Vec<EntryKey>> {
    let mut statement = connection.prepare_cached("SELECT key FROM entries WHERE namespace = ?1 LIMIT ?2")?;
    let keys = statement.query_map(params![namespace, DELETE_STEP as i64], |row| {
        let name = String::from_utf8_lossy(row.get_ref(0)?.as_blob()?).into_owned();
        Ok(EntryKey { namespace, name })
    })?;
    keys.collect()
}

impl SqliteNamespace {
    /// Stores small values, all or none of them, in the place of earlier ones.
    pub fn put_many(&self, entries: Vec<(String, Bytes, PutOptions)>) -> Pending<Result<(), KvError>> {
        let now_s = self.store.clock.now_s();
        let entry = |(name, value, options): (String, Bytes, PutOptions)| NewEntry {
            key: self.key(&name),
            value: Stored::Inline(value),
            options,
        };
        let entries: Vec<NewEntry> = entries.into_iter().map(entry).collect();
        self.store.sweep_if_due();
        let written = self.store.database.write(move |transaction| {
            entries.iter().try_for_each(|entry| tables::put(transaction, entry, now_s))
        });
        Pending::later(async move { Ok(written.await?) })
    }

    /// Removes entries, all or none of them.
    pub fn delete_many(&self, keys: &[String]) -> Pending<Result<(), KvError>> {
        let (now_s, keys) =
            (self.store.clock.now_s(), keys.iter().map(|key| self.key(key)).collect::<Vec<_>>());
        self.store.sweep_if_due();
        let written = self.store.database.write(move |transaction| {
            keys.iter().try_for_each(|key| tables::delete(transaction, key, now_s))
        });
        Pending::later(async move { Ok(written.await?) })
    }

    /// When an entry expires, in seconds since the epoch; `None` where it does not, or is missing.
    pub fn expiration(&self, key: &str) -> Result<Option<i64>, KvError> {
        let sql = "SELECT expiration_s FROM entries WHERE namespace = ?1 AND key = ?2";
        let found = self.store.database.read(|connection| {
            connection.query_row(sql, params![self.number, key.as_bytes()], |row| row.get(0)).optional()
        })?;
        Ok(found.flatten())
    }
}
