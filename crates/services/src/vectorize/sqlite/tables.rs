//! The tables of an index's file, and every statement on them.
//!
//! Vectors and removals share one ascending sequence of numbers, and a replaced vector gets a new number: so what has
//! changed since some point is what has a greater number.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, Value as SqlValue};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};

use super::super::{Metric, PropertyKind, Scalar, Shape};
use super::codes::{Code, encode};
use crate::sqlite::Schema;

/// How many numbers back removals are known. Who was not there for so long reads everything anew.
const REMOVALS_KEPT: i64 = 1 << 18;

pub(super) const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
        CREATE TABLE about (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            dimensions INTEGER NOT NULL,
            metric TEXT NOT NULL,
            description TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            -- Set before the file is removed, for those who have it open.
            deleted INTEGER NOT NULL DEFAULT 0,
            sequence INTEGER NOT NULL DEFAULT 0,
            vector_count INTEGER NOT NULL DEFAULT 0,
            mutation TEXT,
            mutation_ms INTEGER
        ) STRICT;

        CREATE TABLE namespaces (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE
        ) STRICT;

        -- `floats` is little-endian. A namespace of 0 is none.
        CREATE TABLE vectors (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            namespace INTEGER NOT NULL,
            floats BLOB NOT NULL,
            metadata TEXT
        ) STRICT;

        -- What a search reads of each vector.
        CREATE TABLE codes (
            number INTEGER PRIMARY KEY,
            namespace INTEGER NOT NULL,
            scale REAL NOT NULL,
            bias REAL NOT NULL,
            bytes BLOB NOT NULL
        ) STRICT;

        CREATE TABLE removed (
            sequence INTEGER PRIMARY KEY,
            number INTEGER NOT NULL
        ) STRICT;

        -- Metadata indexes, and what they hold.
        CREATE TABLE properties (
            number INTEGER PRIMARY KEY,
            path TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL
        ) STRICT;
        CREATE TABLE indexed (
            property INTEGER NOT NULL,
            value ANY NOT NULL,
            vector INTEGER NOT NULL,
            PRIMARY KEY (property, value, vector)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX indexed_by_vector ON indexed (vector);
    ",
    changes: &[],
};

/// How far a file has come: the last number that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(pub(super) i64);

/// A vector as it is stored.
pub(super) struct Stored {
    pub(super) namespace: Option<String>,
    pub(super) values: Vec<f32>,
    pub(super) metadata: Option<String>,
}

/// A metadata index.
pub(super) struct Property {
    pub(super) number: i64,
    pub(super) path: String,
    pub(super) kind: PropertyKind,
}

pub(super) fn make(transaction: &Transaction<'_>, shape: &Shape, now_ms: i64) -> rusqlite::Result<bool> {
    let made = transaction.execute(
        "INSERT OR IGNORE INTO about (one, dimensions, metric, description, created_ms) VALUES (1, ?1, ?2, ?3, ?4)",
        params![shape.dimensions as i64, shape.metric.name(), shape.description, now_ms],
    )?;
    Ok(made == 1)
}

pub(super) fn mark_deleted(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("UPDATE about SET deleted = 1", []).map(drop)
}

/// What the index was made with; `None` where it was not made, or is no more.
pub(super) fn shape(connection: &Connection) -> rusqlite::Result<Option<Shape>> {
    let mut statement =
        connection.prepare_cached("SELECT dimensions, metric, description FROM about WHERE deleted = 0")?;
    let read = |row: &Row<'_>| {
        let metric = Metric::named(row.get_ref(1)?.as_str()?).unwrap_or(Metric::Cosine);
        Ok(Shape { dimensions: row.get::<_, i64>(0)? as usize, metric, description: row.get(2)? })
    };
    statement.query_row([], read).optional()
}

/// Whether a file that was an index still is one.
pub(super) fn exists(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM about WHERE deleted = 0")?.exists([])
}

pub(super) fn position(connection: &Connection) -> rusqlite::Result<Position> {
    let mut statement = connection.prepare_cached("SELECT sequence FROM about")?;
    statement.query_row([], |row| row.get(0)).map(Position)
}

pub(super) fn vector_count(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT vector_count FROM about")?;
    statement.query_row([], |row| row.get::<_, i64>(0)).map(|count| count as u64)
}

/// The last change, and its time.
pub(super) fn last_mutation(connection: &Connection) -> rusqlite::Result<Option<(String, i64)>> {
    let mut statement =
        connection.prepare_cached("SELECT mutation, mutation_ms FROM about WHERE mutation IS NOT NULL")?;
    statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Notes a change that has come to `to` and has added so many vectors (or removed them).
pub(super) fn note_mutation(
    transaction: &Transaction<'_>,
    mutation: &str,
    now_ms: i64,
    to: Position,
    added: i64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE about SET mutation = ?1, mutation_ms = ?2, sequence = ?3, vector_count = vector_count + ?4",
        params![mutation, now_ms, to.0, added],
    )?;
    transaction.execute("DELETE FROM removed WHERE sequence <= ?1", [to.0 - REMOVALS_KEPT]).map(drop)
}

