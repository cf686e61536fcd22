//! RSA. Keys are kept in PKCS #1's form, which names all their numbers.
//!
//! aws-lc makes keys of the usual sizes, signs, and does OAEP, whose decryption must not tell by its timing what it found.
//! Its safe interface signs neither with SHA-1, nor with a salt of another length than the hash's, nor with keys below
//! 2048 bits; such signatures, and all checks of signatures, are the `rsa` crate's.

use aws_lc_rs::digest::{Algorithm, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa as fast;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding,
};
use pkcs8::der::Encode as _;
use pkcs8::der::asn1::{ObjectIdentifier, UintRef};
use rsa::pkcs1::{DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs1::{RsaPrivateKeyRef as PrivateNumbers, RsaPublicKeyRef as PublicNumbers};
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::digests::Hash;
use super::formats::{self, Label, Parameters};
use super::random::SystemRandom;

const LABEL: Label =
    Label { algorithm: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), parameters: Parameters::Null };
/// The public exponent of nearly every key.
const USUAL_EXPONENT: [u8; 3] = [1, 0, 1];

/// How a digest becomes a number to sign: PSS with a salt, or PKCS #1 v1.5 without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Padding {
    pub(super) hash: Hash,
    pub(super) salt_bytes: Option<usize>,
}

impl Padding {
    /// aws-lc's own, where it has it.
    fn usual(&self) -> Option<(&'static dyn RsaEncoding, &'static Algorithm)> {
        Some(match (self.hash, self.salt_bytes) {
            (Hash::Sha256, None) => (&RSA_PKCS1_SHA256, &SHA256),
            (Hash::Sha384, None) => (&RSA_PKCS1_SHA384, &SHA384),
            (Hash::Sha512, None) => (&RSA_PKCS1_SHA512, &SHA512),
            (Hash::Sha256, Some(32)) => (&RSA_PSS_SHA256, &SHA256),
            (Hash::Sha384, Some(48)) => (&RSA_PSS_SHA384, &SHA384),
            (Hash::Sha512, Some(64)) => (&RSA_PSS_SHA512, &SHA512),
            _ => return None,
        })
    }
}

/// A new private key; nothing if there is none with such a modulus and exponent.
pub(super) fn generate(modulus_bits: usize, exponent: &[u8]) -> Option<Vec<u8>> {
    let size = match modulus_bits {
        2048 => Some(fast::KeySize::Rsa2048),
        3072 => Some(fast::KeySize::Rsa3072),
        4096 => Some(fast::KeySize::Rsa4096),
        _ => None,
    };
    let significant = exponent.iter().position(|byte| *byte != 0).map(|start| &exponent[start..])?;
    if let Some(size) = size.filter(|_| significant == USUAL_EXPONENT) {
        let der: Pkcs8V1Der = PrivateDecryptingKey::generate(size).ok()?.as_der().ok()?;
        return from_pkcs8(der.as_ref());
    }
    let exponent = BoxedUint::from_be_slice_vartime(significant);
    let key = RsaPrivateKey::new_with_exp(&mut SystemRandom, modulus_bits, exponent).ok()?;
    Some(key.to_pkcs1_der().ok()?.as_bytes().to_vec())
}

/// The public key of a private one.
pub(super) fn public(private: &[u8]) -> Option<Vec<u8>> {
    PrivateNumbers::try_from(private).ok()?.public_key().to_der().ok()
}

/// The numbers of a key, as JWK names them: n, e, and of a private key d, p, q, dp, dq, qi.
pub(super) fn components(key: &[u8]) -> Option<Vec<Vec<u8>>> {
    let numbers = if let Ok(key) = PrivateNumbers::try_from(key) {
        let public = [key.modulus, key.public_exponent, key.private_exponent];
        let factors = [key.prime1, key.prime2, key.exponent1, key.exponent2, key.coefficient];
        [public.as_slice(), &factors].concat()
    } else {
        let key = PublicNumbers::try_from(key).ok()?;
        vec![key.modulus, key.public_exponent]
    };
    Some(numbers.into_iter().map(|number| number.as_bytes().to_vec()).collect())
}

/// A key of its numbers, in the order of [`components`]; nothing if they do not make one.
pub(super) fn from_components(parts: &[Vec<u8>]) -> Option<Vec<u8>> {
    let numbers = parts.iter().map(|part| UintRef::new(part)).collect::<Result<Vec<_>, _>>().ok()?;
    match numbers.as_slice() {
        [modulus, public_exponent] => {
            let key = PublicNumbers { modulus: *modulus, public_exponent: *public_exponent }.to_der().ok()?;
            valid_public(key)
        }
        [modulus, public_exponent, private_exponent, prime1, prime2, exponent1, exponent2, coefficient] => {
            let key = PrivateNumbers {
                modulus: *modulus,
                public_exponent: *public_exponent,
                private_exponent: *private_exponent,
                prime1: *prime1,
                prime2: *prime2,
                exponent1: *exponent1,
                exponent2: *exponent2,
                coefficient: *coefficient,
                other_prime_infos: None,
            };
            valid_private(key.to_der().ok()?)
        }
        _ => None,
    }
}

pub(super) fn from_pkcs8(der: &[u8]) -> Option<Vec<u8>> {
    valid_private(formats::open_private(&LABEL, der)?)
}

/// A private key that has no envelope.
pub(super) fn from_private_pkcs1(der: &[u8]) -> Option<Vec<u8>> {
    valid_private(der.to_vec())
}

