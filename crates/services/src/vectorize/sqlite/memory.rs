//! The codes of an index in memory. They are derived from the file: at first use all are read, later only what has
//! changed since, whoever has changed it.

use std::cmp::Ordering as Comparison;
use std::collections::BinaryHeap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::super::Metric;
use super::codes::{self, Code, Probe};
use super::segment::{ROWS, Rows, Scratch, Segment};
use super::tables::{self, Position};

/// How many vectors, per segment, may be dead before all is read anew.
const DEAD_MAX_SHARE: usize = 2;

/// From how many segments on (131,072 vectors) a search is shared out among threads: below, it is over before they have
/// started.
const SEGMENTS_SHARED_MIN: usize = 32;
/// The most threads of one search. What bounds it is how fast memory is read, which few cores exhaust.
const THREADS_MAX: usize = 4;

/// See the module.
pub(super) struct Memory {
    width: usize,
    metric: Metric,
    position: Position,
    pub(super) segments: Vec<Segment>,
    dead: usize,
    /// How often all was read anew.
    generation: u64,
    /// Whether the file's codes did not agree with its vectors.
    mended: AtomicBool,
}

/// Rows of every segment.
pub(super) struct Selection(pub(super) Vec<Rows>);

impl Selection {
    pub(super) fn and(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(rows, other)| *rows = rows.and(other));
    }

    pub(super) fn and_not(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(rows, other)| *rows = rows.and_not(other));
    }
}

impl Memory {
    /// For codes of vectors of so many dimensions, compared in that way; empty.
    pub(super) fn new(dimensions: usize, metric: Metric) -> Self {
        Self {
            width: codes::width(dimensions),
            metric,
            position: Position(0),
            segments: Vec::new(),
            dead: 0,
            generation: 0,
            mended: AtomicBool::new(false),
        }
    }

    /// How many places there are, those of removed vectors among them.
    pub(super) fn len(&self) -> usize {
        self.segments.last().map_or(0, |last| (self.segments.len() - 1) * ROWS + last.len())
    }

    /// Whether the file lacked codes, which were made of its vectors instead; told once.
    pub(super) fn was_mended(&self) -> bool {
        self.mended.swap(false, Ordering::Relaxed)
    }

    /// Which reading of the file it is: another one has other vectors in its places.
    #[cfg(feature = "hnsw")]
    pub(super) fn generation(&self) -> u64 {
        self.generation
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
        self.segments.clear();
        (self.position, self.dead) = (Position(0), 0);
        self.generation += 1;
    }

    fn follow_from(&mut self, connection: &Connection, to: Position) -> rusqlite::Result<()> {
        let from = self.position;
        if from != Position(0) {
            tables::removed_since(connection, from, |number| self.remove(number))?;
        }
        tables::codes_since(connection, from, self.width, |number, namespace, code| {
            self.push(number, namespace, code);
        })?;
        if from == Position(0) && self.len() as u64 != tables::vector_count(connection)? {
            self.mend(connection)?;
        }
        self.position = to;
        Ok(())
    }

    /// Makes the codes of the vectors themselves, where those in the file are not all there.
    fn mend(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.forget();
        let metric = self.metric;
        tables::values_of_all(connection, |number, namespace, values| {
            self.push(number, namespace, &codes::encode(values, metric));
            Ok(())
        })?;
        self.mended.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Takes in a vector, whose number is greater than all before.
    pub(super) fn push(&mut self, number: i64, namespace: u32, code: &Code) {
        let segment = match self.segments.last_mut().filter(|last| !last.is_full()) {
            Some(segment) => segment,
            None => self.segments.push_mut(Segment::new(self.width)),
        };
        segment.push(number, namespace, code);
    }

    pub(super) fn remove(&mut self, number: i64) {
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
        let is_long = self.segments.len() >= SEGMENTS_SHARED_MIN;
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        self.nearest_by(if is_long { cores().min(THREADS_MAX) } else { 1 }, probe, selection, count)
    }

    /// The same, the segments shared out among so many threads.
    fn nearest_by(&self, threads: usize, probe: &Probe, selection: &Selection, count: usize) -> Vec<i64> {
        let share = self.segments.len().div_ceil(threads).max(1);
        let mut parts = self.segments.chunks(share).zip(selection.0.chunks(share));
        let own = parts.next();
        let mut found = std::thread::scope(|scope| {
            let search = |(segments, rows)| scope.spawn(move || nearest_in(segments, rows, probe, count));
            let others: Vec<_> = parts.map(search).collect();
            let own = own.map_or_else(Vec::new, |(segments, rows)| nearest_in(segments, rows, probe, count));
            let of_others = others.into_iter().flat_map(|part| part.join().expect("invariant: a scan ends"));
            own.into_iter().chain(of_others).collect::<Vec<_>>()
        });
        found.sort_unstable();
        found.truncate(count);
        found.into_iter().map(|candidate| candidate.number).collect()
    }
}

/// The nearest of some segments, in no order.
fn nearest_in(segments: &[Segment], selected: &[Rows], probe: &Probe, count: usize) -> Vec<Candidate> {
    let mut best: BinaryHeap<Candidate> = BinaryHeap::with_capacity(count + 1);
    let mut threshold = f32::NEG_INFINITY;
    let mut scratch = Scratch::default();
    for (segment, rows) in segments.iter().zip(selected) {
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
    best.into_vec()
}

/// A vector that may be among the nearest; the greatest is the one to be dropped first.
struct Candidate {
    rank: f32,
    number: i64,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Comparison {
        other.rank.total_cmp(&self.rank).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Comparison> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of one value each, the larger the nearer to 1, spread over a few segments.
    fn memory() -> Memory {
        let mut memory = Memory::new(1, Metric::DotProduct);
        for segment in 0..5_i64 {
            let mut made = Segment::new(codes::width(1));
            for row in 0..20_i64 {
                let number = 20 * segment + row;
                let value = ((number * 37) % 100 + 1) as f32;
                made.push(number, 0, &codes::encode(&[value], Metric::DotProduct));
            }
            memory.segments.push(made);
        }
        memory
    }

    #[test]
    fn any_number_of_threads_finds_the_same() {
        let memory = memory();
        let probe = Probe::new(&[1.0]);
        let alone = memory.nearest_by(1, &probe, &memory.all(), 7);
        // 37 · number ≡ 99, 98 ... (mod 100)
        assert_eq!(alone, [27, 54, 81, 8, 35, 62, 89]);
        for threads in 2..8 {
            assert_eq!(memory.nearest_by(threads, &probe, &memory.all(), 7), alone, "{threads} threads");
        }
        assert_eq!(memory.nearest(&probe, &memory.all(), 7), alone);
        assert_eq!(
            Memory::new(1, Metric::Cosine).nearest_by(3, &probe, &Selection(Vec::new()), 7),
            [0_i64; 0]
        );
    }
}
