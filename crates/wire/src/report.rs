//! What a cell says of an event whose handler decides something by calling methods of its controller: the answer is a
//! [`crate::Outcome::Value`] whose bytes are one of these, also where the handler raised.

use serde::{Deserialize, Serialize};

/// To [`crate::Event::Scheduled`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledReport {
    /// Whether the handler raised; what, is in the log.
    pub failed: bool,
    /// Whether `noRetry()` was called.
    pub no_retry: bool,
}
