//! Reading an archive into a folder. The archive may come from anywhere: no name in it leads out of the folder, and
//! nothing counts before all digests were right.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

use sha2::{Digest, Sha256};

use super::tar::{self, Header};
use super::write::hex;
use super::{BackupError, MANIFEST, Manifest, SUMS, Summary};

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// The largest manifest that is read.
const MANIFEST_MAX_BYTES: u64 = 64 << 10;
/// The largest list of digests that is read: about a million files.
const SUMS_MAX_BYTES: u64 = 256 << 20;

/// Reads all of a backup into `folder`, which must be empty, if its format is `format` or older. What is in the folder
/// is of no use where this fails. `advance` is told how many bytes more were read, and says whether to go on.
pub fn restore(
    input: &mut dyn Read,
    folder: &Path,
    format: u32,
    advance: &mut dyn FnMut(u64) -> bool,
) -> Result<(Manifest, Summary), BackupError> {
    let mut reading =
        Reading { input, folder, advance, digests: BTreeMap::new(), summary: Summary::default() };
    let manifest = reading.manifest(format)?;
    while let Some(header) = tar::read_header(reading.input).map_err(ended)? {
        if header.name == SUMS {
            reading.check(&header)?;
            return Ok((manifest, reading.summary));
        }
        reading.file(&header)?;
    }
    Err(BackupError::Broken("it ends before its list of digests".to_owned()))
}

/// Words the end of the input where there should be more.
fn ended(error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::Broken("it ends too early".to_owned()),
        io::ErrorKind::InvalidData => BackupError::Broken(error.to_string()),
        _ => BackupError::Input(error),
    }
}

/// An archive that is being read.
struct Reading<'a> {
    input: &'a mut dyn Read,
    folder: &'a Path,
    advance: &'a mut dyn FnMut(u64) -> bool,
    /// Of each file so far, as it was read.
    digests: BTreeMap<String, String>,
    summary: Summary,
}

impl Reading<'_> {
    /// The first file, which says what the others are.
    fn manifest(&mut self, format: u32) -> Result<Manifest, BackupError> {
        let foreign = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                BackupError::NotABackup("it is no tar archive".to_owned())
            }
            _ => BackupError::Input(error),
        };
        let header = tar::read_header(self.input).map_err(foreign)?;
        let header = header.filter(|header| header.name == MANIFEST && header.size <= MANIFEST_MAX_BYTES);
        let header =
            header.ok_or_else(|| BackupError::NotABackup(format!("it does not begin with {MANIFEST}")))?;
        let mut bytes = Vec::new();
        let digest = self.content(header.size, &mut bytes, Path::new(MANIFEST))?;
        self.digests.insert(header.name, digest);
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| BackupError::NotABackup(format!("{MANIFEST}: {error}")))?;
        if manifest.format > format {
            return Err(BackupError::Newer { found: manifest.format, known: format });
        }
        Ok(manifest)
    }

    fn file(&mut self, header: &Header) -> Result<(), BackupError> {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        let name = Path::new(&header.name);
        if header.name.is_empty() || !name.components().all(inside) || self.digests.contains_key(&header.name)
        {
            return Err(BackupError::Broken(format!("it has a file `{}`", header.name.escape_debug())));
        }
        let path = self.folder.join(name);
        let parent = path.parent().expect("invariant: it lies in the folder");
        fs::create_dir_all(parent).map_err(BackupError::file(parent))?;
        let options = OpenOptions::new().write(true).create_new(true).mode(header.mode & 0o777).clone();
        let mut file: File = options.open(&path).map_err(BackupError::file(&path))?;
        let digest = self.content(header.size, &mut file, &path)?;
        self.digests.insert(header.name.clone(), digest);
        self.summary.files += 1;
        self.summary.bytes += header.size;
        Ok(())
    }

    /// Copies a content of `size` bytes; gives its digest.
    fn content(&mut self, size: u64, out: &mut dyn Write, path: &Path) -> Result<String, BackupError> {
        let (mut chunk, mut left, mut digest) = (vec![0; CHUNK_BYTES], size, Sha256::new());
        while left > 0 {
            let part = &mut chunk[..left.min(CHUNK_BYTES as u64) as usize];
            self.input.read_exact(part).map_err(ended)?;
            digest.update(&*part);
            out.write_all(part).map_err(BackupError::file(path))?;
            left -= part.len() as u64;
            if !(self.advance)(part.len() as u64) {
                return Err(BackupError::Interrupted);
            }
        }
        tar::read_padding(self.input, size).map_err(ended)?;
        Ok(hex(&digest.finalize()))
    }

    /// Compares what was read with what was written.
    fn check(&mut self, header: &Header) -> Result<(), BackupError> {
        if header.size > SUMS_MAX_BYTES {
            return Err(BackupError::Broken(format!("its {SUMS} is too long")));
        }
        let mut bytes = Vec::new();
        self.content(header.size, &mut bytes, Path::new(SUMS))?;
        let text =
            String::from_utf8(bytes).map_err(|error| BackupError::Broken(format!("{SUMS}: {error}")))?;
        let mut read = std::mem::take(&mut self.digests);
        for (digest, name) in text.lines().filter_map(|line| line.split_once("  ")) {
            match read.remove(name) {
                Some(found) if found == digest => {}
                Some(_) => return Err(BackupError::Broken(format!("`{name}` is not as it was written"))),
                None => return Err(BackupError::Broken(format!("`{name}` is missing"))),
            }
        }
        match read.keys().next() {
            Some(name) => Err(BackupError::Broken(format!("`{name}` was not written with it"))),
            None => Ok(()),
        }
    }
}
