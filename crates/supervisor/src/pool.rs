//! The isolates of one Worker version: one, and more only while all compute, up to one per core. The one used last is
//! used first, so that module globals behave as under `wrangler dev`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::isolate::Isolate;
use crate::limits::{
    BACKOFF_FIRST, BACKOFF_MAX, DEATHS_FREE, ISOLATE_IDLE_MAX, OBJECT_IDLE_MAX, THREADS_MAX, WAIT_UNTIL_MAX,
    WORKER_IDLE_MAX,
};

/// What the isolates of one Worker may be and do.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// The most isolates, at least one; usually the number of cores.
    pub isolates_max: usize,
    /// How long an isolate beside the first may have nothing to do before it is ended.
    pub isolate_idle_max: Duration,
    /// How long the last isolate of a Worker may have nothing to do before it is ended, too. The next request has another
    /// one forked.
    pub worker_idle_max: Duration,
    /// After how long an isolate is replaced by a new one.
    pub isolate_age_max: Option<Duration>,
    /// After how many events an isolate is replaced by a new one.
    pub isolate_requests_max: Option<u64>,
    /// How long a Durable Object may have nothing to do before its instance is ended.
    pub object_idle_max: Duration,
    /// How long what was passed to `waitUntil` may go on after the response.
    pub wait_until_max: Duration,
    /// How many threads one isolate may have.
    pub threads_max: u64,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            isolates_max: 1,
            isolate_idle_max: ISOLATE_IDLE_MAX,
            worker_idle_max: WORKER_IDLE_MAX,
            isolate_age_max: None,
            isolate_requests_max: None,
            object_idle_max: OBJECT_IDLE_MAX,
            wait_until_max: WAIT_UNTIL_MAX,
            threads_max: THREADS_MAX,
        }
    }
}

/// Why a request finds no isolate.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("no process could be started for the Worker: {0}")]
    NoIsolate(String),
    #[error("the Worker has too many requests in progress")]
    Overloaded,
}

/// The isolates, and how to wait for more.
pub(crate) struct Pool {
    members: Mutex<Members>,
    changed: Notify,
    size_max: usize,
    wear: Wear,
    /// How many isolates died since the last answer.
    deaths: AtomicU32,
}

#[derive(Default)]
struct Members {
    /// The one used last comes first.
    isolates: Vec<Member>,
    /// Whether one is being started.
    starting: bool,
    /// How many starts have ended, and how the last did.
    starts: u64,
    failure: Option<String>,
    /// Whether no more are wanted.
    closed: bool,
}

struct Member {
    isolate: Arc<Isolate>,
    /// When it joined, when it was last given something to do, and how often.
    joined: Instant,
    used: Instant,
    uses: u64,
}

/// When an isolate has done its part.
#[derive(Clone, Copy, Debug)]
struct Wear {
    age_max: Option<Duration>,
    uses_max: Option<u64>,
}

/// What a request is to do.
enum Choice {
    Use(Arc<Isolate>),
    /// The same, and the caller is to start the one that will take its place.
    UseAndStart(Arc<Isolate>),
    /// Another isolate is being started.
    Wait,
    /// The same, and the caller is to start it.
    StartAndWait,
    Fail(PoolError),
}

impl Pool {
    /// Of as many isolates as `options` say, at least one.
    pub(crate) fn new(options: &PoolOptions) -> Self {
        let size_max = options.isolates_max.max(1);
        let wear = Wear { age_max: options.isolate_age_max, uses_max: options.isolate_requests_max };
        Self { members: Mutex::default(), changed: Notify::new(), size_max, wear, deaths: AtomicU32::new(0) }
    }

