//! Uploads in parts: the statements on their tables, and the rules for making an object of them.

use std::collections::{HashMap, HashSet};

use hognose_wire::r2::{Object, Part, Upload};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::blobs::{Piece, Place};
use super::digest::{hex, md5};
use super::tables;
use crate::r2::{R2Error, limits};

/// An uploaded part.
struct Stored {
    md5: Vec<u8>,
    piece: Piece,
}

/// Begins an upload.
pub(super) fn begin(
    transaction: &Transaction<'_>,
    bucket: i64,
    id: &str,
    object: &Object,
    now_s: i64,
) -> rusqlite::Result<()> {
    let mut statement = transaction
        .prepare_cached("INSERT INTO uploads (id, bucket, about, begun_s) VALUES (?1, ?2, ?3, ?4)")?;
    statement.execute(params![id, bucket, tables::about(object), now_s]).map(drop)
}

/// The object that an upload is to become, and whether the upload is over.
pub(super) fn find(
    connection: &Connection,
    bucket: i64,
    upload: &Upload,
) -> rusqlite::Result<Option<(Object, bool)>> {
    let mut statement =
        connection.prepare_cached("SELECT about, is_over FROM uploads WHERE id = ?1 AND bucket = ?2")?;
    let read = |row: &Row<'_>| Ok((tables::read_about(row, 0)?, row.get(1)?));
    let found = statement.query_row(params![upload.upload_id, bucket], read).optional()?;
    Ok(found.filter(|(object, _)| object.key == upload.key))
}

/// The object that an upload which goes on is to become.
pub(super) fn open(
    connection: &Connection,
    bucket: i64,
    upload: &Upload,
) -> rusqlite::Result<Result<Object, R2Error>> {
    let found = find(connection, bucket, upload)?;
    Ok(found.filter(|(_, is_over)| !is_over).map(|(object, _)| object).ok_or(R2Error::NoSuchUpload))
}

/// Stores a part in place of any earlier one of its number.
pub(super) fn put_part(
    transaction: &Transaction<'_>,
    bucket: i64,
    upload: &Upload,
    number: u32,
    md5: &[u8],
    place: &Place,
    now_s: i64,
) -> rusqlite::Result<Result<(), R2Error>> {
    if let Err(error) = open(transaction, bucket, upload)? {
        return Ok(Err(error));
    }
    let Place::Files(pieces) = place else { return Ok(Err(R2Error::NoSuchPart)) };
    unclaim(transaction, &upload.upload_id, Some(number), now_s)?;
    tables::claim(transaction, place)?;
    let mut statement = transaction
        .prepare_cached("INSERT INTO parts (upload, number, md5, blob, size) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for Piece { blob, size } in pieces {
        statement.execute(params![upload.upload_id, number, md5, blob, *size as i64])?;
    }
    Ok(Ok(()))
}

/// Makes an object of the parts, and ends the upload.
pub(super) fn complete(
    transaction: &Transaction<'_>,
    bucket: i64,
    upload: &Upload,
    parts: &[Part],
    (version, now_ms): (&str, i64),
) -> rusqlite::Result<Result<Object, R2Error>> {
    let mut object = match open(transaction, bucket, upload)? {
        Ok(object) => object,
        Err(error) => return Ok(Err(error)),
    };
    let chosen = match choose(parts, &stored(transaction, &upload.upload_id)?) {
        Ok(chosen) => chosen,
        Err(error) => return Ok(Err(error)),
    };
    let digests: Vec<u8> = chosen.iter().flat_map(|(digest, _)| digest.clone()).collect();
    let pieces: Vec<Piece> = chosen.into_iter().map(|(_, piece)| piece).collect();
    object = Object {
        version: version.to_owned(),
        uploaded: now_ms,
        size: pieces.iter().map(|piece| piece.size).sum(),
        etag: format!("{}-{}", hex(&md5(&digests)), pieces.len()),
        ..object
    };
    let mut release = transaction.prepare_cached("DELETE FROM parts WHERE upload = ?1 AND blob = ?2")?;
    for piece in &pieces {
        release.execute(params![upload.upload_id, piece.blob])?;
    }
    tables::put(transaction, bucket, &object, &Place::Files(pieces), None, now_ms / 1000)?;
    end(transaction, &upload.upload_id, now_ms / 1000)?;
    Ok(Ok(object))
}

