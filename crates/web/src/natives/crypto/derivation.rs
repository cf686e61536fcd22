//! Keys from secrets: HKDF for those that are random, PBKDF2 for those that people remember.

use std::num::NonZeroU32;

use aws_lc_rs::{hkdf, pbkdf2};

use super::digests::Hash;

/// RFC 5869. Nothing if more is asked for than 255 hashes, or nothing at all of MD5.
pub(super) fn hkdf(hash: Hash, secret: &[u8], salt: &[u8], info: &[u8], length: usize) -> Option<Vec<u8>> {
    let algorithm = match hash {
        Hash::Md5 => return None,
        Hash::Sha1 => hkdf::HKDF_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hkdf::HKDF_SHA256,
        Hash::Sha384 => hkdf::HKDF_SHA384,
        Hash::Sha512 => hkdf::HKDF_SHA512,
    };
    if length == 0 {
        return Some(Vec::new());
    }
    let key = hkdf::Salt::new(algorithm, salt).extract(secret);
    let mut derived = vec![0; length];
    key.expand(&[info], Length(length)).ok()?.fill(&mut derived).ok()?;
    Some(derived)
}

/// How much is to be derived, in the form that aws-lc asks for.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// RFC 8018. Nothing without iterations, or with MD5.
pub(super) fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Option<Vec<u8>> {
    let algorithm = match hash {
        Hash::Md5 => return None,
        Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    let iterations = NonZeroU32::new(iterations)?;
    let mut derived = vec![0; length];
    if length > 0 {
        pbkdf2::derive(algorithm, iterations, salt, password, &mut derived);
    }
    Some(derived)
}
