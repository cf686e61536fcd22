//! Holding on to the contents that the index names at one moment: by links, which cost nothing and which no sweep removes.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::blobs::Folder;
use crate::backup::BackupError;

/// Links each file that the index names, as this connection's transaction sees it, into the folder `to`. A file that the
/// index has let go of since is there for another minute.
pub(crate) fn link_blobs(index: &Connection, folder: &Path, to: &Path) -> Result<(), BackupError> {
    let path = folder.join("index.sqlite");
    fs::create_dir_all(to).map_err(BackupError::file(to))?;
    let blobs = Folder::open(folder.join("blobs")).map_err(BackupError::file(folder))?;
    let named = names(index).map_err(BackupError::database(&path))?;
    named.into_iter().try_for_each(|blob| {
        let from = blobs.path(&blob);
        match fs::hard_link(&from, to.join(&blob)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = format!("it names {}, which is not there", from.display());
                Err(BackupError::Damaged { path: path.clone(), what })
            }
            linked => linked.map_err(BackupError::file(&from)),
        }
    })
}

fn names(index: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = index.prepare("SELECT blob FROM pieces UNION SELECT blob FROM parts")?;
    statement.query_map([], |row| row.get(0))?.collect()
}
