//! An answer that is there already, or will be.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// What a call gives back: the answer where it was quick to find, else a future that has it. The distinction spares
/// the hot path (a small read) an allocation and a task.
pub enum Pending<T> {
    /// The answer.
    Ready(T),
    /// It takes time. Dropping the future abandons the call; what was already handed to a writer may still happen.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T: Send + 'static> Pending<T> {
    /// Boxes a future.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }

    /// The answer put into another form.
    pub fn map<U>(self, form: impl FnOnce(T) -> U + Send + 'static) -> Pending<U> {
        match self {
            Self::Ready(value) => Pending::Ready(form(value)),
            Self::Later(future) => Pending::Later(Box::pin(async move { form(future.await) })),
        }
    }

    /// Waits for the answer.
    pub async fn wait(self) -> T {
        match self {
            Self::Ready(value) => value,
            Self::Later(future) => future.await,
        }
    }
}

/// Drives a future on this thread, sleeping while there is nothing to do: for start-up and commands, where there is no
/// executor.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
