//! Namespaces of one's own: other users, mounts, network, System V objects, host names and control groups than the
//! machine's, so that what a path or an address means outside means nothing inside.

use std::fs;
use std::io;

use crate::JailError;

const ALL: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Leaves the machine's namespaces. The process keeps its user and group; every other one has no name inside.
pub(crate) fn enter() -> Result<(), JailError> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(ALL).map_err(JailError::during("making namespaces"))?;
    let map = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text).map_err(JailError::during("naming the user inside"))
    };
    map("setgroups", "deny".into())?;
    map("uid_map", format!("{user} {user} 1"))?;
    map("gid_map", format!("{group} {group} 1"))
}

fn unshare(namespaces: libc::c_int) -> io::Result<()> {
    // SAFETY: the call takes flags; these leave memory and descriptors as they are.
    match unsafe { libc::unshare(namespaces) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether this process could do all of it: a child tries, and ends. Settings do not tell for sure, since a container
/// may refuse the calls.
pub(crate) fn can_be_made() -> bool {
    // SAFETY: the child makes system calls only, and ends without running anything of ours.
    match unsafe { libc::fork() } {
        0 => {
            let made = tries_it().is_ok();
            // SAFETY: ends the child and nothing else.
            unsafe { libc::_exit(i32::from(!made)) }
        }
        child @ 1.. => {
            let mut status = -1;
            // SAFETY: waits for our own child; the status is ours to be written to.
            unsafe { libc::waitpid(child, &raw mut status, 0) == child && status == 0 }
        }
        _ => false,
    }
}

/// Namespaces, and in them the kind of mount that only their owner may make.
fn tries_it() -> io::Result<()> {
    unshare(ALL)?;
    crate::root::detached_tmpfs(4096).map(drop)
}
