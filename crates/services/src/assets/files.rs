//! The files of the folder: which there are, and what is sent of one.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::ignore::Ignored;
use super::{AssetsError, FILE_MAX_BYTES, FILES_MAX, content_types};
use crate::{ByteStream, Content, StreamError};

/// Files up to this size are sent whole, larger ones in pieces of it.
const CHUNK_BYTES: usize = 64 << 10;

/// The files that hold the rules, none of which is served.
const RULES: [&str; 3] = ["_headers", "_redirects", ".assetsignore"];

/// A file's etag, and what the file was when it was computed.
type Known = HashMap<PathBuf, (Option<SystemTime>, u64, String)>;

/// The folder.
pub(super) struct Files {
    directory: PathBuf,
    ignored: Ignored,
    /// The etags of files that were asked for.
    etags: Arc<Mutex<Known>>,
}

/// A file that is there.
pub(super) struct File {
    path: PathBuf,
    modified: Option<SystemTime>,
    /// Its size in bytes.
    pub(super) length: u64,
    etags: Arc<Mutex<Known>>,
}

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Files {
    pub(super) fn open(directory: PathBuf) -> Result<Self, AssetsError> {
        let mut files = Self { directory, ignored: Ignored::default(), etags: Arc::default() };
        files.ignored = Ignored::parse(&files.rules(".assetsignore")?);
        let mut count = 0;
        files.check(&files.directory, &mut count)?;
        Ok(files)
    }

    /// The text of a file with rules; empty where there is none.
    pub(super) fn rules(&self, name: &str) -> Result<String, AssetsError> {
        let path = self.directory.join(name);
        match fs::read_to_string(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(AssetsError::Read { path, source })
            }
            read => Ok(read.unwrap_or_default()),
        }
    }

    /// Holds the files of a folder against the limits.
    fn check(&self, folder: &Path, count: &mut usize) -> Result<(), AssetsError> {
        let unread = |source| AssetsError::Read { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            let about =
                fs::metadata(&path).map_err(|source| AssetsError::Read { path: path.clone(), source })?;
            if self.is_hidden(&path) {
                continue;
            }
            if about.is_dir() {
                self.check(&path, count)?;
            } else if about.len() > FILE_MAX_BYTES {
                return Err(AssetsError::TooLarge { path, length: about.len() });
            } else {
                *count += 1;
            }
            if *count > FILES_MAX {
                return Err(AssetsError::TooMany(self.directory.clone()));
            }
        }
        Ok(())
    }

    fn is_hidden(&self, path: &Path) -> bool {
        let Some(relative) = path.strip_prefix(&self.directory).ok().and_then(Path::to_str) else {
            return true;
        };
        RULES.contains(&relative) || self.ignored.contains(relative)
    }

    /// The file at a decoded path, which begins with `/`.
    pub(super) fn find(&self, path: &str) -> Option<File> {
        let relative = path.strip_prefix('/')?;
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
        if !relative.split('/').all(is_name) {
            return None;
        }
        let path = self.directory.join(relative);
        let about = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        if self.is_hidden(&path) {
            return None;
        }
        let etags = Arc::clone(&self.etags);
        Some(File { path, modified: about.modified().ok(), length: about.len(), etags })
    }
}

impl File {
    /// What stands for this content and no other, in quotes.
    pub(super) fn etag(&self) -> io::Result<String> {
        let known = || self.etags.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((modified, length, etag)) = known().get(&self.path)
            && (*modified, *length) == (self.modified, self.length)
        {
            return Ok(etag.clone());
        }
        let mut hash = Sha256::new();
        io::copy(&mut fs::File::open(&self.path)?, &mut Hashing(&mut hash))?;
        let digest = hash.finalize();
        let number = digest.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte));
        let etag = format!("\"{number:032x}\"");
        known().insert(self.path.clone(), (self.modified, self.length, etag.clone()));
        Ok(etag)
    }

    /// By the file's ending, with the character set where it is text; `None`: an ending that nobody knows.
    pub(super) fn content_type(&self) -> Option<String> {
        let kind = content_types::of(&self.path)?;
        Some(if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind })
    }

    pub(super) fn content(&self) -> io::Result<Content> {
        let file = fs::File::open(&self.path)?;
        let mut reader = Reader { file, left: self.length };
        if self.length > CHUNK_BYTES as u64 {
            return Ok(Content::Stream(Box::new(reader)));
        }
        Ok(Content::Whole(reader.next(CHUNK_BYTES)?))
    }
}

struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A large file on its way out, read whenever more of it is wanted.
struct Reader {
    file: fs::File,
    left: u64,
}

impl Reader {
    fn next(&mut self, most: usize) -> io::Result<Bytes> {
        let mut bytes = BytesMut::zeroed(most.min(self.left as usize));
        self.file.read_exact(&mut bytes)?;
        self.left -= bytes.len() as u64;
        Ok(bytes.freeze())
    }
}

impl ByteStream for Reader {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let broken = |error: io::Error| StreamError { name: "Error".into(), message: error.to_string() };
        Poll::Ready((self.left > 0).then(|| self.next(CHUNK_BYTES).map_err(broken)))
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }
}
