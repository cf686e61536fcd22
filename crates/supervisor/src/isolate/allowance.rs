//! What one invocation may ask for and say: subrequests, and text in its log.

use hognose_wire::{InvocationId, LogLevel};

use super::{Isolate, State};

/// What becomes of something that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Kept,
    /// It is the first that is not, which is told.
    FirstLost,
    Lost,
}

impl Isolate {
    /// Takes what the Worker has logged: remembers it with its invocation, and tells it, as long as that has room for it.
    pub(crate) fn log(&self, invocation: Option<InvocationId>, level: LogLevel, (text, given): (&str, &str)) {
        let most = self.grants.limits.log_bytes_max;
        let line = self.state().log_within(most, invocation, level, (text, given));
        let (events, worker) = (&self.grants.events, &self.grants.worker);
        match line {
            Line::Kept => events.log(worker, level, text),
            Line::FirstLost => {
                let text =
                    format!("Log size limit exceeded: More than {most} bytes were logged by one invocation.");
                events.log(worker, LogLevel::Warn, text);
            }
            Line::Lost => {}
        }
    }
}

impl State {
    /// Counts one more subrequest; `false`: the invocation has had as many as it may. What belongs to none is not counted.
    pub(crate) fn spend_subrequest(&mut self, invocation: Option<InvocationId>, most: u64) -> bool {
        let Some(open) = invocation.and_then(|id| self.invocations.get_mut(id)) else { return true };
        open.account.subrequests += 1;
        open.account.subrequests <= most
    }

    fn log_within(
        &mut self,
        most: u64,
        invocation: Option<InvocationId>,
        level: LogLevel,
        (text, given): (&str, &str),
    ) -> Line {
        let Some(open) = invocation.and_then(|id| self.invocations.get_mut(id)) else { return Line::Kept };
        let before = open.account.log_bytes;
        open.account.log_bytes = before.saturating_add(text.len() as u64);
        if open.account.log_bytes > most {
            return if before <= most { Line::FirstLost } else { Line::Lost };
        }
        if let Some(trace) = &mut open.trace {
            trace.log(level, text, given);
        }
        Line::Kept
    }
}