/// Gives an upload up; one that is over is no error.
pub(super) fn abort(
    transaction: &Transaction<'_>,
    bucket: i64,
    upload: &Upload,
    now_s: i64,
) -> rusqlite::Result<Result<(), R2Error>> {
    match find(transaction, bucket, upload)? {
        None => Ok(Err(R2Error::NoSuchUpload)),
        Some((_, true)) => Ok(Ok(())),
        Some((_, false)) => end(transaction, &upload.upload_id, now_s).map(Ok),
    }
}

/// Ends what was begun too long ago, and forgets what is over.
pub(super) fn sweep(transaction: &Transaction<'_>, now_s: i64) -> rusqlite::Result<()> {
    let mut statement =
        transaction.prepare_cached("SELECT id FROM uploads WHERE begun_s <= ?1 ORDER BY begun_s LIMIT ?2")?;
    let begun_s = now_s - limits::UPLOAD_MAX_S;
    let ids = statement.query_map([begun_s, tables::SWEEP_STEP as i64], |row| row.get::<_, String>(0))?;
    for id in ids.collect::<rusqlite::Result<Vec<_>>>()? {
        end(transaction, &id, now_s)?;
        transaction.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

/// Lets go of the parts that are left.
fn end(transaction: &Transaction<'_>, id: &str, now_s: i64) -> rusqlite::Result<()> {
    unclaim(transaction, id, None, now_s)?;
    transaction.prepare_cached("UPDATE uploads SET is_over = 1 WHERE id = ?1")?.execute([id]).map(drop)
}

/// Lets the next sweep take the files of a part, or of all.
fn unclaim(transaction: &Transaction<'_>, id: &str, number: Option<u32>, now_s: i64) -> rusqlite::Result<()> {
    let mut unclaim = transaction.prepare_cached(
        "INSERT INTO unclaimed (blob, kept_until_s)
         SELECT blob, ?3 FROM parts WHERE upload = ?1 AND number = ifnull(?2, number)",
    )?;
    unclaim.execute(params![id, number, now_s])?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM parts WHERE upload = ?1 AND number = ifnull(?2, number)")?;
    delete.execute(params![id, number]).map(drop)
}

fn stored(connection: &Connection, id: &str) -> rusqlite::Result<HashMap<u32, Stored>> {
    let mut statement =
        connection.prepare_cached("SELECT number, md5, blob, size FROM parts WHERE upload = ?1")?;
    let read = |row: &Row<'_>| {
        let piece = Piece { blob: row.get(2)?, size: row.get::<_, i64>(3)? as u64 };
        Ok((row.get(0)?, Stored { md5: row.get(1)?, piece }))
    };
    statement.query_map([id], read)?.collect()
}

/// The named parts in the order of their numbers, if they can be one object.
fn choose(parts: &[Part], stored: &HashMap<u32, Stored>) -> Result<Vec<(Vec<u8>, Piece)>, R2Error> {
    let mut numbers = HashSet::new();
    if !parts.iter().all(|part| numbers.insert(part.part_number)) {
        return Err(R2Error::RepeatedPart);
    }
    let find = |part: &Part| {
        let found = stored.get(&part.part_number).filter(|found| hex(&found.md5) == part.etag);
        found.map(|found| (part.part_number, found)).ok_or(R2Error::NoSuchPart)
    };
    let mut found = parts.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let but_last = found.len().saturating_sub(1);
    if found[..but_last].iter().any(|(_, part)| part.piece.size < limits::PART_MIN_BYTES) {
        return Err(R2Error::PartTooSmall);
    }
    found.sort_by_key(|(number, _)| *number);
    let size = found.first().map_or(0, |(_, part)| part.piece.size);
    let equal = found[..but_last].iter().all(|(_, part)| part.piece.size == size);
    if !equal || found.last().is_some_and(|(_, part)| part.piece.size > size) {
        return Err(R2Error::UnequalParts);
    }
    Ok(found.into_iter().map(|(_, part)| (part.md5.clone(), part.piece.clone())).collect())
}
