//! Digests of a content, taken while it comes: MD5 always, for it is the etag; another where one was given.

use std::fmt::Write;

use hognose_wire::r2::Algorithm;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::r2::R2Error;
use crate::r2::error::name_of;

/// The digests of what was taken in so far.
pub(super) struct Digests {
    md5: Md5,
    expected: Option<(Other, Algorithm, Vec<u8>)>,
}

enum Other {
    Md5,
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Digests {
    /// Of nothing yet.
    pub(super) fn new(expected: Option<(Algorithm, Vec<u8>)>) -> Self {
        let with_other = |(algorithm, digest)| (Other::new(algorithm), algorithm, digest);
        Self { md5: Md5::new(), expected: expected.map(with_other) }
    }

    /// Takes in more.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        match self.expected.as_mut().map(|(other, ..)| other) {
            None | Some(Other::Md5) => {}
            Some(Other::Sha1(digest)) => digest.update(bytes),
            Some(Other::Sha256(digest)) => digest.update(bytes),
            Some(Other::Sha384(digest)) => digest.update(bytes),
            Some(Other::Sha512(digest)) => digest.update(bytes),
        }
    }

    /// The checksums of all that was taken in, MD5 first; an error where it is not what was expected.
    pub(super) fn finish(self) -> Result<Vec<(Algorithm, Vec<u8>)>, R2Error> {
        let md5 = self.md5.finalize().to_vec();
        let mut checksums = vec![(Algorithm::Md5, md5.clone())];
        let Some((other, algorithm, expected)) = self.expected else { return Ok(checksums) };
        let actual = other.finish(&md5);
        if actual != expected {
            return Err(R2Error::ChecksumMismatch(name_of(algorithm), hex(&expected), hex(&actual)));
        }
        if algorithm != Algorithm::Md5 {
            checksums.push((algorithm, actual));
        }
        Ok(checksums)
    }
}

impl Other {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5,
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn finish(self, md5: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5.to_vec(),
            Self::Sha1(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
            Self::Sha384(digest) => digest.finalize().to_vec(),
            Self::Sha512(digest) => digest.finalize().to_vec(),
        }
    }
}

/// The MD5 of some bytes.
pub(super) fn md5(bytes: &[u8]) -> Vec<u8> {
    Md5::digest(bytes).to_vec()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a string can be written to");
        text
    })
}
