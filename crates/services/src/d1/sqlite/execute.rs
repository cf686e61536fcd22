//! Running the statements of a query on a connection.

use std::time::{Duration, Instant};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, StatementStatus, ToSql};

use super::codes;
use super::guard::Guard;
use crate::d1::{D1Error, Meta, Statement, StatementResult, Value, limits, split};

/// The size of a page, SQLite's default, in bytes.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// How many pages the database has, which is asked after each statement.
const PAGE_COUNT: &str = "PRAGMA page_count";
/// How many indexes a table has.
const INDEX_COUNT: &str = "SELECT count(*) FROM pragma_index_list(?1)";

/// Runs the statements, all or none of them, for at most `query_max`. What may write is told first to `before_write`.
pub(super) fn run(
    connection: &Connection,
    guard: &Guard,
    statements: &[Statement],
    query_max: Duration,
    before_write: impl FnOnce(),
) -> Result<Vec<StatementResult>, D1Error> {
    guard.begin_query(query_max);
    let mut run = Run { connection, guard, result_bytes: 0, last: None };
    match statements {
        [] => Err(no_statements()),
        [only] if run.is_reading(only)? => Ok(vec![run.one(only)?]),
        _ => {
            before_write();
            run.in_transaction(statements)
        }
    }
}

fn no_statements() -> D1Error {
    D1Error::Sql("No SQL statements detected.".to_owned())
}

/// A query under way.
struct Run<'a> {
    connection: &'a Connection,
    guard: &'a Guard,
    /// The size of all rows so far.
    result_bytes: usize,
    /// How the statement before left the database.
    last: Option<State>,
}

impl<'a> Run<'a> {
    /// Whether it is one statement that reads, and needs no transaction of ours.
    fn is_reading(&self, statement: &Statement) -> Result<bool, D1Error> {
        let cut = split::split(&statement.sql);
        Ok(cut.rest.is_empty() && self.prepare(cut.statement)?.readonly())
    }

    fn in_transaction(&mut self, statements: &[Statement]) -> Result<Vec<StatementResult>, D1Error> {
        // The write lock is taken at once: a transaction that reads first and writes later could find that another
        // process has written in between, and fail for that.
        self.own("BEGIN IMMEDIATE")?;
        let results: Result<Vec<_>, _> = statements.iter().map(|statement| self.one(statement)).collect();
        let committed = results.and_then(|results| self.own("COMMIT").map(|()| results));
        if committed.is_err() && !self.connection.is_autocommit() {
            self.own("ROLLBACK")?;
        }
        committed
    }

    /// Runs SQL of the engine's own. Not through the cache: from there a Worker's statement of the same text would be
    /// served, which nobody has judged.
    fn own(&self, sql: &str) -> Result<(), D1Error> {
        let done = self.guard.trusting(|| self.connection.execute_batch(sql));
        done.map_err(|error| self.worded(&error))
    }

