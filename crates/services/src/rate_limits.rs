//! Rate limits: how often something may happen under a key within a window of time. Windows are aligned to the clock,
//! so a namespace forgets all its keys at once; everything is in memory, as on Cloudflare, where each location counts
//! for itself.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use crate::{Answer, Call, CallError, Clock, Failure, Pending, Service};

/// The most keys that a namespace counts in one window. Others are let pass: better than a limit that a flood of keys
/// can turn against everybody.
const KEYS_MAX: usize = 1_000_000;

/// The namespaces of all Workers: those that name the same one share its counts.
#[derive(Default)]
pub struct RateLimits(Mutex<HashMap<(String, u32), Window>>);

#[derive(Default)]
struct Window {
    /// How many windows were before it since the epoch.
    number: i64,
    counts: HashMap<String, u32>,
}

impl RateLimits {
    /// Whether something may happen once more, and counts it if so.
    pub fn take(&self, namespace: &str, key: &str, limit: u32, period_s: u32, now_s: i64) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry((namespace.to_owned(), period_s)).or_default();
        let number = now_s / i64::from(period_s);
        if window.number != number {
            *window = Window { number, counts: HashMap::new() };
        }
        let has_room = window.counts.len() < KEYS_MAX;
        match window.counts.get_mut(key) {
            Some(count) if *count >= limit => return false,
            Some(count) => *count += 1,
            None if limit == 0 => return false,
            None if has_room => drop(window.counts.insert(key.to_owned(), 1)),
            None => {}
        }
        true
    }
}

/// A rate limit as a binding.
pub struct RateLimitService {
    /// All counts.
    pub limits: Arc<RateLimits>,
    /// Whose counts these are.
    pub namespace: String,
    /// How often in a period.
    pub limit: u32,
    /// The period in seconds: 10 or 60.
    pub period_s: u32,
    /// What the windows are aligned to.
    pub clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Options {
    key: String,
    limit: Option<u32>,
    period: Option<u32>,
}

impl RateLimitService {
    fn limit(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let json: String = call.read_params()?;
        let options: Options = serde_json::from_str(&json).map_err(|_| CallError::Failed(invalid()))?;
        let period_s = options.period.unwrap_or(self.period_s);
        if !matches!(period_s, 10 | 60) {
            return Err(CallError::violation("a rate limit with a period that there is not"));
        }
        let limit = options.limit.unwrap_or(self.limit);
        let success = self.limits.take(&self.namespace, &options.key, limit, period_s, self.clock.now_s());
        Ok(Answer::of(&format!("{{\"success\":{success}}}")))
    }
}

fn invalid() -> Failure {
    let message = "invalid rate limit options".to_owned();
    Failure { name: Cow::Borrowed("Error"), message, retryable: false, cause: None }
}

impl Service for RateLimitService {
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        Pending::Ready(match call.method {
            "limit" => self.limit(&call),
            unknown => Err(CallError::unknown_method("a rate limit", unknown)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RateLimits;

    #[test]
    fn a_key_may_as_often_as_its_limit_says_in_each_window() {
        let limits = RateLimits::default();
        let take = |namespace: &str, key: &str, now_s| limits.take(namespace, key, 2, 10, now_s);
        assert_eq!([take("1", "a", 100), take("1", "a", 109), take("1", "a", 109)], [true, true, false]);
        assert_eq!([take("1", "b", 109), take("2", "a", 109)], [true, true], "counted apart");
        assert!(take("1", "a", 110), "the next window begins");
        assert!(!limits.take("1", "c", 0, 10, 110), "nothing may happen");
    }
}
