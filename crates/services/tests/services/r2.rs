//! R2's engine: that an object is there whole or not at all, and that nothing is left lying about.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hognose_services::r2::lifecycle::{self, LifecycleRule};
use hognose_services::r2::{
    GetOptions, Got, ListQuery, Part, Properties, PutOptions, R2, R2Error, Range, SqliteBucket, SqliteR2,
    Upload,
};
use hognose_services::{Content, StreamError, block_on, read_whole};

use crate::support::{Pieces, TurnedClock};

struct Fixture {
    store: SqliteR2,
    bucket: SqliteBucket,
    clock: Arc<TurnedClock>,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TurnedClock::new();
        let store = SqliteR2::open(folder.path(), clock.clone()).unwrap();
        let bucket = store.bucket("bucket").unwrap();
        Self { store, bucket, clock, folder }
    }

    fn put(&self, key: &str, content: impl Into<Content>) -> Result<(), R2Error> {
        block_on(self.bucket.put(key, content.into(), PutOptions::default()).wait()).map(drop)
    }

    fn get(&self, key: &str) -> Option<Content> {
        match block_on(self.bucket.get(key, GetOptions::default()).wait()).unwrap() {
            Got::Found(_, content) => Some(content),
            Got::Missing | Got::Unwanted(_) => None,
        }
    }

    /// The names in a page, groups last; and the cursor.
    fn page(&self, delimiter: &str, limit: usize, cursor: Option<String>) -> (Vec<String>, Option<String>) {
        let query = ListQuery {
            prefix: String::new(),
            limit,
            delimiter: delimiter.to_owned(),
            cursor,
            start_after: None,
        };
        let page = block_on(self.bucket.list(&query).wait()).unwrap();
        let names = page.objects.into_iter().map(|object| object.key).chain(page.delimited_prefixes);
        (names.collect(), page.cursor)
    }

    fn files(&self) -> usize {
        let folders = self.folder.path().join("blobs").read_dir().unwrap();
        folders.map(|folder| folder.unwrap().path().read_dir().unwrap().count()).sum()
    }

    fn sweep_after(&self, seconds: i64) {
        self.clock.advance(seconds);
        block_on(self.store.sweep()).unwrap();
    }
}

fn whole(content: Content) -> Bytes {
    block_on(read_whole(content)).unwrap()
}

fn large(byte: u8) -> Content {
    Content::Whole(vec![byte; 3 << 20].into())
}

#[test]
fn a_reader_reads_on_what_it_opened_while_it_is_replaced() {
    let fixture = Fixture::new();
    fixture.put("key", large(1)).unwrap();
    let opened = fixture.get("key").unwrap();
    fixture.put("key", large(2)).unwrap();
    fixture.sweep_after(100_000);
    assert_eq!(whole(opened), vec![1; 3 << 20]);
    assert_eq!(whole(fixture.get("key").unwrap()), vec![2; 3 << 20]);
    fixture.sweep_after(1);
    assert_eq!(fixture.files(), 1, "the replaced content is gone once nobody reads it");
}

#[test]
fn a_content_that_breaks_off_leaves_the_earlier_one_and_in_the_end_no_file() {
    let fixture = Fixture::new();
    fixture.put("key", large(1)).unwrap();
    let error = StreamError { name: "Error".into(), message: "broken".into() };
    let pieces = vec![Err(error.clone()), Ok(vec![2; 2 << 20].into())];
    assert_eq!(fixture.put("key", Pieces(pieces)), Err(R2Error::Source(error)));
    assert_eq!(whole(fixture.get("key").unwrap()), vec![1; 3 << 20]);
    fixture.sweep_after(0);
    assert_eq!(fixture.files(), 1);
}

#[test]
fn what_was_stored_outlives_its_engine() {
    let Fixture { store, bucket, clock, folder } = Fixture::new();
    block_on(bucket.put("small", Content::Whole("1".into()), PutOptions::default()).wait()).unwrap();
    block_on(bucket.put("large", large(7), PutOptions::default()).wait()).unwrap();
    drop((store, bucket));
    let store = SqliteR2::open(folder.path(), clock.clone()).unwrap();
    let bucket = store.bucket("bucket").unwrap();
    let again = Fixture { store, bucket, clock, folder };
    assert_eq!(whole(again.get("small").unwrap()), "1");
    assert_eq!(whole(again.get("large").unwrap()), vec![7; 3 << 20]);
}

