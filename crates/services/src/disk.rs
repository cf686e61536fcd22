//! Threads for what blocks on files, for engines whose data does not lie in SQLite.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;

/// How many there are: one can wait for the disk while another copies and digests.
const THREADS: usize = 2;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads that take jobs in the order they come. They end when this is dropped and all is done.
pub(crate) struct Disk {
    jobs: Sender<Job>,
}

impl Disk {
    /// Starts the threads.
    pub(crate) fn start() -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..THREADS {
            let queue = Arc::clone(&queue);
            let started = std::thread::Builder::new().name("disk".into()).spawn(move || serve(&queue));
            started.expect("invariant: the system can start a thread");
        }
        Self { jobs }
    }

    /// Has `work` done. Dropping the future does not stop it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> impl Future<Output = std::io::Result<T>> + Send + 'static {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || drop(done.send(work())));
        // Where the threads have ended the job is dropped here, and the waiter told.
        let _ = self.jobs.send(job);
        async move { result.await.unwrap_or_else(|_| Err(std::io::Error::other("the disk's thread has ended"))) }
    }
}

fn serve(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}
