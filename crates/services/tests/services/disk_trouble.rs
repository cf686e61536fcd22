//! A disk that is full: each service says so as its API documents, goes on reading, and writes again when there is
//! room. A disk that is read-only: the file that cannot be opened is named.
//!
//! The disk is a small file system in memory, which a process may mount for itself in namespaces of its own; where the
//! system allows nobody but root that, the test says so and has shown nothing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use hognose_services::d1::{D1, D1Error, SqliteD1, Statement};
use hognose_services::kv::{Kv, KvError, PutOptions, SqliteKv};
use hognose_services::queues::{ContentType, Message, Queue, QueueError, SqliteQueues};
use hognose_services::r2::{self, GetOptions, Got, R2, R2Error, SqliteR2};
use hognose_services::{Content, SystemClock, block_on, read_whole};

/// Where the started process finds the folder to mount its disk on.
const FOLDER: &str = "HOGNOSE_TEST_DISK";
/// The size of the disk.
const DISK: &str = "size=8m";
/// What makes room again when it is removed.
const FILLER_BYTES: usize = 2 << 20;
/// A value that is stored until there is no room; more of them fill the disk.
const VALUE_BYTES: usize = 60_000;
const VALUES_MAX: usize = 1000;

#[test]
fn services_outlive_a_disk_that_is_full_and_one_that_is_read_only() {
    let may = Command::new("unshare").args(["-Urm", "--", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("no namespaces can be made here: nothing was tested");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["-Urm", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "disk_trouble::on_a_small_disk", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "a process that the test above starts"]
fn on_a_small_disk() {
    let folder = std::env::var(FOLDER).unwrap();
    let folder = Path::new(&folder);
    mount(&["-t", "tmpfs", "-o", DISK, "tmpfs"], folder);
    fs::write(folder.join("filler"), vec![1; FILLER_BYTES]).unwrap();
    let data = Data::open(folder);
    data.write(0).unwrap();
    let refused = (1..VALUES_MAX).find_map(|number| data.write(number).err());
    assert_eq!(refused.unwrap(), "507 Insufficient Storage", "the disk is full");
    data.refuses_large_writes();
    data.reads(0);
    fs::remove_file(folder.join("filler")).unwrap();
    data.write(VALUES_MAX).unwrap();
    data.reads(VALUES_MAX);
    drop(data);
    mount(&["-o", "remount,ro"], folder);
    let refused = SqliteKv::open(&folder.join("kv.sqlite"), Arc::new(SystemClock)).err().unwrap();
    assert!(refused.to_string().contains("kv.sqlite cannot be created: Read-only file system"), "{refused}");
    mount(&["-o", "remount,rw"], folder);
    let data = Data::open(folder);
    data.reads(VALUES_MAX);
    data.write(VALUES_MAX + 1).unwrap();
}

fn mount(arguments: &[&str], folder: &Path) {
    assert!(Command::new("mount").args(arguments).arg(folder).status().unwrap().success());
}

/// One thing of each service.
struct Data {
    kv: Arc<dyn Kv>,
    d1: Arc<dyn D1>,
    r2: Arc<dyn R2>,
    queue: Arc<dyn Queue>,
}

impl Data {
    fn open(folder: &Path) -> Self {
        let clock = Arc::new(SystemClock);
        for name in ["d1", "r2"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let kv = SqliteKv::open(&folder.join("kv.sqlite"), clock.clone()).unwrap();
        let r2 = SqliteR2::open(&folder.join("r2"), clock.clone()).unwrap();
        let queues = SqliteQueues::open(&folder.join("queues.sqlite"), clock.clone()).unwrap();
        let d1 = SqliteD1::new(folder.join("d1"), clock).database("1");
        let data = Self {
            kv: Arc::new(kv.namespace("n").unwrap()),
            d1: Arc::new(d1),
            r2: Arc::new(r2.bucket("b").unwrap()),
            queue: Arc::new(queues.queue("q").unwrap()),
        };
        data.sql("CREATE TABLE IF NOT EXISTS t (x)").unwrap();
        data
    }

    fn sql(&self, sql: &str) -> Result<u32, D1Error> {
        let outcome =
            block_on(self.d1.query(vec![Statement { sql: sql.to_owned(), params: Vec::new() }]).wait())?;
        Ok(outcome.results[0].row_count)
    }

    /// Stores a value in KV.
    fn write(&self, number: usize) -> Result<(), String> {
        let value = Content::Whole(Bytes::from(vec![number as u8; VALUE_BYTES]));
        let stored = self.kv.put(&number.to_string(), value, PutOptions::default());
        block_on(stored.wait()).map_err(|error: KvError| error.to_string())
    }

    /// What the others say where there is no room for so much.
    fn refuses_large_writes(&self) {
        let large = 6 << 20;
        let object = self.r2.put("k", Content::Whole(vec![0; large].into()), r2::PutOptions::default());
        assert!(matches!(block_on(object.wait()), Err(R2Error::Full { .. })));
        let message = Message { content_type: ContentType::Bytes, body: vec![0; large], delay_s: 0 };
        assert!(matches!(block_on(self.queue.send(vec![message]).wait()), Err(QueueError::Full { .. })));
        let sql = "INSERT INTO t SELECT zeroblob(1000000) FROM (VALUES (1), (2), (3), (4), (5), (6))";
        assert_eq!(self.sql(sql), Err(D1Error::DatabaseFull));
    }

    /// Everything can be read, and nothing is there by half.
    fn reads(&self, number: usize) {
        let entry = block_on(self.kv.get(&number.to_string()).wait()).unwrap().unwrap();
        assert_eq!(block_on(read_whole(entry.value)).unwrap(), vec![number as u8; VALUE_BYTES]);
        assert_eq!(self.sql("SELECT * FROM t"), Ok(0));
        assert!(matches!(block_on(self.r2.get("k", GetOptions::default()).wait()), Ok(Got::Missing)));
        assert_eq!(self.queue.metrics().unwrap().backlog_count, 0);
    }
}
