//! The key's file: 32 random bytes that only the owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};

use super::SecretError;

const KEY_BYTES: usize = 32;

/// Reads the key; makes one where there is none and `may_make`.
pub(super) fn load(path: &Path, may_make: bool) -> Result<RandomizedNonceKey, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    if may_make && !path.exists() {
        make(path).map_err(failed)?;
    }
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SecretError::KeyLost(path.to_owned()));
        }
        read => read.map_err(failed)?,
    };
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(SecretError::Exposed(path.to_owned()));
    }
    if bytes.len() != KEY_BYTES {
        return Err(SecretError::KeyLost(path.to_owned()));
    }
    RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| SecretError::KeyLost(path.to_owned()))
}

/// Makes the file in one step, so that of several processes one makes it and none reads half a key.
fn make(path: &Path) -> io::Result<()> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let draft = path.with_extension(crate::random::name());
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    let linked = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    };
    fs::remove_file(&draft)?;
    linked?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
