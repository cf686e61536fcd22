//! Nothing acknowledged is lost, nothing is torn: processes that are killed while they write, and two that write at
//! once. The processes are this test binary, started again to run one of the ignored tests below.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use hognose_services::{SystemClock, block_on};

use crate::support::{Cell, open};

/// Where the started process finds its folder and its name.
const FOLDER: &str = "HOGNOSE_TEST_FOLDER";
const NAME: &str = "HOGNOSE_TEST_NAME";
/// How many keys each writer uses in turn.
const KEYS: usize = 7;
/// How many puts a writer makes that nobody kills.
const PUTS: usize = 300;

/// The value of a writer's put number `number`: its length and content tell which put it was and whether it is whole.
fn value_of(number: usize) -> Vec<u8> {
    let size = [10, 1000, 65_536, 65_537, 300_000][number % 5];
    let mut value = number.to_le_bytes().to_vec();
    value.resize(size, number as u8);
    value
}

fn number_of(value: &[u8]) -> usize {
    let number = usize::from_le_bytes(*value.first_chunk().unwrap());
    assert!(value == value_of(number), "the value of put {number} is torn");
    number
}

#[test]
#[ignore = "a process that the tests below start"]
fn writer() {
    let (folder, name) = (std::env::var(FOLDER).unwrap(), std::env::var(NAME).unwrap());
    let kv = namespace(Path::new(&folder));
    for number in 0..PUTS {
        kv.put(&format!("{name}{}", number % KEYS), &value_of(number)).unwrap();
        println!("\nacknowledged {number}");
    }
}

fn namespace(folder: &Path) -> Cell {
    Cell::new(&open(folder, Arc::new(SystemClock)), "namespace", Arc::new(SystemClock))
}

/// A started writer.
struct Writer {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(folder: &Path, name: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kv_durability::writer", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .env(NAME, name)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next put it knows to be stored; `None` once it has ended.
    fn acknowledged(&mut self) -> Option<usize> {
        let number = |line: String| line.strip_prefix("acknowledged ")?.parse().ok();
        self.lines.find_map(|line| number(line.unwrap()))
    }

    /// Kills it, and gives the last put it had acknowledged.
    fn kill(mut self, last: usize) -> usize {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::iter::from_fn(|| self.acknowledged()).last().unwrap_or(last)
    }
}

/// Checks that each key holds the last put acknowledged for it or one that came after.
fn check(kv: &Cell, name: &str, last: usize) {
    for number in (last + 1).saturating_sub(KEYS)..=last {
        let value = kv.get(&format!("{name}{}", number % KEYS)).unwrap();
        let found = number_of(&value.expect("an acknowledged put is lost"));
        assert!(
            found == number || found == last + 1 && found % KEYS == number % KEYS,
            "{found} for {number}"
        );
    }
}

#[test]
fn what_was_acknowledged_survives_kill() {
    let folder = tempfile::tempdir().unwrap();
    for acknowledged in [0, 3, 11, 28, 64] {
        let mut writer = Writer::start(folder.path(), "key");
        let mut last = 0;
        while last < acknowledged {
            last = writer.acknowledged().expect("it is still writing");
        }
        let last = writer.kill(last);
        if acknowledged > 0 {
            check(&namespace(folder.path()), "key", last);
        }
    }
    forgotten_uploads_are_swept(folder.path());
}

/// What kills left half-written goes with the next sweep after the time it is kept.
fn forgotten_uploads_are_swept(folder: &Path) {
    let clock = crate::support::TurnedClock::new();
    clock.advance(1_000_000_000);
    block_on(open(folder, clock).sweep()).unwrap();
    let connection = rusqlite::Connection::open(folder.join("kv.sqlite")).unwrap();
    let orphans =
        "SELECT count(*) FROM chunks WHERE value NOT IN (SELECT value FROM entries WHERE value IS NOT NULL)";
    assert_eq!(connection.query_row(orphans, [], |row| row.get(0)), Ok(0));
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn two_processes_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = ["a", "b"].map(|name| Writer::start(folder.path(), name));
    let kv = namespace(folder.path());
    for writer in &mut writers {
        let last = std::iter::from_fn(|| writer.acknowledged()).last();
        assert_eq!(last, Some(PUTS - 1));
        assert!(writer.process.wait().unwrap().success());
    }
    check(&kv, "a", PUTS - 1);
    check(&kv, "b", PUTS - 1);
}