    /// An isolate for one more request, or for an event: one that is `busy_after` so long is passed over. Where another
    /// one is to be started `start` is called, and is to have [`Pool::add`] or [`Pool::failed`] called in the end.
    pub(crate) async fn pick(
        &self,
        busy_after: Duration,
        start: impl Fn(),
    ) -> Result<Arc<Isolate>, PoolError> {
        let starts_before = self.members().starts;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let choice = self.members().choose(busy_after, (self.size_max, self.wear), starts_before);
            match choice {
                Choice::Use(isolate) => return Ok(isolate),
                Choice::UseAndStart(isolate) => {
                    start();
                    return Ok(isolate);
                }
                Choice::Fail(error) => return Err(error),
                Choice::StartAndWait => start(),
                Choice::Wait => {}
            }
            changed.await;
        }
    }

    /// Whether nothing is there or on its way; then the caller is to start one, as for [`Pool::pick`].
    pub(crate) fn claim_first(&self) -> bool {
        let mut members = self.members();
        let first = members.isolates.is_empty() && !members.starting;
        members.starting |= first;
        first
    }

    /// A started isolate joins. One that comes after the end is closed at once: nobody else would. Those that have done
    /// their part leave, and are to be ended when they are drained.
    pub(crate) fn add(&self, isolate: Arc<Isolate>) -> Vec<Arc<Isolate>> {
        let mut members = self.members();
        members.end_start(None);
        if members.closed {
            isolate.close();
        }
        let worn = members.isolates.extract_if(.., |member| self.wear.has_worn(member));
        let worn: Vec<_> = worn.map(|member| member.isolate).collect();
        let now = Instant::now();
        members.isolates.insert(0, Member { isolate, joined: now, used: now, uses: 0 });
        drop(members);
        self.changed.notify_waiters();
        worn
    }

    /// No more isolates are wanted. Gives those that are there.
    pub(crate) fn close(&self) -> Vec<Arc<Isolate>> {
        self.members().closed = true;
        self.isolates()
    }

    /// The start did not work.
    pub(crate) fn failed(&self, reason: String) {
        self.members().end_start(Some(reason));
        self.deaths.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// An isolate has ended.
    pub(crate) fn remove(&self, isolate: &Arc<Isolate>) {
        let mut members = self.members();
        let before = members.isolates.len();
        members.isolates.retain(|member| !Arc::ptr_eq(&member.isolate, isolate));
        // One that was let go is no longer here, and its end is no death.
        if members.isolates.len() < before {
            self.deaths.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes out the isolates that have had nothing to do for too long: for `idle`, and the one used last for `last_idle`.
    pub(crate) fn let_go(&self, idle: Duration, last_idle: Duration) -> Vec<Arc<Isolate>> {
        let mut members = self.members();
        let rest = members.isolates.len().min(1);
        let let_go = members.isolates.extract_if(rest.., |member| member.is_idle_for(idle));
        let mut let_go: Vec<_> = let_go.map(|member| member.isolate).collect();
        if let [last] = &*members.isolates
            && last.is_idle_for(last_idle)
        {
            let_go.extend(members.isolates.pop().map(|member| member.isolate));
        }
        let_go
    }

    /// An isolate has answered a request.
    pub(crate) fn succeeded(&self) {
        if self.deaths.load(Ordering::Relaxed) > 0 {
            self.deaths.store(0, Ordering::Relaxed);
        }
    }

    /// How long to wait before the next start: not at all, unless one after the other died.
    pub(crate) fn backoff(&self) -> Duration {
        backoff(self.deaths.load(Ordering::Relaxed))
    }

    /// All of them.
    pub(crate) fn isolates(&self) -> Vec<Arc<Isolate>> {
        self.members().isolates.iter().map(|member| Arc::clone(&member.isolate)).collect()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    fn use_now(&mut self) -> Arc<Isolate> {
        self.used = Instant::now();
        self.uses += 1;
        Arc::clone(&self.isolate)
    }

    /// Durable Objects that live in it are something to do.
    fn is_idle_for(&self, idle: Duration) -> bool {
        self.used.elapsed() >= idle && self.isolate.state().is_drained() && self.isolate.storages.is_empty()
    }
}

impl Wear {
    /// Whether it is to be replaced. Durable Objects that live in it keep it.
    fn has_worn(self, member: &Member) -> bool {
        let worn = self.uses_max.is_some_and(|most| member.uses >= most)
            || self.age_max.is_some_and(|most| member.joined.elapsed() >= most)
            || member.isolate.state().is_swollen();
        worn && member.isolate.storages.is_empty()
    }
}

fn backoff(deaths: u32) -> Duration {
    match deaths.checked_sub(DEATHS_FREE + 1) {
        None => Duration::ZERO,
        Some(doublings) => BACKOFF_FIRST.saturating_mul(1 << doublings.min(16)).min(BACKOFF_MAX),
    }
}

impl Members {
    fn choose(
        &mut self,
        busy_after: Duration,
        (size_max, wear): (usize, Wear),
        starts_before: u64,
    ) -> Choice {
        let idle = self.isolates.iter().position(|member| {
            let state = member.isolate.state();
            state.takes_work() && !state.is_busy(busy_after)
        });
        if let Some(position) = idle {
            self.isolates[..=position].rotate_right(1);
            let chosen = self.isolates[0].use_now();
            if self.starting || !wear.has_worn(&self.isolates[0]) {
                return Choice::Use(chosen);
            }
            self.starting = true;
            return Choice::UseAndStart(chosen);
        }
        let failure = self.failure.as_ref().filter(|_| self.starts > starts_before);
        if failure.is_none() && self.starting {
            return Choice::Wait;
        }
        if failure.is_none() && self.isolates.len() < size_max {
            self.starting = true;
            return Choice::StartAndWait;
        }
        let failure = failure.cloned();
        let able = self.isolates.iter_mut().filter(|member| member.isolate.state().takes_work());
        let least = able.min_by_key(|member| member.isolate.state().load());
        match (least, failure) {
            (Some(member), _) => Choice::Use(member.use_now()),
            (None, Some(failure)) => Choice::Fail(PoolError::NoIsolate(failure)),
            (None, None) => Choice::Fail(PoolError::Overloaded),
        }
    }

    fn end_start(&mut self, failure: Option<String>) {
        self.starting = false;
        self.starts += 1;
        self.failure = failure;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BUSY_AFTER;

    #[test]
    fn deaths_in_a_row_delay_the_next_start_more_and_more() {
        let delays_ms: Vec<u128> = (0..=12).map(|deaths| backoff(deaths).as_millis()).collect();
        assert_eq!(delays_ms, [0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }

    #[test]
    fn an_answer_ends_the_delay() {
        let pool = Pool::new(&PoolOptions::default());
        (0..9).for_each(|_| pool.failed("x".into()));
        assert!(!pool.backoff().is_zero());
        pool.succeeded();
        assert!(pool.backoff().is_zero());
    }

    #[tokio::test]
    async fn a_request_fails_when_the_start_it_waited_for_does() {
        let pool = Pool::new(&PoolOptions { isolates_max: 2, ..PoolOptions::default() });
        let refusal = pool.pick(BUSY_AFTER, || pool.failed("no memory".into())).await.err().unwrap();
        assert_eq!(refusal.to_string(), "no process could be started for the Worker: no memory");
        let again = pool.pick(BUSY_AFTER, || pool.failed("still none".into())).await.err().unwrap();
        assert!(again.to_string().ends_with("still none"), "the next request tries anew");
    }
}
