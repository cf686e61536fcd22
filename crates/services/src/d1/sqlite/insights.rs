//! What the statements of a database have cost since the engine was opened, text by text. Kept in memory, and bounded.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::d1::StatementResult;

/// The most texts that are remembered. Of more, those that were run least often are forgotten.
const TEXTS_MAX: usize = 1000;
/// How much of a text is remembered, in bytes: longer ones that begin alike are one.
const TEXT_MAX_BYTES: usize = 2048;

/// What the runs of one text have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// How many they were.
    pub runs: u64,
    /// How long they took together, in milliseconds.
    pub duration_ms: f64,
    /// Rows that they read.
    pub rows_read: u64,
    /// Rows that they gave.
    pub rows_given: u64,
    /// Rows and index entries that they wrote.
    pub rows_written: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Insights(Mutex<HashMap<String, Costs>>);

impl Insights {
    /// Adds a run.
    pub(super) fn note(&self, sql: &str, result: &StatementResult) {
        let text = &sql[..sql.floor_char_boundary(TEXT_MAX_BYTES)];
        let mut known = self.known();
        if let Some(costs) = known.get_mut(text) {
            return costs.add(result);
        }
        if known.len() >= TEXTS_MAX {
            forget_least(&mut known);
        }
        known.entry(text.to_owned()).or_default().add(result);
    }

    /// Each text with its costs, in no order.
    pub(super) fn all(&self) -> Vec<(String, Costs)> {
        self.known().iter().map(|(text, costs)| (text.clone(), *costs)).collect()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Costs>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Costs {
    fn add(&mut self, result: &StatementResult) {
        self.runs += 1;
        self.duration_ms += result.meta.duration_ms;
        self.rows_read += result.meta.rows_read;
        self.rows_given += u64::from(result.row_count);
        self.rows_written += result.meta.rows_written;
    }
}

/// Half of them, so that a Worker whose texts are all different does not have this looked for at each of them.
fn forget_least(known: &mut HashMap<String, Costs>) {
    let mut runs: Vec<u64> = known.values().map(|costs| costs.runs).collect();
    let (_, median, _) = runs.select_nth_unstable(TEXTS_MAX / 2);
    let (median, mut spare) = (*median, TEXTS_MAX / 2);
    known.retain(|_, costs| {
        let is_kept = costs.runs > median || spare == 0;
        spare -= usize::from(!is_kept);
        is_kept
    });
}

#[cfg(test)]
mod tests {
    use super::{Insights, TEXT_MAX_BYTES, TEXTS_MAX};
    use crate::d1::StatementResult;

    #[test]
    fn texts_that_are_run_often_are_remembered_among_many_that_are_not() {
        let (insights, result) =
            (Insights::default(), StatementResult { row_count: 2, ..Default::default() });
        for number in 0..5 * TEXTS_MAX {
            insights.note("often", &result);
            insights.note(&format!("once {number}"), &result);
            assert!(insights.all().len() <= TEXTS_MAX);
        }
        let all = insights.all();
        let (_, often) = all.iter().find(|(text, _)| text == "often").unwrap();
        assert_eq!((often.runs, often.rows_given), (5 * TEXTS_MAX as u64, 10 * TEXTS_MAX as u64));
        assert!(all.iter().any(|(text, _)| *text == format!("once {}", 5 * TEXTS_MAX - 1)));
    }

    #[test]
    fn long_texts_are_cut() {
        let insights = Insights::default();
        insights.note(&"ä".repeat(TEXT_MAX_BYTES), &StatementResult::default());
        assert_eq!(insights.all()[0].0, "ä".repeat(TEXT_MAX_BYTES / 2));
    }
}
