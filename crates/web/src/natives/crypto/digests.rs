//! Hashes and what is made of them directly.

use aws_lc_rs::{constant_time, digest, hmac};
use md5::{Digest as _, Md5};

use super::checksums::{Check, RunningCheck};

/// The hashes of Web Crypto, and MD5, which Workers have besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By its normalised name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "MD5" => Self::Md5,
            "SHA-1" => Self::Sha1,
            "SHA-256" => Self::Sha256,
            "SHA-384" => Self::Sha384,
            "SHA-512" => Self::Sha512,
            _ => return None,
        })
    }

    pub(super) fn digest(self, data: &[u8]) -> Vec<u8> {
        let mut running = self.start();
        running.update(data);
        running.finish()
    }

    pub(super) fn start(self) -> Running {
        match self {
            Self::Md5 => Running::Md5(Md5::new()),
            Self::Sha1 => Running::start(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => Running::start(&digest::SHA256),
            Self::Sha384 => Running::start(&digest::SHA384),
            Self::Sha512 => Running::start(&digest::SHA512),
        }
    }

    /// Nothing for MD5, which Web Crypto keeps out of HMAC.
    pub(super) fn hmac_algorithm(self) -> Option<hmac::Algorithm> {
        Some(match self {
            Self::Md5 => return None,
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        })
    }

    pub(super) fn hmac(self, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let key = hmac::Key::new(self.hmac_algorithm()?, key);
        Some(hmac::sign(&key, data).as_ref().to_vec())
    }
}

/// A digest or check that is still being fed.
#[derive(Clone)]
pub(super) enum Running {
    Check(RunningCheck),
    Md5(Md5),
    Sha(Box<digest::Context>),
}

impl Running {
    /// What `DigestStream` and Node's `Hash` know by this normalised name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let check = match name {
            "CRC32" => Check::Crc32,
            "CRC32C" => Check::Crc32c,
            "CRC64NVME" => Check::Crc64Nvme,
            // Node's programs know two more than Web Crypto.
            "SHA-224" => return Some(Self::start(&digest::SHA224)),
            "SHA-512/256" => return Some(Self::start(&digest::SHA512_256)),
            _ => return Hash::named(name).map(Hash::start),
        };
        Some(Self::Check(RunningCheck::new(check)))
    }

    fn start(algorithm: &'static digest::Algorithm) -> Self {
        Self::Sha(Box::new(digest::Context::new(algorithm)))
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Check(check) => check.update(data),
            Self::Md5(md5) => md5.update(data),
            Self::Sha(sha) => sha.update(data),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Check(check) => check.finish(),
            Self::Md5(md5) => md5.finalize().to_vec(),
            Self::Sha(sha) => sha.finish().as_ref().to_vec(),
        }
    }
}

/// Compares in a time that depends on the lengths alone.
pub(super) fn bytes_equal(first: &[u8], second: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(first, second).is_ok()
}
