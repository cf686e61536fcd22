//! Having a Worker's `scheduled` handler run, whoever asks for it.

use std::sync::Arc;

use hognose_wire::Event;
use hognose_wire::report::ScheduledReport;

use crate::body::Body;
use crate::isolate::{Answer, Origin};
use crate::version::Version;

/// How a handler ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Ok,
    /// It raised; what, was logged.
    Exception,
    /// It never ended; why.
    Lost(String),
}

impl Outcome {
    /// As Cloudflare names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Exception => "exception",
            Self::Lost(_) => "internalError",
        }
    }
}

/// What has come of a `scheduled` event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledResult {
    /// How the handler ended.
    pub outcome: Outcome,
    /// Whether it called `noRetry()`.
    pub no_retry: bool,
}

impl ScheduledResult {
    fn lost(reason: String) -> Self {
        Self { outcome: Outcome::Lost(reason), no_retry: false }
    }

    fn of(answer: Answer) -> Self {
        match answer {
            Answer::Value(value) => match &value.bytes {
                Body::Whole(bytes) => Self::read(bytes),
                _ => Self::lost("the report of the handler is missing".into()),
            },
            Answer::Raised(_) => Self { outcome: Outcome::Exception, no_retry: false },
            Answer::Lost(reason) => Self::lost(reason),
            Answer::Done | Answer::Response(_) => {
                unreachable!("invariant: an isolate that answers an event with anything else is killed")
            }
        }
    }

    fn read(bytes: &[u8]) -> Self {
        match hognose_wire::decode::<ScheduledReport>(bytes) {
            Ok(ScheduledReport { failed, no_retry }) => {
                Self { outcome: if failed { Outcome::Exception } else { Outcome::Ok }, no_retry }
            }
            Err(error) => Self::lost(error.to_string()),
        }
    }
}

impl Version {
    /// Runs the handler, telling it that `cron` was due at `scheduled_time_ms` since the epoch.
    pub(crate) async fn run_scheduled(
        self: &Arc<Self>,
        cron: &str,
        scheduled_time_ms: f64,
    ) -> ScheduledResult {
        let event = || Event::Scheduled { cron, scheduled_time_ms };
        ScheduledResult::of(self.ask(|isolate| isolate.report(Origin::default(), event())).await)
    }
}
