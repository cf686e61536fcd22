//! Taking the lock: when it is refused, and what a second one does; and ending with one's parent.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use hognose_jail::{JailError, Level, Lock, Scratch, apply, end_with_parent, narrow, probe};
use rustix::process::getpid;

use crate::child::{Folders, allowed, outcome, outcome_under, start, wait};

#[test]
fn a_process_with_two_threads_is_not_locked() {
    let folders = Folders::new();
    let refused = outcome(|| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv());
        assert!(matches!(apply(&folders.lock()), Err(JailError::Threads)));
        File::open("/etc/passwd")?;
        drop(stop);
        thread.join().unwrap().unwrap_err();
        Ok(())
    });
    assert_eq!(refused, 0);
}

#[test]
fn what_holds_is_told() {
    let folders = Folders::new();
    let kernel = probe().landlock_abi;
    let told = outcome(|| {
        assert_eq!(apply(&folders.lock()).unwrap().landlock_abi, kernel.min(10));
        Ok(())
    });
    assert_eq!(told, 0);
}

#[test]
fn code_that_does_not_exist_is_passed_over() {
    let folders = Folders::new();
    let mut lock = folders.lock();
    lock.read.insert(0, folders.path("missing"));
    assert_eq!(outcome_under(&lock, || File::open(folders.path("code").join("file")).map(drop)), 0);
}

#[test]
fn scratch_that_does_not_exist_is_an_error() {
    let folders = Folders::new();
    let scratch = vec![Scratch { path: folders.path("missing"), bytes_max: 1 << 20, also_at: None }];
    let lock = Lock { scratch, ..folders.lock() };
    let failed = outcome(|| {
        let error = apply(&lock).unwrap_err();
        assert!(error.to_string().contains("missing cannot be opened"), "{error}");
        Ok(())
    });
    assert_eq!(failed, 0);
}

#[test]
fn single_files_are_left_readable_and_writable() {
    let folders = Folders::new();
    let (readable, writable) = (folders.path("outside").join("file"), "/dev/null".into());
    let mut lock = folders.lock();
    lock.read.push(readable.clone());
    lock.devices.push(writable);
    let use_both = || File::open(&readable).and_then(|_| fs::write("/dev/null", "nothing"));
    assert_eq!(outcome_under(&lock, use_both), 0);
}

#[test]
fn a_narrower_lock_takes_more_away_and_gives_nothing_back() {
    let folders = Folders::new();
    let narrower = Lock { scratch: Vec::new(), ..folders.lock() };
    let wider = Lock { read: vec!["/".into()], ..folders.lock() };
    allowed(&folders, || {
        narrow(&wider).unwrap();
        File::open("/etc/passwd").unwrap_err();
        fs::write(folders.path("scratch").join("new"), "written")?;
        narrow(&narrower).unwrap();
        fs::write(folders.path("scratch").join("new"), "written").unwrap_err();
        File::open(folders.path("code").join("file")).map(drop)
    });
}

#[test]
fn at_level_off_nothing_is_locked() {
    let folders = Folders::new();
    let lock = Lock { level: Level::Off, ..folders.lock() };
    assert_eq!(outcome_under(&lock, || File::open("/etc/passwd").map(drop)), 0);
}

#[test]
fn folders_that_may_be_listed_are_not_read() {
    let folders = Folders::new();
    let lock = Lock { list: vec![folders.path("outside")], ..folders.lock() };
    let listed = outcome_under(&lock, || {
        assert_eq!(fs::read_dir(folders.path("outside"))?.count(), 1);
        File::open(folders.path("outside").join("file")).unwrap_err();
        Ok(())
    });
    assert_eq!(listed, 0);
}

#[test]
fn a_hidden_folder_shows_only_what_else_is_named() {
    let folders = Folders::new();
    let (hidden, shown) = (folders.path("code").join("hidden"), folders.path("code").join("hidden/shown"));
    for folder in [&hidden, &shown] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), "content").unwrap();
    }
    let Some(full) = folders.locks().into_iter().find(|lock| lock.level == Level::Full) else {
        eprintln!("this machine gives nobody a root of its own: nothing was tested");
        return;
    };
    let mut lock = Lock { hidden: vec![hidden.clone()], ..full };
    lock.read.push(shown.clone());
    let hides = outcome_under(&lock, || {
        File::open(hidden.join("file")).unwrap_err();
        fs::write(hidden.join("new"), "content").unwrap_err();
        File::open(shown.join("file")).and(File::open(folders.path("code").join("file"))).map(drop)
    });
    assert_eq!(hides, 0);
    let control = Lock { hidden: Vec::new(), ..lock };
    assert_eq!(outcome_under(&control, || File::open(hidden.join("file")).map(drop)), 0);
}

/// Has a child fork a grandchild and end; the grandchild answers a byte by a byte, once. Gives whether it did.
fn outlives_its_parent(bound: bool) -> bool {
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    let parent = start(|| {
        let parent = getpid();
        let (mut forked, mut ready) = UnixStream::pair()?;
        let grandchild = || {
            if bound {
                end_with_parent(parent).unwrap();
            }
            ready.write_all(b"1")?;
            theirs.read_exact(&mut [0])?;
            theirs.write_all(b"1")
        };
        start(grandchild);
        forked.read_exact(&mut [0])
    });
    assert_eq!(wait(parent).exit_status(), Some(0));
    drop(theirs);
    // Where the grandchild has been killed there is nobody to write to, or nobody who answers.
    ours.write_all(b"1").is_ok() && ours.read_exact(&mut [0]).is_ok()
}

#[test]
fn a_process_bound_to_its_parent_ends_with_it() {
    assert!(outlives_its_parent(false));
    assert!(!outlives_its_parent(true));
}

#[test]
fn a_process_whose_parent_has_gone_is_told() {
    let told = outcome(|| {
        assert!(matches!(end_with_parent(getpid()), Err(JailError::ParentGone)));
        Ok(())
    });
    assert_eq!(told, 0);
}
