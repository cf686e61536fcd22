//! Contents as files. One is written, flushed and entered into its folder before the index names it; until then it
//! stands in the table `unclaimed`, so that a crash leaves at most a file that a sweep removes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hognose_wire::r2::Algorithm;

use super::digest::Digests;
use super::sealed::{self, Seal, Sealing};
use super::{Store, tables};
use crate::pins::Pin;
use crate::r2::R2Error;
use crate::{ByteStream, Content, StreamError, next_chunk};

/// The largest content that lies in the index itself.
pub(super) const INLINE_MAX_BYTES: usize = 64 << 10;
/// How much of a content is gathered in memory before it is written out.
const APPEND_BYTES: usize = 1 << 20;
/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;

/// The folder of contents.
#[derive(Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it if need be.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Two levels, so that no folder gets too many files.
    pub(super) fn path(&self, blob: &str) -> PathBuf {
        self.0.join(&blob[..2]).join(blob)
    }

    fn create(&self, blob: &str) -> io::Result<File> {
        let path = self.path(blob);
        fs::create_dir_all(parent(&path))?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    /// Has the file's entry survive a power cut, and that of the folder it is in.
    fn sync(&self, blob: &str) -> io::Result<()> {
        File::open(parent(&self.path(blob)))?.sync_all()?;
        File::open(&self.0)?.sync_all()
    }

    /// Removes the file; one that is gone already is no error.
    pub(super) fn remove(&self, blob: &str) -> io::Result<()> {
        match fs::remove_file(self.path(blob)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("invariant: a blob lies in a folder")
}

/// Where a content lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the index.
    Inline(Bytes),
    /// In these files, one after the other.
    Files(Vec<Piece>),
}

/// A file, or all of it that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The file's name.
    pub(super) blob: String,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// A content that was taken in.
pub(super) struct Taken {
    pub(super) place: Place,
    pub(super) size: u64,
    /// MD5 first.
    pub(super) checksums: Vec<(Algorithm, Vec<u8>)>,
    /// To be kept until the index names the file.
    pub(super) upload: Option<Upload>,
}

/// Takes a content in; up to `inline_max` bytes, if any, stay in memory. Files are sealed where there is a key. Contents that are too short for what their streams had
/// promised are errors of the stream.
pub(super) async fn take(
    store: &Arc<Store>,
    content: Content,
    expected: Option<(Algorithm, Vec<u8>)>,
    inline_max: Option<usize>,
    ssec_key: Option<Vec<u8>>,
) -> Result<Taken, R2Error> {
    let mut digests = Digests::new(expected);
    let mut stream = content.into_stream();
    let promised = stream.length();
    let (mut gathered, mut writing, mut size) = (BytesMut::new(), None, 0);
    while let Some(chunk) = next_chunk(&mut *stream).await.map_err(R2Error::Source)? {
        size += chunk.len() as u64;
        gathered.extend_from_slice(&chunk);
        if gathered.len() >= APPEND_BYTES {
            let bytes = gathered.split().freeze();
            let file = match writing.take() {
                Some(file) => file,
                None => Writing::begin(store, digests.take(), ssec_key.as_deref()).await?,
            };
            writing = Some(file.append(store, bytes).await?);
        }
    }
    if promised.is_some_and(|promised| promised != size) {
        let message = "The stream ended before it had given as many bytes as it had promised.".to_owned();
        return Err(R2Error::Source(StreamError { name: "TypeError".to_owned(), message }));
    }
    let rest = gathered.freeze();
    let writing = match writing {
        None if inline_max.is_some_and(|most| rest.len() <= most) => {
            digests.update(&rest);
            return Ok(Taken {
                place: Place::Inline(rest),
                size,
                checksums: digests.finish()?,
                upload: None,
            });
        }
        None => Writing::begin(store, digests, ssec_key.as_deref()).await?,
        Some(writing) => writing,
    };
    writing.append(store, rest).await?.finish(store, size).await
}

impl Digests {
    /// These, leaving unused ones.
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(None))
    }
}

/// A file that is being written.
struct Writing {
    upload: Upload,
    file: File,
    digests: Digests,
    sealing: Option<Sealing>,
}

impl Writing {
    async fn begin(store: &Arc<Store>, digests: Digests, ssec_key: Option<&[u8]>) -> Result<Self, R2Error> {
        let blob = if ssec_key.is_some() { sealed::name() } else { crate::random::name() };
        let sealing = ssec_key.map(|key| Sealing::new(key, &blob));
        let upload = Upload::begin(store, blob.clone()).await?;
        let making = Arc::clone(store);
        let file = store.disk.run(move || making.folder.create(&blob)).await?;
        Ok(Self { upload, file, digests, sealing })
    }

