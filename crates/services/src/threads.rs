//! Threads for what blocks on files or computes for long, for engines whose data does not lie in SQLite.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_channel::oneshot;

/// How many there are for files: one can wait for the disk while another copies and digests.
const FOR_FILES: usize = 2;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads that take jobs in the order they come. Dropping them waits until all that was given is done, so that
/// no file is open afterwards.
pub(crate) struct Threads {
    jobs: Option<Sender<Job>>,
    started: Vec<Ended>,
}

impl Threads {
    /// Starts those that wait for files.
    pub(crate) fn for_files() -> Self {
        Self::start("disk", FOR_FILES)
    }

    /// Starts that many under that name.
    pub(crate) fn start(name: &str, count: usize) -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let start = |_| {
            let queue = Arc::clone(&queue);
            Ended::start(name, move || serve(&queue))
        };
        Self { started: (0..count).map(start).collect(), jobs: Some(jobs) }
    }

    /// Has `work` done; where it panics, that is an error like any other. Dropping the future does not stop it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> impl Future<Output = std::io::Result<T>> + Send + 'static {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || drop(done.send(work())));
        let jobs = self.jobs.as_ref().expect("invariant: only dropping takes the queue away");
        // Where the threads have ended the job is dropped here, and the waiter told.
        let _ = jobs.send(job);
        async move { result.await.unwrap_or_else(|_| Err(std::io::Error::other("the work was broken off"))) }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Without it they end once the queue is empty.
        drop(self.jobs.take());
        self.started.clear();
    }
}

/// A thread that has ended when this has been dropped. What tells it to end must be dropped before.
pub(crate) struct Ended(Option<JoinHandle<()>>);

impl Ended {
    /// Starts it under that name.
    pub(crate) fn start(name: &str, serve: impl FnOnce() + Send + 'static) -> Self {
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(serve);
        Self(Some(started.expect("invariant: the system can start a thread")))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // One that drops its own handle, being the last to use an engine, cannot wait for itself.
        let others = |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = self.0.take().filter(others) {
            // A panic has been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn serve(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            // What it would have said is dropped with it, which tells the waiter.
            Ok(job) => drop(catch_unwind(AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn dropping_threads_waits_for_what_was_given_to_them() {
        let (threads, done) = (Threads::for_files(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..100 {
            let done = Arc::clone(&done);
            drop(threads.run(move || Ok(done.fetch_add(1, Ordering::SeqCst))));
        }
        drop(threads);
        assert_eq!(done.load(Ordering::SeqCst), 100);
        assert_eq!(Arc::strong_count(&done), 1, "no thread holds anything any more");
    }

    #[test]
    fn a_thread_may_be_the_last_to_use_them() {
        let threads = Arc::new(Threads::for_files());
        let (last, (dropped, was_dropped)) = (Arc::clone(&threads), channel());
        let (release, held) = channel::<()>();
        drop(threads.run(move || {
            let _released = held.recv();
            drop(last);
            dropped.send(()).map_err(std::io::Error::other)
        }));
        drop(threads);
        drop(release);
        assert_eq!(was_dropped.recv(), Ok(()));
    }
}
