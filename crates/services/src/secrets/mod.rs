//! Secrets: values that lie encrypted on the disk, and that Workers get in `env`, or ask a Secrets Store for.
//!
//! Each value is sealed by itself with AES-256-GCM under the key of the folder, whose file only its owner can read. A
//! value is bound to where it belongs and to its name: one that was moved to another row does not open. Who has both
//! the file of values and the key has the secrets; so a backup should keep them apart.

mod calls;
mod error;
mod key;

use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{Aad, Nonce, RandomizedNonceKey};
use rusqlite::{OptionalExtension, Row, Transaction, params};

pub use self::calls::SecretService;
pub use self::error::SecretError;
use crate::block_on;
use crate::sqlite::{Database, Schema};

/// The longest value, in bytes: Cloudflare's limit.
pub const VALUE_MAX_BYTES: usize = 5 << 10;

/// The most secrets of one Worker or store.
pub const SECRETS_MAX: usize = 128;

/// The file that is written anew at each change, for those who watch for changes.
pub const CHANGED_FILE: &str = "changed";

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
        -- `scope` says where a secret belongs: `worker:NAME` or `store:ID`.
        CREATE TABLE secrets (
            scope TEXT NOT NULL,
            name TEXT NOT NULL,
            nonce BLOB NOT NULL,
            sealed BLOB NOT NULL,
            PRIMARY KEY (scope, name)
        ) STRICT, WITHOUT ROWID;
    ",
    changes: &[],
};

/// Where a secret belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// To the Worker of that name, in whose `env` it appears.
    Worker(&'a str),
    /// To the Secrets Store of that id, for Workers with a binding to it.
    Store(&'a str),
}

impl Scope<'_> {
    fn text(self) -> String {
        match self {
            Self::Worker(name) => format!("worker:{name}"),
            Self::Store(id) => format!("store:{id}"),
        }
    }
}

/// The folder with all secrets.
pub struct Vault {
    folder: PathBuf,
    database: Database,
    key: RandomizedNonceKey,
}

