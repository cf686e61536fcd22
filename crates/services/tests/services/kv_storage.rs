//! What the SQLite engine keeps, beyond single calls: against a model, while values are read, and after a sweep.

use std::collections::BTreeMap;

use bytes::Bytes;
use hognose_services::kv::SqliteKv;
use hognose_services::{Content, OpenError, block_on, next_chunk, read_whole};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::support::{Fixture, Options, Pieces, START_S, open};

/// What may be done to a namespace.
#[derive(Clone, Debug)]
enum Step {
    Put { key: String, size: usize, ttl_s: Option<i64> },
    Delete { key: String },
    Advance { seconds: i64 },
    Sweep,
    List { prefix: String, limit: i64 },
}

/// Short keys over few characters, so that they meet; among them the least, the greatest, and one past each length.
fn key() -> impl Strategy<Value = String> {
    let character = prop::sample::select(vec!['\0', 'a', 'b', '/', '\u{7f}', 'é', '\u{ffff}', '\u{10ffff}']);
    prop::collection::vec(character, 1..4).prop_map(|characters| characters.into_iter().collect())
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![8 => 0..100_usize, 1 => 60_000..70_000_usize];
    let ttl_s = prop::option::weighted(0.3, 60..200_i64);
    prop_oneof![
        6 => (key(), size, ttl_s).prop_map(|(key, size, ttl_s)| Step::Put { key, size, ttl_s }),
        2 => key().prop_map(|key| Step::Delete { key }),
        1 => (0..100_i64).prop_map(|seconds| Step::Advance { seconds }),
        1 => Just(Step::Sweep),
        3 => (prop_oneof![Just(String::new()), key()], 1..5_i64)
            .prop_map(|(prefix, limit)| Step::List { prefix, limit }),
    ]
}

/// What the namespace should hold: key to size and expiration.
#[derive(Default)]
struct Model {
    entries: BTreeMap<String, (usize, Option<i64>)>,
    now_s: i64,
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put { key, size, ttl_s } => {
                let _ = self.entries.insert(key.clone(), (*size, ttl_s.map(|ttl| self.now_s + ttl)));
            }
            Step::Delete { key } => drop(self.entries.remove(key)),
            Step::Advance { seconds } => {
                self.now_s += seconds;
                self.entries.retain(|_, (_, expiration)| expiration.is_none_or(|at| at > self.now_s));
            }
            Step::Sweep | Step::List { .. } => {}
        }
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        self.entries.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

fn perform(test: &Fixture, step: &Step, model: &Model) {
    match step {
        Step::Put { key, size, ttl_s } => {
            let options = Options { expiration_ttl_s: *ttl_s, ..Options::default() };
            test.put_with(key, Content::Whole(Bytes::from(vec![7; *size])), options).unwrap();
        }
        Step::Delete { key } => test.delete(key).unwrap(),
        Step::Advance { seconds } => test.clock.advance(*seconds),
        Step::Sweep => block_on(test.store.sweep()).unwrap(),
        Step::List { prefix, limit } => assert_eq!(listed(test, prefix, *limit), model.names(prefix)),
    }
}

/// All keys with a prefix, from full pages of `limit`.
fn listed(test: &Fixture, prefix: &str, limit: i64) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let (keys, next) = test.list(prefix, Some(limit), cursor.as_deref()).unwrap();
        names.extend(keys.into_iter().map(|(name, ..)| name));
        cursor = next;
        if cursor.is_none() {
            return names;
        }
        assert_eq!(names.len() % limit as usize, 0, "pages are full");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_namespace_behaves_as_an_ordered_map_with_expiry(steps in prop::collection::vec(step(), 1..60)) {
        let test = Fixture::new();
        let mut model = Model { now_s: START_S, ..Model::default() };
        for step in &steps {
            perform(&test, step, &model);
            model.apply(step);
        }
        prop_assert_eq!(test.names(""), model.names(""));
        for (key, (size, _)) in &model.entries {
            prop_assert_eq!(test.get(key).unwrap().map(|value| value.len()), Some(*size));
        }
    }
}

/// How many rows each of the tables holds that grow with what is stored.
fn rows(test: &Fixture) -> [i64; 3] {
    let connection = Connection::open(test.folder.path().join("kv.sqlite")).unwrap();
    ["entries", "chunks", "unclaimed"].map(|table| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    })
}

