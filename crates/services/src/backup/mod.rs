//! Backups: the state folder as one tar archive, made while servers and commands work on it.
//!
//! | in the archive | is |
//! |---|---|
//! | `hognose-backup.json` | the [`Manifest`], first |
//! | the state's files | under their own names, each database as it was at one moment |
//! | `SHA256SUMS` | a digest of each file above, in the form of `sha256sum`; last, so that an archive without it is not whole |
//!
//! A database, an object's storage and a bucket's index with the contents it names are each consistent in themselves;
//! between them lie the moments that copying takes.

mod copies;
mod error;
mod restore;
mod tar;
mod write;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::error::BackupError;
pub use self::restore::restore;

use self::copies::{Advance, OwnAlarm};
use self::write::Writer;
use crate::file_name::id_of_file_name;
use crate::objects;

/// The manifest's name.
const MANIFEST: &str = "hognose-backup.json";
/// The name of the list of digests.
const SUMS: &str = "SHA256SUMS";
/// What lies beside data and is none: locks, what SQLite folds into its databases, and copies under way.
const BESIDE: [&str; 5] = [".lock", "-wal", "-shm", "-journal", "-copy"];

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the state folder's layout.
    pub format: u32,
    /// The release that wrote it.
    pub hognose: String,
    /// When, in seconds since the epoch.
    pub created_s: u64,
}

/// What a backup has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files, the databases among them.
    pub files: u64,
    /// Their sizes together, in bytes.
    pub bytes: u64,
}

/// What to copy, and with whose help.
#[derive(Clone, Copy, Debug)]
pub struct BackupOptions<'a> {
    /// The state folder.
    pub state: &'a Path,
    /// An empty folder for copies under way, on the same file system.
    pub staging: &'a Path,
    /// What in the state folder is not copied, by paths relative to it.
    pub left_out: &'a [&'a str],
    /// What the archive says of itself.
    pub manifest: &'a Manifest,
}

/// Writes a backup. `advance` is told how many bytes more were written, and says whether to go on.
pub fn backup(
    options: BackupOptions<'_>,
    out: &mut dyn io::Write,
    advance: &mut dyn FnMut(u64) -> bool,
) -> Result<Summary, BackupError> {
    let mut copying = Copying { options, writer: Writer::new(out, advance) };
    let manifest = serde_json::to_vec_pretty(options.manifest).expect("invariant: it has a JSON form");
    copying.writer.bytes(MANIFEST, &manifest)?;
    copying.folder(Path::new(""))?;
    copying.writer.finish()
}

/// The size of all that a backup would copy, roughly, in bytes.
pub fn estimate(options: BackupOptions<'_>) -> u64 {
    let mut folders = vec![PathBuf::new()];
    let mut total = 0;
    while let Some(folder) = folders.pop() {
        for path in entries(&options, &folder).unwrap_or_default() {
            match fs::symlink_metadata(options.state.join(&path)) {
                Ok(about) if about.is_dir() => folders.push(path),
                Ok(about) => total += about.len(),
                Err(_) => {}
            }
        }
    }
    total
}

/// What a folder holds that is copied, by paths relative to the state, in order.
fn entries(options: &BackupOptions<'_>, folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let path = options.state.join(folder);
    let listed = match fs::read_dir(&path) {
        // It was removed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(|listed| listed.map(|entry| Ok(folder.join(entry?.file_name()))).collect()),
    };
    let mut paths: Vec<PathBuf> = listed.map_err(BackupError::file(&path))?;
    paths.retain(|path| {
        let name = path.as_os_str().as_encoded_bytes();
        !options.left_out.iter().any(|left| path == Path::new(left))
            && !BESIDE.iter().any(|end| name.ends_with(end.as_bytes()))
    });
    paths.sort();
    Ok(paths)
}

fn is_database(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "sqlite")
}

/// A backup under way.
struct Copying<'a> {
    options: BackupOptions<'a>,
    writer: Writer<'a>,
}

