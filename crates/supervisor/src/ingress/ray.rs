//! Numbers by which a client, a Worker and a log mean the same request: Cloudflare's `cf-ray`.

use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{HeaderName, HeaderValue};

/// The header of requests to Workers and of responses to clients.
pub(super) const HEADER: HeaderName = HeaderName::from_static("cf-ray");

/// An odd number with as many ones as zeros: adding it again and again comes to every number, and to neighbours late.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Gives each request a number of its own.
pub(crate) struct Rays {
    next: AtomicU64,
}

impl Rays {
    /// Begins anywhere, so that two runs of a server do not give the same numbers.
    pub(crate) fn new() -> Self {
        let mut seed = [0; 8];
        // Without randomness the numbers are still each other's difference.
        let _seeded = getrandom::fill(&mut seed);
        Self { next: AtomicU64::new(u64::from_le_bytes(seed)) }
    }

    pub(super) fn next(&self) -> u64 {
        self.next.fetch_add(STRIDE, Ordering::Relaxed)
    }
}

/// The number as the header has it.
pub(super) fn value(ray: u64) -> HeaderValue {
    HeaderValue::try_from(format!("{ray:016x}")).expect("invariant: digits are a header's value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_have_the_same_number() {
        let rays = Rays::new();
        let given: std::collections::HashSet<u64> = (0..1000).map(|_| rays.next()).collect();
        assert_eq!(given.len(), 1000);
        assert_eq!(value(255), "00000000000000ff");
    }
}
