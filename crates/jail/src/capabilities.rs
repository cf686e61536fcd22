//! Giving up the powers of root, those of a user namespace included: all sets empty, and nothing left to gain.

use std::io;

use crate::JailError;

/// `_LINUX_CAPABILITY_VERSION_3`, whose sets have 64 bits in two halves.
const VERSION: u32 = 0x2008_0522;
/// More than any kernel knows; asking for one that it does not know ends the list.
const LAST_MAX: u32 = 63;

#[repr(C)]
struct Header {
    version: u32,
    process: i32,
}

/// The effective, permitted and inheritable sets, each a half.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Empties all five sets.
pub(crate) fn drop_all() -> Result<(), JailError> {
    for capability in 0..=LAST_MAX {
        // Refused to who has no right to drop: then a program with rights of its own cannot be started either, for
        // there are no new privileges. An error beyond the last one is the list's end.
        // SAFETY: the call takes integers.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            break;
        }
    }
    // SAFETY: the call takes integers.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    set([Sets::default(); 2]).map_err(JailError::during("giving up capabilities"))
}

fn set(sets: [Sets; 2]) -> io::Result<()> {
    let header = Header { version: VERSION, process: 0 };
    // SAFETY: both structures are the ones that this version is defined for, and live until the call returns.
    match unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether this process may look into those of its user that are hidden from debuggers.
pub(crate) fn can_trace() -> bool {
    const TRACE: u32 = 19;
    let header = Header { version: VERSION, process: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: as in `set`; the kernel fills the sets in.
    let read = unsafe { libc::syscall(libc::SYS_capget, &raw const header, sets.as_mut_ptr()) };
    read == 0 && sets[0].effective & (1 << TRACE) != 0
}
