//! The envelopes that keys travel in: PKCS #8 around private keys, SubjectPublicKeyInfo around public ones. What is
//! inside of them is each algorithm's own.

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// What an envelope says of the key in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) algorithm: ObjectIdentifier,
    pub(super) parameters: Parameters,
}

/// The parameters of an algorithm, as far as keys of Web Crypto have any.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parameters {
    /// There must not be any.
    Absent,
    /// ASN.1's NULL, as RSA has it.
    Null,
    /// The curve.
    Named(ObjectIdentifier),
}

impl Label {
    fn matches(&self, found: &AlgorithmIdentifierRef<'_>) -> bool {
        let parameters = match self.parameters {
            Parameters::Absent => found.parameters.is_none(),
            Parameters::Null => found.parameters.is_none_or(AnyRef::is_null),
            Parameters::Named(name) => found.parameters_oid() == Ok(name),
        };
        found.oid == self.algorithm && parameters
    }

    fn identifier(&self) -> AlgorithmIdentifierRef<'_> {
        let parameters = match &self.parameters {
            Parameters::Absent => None,
            Parameters::Null => Some(AnyRef::NULL),
            Parameters::Named(name) => Some(name.into()),
        };
        AlgorithmIdentifierRef { oid: self.algorithm, parameters }
    }
}

/// The private key in an envelope that is labelled so.
pub(super) fn open_private(label: &Label, der: &[u8]) -> Option<Vec<u8>> {
    let info = PrivateKeyInfoRef::from_der(der).ok()?;
    label.matches(&info.algorithm).then(|| info.private_key.as_bytes().to_vec())
}

/// An envelope for a private key.
pub(super) fn seal_private(label: &Label, key: &[u8]) -> Option<Vec<u8>> {
    PrivateKeyInfoRef::new(label.identifier(), OctetStringRef::new(key).ok()?).to_der().ok()
}

/// The public key in an envelope that is labelled so.
pub(super) fn open_public(label: &Label, der: &[u8]) -> Option<Vec<u8>> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let key = info.subject_public_key.as_bytes()?;
    label.matches(&info.algorithm).then(|| key.to_vec())
}

/// An envelope for a public key.
pub(super) fn seal_public(label: &Label, key: &[u8]) -> Option<Vec<u8>> {
    let subject_public_key = BitStringRef::from_bytes(key).ok()?;
    SubjectPublicKeyInfoRef { algorithm: label.identifier(), subject_public_key }.to_der().ok()
}
