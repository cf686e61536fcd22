//! Client certificates: the bindings that wrangler's configuration names, and the files that `hognose.toml` has for them.
//!
//! ```toml
//! [mtls_certificates."99f5fef1-6cc1-46b8-bd79-44a0d5082b8d"]
//! certificate = "client.pem"
//! key = "client-key.pem"
//! ```

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::layers::Layers;
use crate::plan::CertificateBinding;
use crate::section::Section;
use crate::storage::{field, list};

/// The files of a client certificate, relative to the file that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// `certificate`: the certificate in PEM, those that vouch for it after it.
    pub certificate: String,
    /// `key`: its private key in PEM; by default in the same file.
    pub key: Option<String>,
}

/// Reads `mtls_certificates` of wrangler's configuration.
pub(crate) fn bindings(layers: &Layers<'_>) -> Vec<CertificateBinding> {
    list(layers, "mtls_certificates", |section, node| {
        section.accept(&["remote"]);
        let binding = field(section, node, "binding", true);
        let certificate_id = field(section, node, "certificate_id", true);
        Some(CertificateBinding { binding: binding?.to_owned(), certificate_id: certificate_id?.to_owned() })
    })
}

/// Reads `[mtls_certificates]` of `hognose.toml`.
pub(crate) fn files(section: &Section<'_>) -> BTreeMap<String, CertificateFiles> {
    let mut files = BTreeMap::new();
    for entry in &section.table.entries {
        let path = section.path_of(&entry.key);
        let Some(table) = entry.node.as_table() else {
            let message = format!("Expected \"{path}\" to be a table but got {}.", entry.node.shown());
            section.report.push(Diagnostic::error(Code::WrongType, message).at(entry.node.span, "files"));
            continue;
        };
        let one = Section::new(table, path, entry.node.span, section.report);
        let (certificate, key) = (one.string("certificate"), one.string("key"));
        if let Some(certificate) = certificate {
            let (certificate, key) = (certificate.value.to_owned(), key.map(|key| key.value.to_owned()));
            files.insert(entry.key.clone(), CertificateFiles { certificate, key });
        } else {
            let message = format!("\"{}\" should name a \"certificate\".", one.path());
            let missing = Diagnostic::error(Code::MissingKey, message);
            section.report.push(missing.at(entry.node.span, "which file?").help("a file in PEM"));
        }
        one.finish();
    }
    files
}
