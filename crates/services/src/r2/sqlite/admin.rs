//! What commands do to buckets beyond what a Worker may.

use rusqlite::params;

use super::{SqliteBucket, SqliteR2, tables};
use crate::block_on;
use crate::r2::R2Error;

/// What a bucket holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its name.
    pub name: String,
    /// How many objects.
    pub object_count: u64,
    /// The sum of their sizes.
    pub bytes: u64,
}

impl SqliteR2 {
    /// The names of all buckets, in order.
    pub fn buckets(&self) -> Result<Vec<String>, R2Error> {
        Ok(self.store.database.read(|connection| {
            let mut statement = connection.prepare("SELECT id FROM buckets ORDER BY id")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?)
    }

    /// The bucket of that name, if there is one.
    pub fn find(&self, name: &str) -> Result<Option<SqliteBucket>, R2Error> {
        let number = self.store.database.read(|connection| tables::find_bucket(connection, name))?;
        Ok(number.map(|number| SqliteBucket { store: self.store.clone(), number }))
    }

    /// What the bucket of that name holds; `None` where there is none.
    pub fn info(&self, name: &str) -> Result<Option<BucketInfo>, R2Error> {
        let Some(SqliteBucket { number, .. }) = self.find(name)? else { return Ok(None) };
        let sql =
            "SELECT count(*), coalesce(sum(json_extract(about, '$.size')), 0) FROM objects WHERE bucket = ?1";
        let sums = self.store.database.read(|connection| {
            connection.query_row(sql, [number], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        })?;
        Ok(Some(BucketInfo { name: name.to_owned(), object_count: sums.0 as u64, bytes: sums.1 as u64 }))
    }

    /// Removes a bucket that is empty; `false` where it is not. Waits for the disk.
    pub fn delete(&self, bucket: SqliteBucket) -> Result<bool, R2Error> {
        let number = bucket.number;
        Ok(block_on(self.store.database.write(move |transaction| {
            let sql = "DELETE FROM buckets WHERE number = ?1
                       AND NOT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)";
            let is_deleted = transaction.execute(sql, params![number])? == 1;
            if is_deleted {
                transaction.execute("DELETE FROM lifecycles WHERE bucket = ?1", [number])?;
            }
            Ok(is_deleted)
        }))?)
    }
}
