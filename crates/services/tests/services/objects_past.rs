//! What an object was: bookmarks, and going back to them when it is opened the next time.

use std::sync::Arc;

use hognose_services::Clock;
use hognose_services::objects::{
    Answer, Entry, Namespace, ObjectStorage, ObjectStore, Operation, SqliteObjects, StorageError,
};

use crate::support::TurnedClock;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// More than lies between two moments.
const LONG_S: i64 = 61;

struct Store {
    objects: SqliteObjects,
    clock: Arc<TurnedClock>,
    folder: tempfile::TempDir,
}

impl Store {
    fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), TurnedClock::new());
        let objects = SqliteObjects::open(folder.path().into(), Arc::clone(&clock) as _).unwrap();
        Self { objects, clock, folder }
    }

    fn object(&self) -> Object {
        Object(self.objects.storage(&Namespace { key: "w-A".into(), sql: true }, ID))
    }
}

struct Object(Box<dyn ObjectStorage>);

impl Object {
    fn ask(&mut self, operation: Operation<'_>) -> Result<String, StorageError> {
        match self.0.perform(operation)? {
            Answer::Text(text) => Ok(text.into_owned()),
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, value: &str) {
        let entry = Entry { key: "a".into(), value: value.as_bytes().into() };
        self.0.perform(Operation::Put(vec![entry])).unwrap();
        if let Some(flush) = self.0.commit().unwrap() {
            flush().unwrap();
        }
    }

    fn read(&mut self) -> Option<String> {
        match self.0.perform(Operation::Get(vec!["a".into()])).unwrap() {
            Answer::Entries(found) => {
                found.first().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    fn mark(&mut self) -> String {
        self.ask(Operation::Bookmark).unwrap()
    }

    fn go_back(&mut self, bookmark: &str) -> Result<String, StorageError> {
        self.ask(Operation::RestoreNext(bookmark.into()))
    }
}

#[test]
fn the_next_session_has_what_was_marked_and_one_after_it_what_was_there_before() {
    let store = Store::new();
    let mut object = store.object();
    object.write("one");
    let first = object.mark();
    object.write("two");
    let before = object.go_back(&first).unwrap();
    object.write("three");
    assert_eq!(object.read().as_deref(), Some("three"));
    drop(object);
    let mut object = store.object();
    assert_eq!(object.read().as_deref(), Some("one"));
    object.go_back(&before).unwrap();
    drop(object);
    assert_eq!(store.object().read().as_deref(), Some("three"));
    assert_eq!(store.object().read().as_deref(), Some("three"), "a plan is carried out once");
}

#[test]
fn later_bookmarks_sort_after_earlier_ones() {
    let store = Store::new();
    let mut object = store.object();
    let mut marks = vec![object.mark(), object.mark()];
    object.write("one");
    marks.extend([object.mark(), object.go_back(&marks[0]).unwrap()]);
    store.clock.advance(1);
    object.write("two");
    marks.push(object.mark());
    assert!(marks.is_sorted(), "{marks:?}");
    marks.dedup();
    assert_eq!(marks.len(), 5);
}

#[test]
fn a_time_leads_to_what_was_there_then() {
    let store = Store::new();
    let mut times = Vec::new();
    for value in ["one", "two", "three"] {
        // Each in a session of its own, whose end waits for what it noted.
        store.object().write(value);
        times.push((store.clock.now_s(), value));
        store.clock.advance(LONG_S);
    }
    for (second, value) in times {
        let mut object = store.object();
        let then = object.ask(Operation::BookmarkAt((second * 1000) as f64 + 30_000.0)).unwrap();
        let undo = object.go_back(&then).unwrap();
        drop(object);
        let mut object = store.object();
        assert_eq!(object.read().as_deref(), Some(value));
        object.go_back(&undo).unwrap();
    }
    let mut object = store.object();
    assert_eq!(object.read().as_deref(), Some("three"));
    let early = object.ask(Operation::BookmarkAt(0.0)).unwrap_err();
    assert_eq!(early.message, "No state of this Durable Object is kept for that bookmark or time.");
}

#[test]
fn what_delete_all_removed_comes_back_with_its_alarm() {
    let store = Store::new();
    let mut object = store.object();
    object.0.perform(Operation::SetAlarm(Some(9e15))).unwrap();
    object.write("one");
    let mark = object.mark();
    object.0.perform(Operation::DeleteAll { alarm: true }).unwrap();
    object.0.commit().unwrap();
    assert_eq!(store.objects.alarms().due(f64::MAX).unwrap().0, []);
    object.go_back(&mark).unwrap();
    drop(object);
    assert_eq!(store.object().read().as_deref(), Some("one"));
    assert_eq!(store.objects.alarms().due(f64::MAX).unwrap().0.len(), 1);
}

#[test]
fn only_what_was_marked_can_be_gone_back_to_and_not_within_a_transaction() {
    let store = Store::new();
    let mut object = store.object();
    object.write("one");
    let refused = object.go_back("00000000-00000001-00000000-abc").unwrap_err();
    assert!(refused.message.contains("kept for that bookmark"), "{refused}");
    object.0.perform(Operation::Begin).unwrap();
    assert!(object.ask(Operation::Bookmark).unwrap_err().message.contains("transaction is under way"));
    let old = Namespace { key: "w-Old".into(), sql: false };
    let refused = store.objects.storage(&old, ID).perform(Operation::Bookmark).unwrap_err();
    assert!(refused.message.contains("point-in-time recovery"), "{refused}");
}

#[test]
fn an_object_that_is_new_has_no_history_yet_and_counts_once() {
    let store = Store::new();
    let mut object = store.object();
    object.write("one");
    let folder = || std::fs::read_dir(store.folder.path().join("w-A")).unwrap();
    let names = || folder().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names().any(|name| name.contains("history")));
    object.mark();
    assert!(names().any(|name| name.contains("history")));
    assert_eq!(store.objects.kept("w-A").unwrap().len(), 1);
}
