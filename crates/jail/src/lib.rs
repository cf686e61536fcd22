//! The lock that a cell puts on itself before the first line of user code runs. Knows nothing of Python or Workers.
//!
//! A process calls [`apply`] on itself and can never take it back; whatever it forks is under the same lock, and may
//! lock itself further by another call. From then on it holds only the descriptors it was told to keep, opens nothing
//! but what the [`Lock`] names, executes nothing, gains no privilege, and is out of reach of other processes' debuggers.
//!
//! What does the refusing is Landlock, which needs neither root nor a container's blessing, and does more the newer the
//! kernel is: [`probe`] says what this one cannot do. What Landlock does not cover on any present kernel is not covered
//! here: sockets other than TCP's, the existence of foreign files, the rest of the system calls. Those need namespaces
//! and a system call filter around this lock.

#![allow(unsafe_code)]

mod access;
mod descriptors;
mod limits;
mod probe;
mod process;
mod usage;

use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;

pub use limits::ResourceLimits;
pub use probe::{Features, probe};
pub use process::end_with_parent;
pub use usage::{anonymous_memory, bound_growth, cpu_time};

/// What a process is left with.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    /// Files and folders it may read, with all they hold. Shared libraries there can be loaded, programs not started.
    /// What does not exist is passed over.
    pub read: Vec<PathBuf>,
    /// Files and folders it may also write. They must exist.
    pub write: Vec<PathBuf>,
    /// How much of the machine it may use.
    pub limits: ResourceLimits,
    /// The descriptors that stay open; all others are closed, whoever believes to own them.
    pub keep_fds: Vec<RawFd>,
}

/// What of a lock took hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The version of Landlock that guards files and network; 0: the kernel has none, and they are not guarded.
    pub landlock_abi: u32,
}

/// Why a process is not locked. It may be locked in part, and is to end.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// Landlock binds the thread that asks for it: another would stay free.
    #[error("the process has more than one thread, and only this one would be locked")]
    Threads,
    /// A path of the lock cannot be opened.
    #[error("{path} cannot be opened to allow access to it: {source}")]
    Path {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Landlock refused the rules.
    #[error("Landlock refused: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// The kernel refused another step.
    #[error("{step}: {source}")]
    Kernel {
        /// Which, in words.
        step: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The process that was to be outlived by none has ended already.
    #[error("the parent has ended")]
    ParentGone,
}

impl JailError {
    /// For `map_err`: what failed.
    fn during<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Kernel { step, source: error.into() }
    }
}

/// Locks this process, which must have one thread only, for good.
pub fn apply(lock: &Lock) -> Result<Applied, JailError> {
    if !process::has_one_thread() {
        return Err(JailError::Threads);
    }
    descriptors::close_all_but(&lock.keep_fds)?;
    process::forgo_privileges()?;
    let landlock_abi = access::restrict(&lock.read, &lock.write)?;
    limits::set(&lock.limits)?;
    if !lock.limits.debuggable {
        process::hide_from_debuggers()?;
    }
    Ok(Applied { landlock_abi })
}
