//! Changes of an index, each one transaction.

use std::collections::HashSet;
use std::fmt::Write;

use rusqlite::Transaction;
use serde_json::Value;

use super::super::{Conflict, Metric, Scalar, Vector, VectorizeError, limits, metadata};
use super::codes::{Code, encode};
use super::tables::{self, NewVector, Position, Property};

/// Vectors on their way in.
pub(super) struct Batch {
    vectors: Vec<(Vector, Code)>,
    conflict: Conflict,
}

impl Batch {
    pub(super) fn new(vectors: Vec<Vector>, conflict: Conflict, metric: Metric) -> Self {
        let coded = |vector: Vector| {
            let code = encode(&vector.values, metric);
            (vector, code)
        };
        Self { vectors: vectors.into_iter().map(coded).collect(), conflict }
    }

    /// Stores them, all or none.
    pub(super) fn apply(&self, change: &mut Change<'_>) -> rusqlite::Result<Result<(), VectorizeError>> {
        if let Err(full) = self.check_room(change.transaction)? {
            return Ok(Err(full));
        }
        let properties = tables::properties(change.transaction)?;
        for (vector, code) in &self.vectors {
            match tables::number_of(change.transaction, &vector.id)? {
                Some(_) if self.conflict == Conflict::Keep => continue,
                Some(number) => change.remove(number)?,
                None => {}
            }
            change.add(vector, code, &properties)?;
        }
        Ok(Ok(()))
    }

    fn check_room(&self, transaction: &Transaction<'_>) -> rusqlite::Result<Result<(), VectorizeError>> {
        let full = |what, limit| {
            Ok(Err(VectorizeError::refused(40023, format!("the index has reached its {limit} {what}"))))
        };
        let before = tables::vector_count(transaction)?;
        if before + self.vectors.len() as u64 > limits::VECTORS_MAX {
            let ids: HashSet<&str> = self.vectors.iter().map(|(vector, _)| vector.id.as_str()).collect();
            let mut added = 0;
            for id in ids {
                added += u64::from(tables::number_of(transaction, id)?.is_none());
            }
            if before + added > limits::VECTORS_MAX {
                return full("vectors", limits::VECTORS_MAX);
            }
        }
        let names: HashSet<&str> =
            self.vectors.iter().filter_map(|(vector, _)| vector.namespace.as_deref()).collect();
        let mut added = 0;
        for name in names {
            added += u64::from(tables::find_namespace(transaction, name)?.is_none());
        }
        if added > 0 && tables::namespace_count(transaction)? + added > limits::NAMESPACES_MAX {
            return full("namespaces", limits::NAMESPACES_MAX);
        }
        Ok(Ok(()))
    }
}

/// Removes vectors by their ids.
pub(super) fn delete(change: &mut Change<'_>, ids: &[String]) -> rusqlite::Result<()> {
    for id in ids {
        if let Some(number) = tables::number_of(change.transaction, id)? {
            change.remove(number)?;
        }
    }
    Ok(())
}

/// A change that is being made.
pub(super) struct Change<'a> {
    transaction: &'a Transaction<'a>,
    position: Position,
    added: i64,
}

impl<'a> Change<'a> {
    pub(super) fn begin(transaction: &'a Transaction<'a>) -> rusqlite::Result<Self> {
        Ok(Self { transaction, position: tables::position(transaction)?, added: 0 })
    }

    /// Ends it, under that name.
    pub(super) fn finish(self, mutation: &str, now_ms: i64) -> rusqlite::Result<()> {
        tables::note_mutation(self.transaction, mutation, now_ms, self.position, self.added)
    }

    fn next(&mut self) -> i64 {
        self.position.0 += 1;
        self.position.0
    }

    fn remove(&mut self, number: i64) -> rusqlite::Result<()> {
        let sequence = self.next();
        self.added -= 1;
        tables::remove(self.transaction, number, sequence)
    }

    fn add(&mut self, vector: &Vector, code: &Code, properties: &[Property]) -> rusqlite::Result<()> {
        let namespace = vector.namespace.as_deref();
        let namespace = namespace.map(|name| tables::namespace_number(self.transaction, name)).transpose()?;
        let number = self.next();
        self.added += 1;
        let new = NewVector {
            number,
            id: &vector.id,
            namespace: namespace.unwrap_or(0),
            floats: &tables::bytes_of(&vector.values),
            metadata: vector.metadata.as_deref(),
            code,
        };
        tables::add(self.transaction, &new)?;
        let Some(metadata) = &vector.metadata else { return Ok(()) };
        if properties.is_empty() {
            return Ok(());
        }
        let metadata: Value = serde_json::from_str(metadata).unwrap_or_default();
        for property in properties {
            let scalar = metadata::at(&metadata, &property.path).and_then(Scalar::of);
            if let Some(scalar) = scalar.filter(|scalar| scalar.kind() == property.kind) {
                tables::index_value(self.transaction, property.number, &scalar, number)?;
            }
        }
        Ok(())
    }
}

/// The id of a change made now: a UUID of version 7, so that later ones are greater.
pub(super) fn new_id(now_ms: i64) -> String {
    let random = crate::random::name();
    let mut id = String::with_capacity(36);
    let time = now_ms & 0xffff_ffff_ffff;
    write!(id, "{:08x}-{:04x}-7{}-a{}-", time >> 16, time & 0xffff, &random[..3], &random[3..6])
        .expect("invariant: a string can be written to");
    id + &random[6..18]
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_of_changes_are_uuids_in_the_order_of_time() {
        let (one, other) = (super::new_id(0x0123_4567_89ab), super::new_id(0x0123_4567_89ac));
        assert!(one.starts_with("01234567-89ab-7") && one.len() == 36 && one < other, "{one}");
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
