//! Running something in a forked child, which has one thread whatever the test harness has.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hognose_jail::{Lock, apply};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};

/// The status with which a child tells that it panicked; above every error number.
const PANICKED: i32 = 200;

/// Forks; the child runs `work` and ends with its error's number, 0 where there is none.
pub(crate) fn start(work: impl FnOnce() -> io::Result<()>) -> Pid {
    // SAFETY: the child runs what the tests give it, on the allocator that the C library makes usable after a fork, and
    // leaves without running what the harness's other threads had registered.
    match unsafe { libc::fork() } {
        0 => {
            let result = catch_unwind(AssertUnwindSafe(work));
            let status = result.map_or(PANICKED, |result| result.err().map_or(0, number_of));
            // SAFETY: ends this process and nothing else.
            unsafe { libc::_exit(status) }
        }
        pid => Pid::from_raw(pid).unwrap(),
    }
}

fn number_of(error: io::Error) -> i32 {
    error.raw_os_error().expect("a test's errors come from the system")
}

pub(crate) fn wait(pid: Pid) -> WaitStatus {
    waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap().1
}

/// The error number that `work` ends with in a child of its own; 0: none.
pub(crate) fn outcome(work: impl FnOnce() -> io::Result<()>) -> i32 {
    let status = wait(start(work));
    let code = status.exit_status().expect("the child ends by itself");
    assert_ne!(code, PANICKED, "the child panicked");
    code
}

/// As [`outcome`], under `lock`.
pub(crate) fn outcome_under(lock: &Lock, work: impl FnOnce() -> io::Result<()>) -> i32 {
    outcome(|| {
        apply(lock).unwrap();
        work()
    })
}

/// A readable folder and a scratch folder, and what is outside them.
pub(crate) struct Folders {
    root: tempfile::TempDir,
}

impl Folders {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for name in ["code", "scratch", "outside"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("file"), "content").unwrap();
        }
        Self { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn lock(&self) -> Lock {
        let (read, write) = (vec![self.path("code")], vec![self.path("scratch")]);
        Lock { read, write, keep_fds: vec![0, 1, 2], ..Lock::default() }
    }
}

/// Since which version of Landlock an attempt is refused; 0: by another part of the lock, on every kernel.
#[derive(Clone, Copy)]
pub(crate) struct Since(u32);

pub(crate) const ALWAYS: Since = Since(0);
pub(crate) const FILES: Since = Since(1);
pub(crate) const TRUNCATION: Since = Since(3);
pub(crate) const TCP: Since = Since(4);
pub(crate) const SCOPES: Since = Since(6);

/// Checks an attempt in both arms: without the lock it succeeds, under it it is refused, or the kernel is too old for
/// that and [`hognose_jail::probe`] says so.
#[track_caller]
pub(crate) fn refused(folders: &Folders, since: Since, attempt: impl Fn() -> io::Result<()>) {
    assert_eq!(outcome(&attempt), 0, "without the lock the attempt succeeds");
    let number = outcome_under(&folders.lock(), &attempt);
    let kernel = hognose_jail::probe();
    if kernel.landlock_abi < since.0 {
        return assert!(!kernel.lacking().is_empty());
    }
    let expected = [libc::EACCES, libc::EPERM, libc::EBADF, libc::EXDEV];
    assert!(expected.contains(&number), "under the lock: {}", io::Error::from_raw_os_error(number));
}

/// Checks that the lock does not stand in the way of something.
#[track_caller]
pub(crate) fn allowed(folders: &Folders, work: impl FnOnce() -> io::Result<()>) {
    let number = outcome_under(&folders.lock(), work);
    assert_eq!(number, 0, "under the lock: {}", io::Error::from_raw_os_error(number));
}

/// Writes a file that may not exist yet.
pub(crate) fn write(path: &Path) -> io::Result<()> {
    std::fs::write(path, "written")
}