/// A public key that has no envelope.
pub(super) fn from_public_pkcs1(der: &[u8]) -> Option<Vec<u8>> {
    valid_public(der.to_vec())
}

pub(super) fn to_pkcs8(key: &[u8]) -> Option<Vec<u8>> {
    formats::seal_private(&LABEL, key)
}

pub(super) fn from_spki(der: &[u8]) -> Option<Vec<u8>> {
    valid_public(formats::open_public(&LABEL, der)?)
}

pub(super) fn to_spki(key: &[u8]) -> Option<Vec<u8>> {
    formats::seal_public(&LABEL, key)
}

fn valid_private(der: Vec<u8>) -> Option<Vec<u8>> {
    RsaPrivateKey::from_pkcs1_der(&der).is_ok().then_some(der)
}

fn valid_public(der: Vec<u8>) -> Option<Vec<u8>> {
    RsaPublicKey::from_pkcs1_der(&der).is_ok().then_some(der)
}

/// Signs a digest. Nothing if the modulus is too small for hash and salt.
pub(super) fn sign(key: &[u8], padding: &Padding, digest: &[u8]) -> Option<Vec<u8>> {
    if let (Some((encoding, algorithm)), Ok(pair)) = (padding.usual(), fast::KeyPair::from_der(key)) {
        let digest = Digest::import_less_safe(digest, algorithm).ok()?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign_digest(encoding, &digest, &mut signature).ok()?;
        return Some(signature);
    }
    let key = RsaPrivateKey::from_pkcs1_der(key).ok()?;
    let rng = &mut SystemRandom;
    let Some(salt) = padding.salt_bytes else {
        return key.sign_with_rng(rng, plain_padding(padding.hash)?, digest).ok();
    };
    match padding.hash {
        Hash::Md5 => return None,
        Hash::Sha1 => key.sign_with_rng(rng, Pss::<Sha1>::new_with_salt(salt), digest),
        Hash::Sha256 => key.sign_with_rng(rng, Pss::<Sha256>::new_with_salt(salt), digest),
        Hash::Sha384 => key.sign_with_rng(rng, Pss::<Sha384>::new_with_salt(salt), digest),
        Hash::Sha512 => key.sign_with_rng(rng, Pss::<Sha512>::new_with_salt(salt), digest),
    }
    .ok()
}

/// Whether this is the signature of the digest.
pub(super) fn verify(key: &[u8], padding: &Padding, digest: &[u8], signature: &[u8]) -> bool {
    if padding.salt_bytes.is_some() {
        return verify_salted(key, padding.hash, padding.salt_bytes, digest, signature);
    }
    let Ok(public) = RsaPublicKey::from_pkcs1_der(key) else { return false };
    plain_padding(padding.hash).is_some_and(|plain| public.verify(plain, digest, signature).is_ok())
}

/// The same of PSS. Without a length the salt may be of any.
pub(super) fn verify_salted(
    key: &[u8],
    hash: Hash,
    salt_len: Option<usize>,
    digest: &[u8],
    signature: &[u8],
) -> bool {
    fn pss<D: sha1::Digest>(salt_len: Option<usize>) -> Pss<D> {
        Pss { salt_len, ..Pss::new() }
    }
    let Ok(key) = RsaPublicKey::from_pkcs1_der(key) else { return false };
    match hash {
        Hash::Md5 => return false,
        Hash::Sha1 => key.verify(pss::<Sha1>(salt_len), digest, signature),
        Hash::Sha256 => key.verify(pss::<Sha256>(salt_len), digest, signature),
        Hash::Sha384 => key.verify(pss::<Sha384>(salt_len), digest, signature),
        Hash::Sha512 => key.verify(pss::<Sha512>(salt_len), digest, signature),
    }
    .is_ok()
}

fn plain_padding(hash: Hash) -> Option<Pkcs1v15Sign> {
    Some(match hash {
        Hash::Md5 => return None,
        Hash::Sha1 => Pkcs1v15Sign::new::<Sha1>(),
        Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    })
}

/// OAEP. Nothing if the data is too long for the key.
pub(super) fn encrypt(key: &[u8], hash: Hash, label: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let key = PublicEncryptingKey::from_der(&to_spki(key)?).ok()?;
    let key = OaepPublicEncryptingKey::new(key).ok()?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    let length = key.encrypt(oaep(hash)?, data, &mut encrypted, Some(label)).ok()?.len();
    encrypted.truncate(length);
    Some(encrypted)
}

/// OAEP. Nothing if it was not encrypted for this key, hash and label.
pub(super) fn decrypt(key: &[u8], hash: Hash, label: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let key = PrivateDecryptingKey::from_pkcs8(&to_pkcs8(key)?).ok()?;
    let key = OaepPrivateDecryptingKey::new(key).ok()?;
    let mut decrypted = vec![0; key.min_output_size()];
    let length = key.decrypt(oaep(hash)?, data, &mut decrypted, Some(label)).ok()?.len();
    decrypted.truncate(length);
    Some(decrypted)
}

fn oaep(hash: Hash) -> Option<&'static OaepAlgorithm> {
    Some(match hash {
        Hash::Md5 => return None,
        Hash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        Hash::Sha256 => &OAEP_SHA256_MGF1SHA256,
        Hash::Sha384 => &OAEP_SHA384_MGF1SHA384,
        Hash::Sha512 => &OAEP_SHA512_MGF1SHA512,
    })
}
