//! A root of one's own: an empty file system in which only what the lock names exists, read-only, and scratch folders
//! in memory, with a size.
//!
//! It is made of copies of the machine's mounts, taken before anything is moved, so that it does not matter what lies
//! inside what. Afterwards nothing leads back: the old root is not mounted any more.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::ptr;

use crate::{JailError, Lock};

/// How large the root itself may grow, in bytes: it holds folders and links only.
const ROOT_BYTES: u64 = 4 << 20;

/// One file or folder may take about this much of scratch space: the count of them is limited too.
const BYTES_PER_FILE: u64 = 8 << 10;

/// A scratch folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// Where: an existing folder, which the one in memory hides.
    pub path: PathBuf,
    /// How much it may hold, in bytes.
    pub bytes_max: u64,
    /// Where else it is seen, in a root of one's own only. Of what is mounted below, Landlock has nothing more to say:
    /// that it is mounted read-only keeps it from being written.
    pub also_at: Option<PathBuf>,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it is.
    pub path: PathBuf,
    /// What it leads to.
    pub target: PathBuf,
}

impl From<Link> for Entry {
    fn from(Link { path, target }: Link) -> Self {
        Self::Link { path, target }
    }
}

/// What a path of the new root is to be.
enum Entry {
    Link { path: PathBuf, target: PathBuf },
    Mount { path: PathBuf, copy: OwnedFd, is_folder: bool },
    Nothing { path: PathBuf },
}

/// Replaces the root. Runs in mount namespaces of our own; `scratch` names at least one folder.
pub(crate) fn replace(lock: &Lock) -> Result<(), JailError> {
    let failed = JailError::during::<io::Error>;
    let scratch = &lock.scratch;
    let entries = entries(lock)?;
    make_private().map_err(failed("cutting mounts off from the machine's"))?;
    let place = scratch.first().map_or(Path::new("/tmp"), |scratch| &scratch.path);
    let tmpfs = detached_tmpfs(ROOT_BYTES).map_err(failed("making an empty root"))?;
    attach(&tmpfs, place).map_err(failed("mounting the empty root"))?;
    // First those that may hide what else there is: code may lie below them.
    for folder in scratch.iter().filter(|folder| folder.also_at.is_some()) {
        mount_scratch(folder, place).map_err(failed("mounting scratch space"))?;
    }
    for entry in &entries {
        let made = match entry {
            Entry::Link { path, target } => link(target, &inside(place, path)),
            Entry::Mount { path, copy, is_folder } => mount(copy, &inside(place, path), *is_folder),
            Entry::Nothing { path } => hide(&inside(place, path)),
        };
        made.map_err(failed("filling the new root"))?;
    }
    for folder in scratch {
        show_scratch(folder, place).map_err(failed("mounting scratch space"))?;
    }
    for hidden in &lock.hidden {
        make_read_only(&inside(place, hidden)).map_err(failed("closing what hides a folder"))?;
    }
    pivot(place).map_err(failed("changing to the new root"))
}

/// Mounts a scratch folder where it is also to be seen.
fn mount_scratch(Scratch { also_at, bytes_max, .. }: &Scratch, place: &Path) -> io::Result<()> {
    let Some(path) = also_at else { return Ok(()) };
    mount(&detached_tmpfs(*bytes_max)?, &inside(place, path), true)
}

/// Mounts a scratch folder at its own place: the one that is there elsewhere, so that both count against one size.
fn show_scratch(Scratch { path, bytes_max, also_at }: &Scratch, place: &Path) -> io::Result<()> {
    let tmpfs = match also_at {
        Some(other) => open_tree(&inside(place, other), 0)?,
        None => detached_tmpfs(*bytes_max)?,
    };
    mount(&tmpfs, &inside(place, path), true)
}

/// Mounts an empty folder, which takes the places of what else is mounted there.
fn hide(path: &Path) -> io::Result<()> {
    mount(&detached_tmpfs(ROOT_BYTES)?, path, true)
}

/// Copies what is to be seen, from the top down; what lies in something copied already comes with that, unless it lies
/// in something hidden.
fn entries(lock: &Lock) -> Result<Vec<Entry>, JailError> {
    let Lock { read, devices, links, hidden, .. } = lock;
    let mut paths: Vec<(PathBuf, bool)> = read.iter().map(|path| (path.clone(), true)).collect();
    paths.extend(devices.iter().map(|path| (path.clone(), false)));
    // What a link leads to is needed beside it.
    let targets: Vec<_> = read.iter().filter_map(|path| Some((path.canonicalize().ok()?, true))).collect();
    paths.extend(targets);
    paths.extend(hidden.iter().map(|path| (path.clone(), true)));
    paths.sort_by_key(|(path, _)| path.components().count());
    let mut covered: Vec<PathBuf> = Vec::new();
    let mut entries: Vec<Entry> = links.iter().cloned().map(Entry::from).collect();
    for (path, is_read_only) in paths {
        let is_shown_by = |folder: &PathBuf| {
            let is_hidden = |hidden: &PathBuf| hidden.starts_with(folder) && path.starts_with(hidden);
            path.starts_with(folder) && !hidden.iter().any(is_hidden)
        };
        if hidden.contains(&path) {
            entries.push(Entry::Nothing { path });
            continue;
        }
        if covered.iter().any(is_shown_by) {
            continue;
        }
        let Ok(status) = fs::symlink_metadata(&path) else { continue };
        if status.is_symlink() {
            let target =
                fs::read_link(&path).map_err(|source| JailError::Path { path: path.clone(), source })?;
            entries.push(Entry::Link { path: path.clone(), target });
        } else {
            let copied = copy(&path, is_read_only);
            let copy = copied.map_err(|source| JailError::Path { path: path.clone(), source })?;
            entries.push(Entry::Mount { path: path.clone(), copy, is_folder: status.is_dir() });
        }
        covered.push(path);
    }
    Ok(entries)
}