#[test]
fn uploads_that_nobody_finishes_vanish_with_their_parts() {
    let fixture = Fixture::new();
    let id = block_on(fixture.bucket.create_upload("key", Properties::default()).wait()).unwrap();
    let upload = Upload { key: "key".into(), upload_id: id };
    let part = |byte| block_on(fixture.bucket.upload_part(upload.clone(), 1, large(byte), None).wait());
    part(1).unwrap();
    part(2).unwrap();
    fixture.sweep_after(0);
    assert_eq!(fixture.files(), 1, "a part takes the place of the one before it");
    fixture.sweep_after(7 * 24 * 3600 - 1);
    assert!(part(3).is_ok());
    fixture.sweep_after(1);
    assert_eq!(part(4), Err(R2Error::NoSuchUpload));
    fixture.sweep_after(0);
    assert_eq!(fixture.files(), 0);
}

#[test]
fn completing_an_upload_keeps_the_parts_it_names_and_no_other() {
    let fixture = Fixture::new();
    let id = block_on(fixture.bucket.create_upload("key", Properties::default()).wait()).unwrap();
    let upload = Upload { key: "key".into(), upload_id: id };
    let put = |part_number, byte| {
        let put = fixture.bucket.upload_part(upload.clone(), part_number, large(byte), None);
        Part { part_number, etag: block_on(put.wait()).unwrap() }
    };
    let (unused, used) = (put(1, 1), put(2, 2));
    assert_ne!(unused.etag, used.etag);
    let object = block_on(fixture.bucket.complete_upload(upload.clone(), vec![used]).wait()).unwrap();
    assert_eq!((object.size, whole(fixture.get("key").unwrap())), (3 << 20, vec![2; 3 << 20].into()));
    fixture.sweep_after(0);
    assert_eq!(fixture.files(), 1);
    block_on(fixture.bucket.delete(vec!["key".into()]).wait()).unwrap();
    fixture.sweep_after(60);
    assert_eq!(fixture.files(), 0);
}

#[test]
fn pages_of_every_size_give_the_same_list() {
    let fixture = Fixture::new();
    for key in ["a", "a/1", "a/2", "b", "b//", "c/x/y", "c/z", "ä/1", "z"] {
        fixture.put(key, Content::Whole(Bytes::new())).unwrap();
    }
    for (delimiter, count) in [("", 9), ("/", 7), ("//", 9), ("x", 9)] {
        let mut expected = fixture.page(delimiter, 1000, None).0;
        expected.sort();
        assert_eq!(expected.len(), count, "{delimiter:?}");
        for limit in 1..=10 {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let (names, next) = fixture.page(delimiter, limit, cursor);
                assert!((1..=limit).contains(&names.len()));
                found.extend(names);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            found.sort();
            assert_eq!(found, expected, "{delimiter:?} by {limit}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.sqlite"), "no database").unwrap();
    let error = SqliteR2::open(folder.path(), TurnedClock::new()).err().unwrap().to_string();
    assert!(error.contains("index.sqlite") && error.contains("not a database"), "{error}");
    assert!(SqliteR2::open(Path::new("/missing"), TurnedClock::new()).is_err());
}

fn rules(text: &str) -> Vec<LifecycleRule> {
    let rules: Vec<LifecycleRule> = serde_json::from_str(text).unwrap();
    lifecycle::check(&rules).unwrap();
    rules
}

const DAY_S: i64 = 24 * 3600;

#[test]
fn objects_end_at_the_age_that_a_rule_says() {
    let fixture = Fixture::new();
    let age = r#"[{"id": "a", "conditions": {"prefix": "logs/"},
                   "deleteObjectsTransition": {"condition": {"type": "Age", "maxAge": 86400}}}]"#;
    fixture.bucket.set_lifecycle(&rules(age)).unwrap();
    let large = Content::Whole(Bytes::from(vec![1; 100_000]));
    for number in 0..250 {
        fixture.put(&format!("logs/{number}"), Content::Whole(Bytes::from_static(b"x"))).unwrap();
    }
    fixture.put("logs/large", large).unwrap();
    fixture.put("kept", Content::Whole(Bytes::from_static(b"x"))).unwrap();
    fixture.clock.advance(DAY_S - 1);
    fixture.put("logs/new", Content::Whole(Bytes::from_static(b"x"))).unwrap();
    fixture.store.expire().unwrap();
    assert_eq!(fixture.page("", 1000, None).0.len(), 253);
    fixture.clock.advance(1);
    fixture.store.expire().unwrap();
    assert_eq!(fixture.page("", 1000, None).0, ["kept", "logs/new"]);
    fixture.sweep_after(3600);
    assert_eq!(fixture.files(), 0);
}

