//! Lists: objects in the order of their keys, and groups of them as one where a delimiter says so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hognose_wire::r2::{Listed, Object};
use rusqlite::{Connection, OptionalExtension, params};

use super::tables::read_about;
use crate::r2::{ListQuery, R2Error};

/// One page.
pub(super) fn list(
    connection: &Connection,
    bucket: i64,
    query: &ListQuery,
) -> rusqlite::Result<Result<Listed, R2Error>> {
    let Some(mut next) = first_key(query) else { return Ok(Err(R2Error::InvalidCursor)) };
    let end = end_of_prefix(query.prefix.as_bytes());
    let (mut page, mut count) = (Listed::default(), 0);
    loop {
        let found = run(connection, bucket, query, &next, &end, query.limit - count, &mut page.objects)?;
        count = page.objects.len() + page.delimited_prefixes.len();
        // A group ends the run: reading goes on behind it, however many objects it has.
        if let Some(group) = found.filter(|_| count < query.limit) {
            next = end_of_prefix(group.as_bytes());
            page.delimited_prefixes.push(group);
            count += 1;
        } else if let Some(last) = page.objects.last().filter(|last| last.key.as_bytes() >= &next[..]) {
            next = after(&last.key);
        }
        if count == query.limit || !is_there_more(connection, bucket, &next, &end)? {
            break;
        }
    }
    if is_there_more(connection, bucket, &next, &end)? {
        page.cursor = Some(STANDARD.encode(&next));
    }
    Ok(Ok(page))
}

/// Adds objects from `next` on to `objects`, up to the limit or to the first that belongs to a group, which it gives.
fn run(
    connection: &Connection,
    bucket: i64,
    query: &ListQuery,
    next: &[u8],
    end: &[u8],
    limit: usize,
    objects: &mut Vec<Object>,
) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT about FROM objects WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4",
    )?;
    let mut rows = statement.query(params![bucket, next, end, limit as i64])?;
    while let Some(row) = rows.next()? {
        let object = read_about(row, 0)?;
        if let Some(group) = group_of(&object.key, query) {
            return Ok(Some(group.to_owned()));
        }
        objects.push(object);
    }
    Ok(None)
}

/// The group that a key belongs to: up to the first delimiter behind the prefix.
fn group_of<'a>(key: &'a str, query: &ListQuery) -> Option<&'a str> {
    let ListQuery { prefix, delimiter, .. } = query;
    let position = key.get(prefix.len()..).filter(|_| !delimiter.is_empty())?.find(delimiter.as_str())?;
    key.get(..prefix.len() + position + delimiter.len())
}

fn is_there_more(connection: &Connection, bucket: i64, next: &[u8], end: &[u8]) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM objects WHERE bucket = ?1 AND key >= ?2 AND key < ?3 LIMIT 1")?;
    Ok(statement.query_row(params![bucket, next, end], |_| Ok(())).optional()?.is_some())
}

/// The least key that the page may hold; `None` where the cursor is no cursor.
fn first_key(query: &ListQuery) -> Option<Vec<u8>> {
    let cursor = query.cursor.as_ref().map(|cursor| STANDARD.decode(cursor)).transpose().ok()?;
    let start = query.start_after.as_ref().map(|key| after(key));
    let prefix = query.prefix.as_bytes().to_vec();
    [Some(prefix), cursor, start].into_iter().flatten().max()
}

fn after(key: &str) -> Vec<u8> {
    [key.as_bytes(), &[0]].concat()
}

/// What is greater than all keys with that prefix. UTF-8 has no byte above 0xf4, so the last one can be counted up.
fn end_of_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    match end.last_mut() {
        Some(last) => *last += 1,
        None => end.push(0xff),
    }
    end
}