/// The number of a namespace, which gets one if it has none.
pub(super) fn namespace_number(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<u32> {
    if let Some(number) = find_namespace(transaction, name)? {
        return Ok(number);
    }
    let mut insert = transaction.prepare_cached("INSERT INTO namespaces (name) VALUES (?1)")?;
    insert.insert([name]).map(|number| number as u32)
}

pub(super) fn find_namespace(connection: &Connection, name: &str) -> rusqlite::Result<Option<u32>> {
    let mut find = connection.prepare_cached("SELECT number FROM namespaces WHERE name = ?1")?;
    find.query_row([name], |row| row.get(0)).optional()
}

pub(super) fn namespace_count(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM namespaces", [], |row| row.get::<_, i64>(0)).map(|n| n as u64)
}

pub(super) fn number_of(connection: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    let mut find = connection.prepare_cached("SELECT number FROM vectors WHERE id = ?1")?;
    find.query_row([id], |row| row.get(0)).optional()
}

/// What is stored of a new vector.
pub(super) struct NewVector<'a> {
    pub(super) number: i64,
    pub(super) id: &'a str,
    pub(super) namespace: u32,
    pub(super) floats: &'a [u8],
    pub(super) metadata: Option<&'a str>,
    pub(super) code: &'a Code,
}

pub(super) fn add(transaction: &Transaction<'_>, vector: &NewVector<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO vectors (number, id, namespace, floats, metadata) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let NewVector { number, id, namespace, floats, metadata, code } = vector;
    insert.execute(params![number, id, namespace, floats, metadata])?;
    add_code(transaction, *number, *namespace, code)
}

/// Removes the vector `number`; `sequence` is the removal's own.
pub(super) fn remove(transaction: &Transaction<'_>, number: i64, sequence: i64) -> rusqlite::Result<()> {
    for statement in [
        "DELETE FROM vectors WHERE number = ?1",
        "DELETE FROM codes WHERE number = ?1",
        "DELETE FROM indexed WHERE vector = ?1",
    ] {
        transaction.prepare_cached(statement)?.execute([number])?;
    }
    let mut insert = transaction.prepare_cached("INSERT INTO removed (sequence, number) VALUES (?1, ?2)")?;
    insert.execute([sequence, number]).map(drop)
}

/// Whether the removals since `from` are all still known at `to`.
pub(super) fn keeps_removals_since(from: Position, to: Position) -> bool {
    from == Position(0) || to.0 - from.0 <= REMOVALS_KEPT
}

pub(super) fn removed_since(
    connection: &Connection,
    since: Position,
    mut found: impl FnMut(i64),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT number FROM removed WHERE sequence > ?1")?;
    let mut rows = statement.query([since.0])?;
    while let Some(row) = rows.next()? {
        found(row.get(0)?);
    }
    Ok(())
}

/// The codes with numbers above `since`, ascending, with their namespaces.
pub(super) fn codes_since(
    connection: &Connection,
    since: Position,
    width: usize,
    mut found: impl FnMut(i64, u32, &Code),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT number, namespace, scale, bias, bytes FROM codes WHERE number > ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([since.0])?;
    let mut code = Code { scale: 0.0, bias: 0.0, bytes: vec![0; width] };
    while let Some(row) = rows.next()? {
        code.scale = row.get::<_, f64>(2)? as f32;
        code.bias = row.get::<_, f64>(3)? as f32;
        let bytes = row.get_ref(4)?.as_blob()?;
        code.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = from.cast_signed());
        found(row.get(0)?, row.get(1)?, &code);
    }
    Ok(())
}

/// The values of all vectors, by ascending numbers, with their namespaces.
pub(super) fn values_of_all(
    connection: &Connection,
    mut found: impl FnMut(i64, u32, &[f32]) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT number, namespace, floats FROM vectors ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.clear();
        values.extend(floats(row.get_ref(2)?.as_blob()?));
        found(row.get(0)?, row.get(1)?, &values)?;
    }
    Ok(())
}

/// Makes the codes of all vectors anew.
pub(super) fn make_codes(transaction: &Transaction<'_>, metric: Metric) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM codes", [])?;
    values_of_all(transaction, |number, namespace, values| {
        add_code(transaction, number, namespace, &encode(values, metric))
    })
}

fn add_code(transaction: &Transaction<'_>, number: i64, namespace: u32, code: &Code) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO codes (number, namespace, scale, bias, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let bytes: Vec<u8> = code.bytes.iter().map(|byte| byte.cast_unsigned()).collect();
    insert.execute(params![number, namespace, f64::from(code.scale), f64::from(code.bias), bytes]).map(drop)
}

