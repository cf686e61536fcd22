//! A database as SQL that makes it anew, as `wrangler d1 export` writes it: tables with their rows first, then what
//! hangs on them. It is read in one transaction, so whoever writes meanwhile is in it whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// These tables only; empty: all.
    pub tables: Vec<String>,
    /// Whether tables, indexes, views and triggers are made.
    pub schema: bool,
    /// Whether rows are put in.
    pub data: bool,
}

/// Why a database cannot be written as SQL.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database cannot be read.
    #[error("the database cannot be read: {0}")]
    Read(#[from] rusqlite::Error),
    /// The SQL cannot be written.
    #[error("the SQL cannot be written: {0}")]
    Write(#[from] io::Error),
    /// Virtual tables have no rows of their own that could be written (Cloudflare's text).
    #[error("D1 Export error: cannot export databases with Virtual Tables ({0})")]
    Virtual(String),
    /// A table was named that is not there.
    #[error("there is no table `{0}`")]
    NoTable(String),
}

/// A table's or index's entry in the schema.
struct Entry {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

/// Writes the database at `path` to `out`, and gives the number of rows.
pub fn export(path: &Path, options: &ExportOptions, out: &mut dyn Write) -> Result<u64, ExportError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let transaction = connection.unchecked_transaction()?;
    let entries = entries(&transaction, options)?;
    writeln!(out, "PRAGMA defer_foreign_keys=TRUE;")?;
    let mut rows = 0;
    for entry in entries.iter().filter(|entry| entry.kind == "table") {
        if options.schema {
            writeln!(out, "{};", entry.sql)?;
        }
        if options.data {
            rows += write_rows(&transaction, &entry.name, out)?;
        }
    }
    if options.data && options.tables.is_empty() {
        write_sequences(&transaction, out)?;
    }
    for entry in entries.iter().filter(|entry| entry.kind != "table" && options.schema) {
        writeln!(out, "{};", entry.sql)?;
    }
    out.flush()?;
    Ok(rows)
}

fn entries(connection: &Connection, options: &ExportOptions) -> Result<Vec<Entry>, ExportError> {
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'
         ORDER BY rowid",
    )?;
    let entry = |row: &rusqlite::Row<'_>| {
        Ok(Entry { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    };
    let mut entries = statement.query_map([], entry)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let is_table = |name: &String| entries.iter().any(|entry| entry.kind == "table" && entry.name == *name);
    if let Some(missing) = options.tables.iter().find(|name| !is_table(name)) {
        return Err(ExportError::NoTable(missing.clone()));
    }
    if !options.tables.is_empty() {
        entries.retain(|entry| options.tables.contains(&entry.table));
    }
    match entries.iter().find_map(|entry| module_of(&entry.sql)) {
        Some(module) => Err(ExportError::Virtual(module)),
        None => Ok(entries),
    }
}

/// The module of a virtual table.
fn module_of(sql: &str) -> Option<String> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let is_virtual = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("virtual"));
    let using = words.iter().position(|word| word.eq_ignore_ascii_case("using")).filter(|_| is_virtual)?;
    let module = words.get(using + 1)?.split('(').next().unwrap_or_default();
    Some(module.to_owned())
}

fn write_rows(connection: &Connection, table: &str, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {}", quoted(table)))?;
    let names: Vec<String> = statement.column_names().map(quoted).collect();
    let head = format!("INSERT INTO {} ({}) VALUES(", quoted(table), names.join(","));
    let (mut rows, mut count) = (statement.query([])?, 0);
    while let Some(row) = rows.next()? {
        out.write_all(head.as_bytes())?;
        for column in 0..names.len() {
            let comma = if column > 0 { "," } else { "" };
            write!(out, "{comma}{}", literal(row.get_ref(column)?))?;
        }
        writeln!(out, ");")?;
        count += 1;
    }
    Ok(count)
}

/// What AUTOINCREMENT has come to, where a table uses it.
fn write_sequences(connection: &Connection, out: &mut dyn Write) -> Result<(), ExportError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')";
    if !connection.query_row(sql, [], |row| row.get(0))? {
        return Ok(());
    }
    writeln!(out, "DELETE FROM sqlite_sequence;")?;
    write_rows(connection, "sqlite_sequence", out).map(drop)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as SQL has it. Line ends stand as `char(…)`, so that each statement is one line.
fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) if number.is_infinite() => {
            if number > 0.0 {
                "9e999".to_owned()
            } else {
                "-9e999".to_owned()
            }
        }
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => text_literal(&String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits: String =
                digits.map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')).collect();
            format!("X'{digits}'")
        }
    }
}

fn text_literal(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', "''"));
    let breaks = [('\n', "\\n", 10), ('\r', "\\r", 13)];
    breaks.into_iter().fold(quoted, |sql, (letter, mark, code)| {
        if !sql.contains(letter) {
            return sql;
        }
        // A mark that does not occur in the text stands for the letter.
        let mut mark = mark.to_owned();
        while sql.contains(&mark) {
            mark.push('_');
        }
        format!("replace({},'{mark}',char({code}))", sql.replace(letter, &mark))
    })
}
