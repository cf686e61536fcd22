//! SQL of the Worker's: each statement runs to its end at once, under the same guard and limits as D1's.

use std::borrow::Cow;

use hognose_wire::d1::Value;
use rusqlite::{CachedStatement, StatementStatus};

use super::file::{ObjectFile, Open};
use crate::d1::limits::RESULT_MAX_BYTES;
use crate::d1::sqlite::execute::{Bound, PAGE_BYTES, owned_by_sqlite};
use crate::d1::{D1Error, is_blank, split};
use crate::objects::{Answer, Rows, StorageError};

impl ObjectFile {
    /// Runs a text of one statement or several; the last one's rows are the answer.
    pub(super) fn exec(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Answer<'static>, StorageError> {
        self.opened()?;
        self.begin_operation();
        let mut rest = sql.trim();
        loop {
            let cut = split(rest);
            if cut.rest.is_empty() {
                return self.step(cut.statement, params).map(Answer::Rows);
            }
            if self.opened()?.prepare(cut.statement)?.parameter_count() > 0 {
                return Err(StorageError::error(
                    "When executing multiple SQL statements in a single call, only the last statement can have \
                     parameters.",
                ));
            }
            self.step(cut.statement, &[])?;
            rest = cut.rest;
        }
    }

    /// The size of what is stored, in bytes: pages that are free do not count.
    pub(super) fn size(&mut self) -> Result<Answer<'static>, StorageError> {
        let Some(open) = self.existing()? else { return Ok(Answer::Number(Some(0.0))) };
        let count = |name| {
            open.trusted(|connection| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)))
        };
        let pages = count("page_count")? - count("freelist_count")?;
        Ok(Answer::Number(Some(pages as f64 * PAGE_BYTES as f64)))
    }

    fn step(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Rows<'static>, StorageError> {
        let reads = {
            let prepared = self.opened()?.prepare(sql)?;
            if prepared.parameter_count() != params.len() {
                return Err(StorageError::error("Wrong number of parameter bindings for SQL query."));
            }
            prepared.readonly()
        };
        if reads { self.opened()?.run(sql, params) } else { self.writable()?.run(sql, params) }
    }
}

impl Open {
    fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, StorageError> {
        if is_blank(sql) {
            return Err(StorageError::error("SQL code did not contain a statement."));
        }
        self.connection.prepare_cached(sql).map_err(|error| self.worded(&error))
    }

    fn run(&self, sql: &str, params: &[Value<'_>]) -> Result<Rows<'static>, StorageError> {
        let mut prepared = self.prepare(sql)?;
        for (index, value) in (1..).zip(params) {
            prepared.raw_bind_parameter(index, Bound(value)).map_err(|error| self.worded(&error))?;
        }
        let mut result = self.rows(&mut prepared)?;
        let scanned = prepared.reset_status(StatementStatus::FullscanStep) as u64;
        result.rows_read = if scanned > 0 { scanned + 1 } else { u64::from(result.count) };
        if !prepared.readonly() {
            result.rows_written = self.rows_written()?;
        }
        Ok(result)
    }

    /// Runs a statement to its end, gathering its rows in the form in which they travel.
    fn rows(&self, prepared: &mut CachedStatement<'_>) -> Result<Rows<'static>, StorageError> {
        let columns: Vec<Cow<'static, str>> =
            prepared.column_names().map(|name| Cow::Owned(name.to_owned())).collect();
        let (mut cells, mut count) = (Vec::new(), 0);
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.worded(&error))? {
            for index in 0..columns.len() {
                let value = row.get_ref(index).map_err(|error| self.worded(&error))?;
                cells = postcard::to_extend(&owned_by_sqlite(value), cells)
                    .expect("invariant: a value has a postcard form");
            }
            count += 1;
            if cells.len() > RESULT_MAX_BYTES {
                return Err(D1Error::ResultTooLarge.into());
            }
        }
        Ok(Rows { columns, count, cells: Cow::Owned(cells), ..Rows::default() })
    }

    /// Rows and index entries: what each new or deleted row costs is estimated by the number of its table's
    /// indexes.
    fn rows_written(&self) -> Result<u64, StorageError> {
        let mut total = 0;
        for (table, written) in self.guard.take_written() {
            let sql = self.own("SELECT count(*) FROM pragma_index_list(?1)");
            let indexes: i64 = self.trusted(|connection| {
                connection.prepare_cached(&sql)?.query_row([&table], |row| row.get(0))
            })?;
            total += written.with_indexes(indexes);
        }
        Ok(total)
    }
}
