//! The embedded storage of Durable Objects: keys, SQL, transactions, what a commit keeps, alarms.

use std::borrow::Cow;
use std::sync::Arc;

use hognose_services::SystemClock;
use hognose_services::objects::{
    Answer, Entry, Namespace, ObjectStorage, ObjectStore, Operation, Range, SqliteObjects, StorageError,
};
use hognose_wire::d1::Value;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct Store {
    objects: SqliteObjects,
    folder: tempfile::TempDir,
}

fn store() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let objects = SqliteObjects::open(folder.path().into(), Arc::new(SystemClock)).unwrap();
    Store { objects, folder }
}

impl Store {
    fn object(&self) -> Box<dyn ObjectStorage> {
        self.objects.storage(&Namespace { key: "w-A".into(), sql: true }, ID)
    }

    fn old_object(&self) -> Box<dyn ObjectStorage> {
        self.objects.storage(&Namespace { key: "w-Old".into(), sql: false }, ID)
    }
}

fn put(object: &mut dyn ObjectStorage, key: &str, value: &[u8]) -> Result<Answer<'static>, StorageError> {
    object.perform(Operation::Put(vec![Entry { key: key.into(), value: value.into() }]))
}

fn get(object: &mut dyn ObjectStorage, key: &str) -> Option<Vec<u8>> {
    match object.perform(Operation::Get(vec![key.into()])).unwrap() {
        Answer::Entries(found) => found.into_iter().next().map(|entry| entry.value.into_owned()),
        other => panic!("{other:?}"),
    }
}

fn exec(object: &mut dyn ObjectStorage, sql: &str, params: Vec<Value<'_>>) -> Result<u32, String> {
    match object.perform(Operation::Exec { sql: sql.into(), params }) {
        Ok(Answer::Rows(rows)) => Ok(rows.count),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.message),
    }
}

