//! Word that something has changed, for those who wait for it.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Counts changes, and wakes those who wait for the next.
#[derive(Debug, Default)]
pub struct Signal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: u64,
    waiting: Vec<Waker>,
}

impl Signal {
    /// How many changes there were.
    pub fn count(&self) -> u64 {
        self.state(|state| state.count)
    }

    /// Waits until there were more changes than `seen`.
    pub async fn changed(&self, seen: u64) {
        poll_fn(|context| {
            self.state(|state| {
                if state.count > seen {
                    return Poll::Ready(());
                }
                if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                    state.waiting.push(context.waker().clone());
                }
                Poll::Pending
            })
        })
        .await;
    }

    /// Something has changed.
    pub(crate) fn raise(&self) {
        let waiting = self.state(|state| {
            state.count += 1;
            std::mem::take(&mut state.waiting)
        });
        waiting.into_iter().for_each(Waker::wake);
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