    /// Runs a statement's whole text; the last part of it gives the result.
    fn one(&mut self, statement: &Statement) -> Result<StatementResult, D1Error> {
        let mut rest = statement.sql.trim();
        if rest.is_empty() {
            return Err(no_statements());
        }
        loop {
            let cut = split::split(rest);
            if cut.rest.is_empty() {
                return self.step(cut.statement, &statement.params);
            }
            if self.prepare(cut.statement)?.parameter_count() > 0 {
                let text = "When executing multiple SQL statements in a single call, only the last statement can \
                            have parameters.";
                return Err(D1Error::Sql(text.to_owned()));
            }
            self.step(cut.statement, &[])?;
            rest = cut.rest;
        }
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>, D1Error> {
        if split::is_blank(sql) {
            let text = if sql.trim().is_empty() {
                "No SQL statements detected."
            } else {
                "SQL code did not contain a statement."
            };
            return Err(D1Error::Sql(text.to_owned()));
        }
        if [PAGE_COUNT, INDEX_COUNT].contains(&sql.trim()) {
            // What the engine has prepared for itself, nobody has judged: it is not for a Worker who writes the same.
            self.connection.flush_prepared_statement_cache();
        }
        self.connection.prepare_cached(sql).map_err(|error| self.worded(&error))
    }

    fn step(&mut self, sql: &str, params: &[Value<'static>]) -> Result<StatementResult, D1Error> {
        let begun = Instant::now();
        let mut prepared = self.prepare(sql)?;
        if prepared.parameter_count() != params.len() {
            return Err(D1Error::Sql("Wrong number of parameter bindings for SQL query.".to_owned()));
        }
        for (index, value) in (1..).zip(params) {
            prepared.raw_bind_parameter(index, Bound(value)).map_err(|error| self.worded(&error))?;
        }
        let before = match self.last.take() {
            Some(last) => Some(last),
            // What only reads changes nothing.
            None if prepared.readonly() => None,
            None => Some(self.state()?),
        };
        let mut result = self.rows(&mut prepared)?;
        let after = self.state()?;
        let before = before.unwrap_or(after);
        let scanned = prepared.reset_status(StatementStatus::FullscanStep) as u64;
        result.meta = Meta {
            duration_ms: begun.elapsed().as_secs_f64() * 1000.0,
            changes: after.changes - before.changes,
            last_row_id: after.last_row_id,
            changed_db: after != before,
            size_after: after.size,
            rows_read: if scanned > 0 { scanned + 1 } else { u64::from(result.row_count) },
            rows_written: self.rows_written(after.changes - before.changes)?,
        };
        self.last = Some(after);
        Ok(result)
    }

    /// Runs a statement to its end, gathering its rows.
    fn rows(&mut self, prepared: &mut CachedStatement<'_>) -> Result<StatementResult, D1Error> {
        let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
        let (mut cells, mut row_count, width) = (Vec::new(), 0, columns.len());
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.worded(&error))? {
            for index in 0..width {
                let value = row.get_ref(index).map_err(|error| self.worded(&error))?;
                cells = postcard::to_extend(&owned_by_sqlite(value), cells)
                    .expect("invariant: a value has a postcard form");
            }
            row_count += 1;
            if self.result_bytes + cells.len() > limits::RESULT_MAX_BYTES {
                return Err(D1Error::ResultTooLarge);
            }
        }
        self.result_bytes += cells.len();
        Ok(StatementResult { columns, row_count, cells, meta: Meta::default() })
    }

    fn state(&self) -> Result<State, D1Error> {
        let pages = self.own_number(PAGE_COUNT, [])?;
        Ok(State {
            changes: self.connection.total_changes(),
            last_row_id: self.connection.last_insert_rowid(),
            size: pages as u64 * PAGE_BYTES,
        })
    }

    /// Rows and index entries: what each new or deleted row costs is estimated by the number of its table's indexes. Rows
    /// that SQLite does not tell of (without a row number, or cut off all at once) count as one.
    fn rows_written(&self, changes: u64) -> Result<u64, D1Error> {
        let mut total = 0;
        for (table, written) in self.guard.take_written() {
            total += written.with_indexes(self.own_number(INDEX_COUNT, [table])?);
        }
        Ok(total.max(changes))
    }

    /// The number that a query of the engine's own gives.
    fn own_number(&self, sql: &str, params: impl rusqlite::Params) -> Result<i64, D1Error> {
        let number = self
            .guard
            .trusting(|| self.connection.prepare_cached(sql)?.query_row(params, |row| row.get::<_, i64>(0)));
        number.map_err(|error| self.worded(&error))
    }

    fn worded(&self, error: &rusqlite::Error) -> D1Error {
        codes::worded(error, self.guard.refused_transaction())
    }
}

/// What tells whether a statement changed the database.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    changes: u64,
    last_row_id: i64,
    size: u64,
}

pub(crate) fn owned_by_sqlite(value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => Value::Blob(bytes.into()),
    }
}

/// A value to be bound.
pub(crate) struct Bound<'a>(pub(crate) &'a Value<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