impl Vault {
    /// Opens the folder, which must exist, making what is in it where it does not. Several processes may do so at a
    /// time.
    pub fn open(folder: &Path) -> Result<Self, SecretError> {
        let database = Database::open(&folder.join("secrets.sqlite"), &SCHEMA)?;
        let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM secrets)";
        let is_empty = database.read(|connection| connection.query_row(is_empty, [], |row| row.get(0)))?;
        let key = key::load(&folder.join("key"), is_empty)?;
        Ok(Self { folder: folder.to_owned(), database, key })
    }

    /// Stores a secret in the place of an earlier one. Waits for the disk.
    pub fn put(&self, scope: Scope<'_>, name: &str, value: &str) -> Result<(), SecretError> {
        self.put_all(scope, vec![(name.to_owned(), Some(value.to_owned()))])
    }

    /// Stores secrets and deletes those that have no value, all or none of it. Waits for the disk.
    pub fn put_all(
        &self,
        scope: Scope<'_>,
        changes: Vec<(String, Option<String>)>,
    ) -> Result<(), SecretError> {
        let scope = scope.text();
        let seal = |(name, value): (String, Option<String>)| {
            let sealed = value.map(|value| self.seal(&scope, &name, value)).transpose()?;
            Ok((name, sealed))
        };
        let changes = changes.into_iter().map(seal).collect::<Result<Vec<_>, SecretError>>()?;
        let count = block_on(self.database.write(move |transaction| write(transaction, &scope, &changes)))?;
        if count > SECRETS_MAX {
            return Err(SecretError::TooMany);
        }
        self.tell()
    }

    /// Deletes a secret; `false` where there is none. Waits for the disk.
    pub fn delete(&self, scope: Scope<'_>, name: &str) -> Result<bool, SecretError> {
        let (scope, name) = (scope.text(), name.to_owned());
        let deleted = block_on(self.database.write(move |transaction| {
            transaction.execute("DELETE FROM secrets WHERE scope = ?1 AND name = ?2", [&scope, &name])
        }))?;
        self.tell()?;
        Ok(deleted > 0)
    }

    /// The value of a secret.
    pub fn get(&self, scope: Scope<'_>, name: &str) -> Result<Option<String>, SecretError> {
        let scope = scope.text();
        let sql = "SELECT name, nonce, sealed FROM secrets WHERE scope = ?1 AND name = ?2";
        let found = self.database.read(|connection| {
            connection.prepare_cached(sql)?.query_row([&scope, name], read_sealed).optional()
        })?;
        found.map(|sealed| self.unseal(&scope, sealed)).transpose().map(|found| found.map(|(_, value)| value))
    }

    /// The names of all secrets of a scope, in order.
    pub fn names(&self, scope: Scope<'_>) -> Result<Vec<String>, SecretError> {
        let scope = scope.text();
        Ok(self.database.read(|connection| {
            let mut statement =
                connection.prepare("SELECT name FROM secrets WHERE scope = ?1 ORDER BY name")?;
            statement.query_map([&scope], |row| row.get(0))?.collect()
        })?)
    }

    /// All secrets of a scope with their values, in order of their names.
    pub fn all(&self, scope: Scope<'_>) -> Result<Vec<(String, String)>, SecretError> {
        let scope = scope.text();
        let sql = "SELECT name, nonce, sealed FROM secrets WHERE scope = ?1 ORDER BY name";
        let sealed: Vec<Sealed> = self
            .database
            .read(|connection| connection.prepare(sql)?.query_map([&scope], read_sealed)?.collect())?;
        sealed.into_iter().map(|sealed| self.unseal(&scope, sealed)).collect()
    }

    /// Says to those who watch that something has changed.
    fn tell(&self) -> Result<(), SecretError> {
        let path = self.folder.join(CHANGED_FILE);
        std::fs::write(&path, crate::random::name()).map_err(|source| SecretError::File { path, source })
    }

    fn seal(&self, scope: &str, name: &str, value: String) -> Result<(Vec<u8>, Vec<u8>), SecretError> {
        if value.len() > VALUE_MAX_BYTES {
            return Err(SecretError::TooLong { name: name.to_owned(), size: value.len() });
        }
        let mut sealed = value.into_bytes();
        let nonce = self.key.seal_in_place_append_tag(Aad::from(place(scope, name)), &mut sealed);
        let nonce = nonce.expect("invariant: a short value can be sealed");
        Ok((nonce.as_ref().to_vec(), sealed))
    }

    fn unseal(
        &self,
        scope: &str,
        (name, nonce, mut sealed): Sealed,
    ) -> Result<(String, String), SecretError> {
        let closed = || SecretError::Closed { name: name.clone() };
        let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| closed())?;
        let opened = self.key.open_in_place(nonce, Aad::from(place(scope, &name)), &mut sealed);
        let value = opened.map_err(|_| closed())?.to_vec();
        Ok((name.clone(), String::from_utf8(value).map_err(|_| closed())?))
    }
}

/// Name, nonce, and sealed value.
type Sealed = (String, Vec<u8>, Vec<u8>);

fn read_sealed(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// What a sealed value is bound to.
fn place(scope: &str, name: &str) -> Vec<u8> {
    format!("{}:{scope}:{name}", scope.len()).into_bytes()
}

/// A name, and what is sealed under it; `None`: it is to go.
type Change = (String, Option<(Vec<u8>, Vec<u8>)>);

/// Makes the changes, unless there would be too many secrets then; gives how many there would be.
fn write(transaction: &Transaction<'_>, scope: &str, changes: &[Change]) -> rusqlite::Result<usize> {
    let count = "SELECT count(*) FROM secrets WHERE scope = ?1";
    let known = "SELECT EXISTS (SELECT 1 FROM secrets WHERE scope = ?1 AND name = ?2)";
    let mut total: i64 = transaction.query_row(count, [scope], |row| row.get(0))?;
    for (name, value) in changes {
        let is_known: bool = transaction.query_row(known, [scope, name], |row| row.get(0))?;
        total += i64::from(value.is_some() && !is_known) - i64::from(value.is_none() && is_known);
    }
    if total as usize > SECRETS_MAX {
        return Ok(total as usize);
    }
    for (name, value) in changes {
        match value {
            Some((nonce, sealed)) => transaction.execute(
                "INSERT OR REPLACE INTO secrets (scope, name, nonce, sealed) VALUES (?1, ?2, ?3, ?4)",
                params![scope, name, nonce, sealed],
            )?,
            None => {
                transaction.execute("DELETE FROM secrets WHERE scope = ?1 AND name = ?2", [scope, name])?
            }
        };
    }
    Ok(total as usize)
}
