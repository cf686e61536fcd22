//! The lock that a cell puts on itself before the first line of user code runs. Knows nothing of Python or Workers.
//!
//! A process calls [`apply`] on itself and can never take it back; whatever it forks is under the same lock, and may
//! lock itself further. From then on it holds only the descriptors it was told to keep, opens nothing but what the
//! [`Lock`] names, makes only the system calls that a file of rules lists, executes nothing, and has no privilege.
//!
//! Each layer stands by itself. *Landlock* refuses files, *namespaces* let nothing else exist, the *filter* of system
//! calls closes the kernel's other doors, and where it asks the supervisor, [`Listener`] is where the questions come
//! in. [`probe`] says which of them this machine has, and [`Level`] gives the combinations their names.

#![allow(unsafe_code)]

mod access;
mod calls;
mod capabilities;
mod choice;
mod descriptors;
mod level;
mod limits;
mod namespaces;
mod probe;
mod process;
mod root;
mod usage;

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;

pub use calls::questions::{DescriptorFlags, Listener, Question, Wish};
pub use choice::NoLevel;
pub use level::{Level, UnknownLevel};
pub use limits::{ResourceLimits, bound_open_files};
pub use probe::{Features, probe};
pub use process::{end_with_parent, has_one_thread};
pub use root::{Link, Scratch};
pub use usage::{anonymous_memory, bound_growth, cpu_time, threads};

/// What a process is left with.
#[derive(Clone, Debug, Default)]
pub struct Lock {
    /// How strong it is. At [`Level::Off`] nothing is done.
    pub level: Level,
    /// Files and folders it may read, with all they hold. Shared libraries there can be loaded, programs not started.
    /// What does not exist is passed over.
    pub read: Vec<PathBuf>,
    /// Folders below those that are not to be read, which show nothing in a root of its own but what else the lock names.
    /// Of no meaning at other levels: Landlock cannot take away again.
    pub hidden: Vec<PathBuf>,
    /// Folders whose names it may list, but not read what they hold.
    pub list: Vec<PathBuf>,
    /// Devices that it may also write. They must exist.
    pub devices: Vec<PathBuf>,
    /// Folders that it may write. They must exist.
    pub scratch: Vec<Scratch>,
    /// Links that there are beside, in a root of its own only. They give no access to what they lead to.
    pub links: Vec<Link>,
    /// How much of the machine it may use.
    pub limits: ResourceLimits,
    /// The descriptors that stay open; all others are closed, whoever believes to own them.
    pub keep_fds: Vec<RawFd>,
}

/// What is left to do when a lock has taken hold.
#[derive(Debug, Default)]
pub struct Applied {
    /// The version of Landlock that guards files and network.
    pub landlock_abi: u32,
    /// Where the process's questions come in: for the supervisor ([`Listener`]), and to be closed here before foreign
    /// code runs, which could answer itself.
    pub listener: Option<OwnedFd>,
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
    if lock.level == Level::Off {
        return Ok(Applied::default());
    }
    if !process::has_one_thread() {
        return Err(JailError::Threads);
    }
    descriptors::close_all_but(&lock.keep_fds)?;
    if lock.level == Level::Full {
        namespaces::enter()?;
        root::replace(lock)?;
    }
    process::forgo_privileges()?;
    capabilities::drop_all()?;
    let landlock_abi = access::restrict(lock)?;
    limits::set(&lock.limits)?;
    if !lock.limits.debuggable {
        process::hide_from_debuggers()?;
    }
    Ok(Applied { landlock_abi, listener: Some(calls::filter_cell()?) })
}

/// Keeps this process, which must have one thread only and is otherwise not locked, from changing files outside of these
/// folders; devices can be written, too. What does not exist is passed over. For good; whatever it starts is under the
/// same rule. Gives whether the machine can do that.
pub fn confine_writes(folders: &[PathBuf], devices: &[PathBuf]) -> Result<bool, JailError> {
    if !process::has_one_thread() {
        return Err(JailError::Threads);
    }
    access::confine_writes(folders, devices).map(|version| version > 0)
}

/// Locks a process that is locked already further: of the files it may read and write only these are left, and signals
/// reach nobody outside of it and of what it forks.
pub fn narrow(lock: &Lock) -> Result<(), JailError> {
    match lock.level {
        Level::Off => Ok(()),
        Level::Container | Level::Full => access::restrict(lock).map(drop),
    }
}

/// Takes from a locked process, all its threads, what only those need that fork others. It cannot be locked further.
pub fn close() -> Result<(), JailError> {
    calls::filter_isolate()
}
