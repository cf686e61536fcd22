//! Where traces go when their invocations are over: into a ring of recent ones, to whoever follows them, and into the
//! counters of their Worker.
//!
//! The ring is for people who look after the fact, so that nothing has to be switched on beforehand. Followers get a
//! copy through a bounded channel: one who is slow misses traces and is told how many, and no Worker ever waits.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hognose_wire::CapId;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::tails::Tails;
use crate::trace::{Trace, TraceEvent, TraceOutcome};

/// How many traces are kept.
pub const RECENT_MAX: usize = 256;
/// How many traces may wait for one follower.
const FOLLOWER_WAITING_MAX: usize = 1024;
/// The upper ends of the histogram of durations, in microseconds; beyond the last there is one bucket more.
pub const DURATION_BUCKETS_US: [u64; 12] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// The recent traces of a server, and those who follow new ones.
pub(crate) struct Recorder {
    last_id: AtomicU64,
    recent: Mutex<VecDeque<Arc<Trace>>>,
    followers: broadcast::Sender<Arc<Trace>>,
}

impl Default for Recorder {
    fn default() -> Self {
        let (last_id, recent) = (AtomicU64::new(0), Mutex::default());
        Self { last_id, recent, followers: broadcast::Sender::new(FOLLOWER_WAITING_MAX) }
    }
}

impl Recorder {
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Relaxed) + 1
    }

    /// Whether anybody gets the traces as they come.
    pub(crate) fn is_followed(&self) -> bool {
        self.followers.receiver_count() > 0
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<Trace>> {
        self.followers.subscribe()
    }

    /// The last [`RECENT_MAX`], the newest first.
    pub(crate) fn recent(&self) -> Vec<Arc<Trace>> {
        self.ring().iter().rev().cloned().collect()
    }

    fn add(&self, trace: Arc<Trace>) {
        let mut ring = self.ring();
        let oldest = if ring.len() == RECENT_MAX { ring.pop_front() } else { None };
        ring.push_back(Arc::clone(&trace));
        drop(ring);
        drop(oldest);
        if self.is_followed() {
            // The last follower may have gone since.
            let _nobody = self.followers.send(trace);
        }
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Trace>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a Worker's invocations add up to since the server started. They only grow.
#[derive(Default)]
pub(crate) struct Counters {
    outcomes: [AtomicU64; 7],
    statuses: [AtomicU64; 5],
    durations: [AtomicU64; DURATION_BUCKETS_US.len() + 1],
    duration_us: AtomicU64,
    cpu_us: AtomicU64,
    calls: AtomicU64,
}

/// The counters of a Worker at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// Invocations that ended well.
    pub ok: u64,
    /// Those that raised.
    pub exceptions: u64,
    /// Those whose client went first.
    pub canceled: u64,
    /// Those whose isolate ended first.
    pub internal_errors: u64,
    /// Those that used more CPU time than they may.
    pub exceeded_cpu: u64,
    /// Those whose isolate used more memory than it may.
    pub exceeded_memory: u64,
    /// Those that took longer than they may.
    pub exceeded_wall_time: u64,
    /// Responses by the first digit of their status, from 1 to 5.
    pub statuses: [u64; 5],
    /// Invocations by the time until they settled: those up to each of [`DURATION_BUCKETS_US`], and the slower ones.
    pub durations: Vec<u64>,
    /// The sum of those times.
    pub duration_us: u64,
    /// The CPU time charged.
    pub cpu_us: u64,
    /// The calls on bindings.
    pub calls: u64,
}

impl Counters {
    fn count(&self, trace: &Trace) {
        let outcome = trace.outcome.unwrap_or(TraceOutcome::Ok);
        self.outcomes[outcome as usize].fetch_add(1, Relaxed);
        if let TraceEvent::Fetch { status: Some(status @ 100..=599), .. } = trace.event {
            self.statuses[usize::from(status / 100 - 1)].fetch_add(1, Relaxed);
        }
        let duration_us = trace.settled_us.unwrap_or_default();
        let bucket = DURATION_BUCKETS_US.partition_point(|end_us| *end_us < duration_us);
        self.durations[bucket].fetch_add(1, Relaxed);
        self.duration_us.fetch_add(duration_us, Relaxed);
        self.cpu_us.fetch_add(trace.cpu_us, Relaxed);
        self.calls.fetch_add(trace.calls.len() as u64 + trace.calls_lost, Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let [ok, exceptions, canceled, internal_errors, exceeded_cpu, exceeded_memory, exceeded_wall_time] =
            [0, 1, 2, 3, 4, 5, 6].map(|at| self.outcomes[at].load(Relaxed));
        Counts {
            ok,
            exceptions,
            canceled,
            internal_errors,
            exceeded_cpu,
            exceeded_memory,
            exceeded_wall_time,
            statuses: [0, 1, 2, 3, 4].map(|at| self.statuses[at].load(Relaxed)),
            durations: self.durations.iter().map(|count| count.load(Relaxed)).collect(),
            duration_us: self.duration_us.load(Relaxed),
            cpu_us: self.cpu_us.load(Relaxed),
            calls: self.calls.load(Relaxed),
        }
    }
}

/// What the isolates of one version trace with.
#[derive(Default)]
pub(crate) struct Tracing {
    pub(crate) worker: Arc<str>,
    pub(crate) version: Arc<str>,
    /// What capabilities are called in `env`.
    pub(crate) names: HashMap<CapId, Arc<str>>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) counters: Arc<Counters>,
    /// The Workers that are told of each invocation.
    pub(crate) tails: Tails,
}

impl Tracing {
    /// What a capability is called; one that was handed over by a call has no name of its own.
    pub(crate) fn name(&self, cap: CapId) -> Arc<str> {
        self.names.get(&cap).cloned().unwrap_or_else(|| "rpc".into())
    }

    /// An invocation is over.
    pub(crate) fn record(&self, trace: Trace) {
        self.counters.count(&trace);
        let trace = Arc::new(trace);
        self.tails.tell(&trace);
        self.recorder.add(trace);
    }
}

#[cfg(test)]
mod tests {
    use hognose_wire::Event;

    use super::*;
    use crate::trace::OpenTrace;

    fn traced(tracing: &Tracing) {
        tracing.record(OpenTrace::begin(tracing, 1, None, &Event::Test).settled(5));
    }

    #[test]
    fn the_newest_traces_are_kept_up_to_their_limit() {
        let tracing = Tracing::default();
        (0..=RECENT_MAX).for_each(|_| traced(&tracing));
        let recent = tracing.recorder.recent();
        assert_eq!(recent.len(), RECENT_MAX);
        assert_eq!((recent[0].id, recent[RECENT_MAX - 1].id), (RECENT_MAX as u64 + 1, 2));
        let counts = tracing.counters.read();
        assert_eq!((counts.ok, counts.cpu_us), (RECENT_MAX as u64 + 1, 5 * (RECENT_MAX as u64 + 1)));
    }

    #[test]
    fn followers_get_new_traces() {
        let tracing = Tracing::default();
        traced(&tracing);
        let mut follower = tracing.recorder.follow();
        assert!(tracing.recorder.is_followed());
        traced(&tracing);
        assert_eq!(follower.try_recv().unwrap().id, 2);
        drop(follower);
        assert!(!tracing.recorder.is_followed());
    }
}
