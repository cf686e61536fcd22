//! Keys and values: rows of a hidden table. SQLite compares text by its UTF-8 bytes, which is the order that Workers see.

use std::borrow::Cow;

use rusqlite::types::Value as Bound;
use rusqlite::{OptionalExtension, params_from_iter};

use super::file::ObjectFile;
use crate::objects::{Answer, Entry, Range, StorageError};

impl ObjectFile {
    /// Those of the keys that exist, in order.
    pub(super) fn get(&mut self, keys: &[Cow<'_, str>]) -> Result<Answer<'static>, StorageError> {
        let Some(open) = self.keys()? else { return Ok(Answer::Entries(Vec::new())) };
        let sql = open.own("SELECT value FROM _cf_KV WHERE key = ?1");
        let mut found = open.trusted(|connection| {
            let mut select = connection.prepare_cached(&sql)?;
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let value: Option<Vec<u8>> = select.query_row([key], |row| row.get(0)).optional()?;
                found.extend(value.map(|value| entry(key.to_string(), value)));
            }
            Ok(found)
        })?;
        found.sort_by(|one, other| one.key.cmp(&other.key));
        found.dedup_by(|one, other| one.key == other.key);
        Ok(Answer::Entries(found))
    }

    /// Stores values, all or none of them.
    pub(super) fn put(&mut self, entries: &[Entry<'_>]) -> Result<Answer<'static>, StorageError> {
        self.together(entries.len(), |file| {
            let open = file.with_keys()?;
            let sql = open.own("INSERT OR REPLACE INTO _cf_KV VALUES (?1, ?2)");
            open.trusted(|connection| {
                let mut insert = connection.prepare_cached(&sql)?;
                entries
                    .iter()
                    .try_for_each(|Entry { key, value }| insert.execute((key, value.as_ref())).map(drop))
            })?;
            Ok(Answer::Done)
        })
    }

    /// Removes keys, and counts those that existed.
    pub(super) fn delete(&mut self, keys: &[Cow<'_, str>]) -> Result<Answer<'static>, StorageError> {
        if self.keys()?.is_none() {
            return Ok(Answer::Count(0));
        }
        self.together(keys.len(), |file| {
            let open = file.with_keys()?;
            let sql = open.own("DELETE FROM _cf_KV WHERE key = ?1");
            let count = open.trusted(|connection| {
                let mut delete = connection.prepare_cached(&sql)?;
                keys.iter().try_fold(0, |count, key| Ok(count + delete.execute([key])?))
            })?;
            Ok(Answer::Count(count as u32))
        })
    }

    /// The keys of a range and their values.
    pub(super) fn list(&mut self, range: &Range<'_>) -> Result<Answer<'static>, StorageError> {
        let Some(open) = self.keys()? else { return Ok(Answer::Entries(Vec::new())) };
        let (sql, params) = selection(range);
        let sql = open.own(&sql);
        let found = open.trusted(|connection| {
            let mut select = connection.prepare_cached(&sql)?;
            let rows =
                select.query_map(params_from_iter(params), |row| Ok(entry(row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Ok(Answer::Entries(found))
    }

    /// Several writes are one: where one fails, none happens.
    fn together<T>(
        &mut self,
        count: usize,
        work: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if count < 2 {
            return work(self);
        }
        self.begin()?;
        let done = work(self);
        match &done {
            Ok(_) => self.keep().map(drop)?,
            Err(_) => self.undo()?,
        }
        done
    }
}

fn entry(key: String, value: Vec<u8>) -> Entry<'static> {
    Entry { key: Cow::Owned(key), value: Cow::Owned(value) }
}

/// The statement for a range, of which there are few, and its parameters.
fn selection(range: &Range<'_>) -> (String, Vec<Bound>) {
    let mut params = Vec::new();
    let mut conditions = String::new();
    let mut condition = |operator: &str, key: &str| {
        params.push(Bound::Text(key.to_owned()));
        let joint = if params.len() == 1 { "WHERE" } else { "AND" };
        conditions.extend([" ", joint, " key ", operator, " ?", &params.len().to_string()]);
    };
    if let Some(start) = &range.start {
        condition(">=", start);
    }
    if let Some(start_after) = &range.start_after {
        condition(">", start_after);
    }
    if let Some(end) = &range.end {
        condition("<", end);
    }
    if let Some(prefix) = &range.prefix {
        condition(">=", prefix);
        if let Some(end) = after_prefix(prefix) {
            condition("<", &end);
        }
    }
    let order = if range.reverse { "DESC" } else { "ASC" };
    let limit = range.limit.map_or(-1, i64::from);
    params.push(Bound::Integer(limit));
    let last = params.len();
    (format!("SELECT key, value FROM _cf_KV{conditions} ORDER BY key {order} LIMIT ?{last}"), params)
}

/// The least text greater than all that begin with `prefix`; none where there is no such text.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The range of characters leaves out what is none.
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn what_begins_with_a_prefix_ends_before_the_next_text() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
