//! Contents under a customer's key (`ssecKey`): what is on the disk opens with that key only, which is kept nowhere.
//!
//! A content is sealed in chunks with AES-256-GCM, so that any part of it can be read by itself. Each file has a key of
//! its own, derived from the customer's and the file's name, which is never used twice; so a chunk's number can be
//! its nonce. Files that are sealed have names that say so: those of earlier releases are not.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use bytes::Bytes;

/// What the names of sealed files end with.
const ENDING: &str = "-sealed";
/// How much of a content is sealed at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// What sealing adds to a chunk.
const TAG_BYTES: usize = 16;

/// The name of a new file that is to be sealed.
pub(super) fn name() -> String {
    crate::random::name() + ENDING
}

/// The key of one file.
pub(super) struct Seal(LessSafeKey);

impl Seal {
    /// That of the file of this name, under the customer's key.
    pub(super) fn new(customer_key: &[u8], blob: &str) -> Self {
        let secret = Salt::new(HKDF_SHA256, b"hognose r2").extract(customer_key);
        let info = [blob.as_bytes()];
        let key = secret.expand(&info, &AES_256_GCM).expect("invariant: a key is short enough to be derived");
        Self(LessSafeKey::new(UnboundKey::from(key)))
    }

    /// That of a file, where it is sealed.
    pub(super) fn of(customer_key: Option<&[u8]>, blob: &str) -> Option<Self> {
        customer_key.filter(|_| blob.ends_with(ENDING)).map(|key| Self::new(key, blob))
    }

    /// Reads from `offset` of a content of `size` bytes on, up to `most` bytes and the end of a chunk.
    pub(super) fn read(&self, file: &File, offset: u64, most: u64, size: u64) -> io::Result<Bytes> {
        let (number, skipped) = (offset / CHUNK_BYTES as u64, (offset % CHUNK_BYTES as u64) as usize);
        let length = (size - number * CHUNK_BYTES as u64).min(CHUNK_BYTES as u64) as usize;
        let mut chunk = vec![0; length + TAG_BYTES];
        file.read_exact_at(&mut chunk, number * (CHUNK_BYTES + TAG_BYTES) as u64)?;
        let opened = self.0.open_in_place(nonce(number), Aad::empty(), &mut chunk);
        opened.map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "the content does not open with the key")
        })?;
        chunk.truncate(length);
        let end = length.min(skipped.saturating_add(most as usize));
        Ok(Bytes::from(chunk).slice(skipped..end))
    }
}

/// A file that is being sealed as it is written.
pub(super) struct Sealing {
    seal: Seal,
    number: u64,
    gathered: Vec<u8>,
}

impl Sealing {
    /// Of the file of this name, under the customer's key.
    pub(super) fn new(customer_key: &[u8], blob: &str) -> Self {
        Self { seal: Seal::new(customer_key, blob), number: 0, gathered: Vec::with_capacity(CHUNK_BYTES) }
    }

    /// Writes what makes whole chunks, and keeps the rest.
    pub(super) fn write(&mut self, file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.gathered.len()));
            self.gathered.extend_from_slice(taken);
            bytes = rest;
            if self.gathered.len() == CHUNK_BYTES {
                self.write_chunk(file)?;
            }
        }
        Ok(())
    }

    /// Writes the rest.
    pub(super) fn finish(mut self, file: &mut File) -> io::Result<()> {
        if self.gathered.is_empty() { Ok(()) } else { self.write_chunk(file) }
    }

    fn write_chunk(&mut self, file: &mut File) -> io::Result<()> {
        let sealed =
            self.seal.0.seal_in_place_append_tag(nonce(self.number), Aad::empty(), &mut self.gathered);
        sealed.map_err(|_| io::Error::other("the content cannot be sealed"))?;
        file.write_all(&self.gathered)?;
        self.gathered.clear();
        self.number += 1;
        Ok(())
    }
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}
