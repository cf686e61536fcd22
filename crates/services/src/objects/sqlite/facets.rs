//! Facets are stored like the objects that they are: only their ids are longer, by a part for each that stands above.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The bytes of a name's digest that an id has.
const DIGEST_BYTES: usize = 16;

/// The id under which the facet of that name is stored, of the object of that id.
pub fn facet_id(object: &str, name: &str) -> String {
    let digest = Sha256::digest(name);
    digest[..DIGEST_BYTES].iter().fold(format!("{object}."), |mut id, byte| {
        write!(id, "{byte:02x}").expect("invariant: a string can be written to");
        id
    })
}

/// Whether it is the id of a facet.
pub(super) fn is_facet(id: &str) -> bool {
    id.contains('.')
}

/// Removes all files of a facet and of those below it.
pub(super) fn erase(folder: &Path, id: &str) -> io::Result<()> {
    let prefix = format!("{id}.");
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed?,
    };
    for entry in listed {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
