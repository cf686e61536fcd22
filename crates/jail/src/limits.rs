//! How much of the machine one process may use. These are nets under the supervisor's own limits, which are by Worker
//! and by request: what the kernel counts is by process.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::JailError;

/// Bounds that the kernel holds for each process by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceLimits {
    /// How many descriptors may be open at a time.
    pub open_files: u64,
    /// The largest file that may be written, in bytes.
    pub file_bytes: u64,
    /// How much address space there is, in bytes. Libraries and stacks that are mapped but hardly used count in full,
    /// so it is far above the memory a Worker may use.
    pub address_space_bytes: u64,
    /// Whether the process may be looked into by a debugger of its own user, and leaves a core file when it crashes.
    pub debuggable: bool,
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self { open_files: 1024, file_bytes: 256 << 20, address_space_bytes: 4 << 30, debuggable: false }
    }
}

/// Puts them on this process. None can be raised again without privileges.
pub(crate) fn set(limits: &ResourceLimits) -> Result<(), JailError> {
    set_one(Resource::Nofile, limits.open_files)?;
    set_one(Resource::Fsize, limits.file_bytes)?;
    set_one(Resource::As, limits.address_space_bytes)?;
    if limits.debuggable {
        return Ok(());
    }
    set_one(Resource::Core, 0)
}

/// Lowers how many descriptors this process may have open; for a process whose first limit was to hold until it had handed
/// some over.
pub fn bound_open_files(most: u64) -> Result<(), JailError> {
    set_one(Resource::Nofile, most)
}

/// Lowers a limit; one that is lower already, by the operator's hand, stays.
fn set_one(resource: Resource, limit: u64) -> Result<(), JailError> {
    let present = rustix::process::getrlimit(resource);
    let lowered = |bound: Option<u64>| Some(bound.map_or(limit, |bound| bound.min(limit)));
    let limits = Rlimit { current: lowered(present.current), maximum: lowered(present.maximum) };
    setrlimit(resource, limits).map_err(JailError::during("setting resource limits"))
}
