//! Serving over HTTPS: with a certificate that was given, or, for this machine alone, one that hognose makes itself.
//!
//! The files are looked at for each connection and read again when they have changed, so that a renewed certificate holds
//! without a restart. While the new files cannot be used, the old certificate goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use hognose_config::Dev;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::CommandError;
use crate::state::State;

/// What a certificate of ours is for.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Options for HTTPS; wrangler's.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HttpsArguments {
    /// Serve over this protocol [default: the configuration's, else http; https where there is a certificate]
    #[arg(long, value_enum, value_name = "PROTOCOL")]
    local_protocol: Option<Protocol>,
    /// The certificate, with those that lead to its authority; read again when it changes
    #[arg(long, value_name = "PEM", requires = "https_key_path")]
    https_cert_path: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "PEM", requires = "https_cert_path")]
    https_key_path: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Http,
    Https,
}

/// How the connections of clients are encrypted; `None`: not at all.
pub(crate) fn choose(
    arguments: &HttpsArguments,
    dev: &Dev,
    state: &State,
) -> Result<Option<Arc<ServerConfig>>, CommandError> {
    let given = arguments.https_cert_path.clone().zip(arguments.https_key_path.clone());
    let configured = given.is_some() || dev.https;
    if !arguments.local_protocol.map_or(configured, |protocol| protocol == Protocol::Https) {
        return Ok(None);
    }
    let files = match given {
        Some((certificate, key)) => Files { certificate, key },
        None => Files::of_ours(&state.folder("https")?)?,
    };
    let certificate = Certificate::read(files)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("invariant: the provider knows the versions that rustls does");
    let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

/// Where a certificate and its key lie.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// The certificate in `folder`, made now if there is none. It stays, so that a browser that was told to trust it does.
    fn of_ours(folder: &Path) -> Result<Self, CommandError> {
        let files = Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        if !files.certificate.is_file() {
            let names = LOCAL_NAMES.map(str::to_owned);
            let made =
                rcgen::generate_simple_self_signed(names).expect("invariant: the names are names of hosts");
            write_private(&files.key, &made.signing_key.serialize_pem())?;
            write_private(&files.certificate, &made.cert.pem())?;
        }
        Ok(files)
    }

    /// When one of them changed last.
    fn changed(&self) -> Option<SystemTime> {
        let changed = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
        changed(&self.certificate).max(changed(&self.key))
    }

    fn read(&self) -> Result<CertifiedKey, CommandError> {
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect);
        let chain: Vec<_> = chain.map_err(|source| unusable(&self.certificate, source))?;
        if chain.is_empty() {
            return Err(unusable(&self.certificate, "it holds no certificate"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|source| unusable(&self.key, source))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|source| unusable(&self.key, source))
    }
}

fn unusable(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CommandError {
    CommandError::Certificate { path: path.to_owned(), source: source.into() }
}

/// A certificate as its files have it now.
#[derive(Debug)]
struct Certificate {
    files: Files,
    current: Mutex<(Option<SystemTime>, Arc<CertifiedKey>)>,
}

impl Certificate {
    fn read(files: Files) -> Result<Self, CommandError> {
        let current = Mutex::new((files.changed(), Arc::new(files.read()?)));
        Ok(Self { files, current })
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = self.files.changed();
        // Half a renewal, a new certificate with the old key, is not taken: it is looked at again with the next.
        if changed != current.0
            && let Ok(renewed) = self.files.read()
        {
            *current = (changed, Arc::new(renewed));
        }
        Some(Arc::clone(&current.1))
    }
}

/// Writes a file that only its owner reads.
fn write_private(path: &Path, text: &str) -> Result<(), CommandError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| CommandError::State { path: path.to_owned(), source })
}
