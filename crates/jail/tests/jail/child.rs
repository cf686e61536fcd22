//! Running something in a forked child, which has one thread whatever the test harness has.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hognose_jail::{Level, Listener, Lock, Question, Scratch, apply};
use rustix::event::{PollFd, PollFlags};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
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

/// As [`outcome`], under `lock`. Nobody answers what it asks.
pub(crate) fn outcome_under(lock: &Lock, work: impl FnOnce() -> io::Result<()>) -> i32 {
    outcome(|| {
        drop(apply(lock).unwrap().listener);
        work()
    })
}

/// As [`outcome`], under `lock`; what it asks is answered.
pub(crate) fn outcome_answered(
    lock: &Lock,
    answer: impl Fn(&Listener, &Question),
    work: impl FnOnce() -> io::Result<()>,
) -> i32 {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let child = start(|| {
        // The lock closes what it is not told of.
        let kept = [lock.keep_fds.clone(), vec![theirs.as_raw_fd()]].concat();
        send(&theirs, apply(&Lock { keep_fds: kept, ..lock.clone() }).unwrap().listener.unwrap());
        drop(theirs);
        work()
    });
    let listener = Listener::from(receive(&ours));
    // A listener ends with the last process that asks.
    while poll(&listener).contains(PollFlags::IN) {
        // Whoever asked may have gone.
        if let Ok(question) = listener.receive() {
            answer(&listener, &question);
        }
    }
    wait(child).exit_status().expect("the child ends by itself")
}

fn poll(listener: &Listener) -> PollFlags {
    let mut polled = [PollFd::new(listener, PollFlags::IN)];
    rustix::event::poll(&mut polled, None).unwrap();
    polled[0].revents()
}

fn send(socket: &UnixStream, descriptor: OwnedFd) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    assert!(beside.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(socket, &[IoSlice::new(b"1")], &mut beside, SendFlags::empty()).unwrap();
}

fn receive(socket: &UnixStream) -> OwnedFd {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    recvmsg(socket, &mut [IoSliceMut::new(&mut [0])], &mut beside, RecvFlags::CMSG_CLOEXEC).unwrap();
    let mut descriptors = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    descriptors.next().unwrap().next().unwrap()
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

    /// The lock of a container, which every machine that runs the tests has.
    pub(crate) fn lock(&self) -> Lock {
        let scratch = vec![Scratch { path: self.path("scratch"), bytes_max: 1 << 20, also_at: None }];
        let (level, read, keep_fds) = (Level::Container, vec![self.path("code")], vec![0, 1, 2]);
        Lock { level, read, scratch, keep_fds, ..Lock::default() }
    }

    /// The locks of all levels that this machine has.
    pub(crate) fn locks(&self) -> Vec<Lock> {
        let best = hognose_jail::probe().level();
        assert!(best >= Level::Container, "the tests need a machine that can lock");
        let levels = [Level::Container, Level::Full].into_iter().filter(|level| *level <= best);
        levels.map(|level| Lock { level, ..self.lock() }).collect()
    }
}

/// Since which version of Landlock an attempt is refused; 0: by another part of the lock, on every kernel.
#[derive(Clone, Copy)]
pub(crate) struct Since(u32);

pub(crate) const ALWAYS: Since = Since(0);
pub(crate) const FILES: Since = Since(1);
pub(crate) const TRUNCATION: Since = Since(3);
pub(crate) const SCOPES: Since = Since(6);

/// What a refused attempt may end with: it is forbidden, it is not there, or there is nobody to ask.
const REFUSALS: [i32; 8] = [
    libc::EACCES,
    libc::EPERM,
    libc::EBADF,
    libc::EXDEV,
    libc::ENOENT,
    libc::EROFS,
    libc::ENOSYS,
    libc::EINVAL,
];

/// Checks an attempt in each arm: without the lock it succeeds, under the lock of each level it is refused, or the
/// kernel is too old for that and [`hognose_jail::probe`] says so.
#[track_caller]
pub(crate) fn refused(folders: &Folders, since: Since, attempt: impl Fn() -> io::Result<()>) {
    assert_eq!(outcome(&attempt), 0, "without the lock the attempt succeeds");
    let kernel = hognose_jail::probe();
    for lock in folders.locks() {
        let number = outcome_under(&lock, &attempt);
        if kernel.landlock_abi < since.0 && number == 0 {
            assert!(!kernel.lacking().is_empty());
        } else {
            let error = io::Error::from_raw_os_error(number);
            assert!(REFUSALS.contains(&number), "at level {}: {error}", lock.level);
        }
    }
}

/// Checks that the lock does not stand in the way of something.
#[track_caller]
pub(crate) fn allowed(folders: &Folders, work: impl Fn() -> io::Result<()>) {
    for lock in folders.locks() {
        let number = outcome_under(&lock, &work);
        assert_eq!(number, 0, "at level {}: {}", lock.level, io::Error::from_raw_os_error(number));
    }
}

/// Writes a file that may not exist yet.
pub(crate) fn write(path: &Path) -> io::Result<()> {
    std::fs::write(path, "written")
}
