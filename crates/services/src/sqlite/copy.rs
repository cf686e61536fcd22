//! Copying a database as it is at one moment, whatever is written to it meanwhile.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

/// How many pages are copied between two looks at whether to go on.
const PAGES: i32 = 4096;

/// A connection that sees the database of that path as it is now, whatever is written to it from here on.
pub(crate) fn pinned(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(super::database::BUSY_TIMEOUT)?;
    connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    Ok(connection)
}

/// Copies what a connection sees into a file, which becomes a database by itself. `None`: it was not to go on.
pub(crate) fn copy(
    from: &Connection,
    to: &Path,
    mut go_on: impl FnMut() -> bool,
) -> rusqlite::Result<Option<Connection>> {
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(from, &mut copy)?;
    while backup.step(PAGES)? != StepResult::Done {
        if !go_on() {
            return Ok(None);
        }
    }
    drop(backup);
    fold(&copy)?;
    Ok(Some(copy))
}

/// Has all of a copy in its one file.
pub(crate) fn fold(copy: &Connection) -> rusqlite::Result<()> {
    copy.pragma_update(None, "synchronous", "off")?;
    copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
}

/// What is wrong with a database, where something is.
pub(crate) fn damage(copy: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}