fn inside(place: &Path, path: &Path) -> PathBuf {
    place.join(path.strip_prefix(Component::RootDir).unwrap_or(path))
}

fn link(target: &Path, path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    std::os::unix::fs::symlink(target, path)
}

/// Mounts what is detached, on a place that is made if need be.
fn mount(detached: &OwnedFd, path: &Path, is_folder: bool) -> io::Result<()> {
    if is_folder {
        fs::create_dir_all(path)?;
    } else {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::OpenOptions::new().append(true).create(true).open(path)?;
    }
    attach(detached, path)
}

/// What happens to the machine's mounts from now on does not show here, nor the other way round.
fn make_private() -> io::Result<()> {
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the path is a string that ends; the other pointers may be null with these flags.
    done(unsafe { libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), flags, ptr::null()) })
}

/// A copy of the mounts at a path, mounted nowhere yet. Devices stay what they are.
fn copy(path: &Path, is_read_only: bool) -> io::Result<OwnedFd> {
    let copy = open_tree(path, libc::AT_RECURSIVE.cast_unsigned())?;
    let read_only = if is_read_only { libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV } else { 0 };
    let attributes = libc::mount_attr {
        attr_set: read_only | libc::MOUNT_ATTR_NOSUID,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    let size = size_of::<libc::mount_attr>();
    // SAFETY: an open descriptor, an empty path, and the structure that the size belongs to.
    done(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            copy.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size,
        )
    } as libc::c_int)?;
    Ok(copy)
}

/// A copy of the mount at a path; with `AT_RECURSIVE` of those below it, too.
fn open_tree(path: &Path, depth: libc::c_uint) -> io::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | depth;
    let path = text(path)?;
    // SAFETY: the path is a string that ends.
    owned(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })
}

/// A file system in memory, mounted nowhere yet: nothing on it is a program, a device, or more than it looks.
pub(crate) fn detached_tmpfs(bytes_max: u64) -> io::Result<OwnedFd> {
    // SAFETY: the name is a string that ends.
    let made = owned(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), libc::FSOPEN_CLOEXEC) })?;
    let files_max = (bytes_max / BYTES_PER_FILE).max(64);
    configure(&made, c"size", &bytes_max.to_string())?;
    configure(&made, c"nr_inodes", &files_max.to_string())?;
    configure(&made, c"mode", "0700")?;
    // SAFETY: the last step of configuring takes neither key nor value.
    done(unsafe {
        let (none, create) = (ptr::null::<libc::c_char>(), libc::FSCONFIG_CMD_CREATE);
        libc::syscall(libc::SYS_fsconfig, made.as_raw_fd(), create, none, none, 0)
    } as libc::c_int)?;
    let attributes = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
    // SAFETY: an open descriptor and flags.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, made.as_raw_fd(), libc::FSMOUNT_CLOEXEC, attributes) })
}

fn configure(file_system: &OwnedFd, key: &std::ffi::CStr, value: &str) -> io::Result<()> {
    let (command, value) = (libc::FSCONFIG_SET_STRING, CString::new(value)?);
    // SAFETY: an open descriptor and two strings that end.
    done(unsafe {
        let number = file_system.as_raw_fd();
        libc::syscall(libc::SYS_fsconfig, number, command, key.as_ptr(), value.as_ptr(), 0)
    } as libc::c_int)
}

fn attach(detached: &OwnedFd, path: &Path) -> io::Result<()> {
    let path = text(path)?;
    let (from, flags) = (detached.as_raw_fd(), libc::MOVE_MOUNT_F_EMPTY_PATH);
    // SAFETY: an open descriptor and two strings that end.
    done(unsafe {
        libc::syscall(libc::SYS_move_mount, from, c"".as_ptr(), libc::AT_FDCWD, path.as_ptr(), flags)
    } as libc::c_int)
}

/// Makes `place` the root, and lets go of the old one (the way of pivot_root(2), "pivot_root(".", ".")").
fn pivot(place: &Path) -> io::Result<()> {
    std::env::set_current_dir(place)?;
    // SAFETY: the paths are strings that end.
    done(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) } as libc::c_int)?;
    // SAFETY: as above.
    done(unsafe { libc::umount2(c".".as_ptr(), libc::MNT_DETACH) })?;
    std::env::set_current_dir("/")?;
    make_read_only(Path::new("/"))
}

/// The mount at a path itself; those on it are what they are.
fn make_read_only(path: &Path) -> io::Result<()> {
    let path = text(path)?;
    let attributes =
        libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let size = size_of::<libc::mount_attr>();
    // SAFETY: a string that ends, and the structure that the size belongs to.
    done(unsafe {
        libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, path.as_ptr(), 0, &raw const attributes, size)
    } as libc::c_int)
}

fn text(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: the calls that end here give a new descriptor, which nobody else knows of.
        Ok(descriptor @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}
