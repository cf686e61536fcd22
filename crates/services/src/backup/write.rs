//! Writing an archive, and keeping count of what is in it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::tar::{self, Header};
use super::{BackupError, SUMS, Summary};

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// An archive that is being written.
pub(super) struct Writer<'a> {
    out: &'a mut dyn Write,
    pub(super) advance: &'a mut dyn FnMut(u64) -> bool,
    summary: Summary,
    sums: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut dyn Write, advance: &'a mut dyn FnMut(u64) -> bool) -> Self {
        Self { out, advance, summary: Summary::default(), sums: String::new() }
    }

    /// Adds the file `from` under the name of `path`; one that is gone is passed over.
    pub(super) fn file(&mut self, path: &Path, from: &Path) -> Result<(), BackupError> {
        let mut file = match File::open(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(BackupError::file(from))?,
        };
        let about = file.metadata().map_err(BackupError::file(from))?;
        let name = path.to_str().filter(|name| !name.contains(['\n', '\r', '\\']));
        let name = name.ok_or_else(|| BackupError::Name(path.to_owned()))?;
        let mode = about.permissions().mode() & 0o777;
        self.add(Header { name: name.to_owned(), mode, size: about.len() }, from, &mut file)
    }

    /// Adds a file of these bytes.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let header = Header { name: name.to_owned(), mode: 0o600, size: bytes.len() as u64 };
        self.add(header, Path::new(name), &mut &bytes[..])
    }

    fn add(&mut self, header: Header, from: &Path, content: &mut dyn Read) -> Result<(), BackupError> {
        tar::write_header(self.out, &header).map_err(BackupError::Output)?;
        let digest = self.copy(header.size, from, content)?;
        tar::write_padding(self.out, header.size).map_err(BackupError::Output)?;
        writeln!(self.sums, "{digest}  {}", header.name).expect("invariant: a string can be written to");
        self.summary.files += 1;
        self.summary.bytes += header.size;
        Ok(())
    }

    /// Copies a content; gives its digest.
    fn copy(&mut self, size: u64, from: &Path, content: &mut dyn Read) -> Result<String, BackupError> {
        let (mut chunk, mut left, mut digest) = (vec![0; CHUNK_BYTES], size, Sha256::new());
        while left > 0 {
            let part = &mut chunk[..left.min(CHUNK_BYTES as u64) as usize];
            content.read_exact(part).map_err(BackupError::file(from))?;
            digest.update(&*part);
            self.out.write_all(part).map_err(BackupError::Output)?;
            left -= part.len() as u64;
            if !(self.advance)(part.len() as u64) {
                return Err(BackupError::Interrupted);
            }
        }
        Ok(hex(&digest.finalize()))
    }

    /// Ends the archive; gives what is in it.
    pub(super) fn finish(mut self) -> Result<Summary, BackupError> {
        // The manifest is no file of the state's.
        let summary = Summary { files: self.summary.files - 1, ..self.summary };
        let sums = std::mem::take(&mut self.sums);
        self.bytes(SUMS, sums.as_bytes())?;
        tar::write_end(self.out).and_then(|()| self.out.flush()).map_err(BackupError::Output)?;
        Ok(summary)
    }
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a string can be written to");
        text
    })
}
