//! The curves of NIST, for ECDSA and ECDH. A private key is its scalar, a public key its uncompressed point; both are
//! checked wherever they come in. Any hash goes with any curve.

use p256::ecdsa::signature::hazmat::{PrehashVerifier as _, RandomizedPrehashSigner as _};
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use pkcs8::der::asn1::ObjectIdentifier;
use pkcs8::der::{Decode as _, Encode as _};
use sec1::{EcParameters, EcPrivateKey};

use super::formats::{self, Label, Parameters};
use super::random::SystemRandom;

/// id-ecPublicKey of RFC 5480.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

#[derive(Clone, Copy, Debug)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// Runs the same lines for whichever curve it is, with `crate_name` as the name of that curve's crate.
macro_rules! for_curve {
    ($curve:expr, $crate_name:ident, $body:block) => {
        match $curve {
            Curve::P256 => {
                use p256 as $crate_name;
                $body
            }
            Curve::P384 => {
                use p384 as $crate_name;
                $body
            }
            Curve::P521 => {
                use p521 as $crate_name;
                $body
            }
        }
    };
}

impl Curve {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// A new private key.
    pub(super) fn generate(self) -> Vec<u8> {
        for_curve!(self, curve, {
            curve::SecretKey::generate_from_rng(&mut SystemRandom).to_bytes().to_vec()
        })
    }

    /// The public key of a private one; nothing if the scalar is none of this curve.
    pub(super) fn public(self, scalar: &[u8]) -> Option<Vec<u8>> {
        for_curve!(self, curve, {
            let key = curve::SecretKey::from_slice(scalar).ok()?;
            Some(key.public_key().to_sec1_point(false).as_bytes().to_vec())
        })
    }

    /// A point as it is kept, from any of its forms; nothing if it is not on the curve.
    pub(super) fn point(self, bytes: &[u8]) -> Option<Vec<u8>> {
        for_curve!(self, curve, {
            let key = curve::PublicKey::from_sec1_bytes(bytes).ok()?;
            Some(key.to_sec1_point(false).as_bytes().to_vec())
        })
    }

    /// An ECDSA signature: both numbers, one after the other.
    pub(super) fn sign(self, scalar: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
        for_curve!(self, curve, {
            let key = curve::ecdsa::SigningKey::from_slice(scalar).ok()?;
            let signature: curve::ecdsa::Signature =
                key.sign_prehash_with_rng(&mut SystemRandom, digest).ok()?;
            Some(signature.to_bytes().to_vec())
        })
    }

    /// Whether this is the ECDSA signature of the digest.
    pub(super) fn verify(self, point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
        for_curve!(self, curve, {
            let key = curve::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = curve::ecdsa::Signature::from_slice(signature);
            matches!((key, signature), (Ok(key), Ok(signature)) if key.verify_prehash(digest, &signature).is_ok())
        })
    }

    /// ECDH's shared secret.
    pub(super) fn agree(self, scalar: &[u8], point: &[u8]) -> Option<Vec<u8>> {
        for_curve!(self, curve, {
            let key = curve::SecretKey::from_slice(scalar).ok()?;
            let other = curve::PublicKey::from_sec1_bytes(point).ok()?;
            Some(key.diffie_hellman(&other).raw_secret_bytes().to_vec())
        })
    }

    /// The scalar and the point.
    pub(super) fn read_pkcs8(self, der: &[u8]) -> Option<Vec<Vec<u8>>> {
        self.read_sec1(&formats::open_private(&self.label(), der)?)
    }

    /// The same, where the key stands without the envelope.
    pub(super) fn read_sec1(self, der: &[u8]) -> Option<Vec<Vec<u8>>> {
        let key = EcPrivateKey::from_der(der).ok()?;
        if key.parameters.is_some_and(|found| found.named_curve() != Some(self.identifier())) {
            return None;
        }
        let point = self.public(key.private_key)?;
        let fits = key.public_key.is_none_or(|given| self.point(given).as_ref() == Some(&point));
        fits.then(|| vec![key.private_key.to_vec(), point])
    }

    pub(super) fn write_pkcs8(self, scalar: &[u8], point: &[u8]) -> Option<Vec<u8>> {
        let key = EcPrivateKey { private_key: scalar, parameters: None, public_key: Some(point) };
        formats::seal_private(&self.label(), &key.to_der().ok()?)
    }

    /// Without an envelope the key itself names its curve.
    pub(super) fn write_sec1(self, scalar: &[u8], point: &[u8]) -> Option<Vec<u8>> {
        let parameters = Some(EcParameters::NamedCurve(self.identifier()));
        EcPrivateKey { private_key: scalar, parameters, public_key: Some(point) }.to_der().ok()
    }

    pub(super) fn read_spki(self, der: &[u8]) -> Option<Vec<u8>> {
        self.point(&formats::open_public(&self.label(), der)?)
    }

    pub(super) fn write_spki(self, point: &[u8]) -> Option<Vec<u8>> {
        formats::seal_public(&self.label(), point)
    }

    fn label(self) -> Label {
        Label { algorithm: EC_PUBLIC_KEY, parameters: Parameters::Named(self.identifier()) }
    }

    fn identifier(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
        })
    }
}
