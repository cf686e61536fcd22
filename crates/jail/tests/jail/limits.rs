//! Each resource at its limit and one past it.

use std::fs::File;
use std::io::{self, Write};

use hognose_jail::ResourceLimits;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use crate::child::{Folders, outcome, outcome_under};

fn under(limits: ResourceLimits, folders: &Folders, work: impl FnOnce() -> io::Result<()>) -> i32 {
    outcome_under(&hognose_jail::Lock { limits, ..folders.lock() }, work)
}

#[test]
fn files_end_at_their_largest_size() {
    let folders = Folders::new();
    let path = folders.path("scratch").join("large");
    let write = |size: usize| {
        // A file that would grow too large is answered with a signal first, which Python ignores as well.
        // SAFETY: ignoring a signal runs no code.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        File::create(&path)?.write_all(&vec![0; size])
    };
    let limits = ResourceLimits { file_bytes: 10_000, ..ResourceLimits::default() };
    assert_eq!(outcome(|| write(10_001)), 0);
    assert_eq!(under(limits, &folders, || write(10_000)), 0);
    assert_eq!(under(limits, &folders, || write(10_001)), libc::EFBIG);
}

#[test]
fn only_so_many_descriptors_are_open() {
    let folders = Folders::new();
    let path = folders.path("scratch").join("file");
    let open = |count: usize| (0..count).map(|_| File::open(&path)).collect::<io::Result<Vec<_>>>().map(drop);
    let limits = ResourceLimits { open_files: 20, ..ResourceLimits::default() };
    assert_eq!(outcome(|| open(18)), 0);
    assert_eq!(under(limits, &folders, || open(17)), 0, "beside the standard streams");
    assert_eq!(under(limits, &folders, || open(18)), libc::EMFILE);
}

#[test]
fn address_space_is_bounded_shared_or_not() {
    let folders = Folders::new();
    let limits = ResourceLimits { address_space_bytes: 4 << 30, ..ResourceLimits::default() };
    for flags in [MapFlags::PRIVATE, MapFlags::SHARED] {
        let map = |size: usize| {
            // SAFETY: a new mapping, where the kernel likes, that nothing points into.
            unsafe {
                mmap_anonymous(std::ptr::null_mut(), size, ProtFlags::empty(), flags | MapFlags::NORESERVE)
            }
            .map(drop)
            .map_err(io::Error::from)
        };
        assert_eq!(outcome(|| map(4 << 30)), 0);
        assert_eq!(under(limits, &folders, || map(2 << 30)), 0);
        assert_eq!(under(limits, &folders, || map(4 << 30)), libc::ENOMEM, "what is there already counts");
    }
}

#[test]
fn no_core_is_left() {
    let folders = Folders::new();
    let core_limit = || rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
    let before = core_limit();
    for (debuggable, expected) in [(false, Some(0)), (true, before)] {
        let is_expected = || {
            assert_eq!(core_limit(), expected);
            Ok(())
        };
        let limits = ResourceLimits { debuggable, ..ResourceLimits::default() };
        assert_eq!(under(limits, &folders, is_expected), 0);
    }
}

#[test]
fn limits_are_not_raised_again() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let folders = Folders::new();
    let lower = ResourceLimits { open_files: 20, ..ResourceLimits::default() };
    let again = || {
        assert_eq!(getrlimit(Resource::Nofile).maximum, Some(20));
        let higher = Rlimit { current: Some(21), maximum: Some(21) };
        assert_eq!(setrlimit(Resource::Nofile, higher), Err(rustix::io::Errno::PERM));
        Ok(())
    };
    assert_eq!(under(lower, &folders, again), 0);
}