impl Copying<'_> {
    /// Copies what is in a folder.
    fn folder(&mut self, folder: &Path) -> Result<(), BackupError> {
        match folder.to_str() {
            Some("r2") => return self.r2(folder),
            Some("do") => return self.objects(folder),
            _ => {}
        }
        for path in entries(&self.options, folder)? {
            self.entry(&path)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path) -> Result<(), BackupError> {
        let whole = self.options.state.join(path);
        let about = match fs::symlink_metadata(&whole) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            about => about.map_err(BackupError::file(&whole))?,
        };
        if about.is_dir() {
            self.folder(path)
        } else if is_database(path) {
            self.database(path, copies::copy_database)
        } else if about.is_file() {
            self.writer.file(path, &whole)
        } else {
            Ok(())
        }
    }

    fn database(
        &mut self,
        path: &Path,
        copy: impl FnOnce(&Path, &Path, Advance<'_>) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let staged = self.options.staging.join("database");
        copies::stage(&staged)?;
        copy(&self.options.state.join(path), &staged, self.writer.advance)?;
        self.writer.file(path, &staged)?;
        copies::discard(&staged)
    }

    /// The index of R2, and the contents it names.
    fn r2(&mut self, folder: &Path) -> Result<(), BackupError> {
        let index = folder.join("index.sqlite");
        if !self.options.state.join(&index).exists() {
            return Ok(());
        }
        let links = self.options.staging.join("blobs");
        self.database(&index, |from, to, advance| copies::copy_r2(from, to, &links, advance))?;
        let mut blobs: Vec<_> = fs::read_dir(&links)
            .and_then(|listed| listed.map(|entry| entry.map(|entry| entry.file_name())).collect())
            .map_err(BackupError::file(&links))?;
        blobs.sort();
        for blob in blobs {
            let name = blob.to_str().expect("invariant: contents have names of digits");
            let link = links.join(name);
            self.writer.file(&folder.join("blobs").join(&name[..2]).join(name), &link)?;
            copies::discard(&link)?;
        }
        Ok(())
    }

    /// All objects, and the alarms last, which are looked up in the objects' own storage as well.
    fn objects(&mut self, folder: &Path) -> Result<(), BackupError> {
        let whole = self.options.state.join(folder);
        let _hold: File = objects::hold(&whole).map_err(BackupError::file(&whole))?;
        let (alarms, mut own) = (folder.join("alarms.sqlite"), Vec::new());
        for path in entries(&self.options, folder)? {
            if self.options.state.join(&path).is_dir() {
                self.namespace(&path, &mut own)?;
            } else if path != alarms {
                self.entry(&path)?;
            }
        }
        if self.options.state.join(&alarms).exists() {
            self.database(&alarms, |from, to, advance| copies::copy_alarms(from, to, &own, advance))?;
        }
        Ok(())
    }

    fn namespace(&mut self, folder: &Path, own: &mut Vec<OwnAlarm>) -> Result<(), BackupError> {
        let name = |path: Option<&std::ffi::OsStr>| path.and_then(|name| name.to_str().map(str::to_owned));
        let key = name(folder.file_name()).and_then(|name| id_of_file_name(&name));
        for path in entries(&self.options, folder)? {
            let stem = name(path.file_stem());
            if !is_database(&path) || stem.is_none_or(|stem| stem.ends_with(".history")) {
                self.entry(&path)?;
                continue;
            }
            let staged = self.options.staging.join("object");
            copies::stage(&staged)?;
            let copied = copies::copy_storage(&self.options.state.join(&path), &staged)?;
            if let Some(stored) = copied {
                self.writer.file(&path, &staged)?;
                let id = name(path.file_stem());
                own.extend(
                    key.clone().zip(id).zip(stored.alarm).map(|((key, id), due_ms)| (key, id, due_ms)),
                );
            }
            copies::discard(&staged)?;
        }
        Ok(())
    }
}
