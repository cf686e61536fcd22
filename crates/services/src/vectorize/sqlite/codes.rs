//! Vectors as they are searched: each value as one byte, so that a search reads a quarter of what the floats take.
//!
//! A code's bytes times its scale are about the vector's values. Whatever the metric, the nearest vectors are those of
//! the greatest `scale · (bytes · query) - bias`. The rest of the error goes with the exact floats of the best few.

use super::super::Metric;

/// Codes have so many bytes or a multiple of it, zeros at the end, so that loops over them have no remainder.
const WIDTH_STEP: usize = 32;
/// The largest byte of a code.
const CODE_MAX: f32 = 127.0;
/// The largest value of a query. The sum of as many products as there are dimensions stays within 32 bits.
const QUERY_MAX: f32 = 8191.0;

/// A vector's code.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Code {
    pub(super) scale: f32,
    pub(super) bias: f32,
    pub(super) bytes: Vec<i8>,
}

/// How many bytes codes of so many dimensions have.
pub(super) fn width(dimensions: usize) -> usize {
    dimensions.next_multiple_of(WIDTH_STEP)
}

/// The code of a vector.
pub(super) fn encode(values: &[f32], metric: Metric) -> Code {
    let step = largest(values) / CODE_MAX;
    let mut bytes = vec![0; width(values.len())];
    if step > 0.0 {
        for (byte, value) in bytes.iter_mut().zip(values) {
            *byte = (value / step).round() as i8;
        }
    }
    let square = square(values);
    let (scale, bias) = match metric {
        Metric::Cosine if square > 0.0 => (step / square.sqrt() as f32, 0.0),
        Metric::Cosine | Metric::DotProduct => (step, 0.0),
        // |q - v|² = |q|² - 2 (q · v - |v|² / 2)
        Metric::Euclidean => (step, (square / 2.0) as f32),
    };
    Code { scale, bias, bytes }
}

/// A query as codes are compared with it.
pub(super) struct Probe {
    pub(super) values: Vec<i16>,
    pub(super) scale: f32,
}

impl Probe {
    pub(super) fn new(query: &[f32]) -> Self {
        let scale = largest(query) / QUERY_MAX;
        let mut values = vec![0; width(query.len())];
        if scale > 0.0 {
            for (probe, value) in values.iter_mut().zip(query) {
                *probe = (value / scale).round() as i16;
            }
        }
        Self { values, scale }
    }
}

/// The score of a vector for a query, as the metric has it.
pub(super) fn score(metric: Metric, query: &[f32], values: &[f32]) -> f64 {
    let pairs = || query.iter().zip(values).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let dot = || pairs().map(|(a, b)| a * b).sum::<f64>();
    match metric {
        Metric::Cosine => {
            let lengths = (square(query) * square(values)).sqrt();
            if lengths > 0.0 { (dot() / lengths).clamp(-1.0, 1.0) } else { 0.0 }
        }
        Metric::Euclidean => pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
        Metric::DotProduct => -dot(),
    }
}

/// Whether a score is better than another.
pub(super) fn is_better(metric: Metric, one: f64, other: f64) -> bool {
    if metric == Metric::Cosine { one > other } else { one < other }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

fn square(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a search makes of a code and a query.
    fn rank(code: &Code, probe: &Probe) -> f32 {
        let products = code.bytes.iter().zip(&probe.values).map(|(a, b)| i32::from(*a) * i32::from(*b));
        products.sum::<i32>() as f32 * code.scale * probe.scale - code.bias
    }

    #[test]
    fn ranks_are_near_to_what_they_stand_for() {
        let (query, values) = ([0.3, -0.9, 0.1, 0.5], [0.2, 0.8, -0.4, 1.0]);
        let (probe, dot, square) = (Probe::new(&query), -0.2, 1.84_f32);
        let near = |metric, expected: f32| {
            let rank = rank(&encode(&values, metric), &probe);
            assert!((rank - expected).abs() < 0.01, "{metric:?}: {rank} and {expected}");
        };
        near(Metric::DotProduct, dot);
        near(Metric::Cosine, dot / square.sqrt());
        near(Metric::Euclidean, dot - square / 2.0);
    }

    #[test]
    fn nothing_but_zeros_is_near_to_nothing() {
        let zeros = encode(&[0.0; 40], Metric::Cosine);
        assert_eq!((zeros.bytes.len(), rank(&zeros, &Probe::new(&[1.0; 40]))), (64, 0.0));
        assert!(score(Metric::Cosine, &[0.0; 4], &[1.0; 4]).abs() < f64::EPSILON);
    }

    #[test]
    fn the_longest_sum_stays_within_its_type() {
        let most = vec![-1.0; 1536];
        let rank = rank(&encode(&most, Metric::DotProduct), &Probe::new(&most));
        assert!((rank - 1536.0).abs() < 1.0, "{rank}");
    }

    #[test]
    fn scores_are_those_of_the_metric() {
        let (query, values) = ([3.0, 4.0], [6.0, 8.0]);
        for (metric, expected) in
            [(Metric::Cosine, 1.0), (Metric::Euclidean, 5.0), (Metric::DotProduct, -50.0)]
        {
            assert!((score(metric, &query, &values) - expected).abs() < 1e-9, "{metric:?}");
        }
        assert!(is_better(Metric::DotProduct, -50.0, -15.0) && is_better(Metric::Cosine, 1.0, 0.5));
    }
}