#[test]
fn a_value_is_read_whole_while_it_is_replaced() {
    let test = Fixture::new();
    test.put("key", &vec![1; 300_000]).unwrap();
    let mut reading = test.begin_get("key").unwrap().unwrap().into_stream();
    let first = block_on(next_chunk(&mut *reading)).unwrap().unwrap();
    test.put("key", &vec![2; 300_000]).unwrap();
    test.clock.advance(1000);
    block_on(test.store.sweep()).unwrap();
    let rest = block_on(read_whole(Content::Stream(reading))).unwrap();
    assert_eq!([first, rest].concat(), vec![1; 300_000]);
    assert_eq!(test.get("key"), Ok(Some(vec![2; 300_000])));
    block_on(test.store.sweep()).unwrap();
    assert_eq!(rows(&test), [1, 5, 0], "once read, the replaced value goes");
}

#[test]
fn a_value_is_read_whole_while_it_is_deleted() {
    let test = Fixture::new();
    test.put("key", &vec![1; 300_000]).unwrap();
    let reading = test.begin_get("key").unwrap().unwrap();
    test.delete("key").unwrap();
    assert_eq!(block_on(read_whole(reading)).unwrap(), vec![1; 300_000]);
}

#[test]
fn another_process_has_a_minute_to_read_a_replaced_value() {
    let test = Fixture::new();
    let other = open(test.folder.path(), test.clock.clone());
    test.put("key", &vec![1; 300_000]).unwrap();
    let reading = test.begin_get("key").unwrap().unwrap();
    test.put("key", b"small").unwrap();
    test.clock.advance(59);
    block_on(other.sweep()).unwrap();
    assert_eq!(rows(&test), [1, 5, 1]);
    test.clock.advance(1);
    block_on(other.sweep()).unwrap();
    let error = block_on(read_whole(reading)).unwrap_err();
    assert!(error.message.starts_with("KV GET failed: 410 "), "never torn, but refused: {error}");
}

#[test]
fn a_sweep_removes_what_expired_and_no_more() {
    let test = Fixture::new();
    for number in 0..250 {
        let options = Options { expiration_ttl_s: Some(60 + number % 2), ..Options::default() };
        test.put_with(&number.to_string(), Content::Whole(Bytes::new()), options).unwrap();
    }
    let options = Options { expiration_ttl_s: Some(60), ..Options::default() };
    test.put_with("large", Pieces::of_size(200_000), options).unwrap();
    test.put("forever", &vec![1; 100_000]).unwrap();
    test.clock.advance(60);
    block_on(test.store.sweep()).unwrap();
    assert_eq!(rows(&test), [126, 6, 1], "half of the small ones, and a large value yet to go");
    test.clock.advance(60);
    block_on(test.store.sweep()).unwrap();
    assert_eq!(rows(&test), [1, 2, 0]);
}

#[test]
fn a_store_that_is_written_to_sweeps_itself() {
    let test = Fixture::new();
    test.put("first", b"").unwrap();
    let options = Options { expiration_ttl_s: Some(60), ..Options::default() };
    for number in 0..150 {
        test.put_with(&number.to_string(), Content::Whole(Bytes::new()), options).unwrap();
    }
    test.clock.advance(60);
    test.delete("missing").unwrap();
    assert_eq!(rows(&test), [51, 0, 0], "one step of it");
    test.delete("missing").unwrap();
    assert_eq!(rows(&test), [1, 0, 0], "the next write goes on with it");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing_behind() {
    let test = Fixture::new();
    let broken = hognose_services::StreamError { name: "Error".to_owned(), message: "gone".to_owned() };
    let pieces = Pieces(vec![Err(broken), Ok(Bytes::from(vec![1; 2 << 20]))]);
    test.put_with("key", pieces.into(), Options::default()).unwrap_err();
    block_on(test.store.sweep()).unwrap();
    assert_eq!(rows(&test), [0, 0, 0]);
}

#[test]
fn a_file_of_a_later_release_is_not_touched() {
    let test = Fixture::new();
    let path = test.folder.path().join("later.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    let opened = SqliteKv::open(&path, test.clock.clone());
    assert!(matches!(opened, Err(OpenError::Newer { found: 2, known: 1, .. })));
}

#[test]
fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let test = Fixture::new();
    test.put("key", b"secret").unwrap();
    let files: Vec<_> = std::fs::read_dir(test.folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 4, "database, log, shared memory, lock");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}