fn keys(object: &mut dyn ObjectStorage, range: Range<'_>) -> Vec<String> {
    match object.perform(Operation::List(range)).unwrap() {
        Answer::Entries(found) => found.into_iter().map(|entry| entry.key.into_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

fn commit(object: &mut dyn ObjectStorage) {
    if let Some(flush) = object.commit().unwrap() {
        flush().unwrap();
    }
}

#[test]
fn what_is_committed_is_kept_and_nothing_else() {
    let store = store();
    let mut object = store.object();
    put(&mut *object, "a", b"1").unwrap();
    assert!(object.is_uncommitted());
    commit(&mut *object);
    assert!(!object.is_uncommitted());
    put(&mut *object, "a", b"2").unwrap();
    assert_eq!(get(&mut *object, "a").as_deref(), Some(&b"2"[..]));
    drop(object);
    assert_eq!(get(&mut *store.object(), "a").as_deref(), Some(&b"1"[..]));
}

#[test]
fn reading_makes_no_file() {
    let store = store();
    let mut object = store.object();
    assert_eq!(get(&mut *object, "a"), None);
    assert_eq!(keys(&mut *object, Range::default()), [""; 0]);
    assert_eq!(object.perform(Operation::Delete(vec!["a".into()])).unwrap(), Answer::Count(0));
    assert_eq!(object.perform(Operation::Alarm).unwrap(), Answer::Number(None));
    assert_eq!(object.perform(Operation::Size).unwrap(), Answer::Number(Some(0.0)));
    assert!(!store.folder.path().join("w-A").exists());
}

#[test]
fn an_object_has_one_storage_at_a_time() {
    let store = store();
    let mut first = store.object();
    put(&mut *first, "a", b"1").unwrap();
    let second = put(&mut *store.object(), "a", b"2");
    assert!(second.unwrap_err().reset, "the file is the first one's");
}

#[test]
fn ranges_are_of_utf8_bytes() {
    let store = store();
    let mut object = store.object();
    for key in ["a", "aa", "ab", "b", "\u{e9}", "\u{10ffff}"] {
        put(&mut *object, key, b"").unwrap();
    }
    let mut of = |range| keys(&mut *object, range);
    let text = |text: &'static str| Some(Cow::Borrowed(text));
    assert_eq!(of(Range { prefix: text("a"), ..Range::default() }), ["a", "aa", "ab"]);
    assert_eq!(of(Range { start: text("aa"), end: text("b"), ..Range::default() }), ["aa", "ab"]);
    assert_eq!(of(Range { start_after: text("aa"), limit: Some(1), ..Range::default() }), ["ab"]);
    assert_eq!(of(Range { reverse: true, limit: Some(2), ..Range::default() }), ["\u{10ffff}", "\u{e9}"]);
    assert_eq!(of(Range { prefix: text("\u{10ffff}"), ..Range::default() }), ["\u{10ffff}"]);
}

#[test]
fn transactions_stand_within_each_other() {
    let store = store();
    let mut object = store.object();
    for operation in [Operation::Begin, Operation::Begin] {
        object.perform(operation).unwrap();
    }
    put(&mut *object, "inner", b"").unwrap();
    assert!(!object.is_uncommitted(), "nothing is committed within a transaction");
    object.perform(Operation::Undo).unwrap();
    put(&mut *object, "outer", b"").unwrap();
    object.perform(Operation::Keep).unwrap();
    assert!(object.perform(Operation::Keep).is_err());
    commit(&mut *object);
    assert_eq!(keys(&mut *object, Range::default()), ["outer"]);
}

#[test]
fn several_keys_are_stored_together_or_not_at_all() {
    let store = store();
    let mut object = store.object();
    let entry = |key: &'static str, size| Entry { key: key.into(), value: Cow::Owned(vec![0; size]) };
    let failed = object.perform(Operation::Put(vec![entry("a", 1), entry("b", 3_000_000)])).unwrap_err();
    assert_eq!(failed.message, "string or blob too big: SQLITE_TOOBIG");
    assert_eq!(keys(&mut *object, Range::default()), [""; 0]);
}

#[test]
fn the_older_storage_has_limits_of_its_own() {
    let store = store();
    let mut object = store.old_object();
    let key = |size| "k".repeat(size);
    assert!(put(&mut *object, &key(2048), &vec![0; 131_072]).is_ok());
    let long = put(&mut *object, &key(2049), b"").unwrap_err();
    assert_eq!(long.message, "Keys cannot be larger than 2048 bytes. A key of size 2049 was provided.");
    let large = put(&mut *object, "k", &vec![0; 131_073]).unwrap_err();
    assert_eq!(
        large.message,
        "Values cannot be larger than 131072 bytes. A value of size 131073 was provided."
    );
    let all = |count| Operation::Get(vec!["k".into(); count]);
    assert!(object.perform(all(128)).is_ok());
    assert_eq!(object.perform(all(129)).unwrap_err().name, "RangeError");
}

#[test]
fn sql_is_confined_as_d1s_is() {
    let store = store();
    let mut object = store.object();
    put(&mut *object, "a", b"").unwrap();
    let made =
        exec(&mut *object, "CREATE TABLE t (x); INSERT INTO t VALUES (?), (2)", vec![Value::Real(1.0)]);
    assert_eq!(made, Ok(0));
    assert_eq!(exec(&mut *object, "SELECT * FROM t", vec![]), Ok(2));
    for refused in ["SELECT key FROM _cf_KV", "SELECT value FROM _cf_KV WHERE key = ?1"] {
        let error = exec(&mut *object, refused, vec![]).unwrap_err();
        assert!(error.starts_with("access to _cf_KV."), "{error}");
    }
    for refused in ["BEGIN", "COMMIT", "SAVEPOINT x", "ATTACH 'x' AS y", "PRAGMA journal_mode = delete"] {
        assert!(exec(&mut *object, refused, vec![]).is_err(), "{refused}");
    }
    let miscounted = exec(&mut *object, "SELECT ?", vec![]).unwrap_err();
    assert_eq!(miscounted, "Wrong number of parameter bindings for SQL query.");
}

#[test]
fn a_commit_that_fails_loses_what_was_written() {
    let store = store();
    let mut object = store.object();
    let tables = "CREATE TABLE p (x PRIMARY KEY);
                  CREATE TABLE c (x REFERENCES p DEFERRABLE INITIALLY DEFERRED)";
    exec(&mut *object, tables, vec![]).unwrap();
    commit(&mut *object);
    exec(&mut *object, "INSERT INTO c VALUES (1)", vec![]).unwrap();
    let failed = object.commit().map(drop).unwrap_err();
    assert!(failed.reset && failed.message.starts_with("FOREIGN KEY constraint failed"), "{failed}");
    assert_eq!(exec(&mut *object, "SELECT * FROM c", vec![]), Ok(0));
}

#[test]
fn a_log_is_begun_anew_once_its_content_has_moved() {
    let store = store();
    let mut object = store.object();
    let log = store.folder.path().join(format!("w-A/{ID}.sqlite-wal"));
    let mut lengths = Vec::new();
    for round in 0..2500_u32 {
        put(&mut *object, "a", &round.to_le_bytes()).unwrap();
        drop(object.commit().unwrap());
        lengths.push(log.metadata().unwrap().len());
    }
    let (longest, last) = (*lengths.iter().max().unwrap(), *lengths.last().unwrap());
    assert!(longest < 5 << 20, "{longest}");
    assert_eq!(last, longest, "it stays as long as it was");
    lengths.dedup();
    assert!(lengths.len() < 30, "it is seldom made longer: {lengths:?}");
    drop(object);
    assert_eq!(get(&mut *store.object(), "a"), Some(2499_u32.to_le_bytes().to_vec()));
}

#[test]
fn what_a_log_holds_after_the_last_commit_counts_for_nothing() {
    let store = store();
    let mut object = store.object();
    // So often that the log is longer than what was written, and once after it was begun anew.
    for (last, folder) in [(100_u32, "w-B"), (2500, "w-C")] {
        for round in 0..=last {
            put(&mut *object, "a", &round.to_le_bytes()).unwrap();
            drop(object.commit().unwrap());
        }
        // As a process that is killed leaves it.
        let (from, to) = (store.folder.path().join("w-A"), store.folder.path().join(folder));
        std::fs::create_dir(&to).unwrap();
        for name in [format!("{ID}.sqlite"), format!("{ID}.sqlite-wal")] {
            std::fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
        let mut left = store.objects.storage(&Namespace { key: folder.into(), sql: true }, ID);
        assert_eq!(get(&mut *left, "a"), Some(last.to_le_bytes().to_vec()));
        put(&mut *left, "a", b"more").unwrap();
        commit(&mut *left);
        assert_eq!(get(&mut *left, "a").as_deref(), Some(&b"more"[..]));
    }
}

#[test]
fn deleting_all_leaves_the_alarm_unless_told_otherwise() {
    let store = store();
    let mut object = store.object();
    exec(&mut *object, "CREATE TABLE t (x)", vec![]).unwrap();
    put(&mut *object, "a", b"").unwrap();
    object.perform(Operation::SetAlarm(Some(9e15))).unwrap();
    commit(&mut *object);
    object.perform(Operation::DeleteAll { alarm: false }).unwrap();
    assert_eq!(keys(&mut *object, Range::default()), [""; 0]);
    assert_eq!(object.perform(Operation::Alarm).unwrap(), Answer::Number(Some(9e15)));
    assert!(exec(&mut *object, "SELECT * FROM t", vec![]).is_err());
    object.perform(Operation::DeleteAll { alarm: true }).unwrap();
    commit(&mut *object);
    assert_eq!(object.perform(Operation::Alarm).unwrap(), Answer::Number(None));
    assert_eq!(store.objects.alarms().due(f64::MAX).unwrap().0, []);
}

#[test]
fn alarms_are_indexed_once_they_are_committed() {
    let store = store();
    let alarms = store.objects.alarms();
    let mut object = store.object();
    object.perform(Operation::SetAlarm(Some(9e15))).unwrap();
    assert_eq!(alarms.due(f64::MAX).unwrap().0, []);
    commit(&mut *object);
    let (due, next) = alarms.due(0.0).unwrap();
    assert_eq!((due.len(), next), (0, Some(9e15)));
    let alarm = alarms.due(9e15).unwrap().0.remove(0);
    assert_eq!((alarm.object.as_str(), alarm.due_ms, alarm.failures), (ID, 9e15, 0));
    object.perform(Operation::TakeAlarm { due_ms: 9e15 }).unwrap();
    assert_eq!(object.perform(Operation::Alarm).unwrap(), Answer::Number(None));
    object.perform(Operation::EndAlarm).unwrap();
    commit(&mut *object);
    assert_eq!(alarms.due(f64::MAX).unwrap().0, []);
}

#[test]
fn an_index_that_is_behind_is_put_right_by_the_object() {
    let store = store();
    let mut object = store.object();
    object.perform(Operation::SetAlarm(Some(9e15))).unwrap();
    commit(&mut *object);
    let stale = object.perform(Operation::TakeAlarm { due_ms: 8e15 }).unwrap();
    assert_eq!(stale, Answer::Count(0));
    assert_eq!(store.objects.alarms().due(9e15).unwrap().0.len(), 1);
}
