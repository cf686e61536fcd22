//! SQLite's errors in D1's words: its text, where in the statement it is if SQLite knows, and the names of its codes.

use rusqlite::Error;
use rusqlite::ffi;

use crate::d1::D1Error;

/// What D1 says where a transaction is begun or ended in SQL.
const NO_TRANSACTIONS: &str = "To execute a transaction, please use the state.storage.transaction() or \
    state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript \
    API is safer because it will automatically roll back on exceptions, and because it interacts correctly with \
    Durable Objects' automatic atomic write coalescing.";

/// The names of SQLite's primary result codes.
const PRIMARY: [(i32, &str); 27] = [
    (ffi::SQLITE_ERROR, "SQLITE_ERROR"),
    (ffi::SQLITE_INTERNAL, "SQLITE_INTERNAL"),
    (ffi::SQLITE_PERM, "SQLITE_PERM"),
    (ffi::SQLITE_ABORT, "SQLITE_ABORT"),
    (ffi::SQLITE_BUSY, "SQLITE_BUSY"),
    (ffi::SQLITE_LOCKED, "SQLITE_LOCKED"),
    (ffi::SQLITE_NOMEM, "SQLITE_NOMEM"),
    (ffi::SQLITE_READONLY, "SQLITE_READONLY"),
    (ffi::SQLITE_INTERRUPT, "SQLITE_INTERRUPT"),
    (ffi::SQLITE_IOERR, "SQLITE_IOERR"),
    (ffi::SQLITE_CORRUPT, "SQLITE_CORRUPT"),
    (ffi::SQLITE_NOTFOUND, "SQLITE_NOTFOUND"),
    (ffi::SQLITE_FULL, "SQLITE_FULL"),
    (ffi::SQLITE_CANTOPEN, "SQLITE_CANTOPEN"),
    (ffi::SQLITE_PROTOCOL, "SQLITE_PROTOCOL"),
    (ffi::SQLITE_EMPTY, "SQLITE_EMPTY"),
    (ffi::SQLITE_SCHEMA, "SQLITE_SCHEMA"),
    (ffi::SQLITE_TOOBIG, "SQLITE_TOOBIG"),
    (ffi::SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"),
    (ffi::SQLITE_MISMATCH, "SQLITE_MISMATCH"),
    (ffi::SQLITE_MISUSE, "SQLITE_MISUSE"),
    (ffi::SQLITE_NOLFS, "SQLITE_NOLFS"),
    (ffi::SQLITE_AUTH, "SQLITE_AUTH"),
    (ffi::SQLITE_FORMAT, "SQLITE_FORMAT"),
    (ffi::SQLITE_RANGE, "SQLITE_RANGE"),
    (ffi::SQLITE_NOTADB, "SQLITE_NOTADB"),
    (ffi::SQLITE_WARNING, "SQLITE_WARNING"),
];

/// The names of the extended result codes that SQL by itself can bring about.
const EXTENDED: [(i32, &str); 12] = [
    (ffi::SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK"),
    (ffi::SQLITE_CONSTRAINT_COMMITHOOK, "SQLITE_CONSTRAINT_COMMITHOOK"),
    (ffi::SQLITE_CONSTRAINT_DATATYPE, "SQLITE_CONSTRAINT_DATATYPE"),
    (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "SQLITE_CONSTRAINT_FOREIGNKEY"),
    (ffi::SQLITE_CONSTRAINT_FUNCTION, "SQLITE_CONSTRAINT_FUNCTION"),
    (ffi::SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL"),
    (ffi::SQLITE_CONSTRAINT_PINNED, "SQLITE_CONSTRAINT_PINNED"),
    (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "SQLITE_CONSTRAINT_PRIMARYKEY"),
    (ffi::SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID"),
    (ffi::SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER"),
    (ffi::SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE"),
    (ffi::SQLITE_CONSTRAINT_VTAB, "SQLITE_CONSTRAINT_VTAB"),
];

/// `error` as the Worker reads of it.
pub(crate) fn worded(error: &Error, transaction_refused: bool) -> D1Error {
    let (code, message, offset) = match error {
        Error::SqliteFailure(code, message) => (*code, message.clone(), None),
        Error::SqlInputError { error, msg, offset, .. } => (*error, Some(msg.clone()), Some(*offset)),
        other => return D1Error::Sql(other.to_string()),
    };
    let primary = code.extended_code & 0xff;
    match primary {
        ffi::SQLITE_AUTH if transaction_refused => return D1Error::Sql(NO_TRANSACTIONS.to_owned()),
        ffi::SQLITE_INTERRUPT => return D1Error::Timeout,
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => return D1Error::Busy,
        ffi::SQLITE_FULL => return D1Error::DatabaseFull,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => return D1Error::Unusable { cause: error.to_string() },
        _ => {}
    }
    let message = message.unwrap_or_else(|| ffi::code_to_str(code.extended_code).to_owned());
    let place = offset.filter(|offset| *offset >= 0).map_or(String::new(), |at| format!(" at offset {at}"));
    let name = name_of(&PRIMARY, primary).unwrap_or("SQLITE_ERROR");
    let extended =
        name_of(&EXTENDED, code.extended_code).map_or(String::new(), |name| format!(" (extended: {name})"));
    D1Error::Sql(format!("{message}{place}: {name}{extended}"))
}

fn name_of(names: &[(i32, &'static str)], code: i32) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}