/// The exact values of a vector; `false` where it is not there.
pub(super) fn read_values(
    connection: &Connection,
    number: i64,
    into: &mut Vec<f32>,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT floats FROM vectors WHERE number = ?1")?;
    let mut rows = statement.query([number])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    into.clear();
    into.extend(floats(row.get_ref(0)?.as_blob()?));
    Ok(true)
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// A vector by its id.
pub(super) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Stored>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, floats, metadata
         FROM vectors LEFT JOIN namespaces ON namespaces.number = namespace WHERE id = ?1",
    )?;
    let read = |row: &Row<'_>| {
        let values = floats(row.get_ref(1)?.as_blob()?).collect();
        Ok(Stored { namespace: row.get(0)?, values, metadata: row.get(2)? })
    };
    statement.query_row([id], read).optional()
}

/// The id, namespace and metadata of a vector.
pub(super) fn about_vector(
    connection: &Connection,
    number: i64,
) -> rusqlite::Result<(String, Option<String>, Option<String>)> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, metadata
         FROM vectors LEFT JOIN namespaces ON namespaces.number = namespace WHERE vectors.number = ?1",
    )?;
    statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// Ids in ascending order.
pub(super) fn list(connection: &Connection, after: &str, limit: usize) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM vectors WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    statement.query_map(params![after, limit as i64], |row| row.get(0))?.collect()
}

pub(super) fn properties(connection: &Connection) -> rusqlite::Result<Vec<Property>> {
    let mut statement =
        connection.prepare_cached("SELECT number, path, kind FROM properties ORDER BY path")?;
    let read = |row: &Row<'_>| {
        let kind = PropertyKind::named(row.get_ref(2)?.as_str()?).unwrap_or(PropertyKind::String);
        Ok(Property { number: row.get(0)?, path: row.get(1)?, kind })
    };
    statement.query_map([], read)?.collect()
}

pub(super) fn make_property(
    transaction: &Transaction<'_>,
    path: &str,
    kind: PropertyKind,
) -> rusqlite::Result<()> {
    let insert = "INSERT INTO properties (path, kind) VALUES (?1, ?2)";
    transaction.execute(insert, [path, kind.name()]).map(drop)
}

/// Removes a metadata index; whether there was one.
pub(super) fn remove_property(transaction: &Transaction<'_>, path: &str) -> rusqlite::Result<bool> {
    let of_path = "DELETE FROM indexed WHERE property IN (SELECT number FROM properties WHERE path = ?1)";
    transaction.execute(of_path, [path])?;
    Ok(transaction.execute("DELETE FROM properties WHERE path = ?1", [path])? == 1)
}

pub(super) fn index_value(
    transaction: &Transaction<'_>,
    property: i64,
    value: &Scalar,
    vector: i64,
) -> rusqlite::Result<()> {
    let mut insert = transaction
        .prepare_cached("INSERT OR IGNORE INTO indexed (property, value, vector) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![property, value, vector]).map(drop)
}

/// The vectors that have the property.
pub(super) fn having(connection: &Connection, property: i64) -> rusqlite::Result<Vec<i64>> {
    numbers(connection, "SELECT vector FROM indexed WHERE property = ?1", params![property])
}

/// The vectors in which it has that value.
pub(super) fn equal(connection: &Connection, property: i64, value: &Scalar) -> rusqlite::Result<Vec<i64>> {
    let equal = "SELECT vector FROM indexed WHERE property = ?1 AND value = ?2";
    numbers(connection, equal, params![property, value])
}

/// The vectors in which it is within bounds, each with whether it is itself within.
pub(super) fn between(
    connection: &Connection,
    property: i64,
    from: Option<&(Scalar, bool)>,
    to: Option<&(Scalar, bool)>,
) -> rusqlite::Result<Vec<i64>> {
    let lower = match from {
        None => "?2 IS NULL",
        Some((_, true)) => "value >= ?2",
        Some((_, false)) => "value > ?2",
    };
    let upper = match to {
        None => "?3 IS NULL",
        Some((_, true)) => "value <= ?3",
        Some((_, false)) => "value < ?3",
    };
    let sql = format!("SELECT vector FROM indexed WHERE property = ?1 AND {lower} AND {upper}");
    let bound = |bound: Option<&(Scalar, bool)>| bound.map(|(scalar, _)| scalar.clone());
    numbers(connection, &sql, params![property, bound(from), bound(to)])
}

fn numbers(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<i64>> {
    connection.prepare_cached(sql)?.query_map(params, |row| row.get(0))?.collect()
}

impl ToSql for Scalar {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::String(text) => ToSqlOutput::from(text.as_str()),
            Self::Number(number) => ToSqlOutput::Owned(SqlValue::Real(*number)),
            Self::Boolean(value) => ToSqlOutput::Owned(SqlValue::Integer(i64::from(*value))),
        })
    }
}

/// Values as they are stored.
pub(super) fn bytes_of(values: &[f32]) -> Cow<'static, [u8]> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
