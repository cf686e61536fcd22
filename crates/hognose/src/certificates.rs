//! Client certificates: from the files that `hognose.toml` names to what the bindings of a Worker present. A binding without
//! files does not keep its Worker from running: the start warns of it, and its requests are errors that say what to add.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use hognose_config::{CertificateBinding, CertificateFiles, Plan};
use hognose_supervisor::{ClientCertificate, ClientIdentity};

use crate::console::Console;

/// What each binding of the Worker presents, in the order of its configuration. Paths are relative to the configuration's
/// folder.
pub(crate) fn identities(
    plan: &Plan,
    files: &BTreeMap<String, CertificateFiles>,
    console: Console,
) -> Vec<ClientIdentity> {
    let identity = |CertificateBinding { binding, certificate_id }: &CertificateBinding| {
        let read = match files.get(certificate_id) {
            Some(files) => read(files, &plan.directory),
            None => Err(format!(
                "no files are named for it. Add to hognose.toml:\n\n[mtls_certificates.\"{certificate_id}\"]\n\
                 certificate = \"client.pem\"\nkey = \"client-key.pem\""
            )),
        };
        read.map(Arc::new).map_err(|why| {
            let told = format!("env.{binding} cannot present the certificate \"{certificate_id}\": {why}");
            console.warning(&told);
            told
        })
    };
    plan.certificates.iter().map(identity).collect()
}

fn read(files: &CertificateFiles, folder: &Path) -> Result<ClientCertificate, String> {
    let text = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    let certificate = text(&files.certificate)?;
    let key = files.key.as_deref().map_or_else(|| Ok(certificate.clone()), text)?;
    let shown = || folder.join(&files.certificate).display().to_string();
    ClientCertificate::from_pem(&certificate, &key).map_err(|error| format!("{}: {error}", shown()))
}
