//! Copying an object's file while a server has it. Nobody else can open it with SQLite then, so it is read as it lies.
//!
//! Of its two files, only the log changes as the object writes; the database changes when the log's content moves into
//! it. A copy is therefore right if nothing moves while it is made, and the file [`HOLD`] in the folder of all objects sees to that: who
//! copies locks it for himself, and who moves, or closes an object, shares the lock with others of his kind. One who
//! does not get it leaves the content in the log, where the next one finds it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The lock's name.
const HOLD: &str = "hold.lock";
/// The size of a log's header. A log that begins anew has another.
const LOG_HEADER_BYTES: usize = 32;

/// The lock for whoever copies: while it lives, what the databases of objects hold does not change.
pub(crate) fn hold(folder: &Path) -> io::Result<File> {
    let lock = open(folder)?;
    lock.lock()?;
    Ok(lock)
}

/// The lock for whoever moves content; `None` while somebody copies.
pub(super) fn may_move(object: &Path) -> Option<File> {
    let lock = open(object.parent()?.parent()?).ok()?;
    lock.try_lock_shared().ok().map(|()| lock)
}

/// The same, once nobody copies.
pub(super) fn wait_to_move(object: &Path) -> io::Result<File> {
    let folder = object.parent().and_then(Path::parent).ok_or(io::ErrorKind::NotFound)?;
    let lock = open(folder)?;
    lock.lock_shared()?;
    Ok(lock)
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(HOLD))
}

/// Copies an object's file and its log, both as after one commit. To be called under [`hold`]. Gives whether the object is
/// there.
pub(crate) fn copy_object(from: &Path, to: &Path) -> io::Result<bool> {
    let mut database = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    io::copy(&mut database, &mut File::create(to)?)?;
    copy_log(&log(from), &log(to))?;
    // Removing the object and making it anew may have put the log of another database into the place of this one's.
    match fs::metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => Ok(found?.ino() == database.metadata()?.ino()),
    }
}

/// Copies the log, where there is one. Where all of it had moved before, the next write begins it anew: then what was
/// copied is of two logs, and copied again. Nothing moves, so that happens once.
fn copy_log(from: &Path, to: &Path) -> io::Result<()> {
    loop {
        let mut log = match File::open(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let before = header(&log)?;
        io::copy(&mut log, &mut File::create(to)?)?;
        if header(&log)? == before {
            return Ok(());
        }
    }
}

/// A log's header; nothing where it has none yet.
fn header(log: &File) -> io::Result<Option<[u8; LOG_HEADER_BYTES]>> {
    let mut header = [0; LOG_HEADER_BYTES];
    match log.read_exact_at(&mut header, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some(header)),
    }
}

fn log(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
