//! What a process is to others: its threads, its privileges, its debuggers, its parent.

use rustix::process::{
    DumpableBehavior, Pid, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};

use crate::JailError;

/// Whether this thread is the only one, counting those that no interpreter knows of.
pub fn has_one_thread() -> bool {
    // Leaving a thread group is possible only for who is alone in it, and then does nothing. This needs no /proc, which
    // a lock already in place may hide.
    // SAFETY: the call takes a flag; with this one it changes nothing, whether it succeeds or not.
    unsafe { libc::unshare(libc::CLONE_THREAD) == 0 }
}

/// No program started from here on has more rights than this process, whatever its file says.
pub(crate) fn forgo_privileges() -> Result<(), JailError> {
    rustix::thread::set_no_new_privs(true).map_err(JailError::during("giving up new privileges"))
}

/// No process of the same user may read this one's memory or attach to it.
pub(crate) fn hide_from_debuggers() -> Result<(), JailError> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(JailError::during("forbidding debuggers"))
}

/// Has the kernel end this process when the one that forked it, `parent`, has ended.
///
/// It is a second net, under noticing that the control socket has closed: the kernel watches the *thread* that forked,
/// so that must be one that lives as long as its process.
pub fn end_with_parent(parent: Pid) -> Result<(), JailError> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(JailError::during("watching the parent"))?;
    // Had it ended before the line above, nobody would tell.
    if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(JailError::ParentGone) }
}
