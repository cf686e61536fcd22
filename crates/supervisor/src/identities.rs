//! Bindings whose requests show who sends them: each leaves the machine as `fetch()` does, under the same policy, and
//! presents a client certificate to servers that ask for one.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::egress::Egress;

/// A certificate and its key, which fit each other.
#[derive(Debug)]
pub struct ClientCertificate(pub(crate) Arc<CertifiedKey>);

/// Texts that are no certificate with its key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is none, or it is no PEM.
    #[error("there is no certificate in PEM")]
    Certificate,
    /// There is none, or it is no PEM.
    #[error("there is no private key in PEM")]
    Key,
    /// They are of different pairs, or of a kind that is not known.
    #[error("the certificate and the key cannot be used together: {0}")]
    Pair(#[source] rustls::Error),
}

impl ClientCertificate {
    /// Reads a certificate, those that vouch for it after it, and its private key, both in PEM.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::Certificate)?;
        if chain.is_empty() {
            return Err(CertificateError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::Key)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(CertificateError::Pair)?;
        Ok(Self(Arc::new(pair)))
    }
}

/// What a binding presents; where that is not there, what each use of it is told.
pub type ClientIdentity = Result<Arc<ClientCertificate>, String>;

/// The way out for one binding, or what its uses are told.
pub(crate) type Identity = Result<Egress, String>;

/// The way out that presents what the binding does.
pub(crate) fn way_out(egress: &Egress, identity: ClientIdentity) -> Arc<Identity> {
    Arc::new(identity.map(|certificate| egress.presenting(certificate)))
}
