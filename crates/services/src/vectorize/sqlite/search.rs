//! How a query is answered: the codes in memory say which vectors are probably nearest, the file which are.
//!
//! All of it happens in one view of the file, which the codes are made to agree with first. So a query sees every
//! change that was acknowledged before it, by whichever process, and never half of one.

use std::sync::{PoisonError, RwLock};

use rusqlite::Connection;
use serde_json::Value;

use super::super::{Condition, Detail, Match, Query, Target, Test, VectorizeError, metadata};
use super::Opened;
use super::codes::{self, Probe};
use super::memory::{Memory, Selection};
use super::tables::{self, Property};

/// How many candidates are looked at exactly beyond the matches asked for. The codes' errors are so small that in
/// practice no vector that belongs among the matches is ever further down.
const CANDIDATES_MORE: usize = 22;

/// Answers a query.
pub(super) fn search(
    connection: &Connection,
    opened: &Opened,
    query: &Query,
) -> Result<Vec<Match>, VectorizeError> {
    let memory = &opened.memory;
    loop {
        let view = connection.unchecked_transaction()?;
        let position = tables::position(&view)?;
        {
            let memory = memory.read().unwrap_or_else(PoisonError::into_inner);
            if memory.position() == position {
                return Searcher { view: &view, memory: &memory, opened, query }.run();
            }
        }
        let mut memory = memory.write().unwrap_or_else(PoisonError::into_inner);
        // Where another thread has come further meanwhile, this view is too old.
        if memory.position() < position {
            memory.follow(&view, position)?;
        }
    }
}

/// Makes the codes agree with the file, ahead of the first query.
pub(super) fn warm(connection: &Connection, memory: &RwLock<Memory>) -> rusqlite::Result<()> {
    let mut memory = memory.write().unwrap_or_else(PoisonError::into_inner);
    let view = connection.unchecked_transaction()?;
    let position = tables::position(&view)?;
    if memory.position() < position { memory.follow(&view, position) } else { Ok(()) }
}

struct Searcher<'a> {
    view: &'a Connection,
    memory: &'a Memory,
    opened: &'a Opened,
    query: &'a Query,
}

