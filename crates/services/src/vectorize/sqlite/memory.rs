//! The codes of an index in memory. They are derived from the file: at first use all are read, later only what has
//! changed since, whoever has changed it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rusqlite::Connection;

use super::codes::{self, Probe};
use super::segment::{ROWS, Rows, Scratch, Segment};
use super::tables::{self, Position};

/// How many vectors, per segment, may be dead before all is read anew.
const DEAD_MAX_SHARE: usize = 2;

/// See the module.
pub(super) struct Memory {
    width: usize,
    position: Position,
    segments: Vec<Segment>,
    dead: usize,
}

/// Rows of every segment.
pub(super) struct Selection(Vec<Rows>);

impl Selection {
    pub(super) fn and(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(rows, other)| *rows = rows.and(other));
    }

    pub(super) fn and_not(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(rows, other)| *rows = rows.and_not(other));
    }
}

impl Memory {
    /// For codes of vectors of so many dimensions; empty.
    pub(super) fn new(dimensions: usize) -> Self {
        Self { width: codes::width(dimensions), position: Position(0), segments: Vec::new(), dead: 0 }
    }

    /// How far it has followed the file.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Takes in what has changed since, up to the file's position as `connection` sees it.
    pub(super) fn follow(&mut self, connection: &Connection, to: Position) -> rusqlite::Result<()> {
        if !tables::keeps_removals_since(self.position, to) {
            self.forget();
        }
        self.follow_from(connection, to)?;
        let held = self.segments.len() * ROWS;
        if self.dead > ROWS && self.dead * DEAD_MAX_SHARE > held {
            self.forget();
            self.follow_from(connection, to)?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        *self = Self { width: self.width, position: Position(0), segments: Vec::new(), dead: 0 };
    }

    fn follow_from(&mut self, connection: &Connection, to: Position) -> rusqlite::Result<()> {
        let from = self.position;
        if from != Position(0) {
            tables::removed_since(connection, from, |number| self.remove(number))?;
        }
        tables::codes_since(connection, from, self.width, |number, namespace, code| {
            let segment = match self.segments.last_mut().filter(|last| !last.is_full()) {
                Some(segment) => segment,
                None => self.segments.push_mut(Segment::new(self.width)),
            };
            segment.push(number, namespace, code);
        })?;
        self.position = to;
        Ok(())
    }

    fn remove(&mut self, number: i64) {
        if let Some((segment, row)) = self.find(number) {
            self.segments[segment].alive.set(row, false);
            self.dead += 1;
        }
    }

    fn find(&self, number: i64) -> Option<(usize, usize)> {
        let segment = self.segments.partition_point(|segment| segment.last() < number);
        Some((segment, self.segments.get(segment)?.row(number)?))
    }

    /// All vectors.
    pub(super) fn all(&self) -> Selection {
        Selection(self.segments.iter().map(|segment| segment.alive).collect())
    }

    /// The vectors of a namespace.
    pub(super) fn in_namespace(&self, namespace: u32) -> Selection {
        let rows = |segment: &Segment| segment.in_namespace(namespace).and(&segment.alive);
        Selection(self.segments.iter().map(rows).collect())
    }

    /// The vectors of those numbers.
    pub(super) fn of(&self, numbers: &[i64]) -> Selection {
        let mut rows = vec![Rows::NONE; self.segments.len()];
        for (segment, row) in numbers.iter().filter_map(|number| self.find(*number)) {
            rows[segment].set(row, true);
        }
        Selection(rows)
    }

    /// The numbers of the selected vectors that are probably nearest, in no order.
    pub(super) fn nearest(&self, probe: &Probe, selection: &Selection, count: usize) -> Vec<i64> {
        let mut best: BinaryHeap<Candidate> = BinaryHeap::with_capacity(count + 1);
        let mut threshold = f32::NEG_INFINITY;
        let mut scratch = Scratch::default();
        for (segment, rows) in self.segments.iter().zip(&selection.0) {
            segment.rank(rows, probe, &mut scratch, |rank, number| {
                if rank <= threshold {
                    return;
                }
                best.push(Candidate { rank, number });
                if best.len() > count {
                    best.pop();
                    threshold = best.peek().map_or(threshold, |worst| worst.rank);
                }
            });
        }
        best.into_iter().map(|candidate| candidate.number).collect()
    }
}

/// A vector that may be among the nearest; the greatest is the one to be dropped first.
struct Candidate {
    rank: f32,
    number: i64,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.total_cmp(&self.rank).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}
