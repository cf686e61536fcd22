//! A cell's process, held by pidfd: it can be killed and watched without a number that may meanwhile name another.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::template::Template;
use crate::watch::Excess;

/// A process that lives no longer than this value: dropping it kills.
#[derive(Debug)]
pub(crate) struct Process {
    pidfd: AsyncFd<OwnedFd>,
    pid: u32,
    /// What a shell would make of its end, once it has been reaped.
    exit_code: OnceLock<u8>,
    /// What it was forked from, where nothing else holds that: a cell may end with its parent.
    parent: Option<Arc<Template>>,
}

impl Process {
    /// Opens a child of ours that has not been waited for.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        Self::watch(open_pidfd(pid)?, pid)
    }

    /// Opens what a template says is its child. Templates run user code: without the check one could name any process
    /// of the machine and have it killed. The pidfd is taken first, so that what was checked is what is held.
    pub(crate) fn open_child(pid: u32, parent: u32) -> io::Result<Self> {
        let pidfd = open_pidfd(pid)?;
        if parent_of(pid)? != parent {
            let reason = format!("process {pid} is not a child of process {parent}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        Self::watch(pidfd, pid)
    }

    #[expect(
        deprecated,
        reason = "its fault lies in types that do not own their descriptor, as OwnedFd does"
    )]
    fn watch(pidfd: OwnedFd, pid: u32) -> io::Result<Self> {
        Ok(Self {
            pidfd: AsyncFd::with_interest(pidfd, Interest::READABLE)?,
            pid,
            exit_code: OnceLock::new(),
            parent: None,
        })
    }

    /// The same process, which lets its parent live as long as itself.
    pub(crate) fn with_parent(mut self, parent: Arc<Template>) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Its number, for people.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends it now. That it has already ended is no error.
    pub(crate) fn kill(&self) {
        let _already_gone = rustix::process::pidfd_send_signal(self.pidfd.get_ref(), Signal::KILL);
    }

    /// Has the Worker's code in it learn that it went past a limit; `hognose.cell.limits` knows these signals.
    pub(crate) fn warn(&self, excess: Excess) {
        let signal = match excess {
            Excess::Cpu => Signal::XCPU,
            Excess::Memory => Signal::USR2,
            // It was told on the wire before; whatever still blocks hears nothing.
            Excess::Wall => Signal::KILL,
        };
        let _already_gone = rustix::process::pidfd_send_signal(self.pidfd.get_ref(), signal);
    }

    /// Waits until it has ended, and reaps it if it is ours (a child, or adopted from a template that died first).
    pub(crate) async fn ended(&self) {
        std::future::poll_fn(|context| self.poll_ended(context)).await;
    }

    /// As [`Process::ended`].
    pub(crate) fn poll_ended(&self, context: &mut Context<'_>) -> Poll<()> {
        // A pidfd becomes readable when its process has ended, and stays so; an error here means that the runtime is
        // shutting down, and then nobody waits any more.
        self.pidfd.poll_read_ready(context).map(|_| self.reap())
    }

    /// Waits until it has ended and gives its exit status as a shell would: 128 and the signal's number where a signal
    /// ended it. For a child of ours; of any other the status is not known, and counts as a failure.
    pub(crate) async fn exit_code(&self) -> u8 {
        self.ended().await;
        self.exit_code.get().copied().unwrap_or(1)
    }

    fn reap(&self) {
        let flags = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let waited = rustix::process::waitid(WaitId::PidFd(self.pidfd.get_ref().as_fd()), flags);
        // Not ours, or reaped before: there is nothing to learn.
        let Ok(Some(status)) = waited else { return };
        let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
        self.exit_code.get_or_init(|| code.map_or(1, |code| code as u8));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::pidfd_open(number, PidfdFlags::NONBLOCK)?)
}

/// The parent's number: the second field after the command, which stands in parentheses and may hold anything.
fn parent_of(pid: u32) -> io::Result<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields);
    let parent = fields.and_then(|fields| fields.split(' ').nth(1)).and_then(|field| field.parse().ok());
    parent.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable /proc stat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[tokio::test]
    async fn dropping_a_process_kills_it() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        drop(Process::open(child.id()).unwrap());
        assert!(!child.wait().unwrap().success());
    }

    #[tokio::test]
    async fn a_process_is_reaped_when_it_has_ended() {
        let mut child = Command::new("true").spawn().unwrap();
        let process = Process::open(child.id()).unwrap();
        process.ended().await;
        assert!(child.wait().is_err(), "there is nothing left to wait for");
    }

    #[tokio::test]
    async fn only_a_templates_own_children_are_accepted() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let refusal = Process::open_child(child.id(), 1).unwrap_err();
        assert!(refusal.to_string().contains("is not a child of process 1"));
        assert!(child.try_wait().unwrap().is_none(), "and nothing else is killed");
        drop(Process::open_child(child.id(), std::process::id()).unwrap());
        child.wait().unwrap();
    }
}
