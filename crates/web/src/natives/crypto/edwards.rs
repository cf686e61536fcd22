//! Ed25519 and X25519: keys are 32 bytes, and each curve has one use.

use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey as VerifyingKey};
use pkcs8::der::asn1::{ObjectIdentifier, OctetString};
use pkcs8::der::{Decode as _, Encode as _};

use super::formats::{self, Label, Parameters};

const KEY_BYTES: usize = 32;

/// Which of the two. <https://www.rfc-editor.org/rfc/rfc8410>
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Ed25519,
    X25519,
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::Ed25519),
            "X25519" => Some(Self::X25519),
            _ => None,
        }
    }

    /// The public key of a private one.
    pub(super) fn public(self, private: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(private).ok()?;
                Some(pair.public_key().as_ref().to_vec())
            }
            Self::X25519 => {
                let key = agreement::PrivateKey::from_private_key(&X25519, private).ok()?;
                Some(key.compute_public_key().ok()?.as_ref().to_vec())
            }
        }
    }

    pub(super) fn read_pkcs8(self, der: &[u8]) -> Option<Vec<u8>> {
        let inner = formats::open_private(&self.label(), der)?;
        Self::key(OctetString::from_der(&inner).ok()?.into_bytes().into())
    }

    pub(super) fn write_pkcs8(self, private: &[u8]) -> Option<Vec<u8>> {
        let inner = OctetString::new(private).ok()?.to_der().ok()?;
        formats::seal_private(&self.label(), &inner)
    }

    pub(super) fn read_spki(self, der: &[u8]) -> Option<Vec<u8>> {
        Self::key(formats::open_public(&self.label(), der)?)
    }

    pub(super) fn write_spki(self, public: &[u8]) -> Option<Vec<u8>> {
        formats::seal_public(&self.label(), public)
    }

    fn key(bytes: Vec<u8>) -> Option<Vec<u8>> {
        (bytes.len() == KEY_BYTES).then_some(bytes)
    }

    fn label(self) -> Label {
        let name = match self {
            Self::Ed25519 => "1.3.101.112",
            Self::X25519 => "1.3.101.110",
        };
        Label { algorithm: ObjectIdentifier::new_unwrap(name), parameters: Parameters::Absent }
    }
}

/// An Ed25519 signature.
pub(super) fn sign(seed: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    Some(Ed25519KeyPair::from_seed_unchecked(seed).ok()?.sign(data).as_ref().to_vec())
}

/// Whether this is the Ed25519 signature of the data.
pub(super) fn verify(public: &[u8], signature: &[u8], data: &[u8]) -> bool {
    VerifyingKey::new(&ED25519, public).verify(data, signature).is_ok()
}

/// X25519's shared secret; nothing if it is zero, which only a bad public key makes it.
pub(super) fn agree(private: &[u8], public: &[u8]) -> Option<Vec<u8>> {
    let private = agreement::PrivateKey::from_private_key(&X25519, private).ok()?;
    let public = UnparsedPublicKey::new(&X25519, public);
    agreement::agree(&private, public, (), |secret| Ok(secret.to_vec())).ok()
}
