//! What the invocations of an isolate have used, and which of them went past a limit.

use std::cmp::Reverse;
use std::time::Duration;

use hognose_wire::{Frame, InvocationId, TIME_OVER};

use super::State;
use super::answers::Invocation;
use crate::links::Raised;
use crate::watch::Excess;

/// What one invocation has used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) cpu: Duration,
    pub(super) subrequests: u64,
    /// Of text.
    pub(super) log_bytes: u64,
    /// Whether it has used up its time, and was told so.
    pub(super) late: bool,
    /// Whether it is the one that went past a limit.
    pub(super) exceeding: bool,
}

impl State {
    /// Whether it is still to be looked at. Where it has nothing to do, [`super::Isolate::begun`] tells when it has.
    pub(crate) fn stays_watched(&mut self) -> bool {
        self.watched = !self.invocations.is_empty();
        self.watched
    }

    /// Charges CPU time in equal parts to what is under way; gives the invocation that has used most, and how much. Of
    /// those that the isolate has not shown to have begun only the first can be what it computes.
    pub(crate) fn charge(&mut self, used: Duration) -> Option<(InvocationId, Duration)> {
        let waiting: Vec<InvocationId> = self.unstarted.iter().skip(1).map(|(id, _)| *id).collect();
        let sharing = self.invocations.len() - waiting.len();
        let share = used / u32::try_from(sharing).unwrap_or(u32::MAX).max(1);
        let under_way = self.invocations.iter_mut().filter(|(id, _)| !waiting.contains(id));
        let charged = under_way.map(|(id, open)| {
            open.account.cpu += share;
            (id, open.account.cpu)
        });
        charged.max_by_key(|(id, cpu)| (*cpu, Reverse(id.0)))
    }

    /// Takes note that an invocation went past a limit, as far as can be told from outside: several may be in the same
    /// turn of the cell's loop. So whichever fails from now on is said to have failed of it.
    pub(crate) fn exceed(&mut self, invocation: InvocationId, excess: Excess) {
        self.excess = Some(excess);
        if let Some(open) = self.invocations.get_mut(invocation) {
            open.account.exceeding = true;
        }
    }

    /// Takes note that the isolate ends for want of memory: all that it was given fails of that.
    pub(crate) fn exhaust(&mut self) {
        self.excess = Some(Excess::Memory);
    }

    /// Whether an invocation whose time is over is not answered yet. It is told, once.
    pub(super) fn is_overdue(&mut self, invocation: InvocationId) -> bool {
        let unanswered = |open: &&mut Invocation| open.answer.is_some() && !open.given_up;
        let Some(open) = self.invocations.get_mut(invocation).filter(unanswered) else { return false };
        if !std::mem::replace(&mut open.account.late, true) {
            self.send(Frame::CancelInvocation { invocation, reason: TIME_OVER });
        }
        true
    }

    /// Whether it was told that its time is over.
    pub(super) fn is_late(&self, invocation: InvocationId) -> bool {
        self.invocations.get(invocation).is_some_and(|open| open.account.late)
    }

    /// Whether what went past a limit is still under way.
    pub(crate) fn is_exceeding(&self) -> bool {
        self.invocations.iter().any(|(_, open)| open.account.exceeding)
    }

    /// Takes note of whether it holds nearly as much memory as it may.
    pub(crate) fn swell(&mut self, swollen: bool) {
        self.swollen = swollen;
    }

    pub(crate) fn is_swollen(&self) -> bool {
        self.swollen
    }

    /// The limit that something went past.
    pub(crate) fn excess(&self) -> Option<Excess> {
        self.excess
    }
}

/// What a client of such an invocation is told.
pub(super) fn raised(excess: Excess, stack: String) -> Raised {
    Raised { exceeded: Some(excess), stack, ..Raised::error(excess.to_string()) }
}
