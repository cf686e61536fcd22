//! Secrets on the disk: sealed, bound to their place, and of no use without the key.

use std::fs;

use hognose_services::secrets::{Scope, SecretError, VALUE_MAX_BYTES, Vault};

#[test]
fn a_value_opens_only_where_it_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path()).unwrap();
    vault.put(Scope::Worker("a"), "NAME", "value").unwrap();
    assert_eq!(vault.get(Scope::Worker("a"), "NAME").unwrap().as_deref(), Some("value"));
    assert_eq!(vault.get(Scope::Worker("b"), "NAME").unwrap(), None);
    assert_eq!(vault.get(Scope::Store("a"), "NAME").unwrap(), None);
    let database = rusqlite::Connection::open(folder.path().join("secrets.sqlite")).unwrap();
    database.execute("UPDATE secrets SET scope = 'worker:b'", []).unwrap();
    assert!(matches!(vault.get(Scope::Worker("b"), "NAME"), Err(SecretError::Closed { .. })));
}

#[test]
fn another_key_opens_nothing_and_a_second_vault_takes_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    Vault::open(folder.path()).unwrap().put(Scope::Worker("a"), "NAME", "value").unwrap();
    let again = Vault::open(folder.path()).unwrap();
    assert_eq!(again.all(Scope::Worker("a")).unwrap(), [("NAME".to_owned(), "value".to_owned())]);
    fs::write(folder.path().join("key"), [7; 32]).unwrap();
    let other = Vault::open(folder.path()).unwrap();
    assert!(matches!(other.get(Scope::Worker("a"), "NAME"), Err(SecretError::Closed { .. })));
    fs::write(folder.path().join("key"), [7; 31]).unwrap();
    assert!(matches!(Vault::open(folder.path()), Err(SecretError::KeyLost(_))));
}

#[test]
fn values_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path()).unwrap();
    vault.put(Scope::Worker("a"), "NAME", &"x".repeat(VALUE_MAX_BYTES)).unwrap();
    let refused = vault.put(Scope::Worker("a"), "NAME", &"x".repeat(VALUE_MAX_BYTES + 1));
    assert!(matches!(refused, Err(SecretError::TooLong { size, .. }) if size == VALUE_MAX_BYTES + 1));
}
