//! Timers, JavaScript's and asyncio's, in one heap on the monotonic clock.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use hognose_engine::Value;

use super::Callback;

/// The longest delay, in milliseconds; beyond it a timer fires at once, as on the web.
const DELAY_MAX_MS: f64 = 2_147_483_647.0;

/// Names a timer; never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u32);

/// What a timer does.
pub(super) enum Action {
    Python(Callback),
    Js(Value),
}

struct Timer {
    action: Action,
    repeat: Option<Duration>,
}

#[derive(Default)]
pub(super) struct Timers {
    due: RefCell<BinaryHeap<Reverse<(Instant, TimerId)>>>,
    entries: RefCell<HashMap<TimerId, Timer>>,
    last: Cell<u32>,
}

impl Timers {
    /// A JavaScript timer: delays that are no number, negative or too long count as 0.
    pub(super) fn set(&self, delay_ms: f64, repeat: bool, action: Action) -> TimerId {
        let delay_ms = if delay_ms > 0.0 && delay_ms <= DELAY_MAX_MS { delay_ms.trunc() } else { 0.0 };
        let delay = Duration::from_secs_f64(delay_ms / 1000.0);
        // A repeating timer without delay must not starve everything else.
        let repeat = repeat.then(|| delay.max(Duration::from_millis(1)));
        self.insert(Instant::now() + delay, repeat, action)
    }

    /// asyncio's: at an instant, once.
    pub(super) fn set_at(&self, at: Instant, action: Action) -> TimerId {
        self.insert(at, None, action)
    }

    pub(super) fn clear(&self, timer: TimerId) {
        self.entries.borrow_mut().remove(&timer);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// How long until the next timer is due; `None`: there is none.
    pub(super) fn until_next(&self) -> Option<Duration> {
        self.drop_cleared();
        self.due.borrow().peek().map(|Reverse((at, _))| at.saturating_duration_since(Instant::now()))
    }

    /// Takes the action of one timer that was due at `now`: a timer set meanwhile waits for the next turn.
    pub(super) fn next_due(&self, now: Instant) -> Option<Action> {
        self.drop_cleared();
        let Reverse((at, id)) = *self.due.borrow().peek()?;
        if at > now {
            return None;
        }
        self.due.borrow_mut().pop();
        self.fire(id, now)
    }

    fn fire(&self, id: TimerId, now: Instant) -> Option<Action> {
        let mut timers = self.entries.borrow_mut();
        let Some(Timer { action: Action::Js(function), repeat: Some(every) }) = timers.get(&id) else {
            return timers.remove(&id).map(|timer| timer.action);
        };
        self.due.borrow_mut().push(Reverse((now + *every, id)));
        Some(Action::Js(function.clone()))
    }

    fn insert(&self, at: Instant, repeat: Option<Duration>, action: Action) -> TimerId {
        let id = TimerId(self.last.get() + 1);
        self.last.set(id.0);
        self.entries.borrow_mut().insert(id, Timer { action, repeat });
        self.due.borrow_mut().push(Reverse((at, id)));
        id
    }

    /// Cleared timers leave the heap when they come to its top.
    fn drop_cleared(&self) {
        let timers = self.entries.borrow();
        let mut due = self.due.borrow_mut();
        while let Some(Reverse((_, id))) = due.peek()
            && !timers.contains_key(id)
        {
            due.pop();
        }
    }
}
