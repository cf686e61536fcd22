//! Keeping lifecycle rules, and doing what they say.
//!
//! Whatever is done with a bucket has the rules looked at, once an hour at most: what nobody asks for may stay a while.
//! The objects are looked for without holding up writers, and then removed in steps, each as a delete would.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use hognose_wire::r2::Upload;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{SqliteBucket, SqliteR2, Store, tables, uploads};
use crate::r2::R2Error;
use crate::r2::lifecycle::LifecycleRule;
use crate::sqlite::Database;
use crate::{Clock, block_on};

/// How often the rules are looked at, in seconds.
const INTERVAL_S: i64 = 3600;

/// An object or an upload that has come to its end.
struct Ended {
    bucket: i64,
    key: String,
    /// The object's version, or the upload's id.
    id: String,
}

impl SqliteBucket {
    /// The bucket's rules.
    pub fn lifecycle(&self) -> Result<Vec<LifecycleRule>, R2Error> {
        let kept = self.store.database.read(|connection| {
            let sql = "SELECT rules FROM lifecycles WHERE bucket = ?1";
            connection.query_row(sql, [self.number], |row| row.get::<_, String>(0)).optional()
        })?;
        Ok(kept.map(|text| read(&text)).unwrap_or_default())
    }

    /// Gives the bucket rules, which must be [right](crate::r2::lifecycle::check), in place of those it has. Waits for the
    /// disk.
    pub fn set_lifecycle(&self, rules: &[LifecycleRule]) -> Result<(), R2Error> {
        let (bucket, rules) =
            (self.number, serde_json::to_string(rules).expect("invariant: rules are plain data"));
        let written = self.store.database.write(move |transaction| {
            transaction.execute("INSERT OR REPLACE INTO lifecycles VALUES (?1, ?2)", params![bucket, rules])
        });
        block_on(written)?;
        Ok(())
    }
}

impl SqliteR2 {
    /// Does what the rules of all buckets say by now. The store does so itself while it is used.
    pub fn expire(&self) -> Result<(), R2Error> {
        Ok(Expiry::of(&self.store).run()?)
    }
}

impl Store {
    /// Has the rules looked at, where the last time is long ago.
    pub(super) fn expire_if_due(self: &Arc<Self>) {
        let (now_s, due_s) = (self.clock.now_s(), self.next_expiry_s.load(Ordering::Relaxed));
        if now_s < due_s {
            return;
        }
        let next_s = now_s + INTERVAL_S;
        let exchanged =
            self.next_expiry_s.compare_exchange(due_s, next_s, Ordering::Relaxed, Ordering::Relaxed);
        if exchanged.is_ok() {
            let expiry = Expiry::of(self);
            // Where it fails, it is done the next time.
            drop(self.disk.run(move || expiry.run().map_err(std::io::Error::other)));
        }
    }
}

/// What doing as the rules say takes: not the store, which waits for its threads when it is dropped.
struct Expiry {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    /// Whether anybody uses the store still; the rest is done the next time.
    store: Weak<Store>,
}

impl Expiry {
    fn of(store: &Arc<Store>) -> Self {
        let (database, clock) = (Arc::clone(&store.database), Arc::clone(&store.clock));
        Self { database, clock, store: Arc::downgrade(store) }
    }

    fn run(&self) -> rusqlite::Result<()> {
        let now_s = self.clock.now_s();
        for (bucket, rules) in self.database.read(all)? {
            for rule in rules.iter().filter(|rule| rule.enabled) {
                let until = |transition: &Option<crate::r2::lifecycle::Transition>| {
                    transition.as_ref().and_then(|transition| transition.condition.until_s(now_s))
                };
                if let Some(until_s) = until(&rule.delete_objects_transition) {
                    self.end(bucket, &rule.conditions.prefix, until_s, objects, delete)?;
                }
                if let Some(until_s) = until(&rule.abort_multipart_uploads_transition) {
                    self.end(bucket, &rule.conditions.prefix, until_s, begun, abort)?;
                }
            }
        }
        Ok(())
    }

    /// Looks for what has ended and ends it, step by step.
    fn end(
        &self,
        bucket: i64,
        prefix: &str,
        until_s: i64,
        find: fn(&Connection, i64, &str, i64) -> rusqlite::Result<Vec<Ended>>,
        end: fn(&Transaction<'_>, &Ended, i64) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        loop {
            let ended = self.database.read(|connection| find(connection, bucket, prefix, until_s))?;
            let (count, now_s) = (ended.len(), self.clock.now_s());
            block_on(self.database.write(move |transaction| {
                ended.iter().try_for_each(|ended| end(transaction, ended, now_s))
            }))?;
            if count < tables::SWEEP_STEP || self.store.strong_count() == 0 {
                return Ok(());
            }
        }
    }
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<(i64, Vec<LifecycleRule>)>> {
    let mut statement = connection.prepare("SELECT bucket, rules FROM lifecycles")?;
    statement.query_map([], |row| Ok((row.get(0)?, read(&row.get::<_, String>(1)?))))?.collect()
}

/// Rules as they are kept. Those of a later release do nothing here.
fn read(text: &str) -> Vec<LifecycleRule> {
    serde_json::from_str(text).unwrap_or_default()
}

fn objects(connection: &Connection, bucket: i64, prefix: &str, until_s: i64) -> rusqlite::Result<Vec<Ended>> {
    let sql = "SELECT key, version FROM objects
               WHERE bucket = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2
               AND json_extract(about, '$.uploaded') <= ?3 LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let found = params![bucket, prefix.as_bytes(), until_s * 1000, tables::SWEEP_STEP as i64];
    let ended = statement.query_map(found, |row| {
        let key = String::from_utf8_lossy(row.get_ref(0)?.as_blob()?).into_owned();
        Ok(Ended { bucket, key, id: row.get(1)? })
    })?;
    ended.collect()
}

/// Deletes an object, unless another was put in its place since.
fn delete(transaction: &Transaction<'_>, ended: &Ended, now_s: i64) -> rusqlite::Result<()> {
    let found = tables::find(transaction, ended.bucket, &ended.key)?;
    match found.filter(|object| object.version == ended.id) {
        Some(_) => tables::delete(transaction, ended.bucket, &ended.key, now_s),
        None => Ok(()),
    }
}

fn begun(connection: &Connection, bucket: i64, prefix: &str, until_s: i64) -> rusqlite::Result<Vec<Ended>> {
    let sql = "SELECT json_extract(about, '$.key') AS key, id FROM uploads
               WHERE bucket = ?1 AND begun_s <= ?3 AND NOT is_over AND substr(key, 1, length(?2)) = ?2 LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let found = params![bucket, prefix, until_s, tables::SWEEP_STEP as i64];
    statement.query_map(found, |row| Ok(Ended { bucket, key: row.get(0)?, id: row.get(1)? }))?.collect()
}

fn abort(
    transaction: &Transaction<'_>,
    Ended { bucket, key, id }: &Ended,
    now_s: i64,
) -> rusqlite::Result<()> {
    let upload = Upload { key: key.clone(), upload_id: id.clone() };
    // One that has ended by itself meanwhile is no error.
    uploads::abort(transaction, *bucket, &upload, now_s).map(drop)
}