impl Searcher<'_> {
    fn run(&self) -> Result<Vec<Match>, VectorizeError> {
        let of_vector;
        let values = match &self.query.target {
            Target::Values(values) => values,
            Target::Id(id) => {
                let missing = || VectorizeError::refused(40026, format!("there is no vector of id=\"{id}\""));
                of_vector = tables::find(self.view, id)?.ok_or_else(missing)?.values;
                &of_vector
            }
        };
        let Some(selection) = self.selection()? else { return Ok(Vec::new()) };
        let count = self.query.top_k + CANDIDATES_MORE;
        let mut candidates = self.nearest(&Probe::new(values), &selection, count);
        // In the order in which they lie in the file.
        candidates.sort_unstable();
        let best = self.best(values, &candidates)?;
        let properties = match self.query.return_metadata {
            Detail::Indexed => tables::properties(self.view)?,
            Detail::None | Detail::All => Vec::new(),
        };
        best.into_iter().map(|(score, number)| Ok(self.describe(score, number, &properties)?)).collect()
    }

    /// The numbers of the vectors that are probably nearest: by the graph, if there is one and all vectors may match.
    fn nearest(&self, probe: &Probe, selection: &Selection, count: usize) -> Vec<i64> {
        #[cfg(feature = "hnsw")]
        if self.query.namespace.is_none()
            && self.query.filter.is_none()
            && let Some(found) = self.opened.graph.nearest(self.memory, probe, count)
        {
            return found;
        }
        self.memory.nearest(probe, selection, count)
    }

    /// The matches among the candidates, by their exact scores.
    fn best(&self, values: &[f32], candidates: &[i64]) -> rusqlite::Result<Vec<(f64, i64)>> {
        let metric = self.opened.shape.metric;
        let mut exact = Vec::with_capacity(values.len());
        let mut scored = Vec::with_capacity(candidates.len());
        for number in candidates {
            if tables::read_values(self.view, *number, &mut exact)? {
                scored.push((codes::score(metric, values, &exact), *number));
            }
        }
        scored.sort_by(|one, other| {
            let by_score = if codes::is_better(metric, 1.0, 0.0) {
                other.0.total_cmp(&one.0)
            } else {
                one.0.total_cmp(&other.0)
            };
            by_score.then(one.1.cmp(&other.1))
        });
        scored.truncate(self.query.top_k);
        Ok(scored)
    }

    fn describe(&self, score: f64, number: i64, properties: &[Property]) -> rusqlite::Result<Match> {
        let (id, namespace, metadata) = tables::about_vector(self.view, number)?;
        let metadata = metadata.and_then(|text| self.shown(text, properties));
        let mut values = Vec::new();
        if self.query.return_values {
            tables::read_values(self.view, number, &mut values)?;
        }
        Ok(Match { id, score, values: self.query.return_values.then_some(values), namespace, metadata })
    }

    /// As much of a vector's metadata as the query asks for.
    fn shown(&self, text: String, properties: &[Property]) -> Option<String> {
        match self.query.return_metadata {
            Detail::None => None,
            Detail::All => Some(text),
            Detail::Indexed => {
                let value: Value = serde_json::from_str(&text).unwrap_or_default();
                let paths = properties.iter().map(|property| property.path.as_str());
                Some(metadata::indexed_part(&value, paths).to_string())
            }
        }
    }

    /// The vectors that may match at all; `None` where that is none for sure.
    fn selection(&self) -> rusqlite::Result<Option<Selection>> {
        let mut selection = match &self.query.namespace {
            None => self.memory.all(),
            Some(name) => match tables::find_namespace(self.view, name)? {
                Some(number) => self.memory.in_namespace(number),
                None => return Ok(None),
            },
        };
        let Some(filter) = &self.query.filter else { return Ok(Some(selection)) };
        let properties = tables::properties(self.view)?;
        for condition in &filter.0 {
            let Some(property) = properties.iter().find(|known| known.path == condition.property) else {
                return Ok(None);
            };
            self.narrow(&mut selection, condition, property)?;
        }
        Ok(Some(selection))
    }

    fn narrow(
        &self,
        selection: &mut Selection,
        condition: &Condition,
        property: &Property,
    ) -> rusqlite::Result<()> {
        match &condition.test {
            Test::In(values) if values.contains(&None) => {
                // Whoever has the property, with a value that is not listed, goes.
                let mut others = self.memory.of(&tables::having(self.view, property.number)?);
                others.and_not(&self.with_values(values, property)?);
                selection.and_not(&others);
            }
            Test::In(values) => selection.and(&self.with_values(values, property)?),
            Test::NotIn(values) => {
                selection.and_not(&self.with_values(values, property)?);
                if values.contains(&None) {
                    selection.and(&self.memory.of(&tables::having(self.view, property.number)?));
                }
            }
            Test::Range { from, to } => {
                let kind = from.as_ref().or(to.as_ref()).map(|(scalar, _)| scalar.kind());
                let numbers = if kind == Some(property.kind) {
                    tables::between(self.view, property.number, from.as_ref(), to.as_ref())?
                } else {
                    Vec::new()
                };
                selection.and(&self.memory.of(&numbers));
            }
        }
        Ok(())
    }

    /// The vectors in which the property has one of the values.
    fn with_values(
        &self,
        values: &[Option<super::super::Scalar>],
        property: &Property,
    ) -> rusqlite::Result<Selection> {
        let mut numbers = Vec::new();
        for scalar in values.iter().flatten().filter(|scalar| scalar.kind() == property.kind) {
            numbers.extend(tables::equal(self.view, property.number, scalar)?);
        }
        Ok(self.memory.of(&numbers))
    }
}
