//! Group commit. A flush to disk takes as long for a hundred small writes as for one, so one thread does all writing:
//! it takes whatever has queued up while the last flush went on, runs it in one transaction, and tells each writer.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};

use futures_channel::oneshot;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::threads::Ended;

/// The most writes that share a transaction; bounds how long the first of them waits for the others' work.
const BATCH_MAX: usize = 256;

/// What a write survives once it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// The end of the process: no flush is waited for.
    Process,
    /// The end of the power.
    PowerCut,
}

/// The thread that writes to one file. Dropping it waits until all that was submitted is done.
pub(super) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    _thread: Ended,
}

impl Writer {
    /// Gives `connection` to a new thread.
    pub(super) fn start(connection: Connection) -> Self {
        let (jobs, queue) = channel();
        let thread = Ended::start("sqlite-writer", move || serve(connection, &queue));
        Self { jobs: Some(jobs), _thread: thread }
    }

    /// Queues `work`. The queue has no bound of its own: each isolate's open calls are bounded by the wire.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnMut(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Written<T> {
        let (done, written) = oneshot::channel();
        let jobs = self.jobs.as_ref().expect("invariant: only dropping takes the queue away");
        // Where the thread has ended the job is dropped here, and with it `done`: the waiter is told.
        let _ = jobs.send(Box::new(Task { durability, work, result: None, done }));
        Written(written)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without it the thread ends once the queue is empty; that is waited for after this.
        drop(self.jobs.take());
    }
}

/// The result of a write, once it is on the disk.
pub(crate) struct Written<T>(oneshot::Receiver<rusqlite::Result<T>>);

impl<T> Future for Written<T> {
    type Output = rusqlite::Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(answer.unwrap_or_else(|_| Err(writer_ended())))
    }
}

fn writer_ended() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT);
    rusqlite::Error::SqliteFailure(code, Some("the writing thread has ended".into()))
}

/// A submitted write, whatever its result's type.
trait Job: Send {
    /// What it is to survive.
    fn durability(&self) -> Durability;
    /// Does it, keeping the result.
    fn run(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()>;
    /// Tells the waiter, who may be gone.
    fn finish(self: Box<Self>, outcome: rusqlite::Result<()>);
}

struct Task<W, T> {
    durability: Durability,
    work: W,
    result: Option<T>,
    done: oneshot::Sender<rusqlite::Result<T>>,
}

impl<T: Send, W: FnMut(&Transaction<'_>) -> rusqlite::Result<T> + Send> Job for Task<W, T> {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.result = Some((self.work)(transaction)?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: rusqlite::Result<()>) {
        let Self { result, done, .. } = *self;
        let _ = done.send(outcome.map(|()| result.expect("invariant: a job that succeeded has been run")));
    }
}

fn serve(connection: Connection, queue: &Receiver<Box<dyn Job>>) {
    let mut file = File { connection, flushes: true };
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(BATCH_MAX - 1));
        file.commit(batch);
    }
}

struct File {
    connection: Connection,
    /// Whether commits flush the log; so they do when it is opened.
    flushes: bool,
}

impl File {
    /// Commits the jobs together; where that fails, each by itself, so that one bad write (too large for what is left of
    /// the disk) does not take the others with it.
    fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        match self.run_all(&mut batch) {
            Ok(()) => batch.into_iter().for_each(|job| job.finish(Ok(()))),
            Err(_) if batch.len() > 1 => batch.into_iter().for_each(|job| self.commit(vec![job])),
            Err(error) => {
                if let Some(job) = batch.pop() {
                    job.finish(Err(error));
                }
            }
        }
    }

    fn run_all(&mut self, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
        self.flush(batch.iter().any(|job| job.durability() == Durability::PowerCut))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in batch {
            job.run(&transaction)?;
        }
        transaction.commit()
    }

    /// Has commits flush the log from now on, or not: the next that does flushes what came before it, too.
    fn flush(&mut self, wanted: bool) -> rusqlite::Result<()> {
        if wanted != self.flushes {
            let level = if wanted { "full" } else { "normal" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.flushes = wanted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use rusqlite::Connection;

    use super::{Durability, Writer};
    use crate::block_on;

    fn table() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("file")).unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER PRIMARY KEY)").unwrap();
        (folder, connection)
    }

    fn numbers(folder: &tempfile::TempDir) -> Vec<i64> {
        let connection = Connection::open(folder.path().join("file")).unwrap();
        let mut statement = connection.prepare("SELECT number FROM numbers").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_write_that_fails_does_not_take_with_it_those_it_shared_a_transaction_with() {
        let (folder, connection) = table();
        let writer = Writer::start(connection);
        let (release, held) = channel::<()>();
        // While the thread is held here, the others queue up for one transaction.
        let first = writer.submit(Durability::PowerCut, move |_| Ok(held.recv().is_err()));
        let written = [1, 2, 1, 3].map(|number| {
            writer.submit(Durability::PowerCut, move |transaction| {
                transaction.execute("INSERT INTO numbers VALUES (?1)", [number])
            })
        });
        drop(release);
        assert_eq!(block_on(first), Ok(true));
        let succeeded = written.map(|written| block_on(written).is_ok());
        assert_eq!(succeeded, [true, true, false, true]);
        assert_eq!(numbers(&folder), [1, 2, 3]);
    }

    #[test]
    fn only_a_transaction_of_light_writes_is_not_flushed() {
        let (_folder, connection) = table();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        let writer = Writer::start(connection);
        let (light, durable) = (Durability::Process, Durability::PowerCut);
        let submit = |durability| {
            writer.submit(durability, |transaction| {
                transaction.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))
            })
        };
        // 2 is SQLite's FULL, which flushes at each commit, 1 its NORMAL.
        let alone = [light, durable, light, light, durable].map(|durability| block_on(submit(durability)));
        assert_eq!(alone, [1, 2, 1, 1, 2].map(Ok));
        let (release, held) = channel::<()>();
        let first = writer.submit(light, move |_| Ok(held.recv().is_err()));
        let together = [light, durable, light].map(submit);
        drop(release);
        assert_eq!(block_on(first), Ok(true));
        assert_eq!(together.map(block_on), [2, 2, 2].map(Ok));
    }

    #[test]
    fn dropping_a_writer_waits_for_what_was_submitted() {
        let (folder, connection) = table();
        let writer = Writer::start(connection);
        for number in 0..1000 {
            drop(writer.submit(Durability::PowerCut, move |transaction| {
                transaction.execute("INSERT INTO numbers VALUES (?1)", [number])
            }));
        }
        drop(writer);
        assert_eq!(numbers(&folder).len(), 1000);
    }

    #[test]
    fn those_who_wait_are_told_when_the_thread_has_ended() {
        let (_folder, connection) = table();
        let writer = Writer::start(connection);
        let failed = writer
            .submit(Durability::PowerCut, |_| -> rusqlite::Result<()> { panic!("a defect in a write") });
        assert!(block_on(failed).is_err());
        assert!(block_on(writer.submit(Durability::PowerCut, |_| Ok(()))).is_err());
    }
}