    async fn append(mut self, store: &Arc<Store>, bytes: Bytes) -> Result<Self, R2Error> {
        let written = store.disk.run(move || {
            self.digests.update(&bytes);
            match &mut self.sealing {
                Some(sealing) => sealing.write(&mut self.file, &bytes)?,
                None => self.file.write_all(&bytes)?,
            }
            Ok(self)
        });
        Ok(written.await?)
    }

    /// Waits for the disk.
    async fn finish(self, store: &Arc<Store>, size: u64) -> Result<Taken, R2Error> {
        let Self { upload, mut file, digests, sealing } = self;
        let checksums = digests.finish()?;
        let (entering, blob) = (Arc::clone(store), upload.pin.key.clone());
        let piece = Piece { blob: blob.clone(), size };
        let synced = store.disk.run(move || {
            if let Some(sealing) = sealing {
                sealing.finish(&mut file)?;
            }
            file.sync_data()?;
            entering.folder.sync(&blob)
        });
        synced.await?;
        Ok(Taken { place: Place::Files(vec![piece]), size, checksums, upload: Some(upload) })
    }
}

/// A file that the index does not name yet. Dropped before it does, the file is left to the next sweep.
pub(super) struct Upload {
    store: Arc<Store>,
    pin: Pin<String>,
    claimed: bool,
}

impl Upload {
    async fn begin(store: &Arc<Store>, blob: String) -> Result<Self, R2Error> {
        let pin = Pin::new(Arc::clone(&store.pins), blob.clone());
        let now_s = store.clock.now_s();
        store.database.write(move |transaction| tables::announce(transaction, &blob, now_s)).await?;
        Ok(Self { store: Arc::clone(store), pin, claimed: false })
    }

    /// The index names the file now.
    pub(super) fn claimed(mut self) {
        self.claimed = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.claimed {
            let blob = self.pin.key.clone();
            drop(self.store.database.write(move |transaction| tables::forget(transaction, &blob)));
        }
    }
}

/// A part of a content on its way out, read whenever it is asked for more.
pub(super) struct Reader {
    store: Arc<Store>,
    /// Held so that no sweep takes the files away.
    pins: Vec<Pin<String>>,
    pieces: std::vec::IntoIter<Piece>,
    open: Option<OpenPiece>,
    /// What sealed files open with.
    ssec_key: Option<Vec<u8>>,
    /// Where in the open file, or in the next, reading goes on.
    offset: u64,
    left: u64,
}

impl Reader {
    /// Of `length` bytes from `offset` on. To be made right after the index named the files.
    pub(super) fn new(
        store: Arc<Store>,
        pieces: Vec<Piece>,
        (offset, length): (u64, u64),
        ssec_key: Option<Vec<u8>>,
    ) -> Self {
        let pin = |piece: &Piece| Pin::new(Arc::clone(&store.pins), piece.blob.clone());
        let pins = pieces.iter().map(pin).collect();
        Self { store, pins, pieces: pieces.into_iter(), open: None, ssec_key, offset, left: length }
    }

    fn read(&mut self) -> io::Result<Bytes> {
        let piece = self.piece()?;
        let wanted = (piece.size - self.offset).min(self.left).min(READ_BYTES as u64);
        let bytes = if let Some(seal) = &piece.seal {
            seal.read(&piece.file, self.offset, wanted, piece.size)?
        } else {
            let mut bytes = vec![0; wanted as usize];
            piece.file.read_exact_at(&mut bytes, self.offset)?;
            bytes.into()
        };
        self.offset += bytes.len() as u64;
        self.left -= bytes.len() as u64;
        if self.offset < piece.size {
            self.open = Some(piece);
        } else {
            self.offset = 0;
        }
        Ok(bytes)
    }

    /// The file in which reading goes on.
    fn piece(&mut self) -> io::Result<OpenPiece> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        loop {
            let Piece { blob, size } = self.pieces.next().ok_or(io::ErrorKind::UnexpectedEof)?;
            if self.offset < size {
                let file = File::open(self.store.folder.path(&blob))?;
                return Ok(OpenPiece { file, size, seal: Seal::of(self.ssec_key.as_deref(), &blob) });
            }
            self.offset -= size;
        }
    }
}

/// A file that is being read.
struct OpenPiece {
    file: File,
    size: u64,
    seal: Option<Seal>,
}

impl ByteStream for Reader {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        if self.left == 0 {
            self.pins.clear();
            return Poll::Ready(None);
        }
        Poll::Ready(Some(self.read().map_err(|error| {
            let message = format!("get: {}", R2Error::from(error));
            StreamError { name: "Error".to_owned(), message }
        })))
    }

    fn length(&self) -> Option<u64> {
        Some(self.left)
    }
}
