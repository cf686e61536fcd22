//! The version of the state folder's layout, which the file `format` in it names, and the end of a restore that was
//! interrupted. What is in the databases has versions of its own, one in each.
//!
//! The version counts up when files move, or mean something else; then [`settle`] also makes the older into the newer. A
//! folder without the file is empty, or from before there were versions, which is what version 1 is.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::error::CommandError;
use crate::restored;

/// The version that this program reads and writes.
pub(crate) const FORMAT: u32 = 1;

/// The file's name.
const FILE: &str = "format";

/// Sees to it that the folder, where it exists, is of this program's version.
pub(crate) fn settle(folder: &Path) -> Result<(), CommandError> {
    if !folder.exists() {
        return Ok(());
    }
    restored::finish(folder)?;
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return write(folder),
        text => text.map_err(|source| CommandError::Read { path: path.clone(), source })?,
    };
    match text.trim().parse() {
        Ok(FORMAT) => Ok(()),
        Ok(found) if found > FORMAT => {
            Err(CommandError::NewerFormat { folder: folder.to_owned(), found, known: FORMAT })
        }
        _ => Err(CommandError::NoFormat(path)),
    }
}

/// Says which version the folder is of. In one step: several commands may do so at a time.
pub(crate) fn write(folder: &Path) -> Result<(), CommandError> {
    let path = folder.join(FILE);
    let failed = |source| CommandError::State { path: path.clone(), source };
    let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    writeln!(draft, "{FORMAT}").and_then(|()| draft.as_file().sync_all()).map_err(failed)?;
    draft.persist(&path).map_err(|error| failed(error.error)).map(drop)
}
