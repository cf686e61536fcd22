//! Putting restored data into the place of what a state folder holds, all of it or nothing.
//!
//! What a backup holds is read into a folder beside the data, `restoring`. Giving that its other name, `restored`, is the moment from
//! which the restored data hold; what is left to do then, each process that uses the folder does before anything else,
//! should the one that began it not come to its end.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::CommandError;
use crate::state::{self, flush};

/// Where a backup is read to.
pub(crate) const STAGING: &str = "restoring";
/// What that is called when it is whole.
const WHOLE: &str = "restored";
/// What that is called when the old data are gone.
const ALONE: &str = "restored-alone";
/// What stays as it is: it is this machine's, and no data. The key of secrets stays where the backup has none.
const KEPT: [&str; 7] = [STAGING, WHOLE, ALONE, "lock", "packages", "admin-token", "https"];
/// The key of secrets.
pub(crate) const KEY: &str = "secrets/key";

/// Puts what was read into the place of the data. To be called by who holds the folder's lock.
pub(crate) fn replace(folder: &Path) -> Result<(), CommandError> {
    let (staging, whole) = (folder.join(STAGING), folder.join(WHOLE));
    keep_key(folder, &staging)?;
    flush(&staging)?;
    fs::rename(&staging, &whole).map_err(writing(&whole))?;
    flush(folder)?;
    move_into_place(folder)
}

/// Ends what was begun, where something was.
pub(crate) fn finish(folder: &Path) -> Result<(), CommandError> {
    if !folder.join(WHOLE).exists() && !folder.join(ALONE).exists() {
        return Ok(());
    }
    let _lock = state::take_lock(folder)?;
    move_into_place(folder)
}

/// Whether a folder has data that a restore would replace.
pub(crate) fn has_data(folder: &Path) -> Result<bool, CommandError> {
    let beside = [".gitignore", "scratch", "format", "control.sock"];
    let names = names(folder)?;
    Ok(names.iter().any(|name| !is_kept(name) && !beside.iter().any(|other| name == other)))
}

/// First the old go, then the new come. Each step can be repeated, and the folder's name says which is next.
fn move_into_place(folder: &Path) -> Result<(), CommandError> {
    let (whole, alone) = (folder.join(WHOLE), folder.join(ALONE));
    if whole.exists() {
        for name in names(folder)?.iter().filter(|name| !is_kept(name)) {
            remove(&folder.join(name))?;
        }
        // The other name says that they are gone.
        flush(folder)?;
        fs::rename(&whole, &alone).map_err(writing(&alone))?;
        flush(folder)?;
    }
    for name in names(&alone)?.iter().filter(|name| !is_kept(name)) {
        let to = folder.join(name);
        fs::rename(alone.join(name), &to).map_err(writing(&to))?;
    }
    flush(folder)?;
    remove(&alone)
}

fn is_kept(name: &OsStr) -> bool {
    KEPT.iter().any(|kept| name == *kept)
}

/// Secrets without their key are lost, so a backup without one leaves the folder's own.
fn keep_key(folder: &Path, staging: &Path) -> Result<(), CommandError> {
    let (from, to) = (folder.join(KEY), staging.join(KEY));
    if to.exists() || !from.exists() {
        return Ok(());
    }
    let parent = to.parent().expect("invariant: it lies in a folder");
    fs::create_dir_all(parent).map_err(writing(parent))?;
    fs::copy(&from, &to).map(drop).map_err(writing(&to))
}

fn names(folder: &Path) -> Result<Vec<OsString>, CommandError> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed,
    };
    let names = listed.and_then(|listed| listed.map(|entry| entry.map(|entry| entry.file_name())).collect());
    names.map_err(|source| CommandError::Read { path: folder.to_owned(), source })
}

/// Removes a file, or a folder with all it holds.
pub(crate) fn remove(path: &Path) -> Result<(), CommandError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(writing(path))
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> CommandError {
    let path: PathBuf = path.to_owned();
    move |source| CommandError::State { path, source }
}
