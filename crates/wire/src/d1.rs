//! The vocabulary of a D1 capability. The one method is `query`; it has no parameters, and body 0 is the postcard of a
//! list of [`Statement`]s, which run in one transaction. The answer is a [`QueryResult`].
//! What each means is in Cloudflare's documentation of D1; limits and error texts are the service's, without the
//! prefixes (`D1_ERROR: `) that the client half puts before them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::form;

/// A statement, or several in one text, of which only the last may have parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement<'a> {
    /// SQL.
    #[serde(borrow)]
    pub sql: Cow<'a, str>,
    /// What was bound, in order.
    pub params: Vec<Value<'a>>,
}

/// A value as SQLite has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// An integer. Results only: what JavaScript binds is always a double.
    Integer(i64),
    /// A double.
    Real(f64),
    /// Text.
    #[serde(borrow)]
    Text(Cow<'a, str>),
    /// Bytes.
    Blob(#[serde(serialize_with = "form::bytes")] Cow<'a, [u8]>),
}

/// The answer to `query`: one result for each statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryResult<'a> {
    /// In the order of the statements.
    #[serde(borrow)]
    pub results: Vec<StatementResult<'a>>,
    /// The state after the query. Of two bookmarks of one database the later is the greater as text.
    pub bookmark: Cow<'a, str>,
}

/// What one statement gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementResult<'a> {
    /// The names of the columns, which need not be unique.
    #[serde(borrow)]
    pub columns: Vec<Cow<'a, str>>,
    /// How many rows there are.
    pub row_count: u32,
    /// The rows one after the other: the postcard of a [`Value`] for each column of each row. So they are written
    /// while SQLite steps, and read into JavaScript's values without anything between.
    #[serde(serialize_with = "form::bytes")]
    pub cells: Cow<'a, [u8]>,
    /// About the statement's run.
    pub meta: Meta,
}

/// About a statement's run, as `meta` in JavaScript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// How many rows it inserted, updated or deleted, triggers included.
    pub changes: u64,
    /// The connection's last inserted row.
    pub last_row_id: i64,
    /// Whether the database is another one after it.
    pub changed_db: bool,
    /// The database's size in bytes.
    pub size_after: u64,
    /// How many rows were looked at, by an estimate.
    pub rows_read: u64,
    /// How many rows and index entries were written, by an estimate.
    pub rows_written: u64,
}