#[test]
fn a_date_ends_all_objects_and_a_rule_that_is_off_none() {
    let fixture = Fixture::new();
    fixture.put("a", Content::Whole(Bytes::from_static(b"x"))).unwrap();
    let rule = |enabled: bool, date: &str| {
        rules(&format!(
            r#"[{{"id": "a", "enabled": {enabled},
                 "deleteObjectsTransition": {{"condition": {{"type": "Date", "date": "{date}"}}}}}}]"#
        ))
    };
    // The clock starts on 2027-01-15.
    for rules in [rule(false, "2020-01-01"), rule(true, "2027-01-16")] {
        fixture.bucket.set_lifecycle(&rules).unwrap();
        fixture.store.expire().unwrap();
        assert!(fixture.get("a").is_some());
    }
    fixture.bucket.set_lifecycle(&rule(true, "2027-01-15T00:00:00Z")).unwrap();
    fixture.store.expire().unwrap();
    assert!(fixture.get("a").is_none());
}

#[test]
fn uploads_that_were_not_completed_end_by_a_rule() {
    let fixture = Fixture::new();
    let abort = r#"[{"id": "a", "conditions": {"prefix": "b"},
                     "abortMultipartUploadsTransition": {"condition": {"type": "Age", "maxAge": 60}}}]"#;
    fixture.bucket.set_lifecycle(&rules(abort)).unwrap();
    let begin = |key: &str| {
        let id = block_on(fixture.bucket.create_upload(key, Properties::default()).wait()).unwrap();
        Upload { key: key.to_owned(), upload_id: id }
    };
    let part = |upload: &Upload| {
        let content = Content::Whole(Bytes::from_static(b"x"));
        block_on(fixture.bucket.upload_part(upload.clone(), 1, content, None).wait()).map(drop)
    };
    let (ended, kept) = (begin("b/1"), begin("a/1"));
    part(&ended).unwrap();
    fixture.clock.advance(60);
    fixture.store.expire().unwrap();
    assert!(part(&ended).is_err());
    part(&kept).unwrap();
}

/// The bytes of an object under a key, from `offset` on.
fn read_sealed(fixture: &Fixture, key: &[u8], range: Option<Range>) -> Vec<u8> {
    let options = GetOptions { ssec_key: Some(key.to_vec()), range, ..GetOptions::default() };
    match block_on(fixture.bucket.get("sealed", options).wait()).unwrap() {
        Got::Found(_, content) => block_on(read_whole(content)).unwrap().to_vec(),
        Got::Missing | Got::Unwanted(_) => panic!("the object is not there"),
    }
}

#[test]
fn a_customers_key_seals_a_content_and_any_part_of_it_opens() {
    let fixture = Fixture::new();
    let key = [7; 32];
    let marked: Vec<u8> = b"not to be seen ".iter().copied().cycle().take(3 << 20).collect();
    for size in [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 3 << 20] {
        let properties = Properties { ssec_key: Some(key.to_vec()), ..Properties::default() };
        let options = PutOptions { properties, ..PutOptions::default() };
        let content = Content::Whole(Bytes::copy_from_slice(&marked[..size]));
        block_on(fixture.bucket.put("sealed", content, options).wait()).unwrap();
        assert_eq!(read_sealed(&fixture, &key, None), &marked[..size]);
        for offset in
            [0, 1, 65_535, 65_536, 70_000, size.saturating_sub(1)].into_iter().filter(|at| *at < size)
        {
            let range = Range::From { offset: Some(offset as u64), length: Some(100_000) };
            let end = size.min(offset + 100_000);
            assert_eq!(read_sealed(&fixture, &key, Some(range)), &marked[offset..end]);
        }
        fixture.sweep_after(3600);
        let wrong = GetOptions { ssec_key: Some(vec![8; 32]), ..GetOptions::default() };
        assert!(block_on(fixture.bucket.get("sealed", wrong).wait()).is_err());
    }
    let files = walk(fixture.folder.path());
    assert!(files.iter().all(|file| !file.windows(14).any(|part| part == b"not to be seen")));
}

/// The contents of all files below a folder.
fn walk(folder: &Path) -> Vec<Vec<u8>> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![std::fs::read(path).unwrap()] })
        .collect()
}
