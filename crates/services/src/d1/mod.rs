//! D1: one SQLite database per binding, queried by statements that run in one transaction.
//!
//! [`D1`] is what an engine does for one database; [`SqliteD1`] is the embedded engine. [`D1Service`] stands between a
//! cell and an engine. The Worker's SQL is hostile: what it may do is said in [`limits`] and in the engine's guard.

mod calls;
mod error;
pub mod limits;
mod split;
pub(crate) mod sqlite;

pub use calls::D1Service;
pub use error::D1Error;
pub use split::{Split, is_blank, split};
pub use sqlite::{
    Costs, DatabaseFile, DeleteError, ExportError, ExportOptions, History, HistoryError, Moment, SqliteD1,
    SqliteDatabase, export, point_in_time,
};

pub use hognose_wire::d1::{Meta, Value};

use crate::Pending;

/// One database, as an engine keeps it.
pub trait D1: Send + Sync {
    /// Runs the statements in one transaction, all or none of them, one query after the other; resolved once what they
    /// wrote is durable.
    fn query(&self, statements: Vec<Statement>) -> Pending<Result<Outcome, D1Error>>;
}

/// A statement, or several in one text, of which only the last may have parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// SQL.
    pub sql: String,
    /// What is bound, in order.
    pub params: Vec<Value<'static>>,
}

/// What a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// One for each statement.
    pub results: Vec<StatementResult>,
    /// The state after the query. Of two bookmarks of one database the later is the greater as text.
    pub bookmark: String,
}

/// What one statement gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementResult {
    /// The names of the columns, which need not be unique.
    pub columns: Vec<String>,
    /// How many rows there are.
    pub row_count: u32,
    /// The postcard of a [`Value`] for each column of each row. Rows can be many: they are put into the form in which
    /// they travel while they are read.
    pub cells: Vec<u8>,
    /// About its run.
    pub meta: Meta,
}

impl StatementResult {
    /// The rows, taken apart.
    pub fn rows(&self) -> Vec<Vec<Value<'_>>> {
        let mut rest = self.cells.as_slice();
        let mut cell = || {
            let (value, left) = postcard::take_from_bytes(rest)
                .expect("invariant: cells are values as the engine wrote them");
            rest = left;
            value
        };
        (0..self.row_count).map(|_| self.columns.iter().map(|_| cell()).collect()).collect()
    }
}
