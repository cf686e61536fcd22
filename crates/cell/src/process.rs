//! Forking, and taking over descriptors by number: the one file of this crate that needs `unsafe`.
#![expect(unsafe_code, reason = "fork(2), and descriptors inherited by number")]

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use pyo3::Python;
use rustix::fs::FileType;
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

/// The number under which a base finds its control socket.
const CONTROL: i32 = 3;
/// The number under which it finds the socket that takes the listener of its questions.
pub(crate) const LISTENER: i32 = 4;
/// A locked cell has no higher one.
const DESCRIPTORS_MAX: i32 = 1024;

/// Who we are after a fork.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fork {
    /// The process that forked, and the child's id.
    Parent(u32),
    /// The new process.
    Child,
}

/// The control socket that this process was started with.
pub(crate) fn control_socket() -> UnixStream {
    // SAFETY: a cell is started with its control socket under this number, and this is called once, by the only
    // thread, before anything else touches descriptors.
    UnixStream::from(unsafe { OwnedFd::from_raw_fd(CONTROL) })
}

/// The socket through which a base's listener goes to the supervisor, once; closed when dropped.
pub(crate) fn listener_socket() -> UnixStream {
    // SAFETY: as above; a base that is to be locked is started with this socket as well.
    UnixStream::from(unsafe { OwnedFd::from_raw_fd(LISTENER) })
}

/// Forks. Called on the main stack of a process with one thread.
///
/// # Errors
/// The kernel refused.
pub(crate) fn fork(_py: Python<'_>) -> io::Result<Fork> {
    let parent = getpid();
    // SAFETY: attached, on the main stack; the three hooks are called in the order CPython documents.
    let pid = unsafe {
        pyo3::ffi::PyOS_BeforeFork();
        let pid = libc::fork();
        if pid == 0 {
            pyo3::ffi::PyOS_AfterFork_Child();
        } else {
            pyo3::ffi::PyOS_AfterFork_Parent();
        }
        pid
    };
    match pid {
        ..0 => Err(io::Error::last_os_error()),
        0 => {
            die_with(parent);
            Ok(Fork::Child)
        }
        child => Ok(Fork::Parent(child.cast_unsigned())),
    }
}

/// Lets the kernel end this process with the supervisor that started it. One that has ended already is noticed by the
/// end of its sockets.
pub(crate) fn die_with_parent() {
    if let Some(parent) = getppid() {
        die_with(parent);
    }
}

/// Lets the kernel end this process when its parent ends.
fn die_with(parent: Pid) {
    // Where the kernel refuses, the end of the sockets still ends an idle cell.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid() != Some(parent) {
        exit(0);
    }
}

/// The descriptors that are open, but for devices, which hold no state: each with what it is, in a word.
pub(crate) fn open_descriptors() -> BTreeMap<i32, &'static str> {
    (0..DESCRIPTORS_MAX).filter_map(|number| Some((number, kind_of(number)?))).collect()
}

fn kind_of(number: i32) -> Option<&'static str> {
    // SAFETY: the number is only asked about, and not used after this line; one that is not open is an error.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let status = rustix::fs::fstat(descriptor).ok()?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::CharacterDevice => None,
        FileType::RegularFile => Some("file"),
        FileType::Directory => Some("folder"),
        FileType::Socket => Some("socket"),
        FileType::Fifo => Some("pipe"),
        _ => Some("descriptor"),
    }
}

/// Has all threads allocate from one heap. Under the GIL they hardly compete for it, and each further heap would take
/// 64 MiB of the address space within which an isolate is held.
pub(crate) fn share_one_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number that the C library reads when a thread allocates for the first time.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Lets the kernel reap the children of this process: a template never asks what became of its forks.
pub(crate) fn ignore_children() {
    // SAFETY: SIG_IGN is no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// Undoes [`ignore_children`] in a fork.
pub(crate) fn notice_children() {
    // SAFETY: SIG_DFL is no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Ends this process at once. Both engines are left as they are: taking them down would cost more than it gives, and
/// QuickJS refuses while Python holds references to its objects.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(status) }
}
