//! The folder in which hognose keeps what must outlive it: `.hognose/` beside the Worker's configuration.
//!
//! | name | holds |
//! |---|---|
//! | `format` | the version of all this |
//! | `lock` | the number of the process that works here; locked while it lives |
//! | `kv/` | KV namespaces |
//! | `d1/` | D1 databases, a file each |
//! | `crons/` | when cron triggers ran |
//! | `email/` | messages that Workers sent, a file each |
//! | `queues/` | queues |
//! | `r2/` | R2 buckets: their index, and the contents of objects |
//! | `vectorize/` | Vectorize indexes, a file each |
//! | `workers/` | deployed versions of Workers, and which of them serves |
//! | `control.sock` | the way to the server that works here |
//! | `admin-token` | what opens the admin port |
//! | `workflows/` | the instances of workflows |
//! | `secrets/` | secrets, encrypted, and their key |
//! | `analytics/` | data points of the Analytics Engine |
//! | `do/` | Durable Objects, a file each, and their alarms |
//! | `https/` | the certificate for `localhost` |
//! | `cache/` | what `caches` holds |
//! | `packages/<hash>/` | the Worker's installed packages |
//! | `anew/<n>/` | the data of tests that began anew in one process |
//! | `scratch/` | the writable folders of the cells, emptied at start |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::CommandError;
use crate::format;

/// The folder's name where `--persist-to` does not choose another.
pub(crate) const FOLDER: &str = ".hognose";

/// The state folder, held for this process alone until dropped. The kernel lets go of the lock however the process
/// ends, so that a crash leaves nothing to clean up.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    _lock: File,
}

/// Has the disk keep a folder's name and the names in it, so that a power cut does not take what was made there with all
/// that was written to it since.
pub(crate) fn keep_names(folder: &Path) -> Result<(), CommandError> {
    let keep = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all());
    keep(folder).and_then(|()| keep(&folder.join(".."))).map_err(writing(folder))
}

/// Has the disk keep everything that was written to a folder's file system.
pub(crate) fn flush(folder: &Path) -> Result<(), CommandError> {
    let flushed = File::open(folder).and_then(|folder| rustix::fs::syncfs(folder).map_err(io::Error::from));
    flushed.map_err(writing(folder))
}

impl State {
    /// Makes the folder if need be and takes its lock.
    pub(crate) fn open(folder: &Path) -> Result<Self, CommandError> {
        fs::create_dir_all(folder).map_err(writing(folder))?;
        let folder = folder.canonicalize().map_err(writing(folder))?;
        format::settle(&folder)?;
        let lock = take_lock(&folder)?;
        let ignore = folder.join(".gitignore");
        fs::write(&ignore, "*\n").map_err(writing(&ignore))?;
        let state = Self { folder, _lock: lock };
        state.empty_scratch()?;
        Ok(state)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// A folder of this name within the state, made if need be.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, CommandError> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).map_err(writing(&folder))?;
        Ok(folder)
    }

    /// What the cells of earlier runs left behind is nobody's any more.
    fn empty_scratch(&self) -> Result<(), CommandError> {
        let scratch = self.folder.join("scratch");
        match fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(writing(&scratch)(error)),
            _ => Ok(()),
        }
    }
}

/// Takes a folder's lock, which the kernel lets go of when the file is closed.
pub(crate) fn take_lock(folder: &Path) -> Result<File, CommandError> {
    let path = folder.join("lock");
    let options = OpenOptions::new().create(true).truncate(false).write(true).clone();
    let mut file = options.open(&path).map_err(writing(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let process = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
            return Err(CommandError::StateInUse { folder: folder.to_owned(), process });
        }
        Err(TryLockError::Error(error)) => return Err(writing(&path)(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(writing(&path))?;
    Ok(file)
}

fn writing(path: &Path) -> impl Fn(io::Error) -> CommandError {
    move |source| CommandError::State { path: path.to_owned(), source }
}
