//! Threads for what blocks on files or computes for long, for engines whose data does not lie in SQLite.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;

/// How many there are for files: one can wait for the disk while another copies and digests.
const FOR_FILES: usize = 2;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads that take jobs in the order they come. They end when this is dropped and all is done.
pub(crate) struct Threads {
    jobs: Sender<Job>,
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
        for _ in 0..count {
            let queue = Arc::clone(&queue);
            let started = std::thread::Builder::new().name(name.to_owned()).spawn(move || serve(&queue));
            started.expect("invariant: the system can start a thread");
        }
        Self { jobs }
    }

    /// Has `work` done; where it panics, that is an error like any other. Dropping the future does not stop it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> impl Future<Output = std::io::Result<T>> + Send + 'static {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || drop(done.send(work())));
        // Where the threads have ended the job is dropped here, and the waiter told.
        let _ = self.jobs.send(job);
        async move { result.await.unwrap_or_else(|_| Err(std::io::Error::other("the work was broken off"))) }
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
