//! A few thousand codes side by side, and the loop over them in which a search spends its time.

use multiversion::multiversion;

use super::codes::{Code, Probe};

/// How many vectors a segment holds.
pub(super) const ROWS: usize = 4096;

/// One bit for each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows([u64; ROWS / 64]);

impl Rows {
    pub(super) const NONE: Self = Self([0; ROWS / 64]);

    pub(super) fn set(&mut self, row: usize, on: bool) {
        let bit = 1 << (row % 64);
        if on { self.0[row / 64] |= bit } else { self.0[row / 64] &= !bit }
    }

    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        self
    }

    pub(super) fn and_not(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= !other);
        self
    }

    #[cfg(feature = "hnsw")]
    pub(super) fn contains(&self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 == 1
    }

    /// Those from a row on.
    #[cfg(feature = "hnsw")]
    pub(super) fn since(mut self, row: usize) -> Self {
        self.0[..row / 64].fill(0);
        self.0[row / 64] &= u64::MAX << (row % 64);
        self
    }

    /// The numbers of the rows that are set, ascending.
    fn numbers(&self, into: &mut Vec<u32>) {
        into.clear();
        for (index, word) in self.0.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                into.push(64 * index as u32 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
    }
}

/// Vectors in ascending order of their numbers.
pub(super) struct Segment {
    numbers: Vec<i64>,
    namespaces: Vec<u32>,
    scales: Vec<f32>,
    biases: Vec<f32>,
    bytes: Vec<i8>,
    pub(super) alive: Rows,
}

/// What a search needs again and again, kept between segments.
#[derive(Default)]
pub(super) struct Scratch {
    rows: Vec<u32>,
    dots: Vec<i32>,
}

impl Segment {
    pub(super) fn new(width: usize) -> Self {
        Self {
            numbers: Vec::with_capacity(ROWS),
            namespaces: Vec::with_capacity(ROWS),
            scales: Vec::with_capacity(ROWS),
            biases: Vec::with_capacity(ROWS),
            bytes: Vec::with_capacity(ROWS * width),
            alive: Rows::NONE,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.numbers.len() == ROWS
    }

    /// The number of its last vector.
    pub(super) fn last(&self) -> i64 {
        self.numbers.last().copied().unwrap_or(0)
    }

    /// How many vectors it has.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a row's vector.
    #[cfg(feature = "hnsw")]
    pub(super) fn number(&self, row: usize) -> i64 {
        self.numbers[row]
    }

    /// The scale of a row's code.
    #[cfg(feature = "hnsw")]
    pub(super) fn scale(&self, row: usize) -> f32 {
        self.scales[row]
    }

    /// How one row ranks.
    #[cfg(feature = "hnsw")]
    pub(super) fn rank_one(&self, row: usize, probe: &Probe) -> f32 {
        let dot = dot_product(self.code(row, probe.values.len()), &probe.values);
        dot as f32 * (self.scales[row] * probe.scale) - self.biases[row]
    }

    /// A row as a query.
    #[cfg(feature = "hnsw")]
    pub(super) fn probe(&self, row: usize) -> Probe {
        let width = self.bytes.len() / self.numbers.len();
        let values = self.code(row, width).iter().map(|byte| i16::from(*byte)).collect();
        Probe { values, scale: self.scales[row] }
    }

    #[cfg(feature = "hnsw")]
    fn code(&self, row: usize, width: usize) -> &[i8] {
        &self.bytes[row * width..][..width]
    }

    pub(super) fn push(&mut self, number: i64, namespace: u32, code: &Code) {
        self.alive.set(self.numbers.len(), true);
        self.numbers.push(number);
        self.namespaces.push(namespace);
        self.scales.push(code.scale);
        self.biases.push(code.bias);
        self.bytes.extend_from_slice(&code.bytes);
    }

    /// Where a vector stands; `None` where it does not, or no more.
    pub(super) fn row(&self, number: i64) -> Option<usize> {
        self.numbers.binary_search(&number).ok()
    }

    /// The rows of a namespace.
    pub(super) fn in_namespace(&self, namespace: u32) -> Rows {
        let mut rows = Rows::NONE;
        for (row, own) in self.namespaces.iter().enumerate() {
            if *own == namespace {
                rows.set(row, true);
            }
        }
        rows
    }

    /// Says how each of the rows ranks: the greater, the nearer.
    pub(super) fn rank(
        &self,
        rows: &Rows,
        probe: &Probe,
        scratch: &mut Scratch,
        mut found: impl FnMut(f32, i64),
    ) {
        rows.numbers(&mut scratch.rows);
        scratch.dots.clear();
        dot_products(&self.bytes, &scratch.rows, &probe.values, &mut scratch.dots);
        for (row, dot) in scratch.rows.iter().zip(&scratch.dots) {
            let row = *row as usize;
            found(*dot as f32 * (self.scales[row] * probe.scale) - self.biases[row], self.numbers[row]);
        }
    }
}

/// The dot product of the query with each of the rows. Compiled for several processors, for the compiler makes vector
/// instructions of it where it may use them.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2", "aarch64+neon"))]
fn dot_products(bytes: &[i8], rows: &[u32], query: &[i16], dots: &mut Vec<i32>) {
    let width = query.len();
    for row in rows {
        let start = *row as usize * width;
        let code = &bytes[start..start + width];
        let products = code.iter().zip(query).map(|(a, b)| i32::from(*a) * i32::from(*b));
        dots.push(products.sum());
    }
}

/// The dot product of the query with one code.
#[cfg(feature = "hnsw")]
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2", "aarch64+neon"))]
fn dot_product(code: &[i8], query: &[i16]) -> i32 {
    code.iter().zip(query).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::super::Metric;
    use super::super::codes::{encode, width};
    use super::*;

    #[test]
    fn rows_are_found_counted_and_ranked() {
        let mut segment = Segment::new(width(33));
        for number in 0..100_i64 {
            let mut values = [0.0; 33];
            values[32] = number as f32;
            segment.push(10 * number, (number % 3) as u32, &encode(&values, Metric::DotProduct));
        }
        assert_eq!((segment.row(50), segment.row(51), segment.last()), (Some(5), None, 990));
        let rows = segment.in_namespace(1).and(&segment.alive);
        let mut query = [0.0; 33];
        query[32] = 2.0;
        let mut ranks = Vec::new();
        segment.rank(&rows, &Probe::new(&query), &mut Scratch::default(), |rank, number| {
            ranks.push((rank.round() as i64, number));
        });
        let expected: Vec<_> = (0..33).map(|step| (2 * (3 * step + 1), 10 * (3 * step + 1))).collect();
        assert_eq!(ranks, expected);
    }

    #[test]
    fn rows_can_be_taken_away() {
        let mut rows = Rows::NONE;
        for row in [0, 63, 64, ROWS - 1] {
            rows.set(row, true);
        }
        let mut other = Rows::NONE;
        other.set(64, true);
        let mut left = Vec::new();
        rows.and_not(&other).numbers(&mut left);
        assert_eq!(left, [0, 63, ROWS as u32 - 1]);
    }
}
