//! Single vectors of the memory, by their places: what a graph (`graph`) goes by.
//!
//! A place is how many vectors were taken in before. It stays until all is read anew, which the memory's generation tells.

use super::codes::Probe;
use super::memory::{Memory, Selection};
use super::segment::{ROWS, Rows, Segment};

impl Memory {
    fn place(&self, place: u32) -> (&Segment, usize) {
        (&self.segments[place as usize / ROWS], place as usize % ROWS)
    }

    /// The number of a vector.
    pub(super) fn number(&self, place: u32) -> i64 {
        let (segment, row) = self.place(place);
        segment.number(row)
    }

    /// The scale of its code: two vectors hardly ever have the same.
    pub(super) fn scale(&self, place: u32) -> f32 {
        let (segment, row) = self.place(place);
        segment.scale(row)
    }

    /// Whether it was not removed.
    pub(super) fn is_alive(&self, place: u32) -> bool {
        let (segment, row) = self.place(place);
        segment.alive.contains(row)
    }

    /// How near it is to a query: the greater, the nearer.
    pub(super) fn rank(&self, probe: &Probe, place: u32) -> f32 {
        let (segment, row) = self.place(place);
        segment.rank_one(row, probe)
    }

    /// A query for what is near to it.
    pub(super) fn probe(&self, place: u32) -> Probe {
        let (segment, row) = self.place(place);
        segment.probe(row)
    }

    /// All vectors from a place on.
    pub(super) fn since(&self, place: usize) -> Selection {
        let rows = |(number, segment): (usize, &Segment)| match place.saturating_sub(number * ROWS) {
            0 => segment.alive,
            before if before >= ROWS => Rows::NONE,
            before => segment.alive.since(before),
        };
        Selection(self.segments.iter().enumerate().map(rows).collect())
    }
}
