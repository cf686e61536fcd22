//! The storage of the objects in one isolate: the thread that answers its second socket, and what its commits still wait
//! for.
//!
//! The isolate blocks on each request, so one thread is enough, and it touches no other isolate's objects. A commit is
//! made at once and flushed by another thread; frames that depend on it wait until then ([`Commits::holds`]).

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hognose_services::objects::{Flush, ObjectStorage, StorageError};
use hognose_wire::facets::FacetRequest;
use hognose_wire::object_sockets::{SOCKETS_MAX, SocketOperation};
use hognose_wire::objects::{self, Answer, ObjectNumber, Operation, Reply, Request};
use rustix::event::{PollFd, PollFlags, poll};

use super::commits::Commits;
use super::sockets::{ObjectSockets, Unanswered};
use crate::isolate::{Breach, Isolate};
use crate::links::Raised;

/// How much is read from the socket at once, in bytes.
const READ_BYTES: usize = 64 << 10;
/// What a buffer keeps between requests, in bytes.
const KEPT_BYTES: usize = 256 << 10;

/// What an object is told that was ended.
const ENDED: &str = "The Durable Object was reset, and this instance of it has ended.";

/// See the module.
pub(crate) struct Storages {
    open: Mutex<HashMap<ObjectNumber, Open>>,
    /// The socket, until the first object comes.
    socket: Mutex<Option<UnixStream>>,
    pub(crate) commits: Commits,
}

/// What a live object has.
struct Open {
    storage: Box<dyn ObjectStorage>,
    sockets: Arc<ObjectSockets>,
    /// Whether writes of it were lost: until it is closed it is not to be used.
    is_lost: bool,
}

impl Open {
    /// Whether it has something to commit.
    fn is_due(&self) -> bool {
        !self.is_lost && self.storage.is_uncommitted()
    }
}

/// What the flushing thread is given: a commit, and what it takes to have it on the disk.
type Unflushed = (u64, Vec<Flush>);

impl Storages {
    pub(crate) fn new(socket: Option<UnixStream>) -> Self {
        Self { open: Mutex::default(), socket: Mutex::new(socket), commits: Commits::default() }
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// An object comes to live in the isolate.
    pub(super) fn open(
        self: &Arc<Self>,
        isolate: &Arc<Isolate>,
        number: ObjectNumber,
        storage: Box<dyn ObjectStorage>,
        sockets: Arc<ObjectSockets>,
    ) {
        self.lock().insert(number, Open { storage, sockets, is_lost: false });
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            let thread = Thread {
                storages: Arc::clone(self),
                isolate: Arc::downgrade(isolate),
                committed: 0,
                flusher: None,
            };
            std::thread::Builder::new()
                .name("objects".into())
                .spawn(move || thread.serve(socket))
                .expect("invariant: the system can start a thread");
        }
    }

    /// Closes an object's storage; what it has not committed is undone.
    pub(super) fn close(&self, number: ObjectNumber) {
        let closed = self.lock().remove(&number);
        drop(closed);
    }

    /// Has the storage of an object that lives here answer somebody from outside; `None` where it has ended.
    pub(super) fn ask(
        &self,
        number: ObjectNumber,
        operation: Operation<'_>,
    ) -> Option<Result<Answer<'static>, StorageError>> {
        Some(self.lock().get_mut(&number)?.storage.perform(operation))
    }

    /// The hibernating sockets of an object that lives here.
    pub(super) fn sockets(&self, number: ObjectNumber) -> Option<Arc<ObjectSockets>> {
        self.lock().get(&number).map(|open| Arc::clone(&open.sockets))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectNumber, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread has.
struct Thread {
    storages: Arc<Storages>,
    isolate: Weak<Isolate>,
    /// The number of the last commit.
    committed: u64,
    flusher: Option<Sender<Unflushed>>,
}

impl Thread {
    /// Answers requests until the isolate ends.
    fn serve(mut self, mut socket: UnixStream) {
        let (mut received, mut answer) = (Vec::new(), Vec::new());
        while read_more(&socket, &mut received) {
            let mut read = 0;
            loop {
                let (request, length) = match objects::read::<Request<'_>>(&received[read..]) {
                    Ok(Some(request)) => request,
                    Ok(None) => break,
                    Err(error) => return self.expel(error.into()),
                };
                read += length;
                let Some(reply) = self.answer(request) else { continue };
                encode(reply, &mut answer);
                if socket.write_all(&answer).is_err() {
                    return;
                }
                answer.shrink_to(KEPT_BYTES);
            }
            received.drain(..read);
            received.shrink_to(KEPT_BYTES);
        }
    }

    fn expel(&self, breach: Breach) {
        if let Some(isolate) = self.isolate.upgrade() {
            isolate.expel(breach);
        }
    }

    /// `None`: nobody waits for an answer.
    fn answer(&mut self, request: Request<'_>) -> Option<Reply<'static>> {
        Some(match request.operation {
            Operation::Commit => {
                self.commit();
                return None;
            }
            Operation::Post(entries) => {
                let Reply { answer, .. } = self.perform(request.object, Operation::Put(entries));
                if let Answer::Failed { message, .. } = answer {
                    self.end(request.object, &message);
                }
                return None;
            }
            Operation::Sockets(operation) => self.perform_on_sockets(request.object, operation),
            Operation::Facet(asked) => self.perform_on_facet(request.object, &asked),
            operation => self.perform(request.object, operation),
        })
    }

    fn perform(&self, number: ObjectNumber, operation: Operation<'_>) -> Reply<'static> {
        let mut open = self.storages.lock();
        let Some(Open { storage, is_lost: false, .. }) = open.get_mut(&number) else { return ended() };
        let answer = storage.perform(operation).unwrap_or_else(|error| failed(&error));
        Reply { uncommitted: storage.is_uncommitted(), answer }
    }

    fn perform_on_sockets(&self, number: ObjectNumber, operation: SocketOperation<'_>) -> Reply<'static> {
        let (sockets, isolate) = (self.storages.sockets(number), self.isolate.upgrade());
        let (Some(sockets), Some(isolate)) = (sockets, isolate) else { return ended() };
        let refused =
            |message: Cow<'static, str>| Answer::Failed { name: "Error".into(), message, reset: false };
        let answer = match sockets.perform(&isolate, operation) {
            Ok(answer) => Answer::Sockets(answer),
            Err(Unanswered::Full) => {
                let limit = format!(
                    "only {SOCKETS_MAX} websockets can be accepted on a single Durable Object instance"
                );
                refused(limit.into())
            }
            Err(Unanswered::NoRoom) => refused("Too many WebSockets wait to be used in a Response.".into()),
            Err(Unanswered::KeptTooMuch) => refused(
                "The hibernating WebSockets of this Worker keep too much in attachments and unsent messages."
                    .into(),
            ),
            Err(Unanswered::Breach(what)) => {
                isolate.expel(Breach::new(what));
                refused(what.into())
            }
        };
        Reply { uncommitted: false, answer }
    }

    fn perform_on_facet(&self, number: ObjectNumber, asked: &FacetRequest<'_>) -> Reply<'static> {
        let (sockets, isolate) = (self.storages.sockets(number), self.isolate.upgrade());
        let (Some(sockets), Some(isolate)) = (sockets, isolate) else { return ended() };
        let Some(objects) = &isolate.grants.objects else { return ended() };
        // Its sockets know whose they are.
        let answer = objects.ask_of_facet(&isolate, (&sockets.link, &sockets.digits), asked);
        let answer = answer.unwrap_or_else(|breach| {
            let message = breach.to_string();
            isolate.expel(breach);
            Answer::Failed { name: "Error".into(), message: message.into(), reset: false }
        });
        Reply { uncommitted: false, answer }
    }

    /// Commits what all objects have written.
    fn commit(&mut self) {
        let (mut flushes, mut failed) = (Vec::new(), Vec::new());
        for (number, Open { storage, .. }) in
            self.storages.lock().iter_mut().filter(|(_, open)| open.is_due())
        {
            match storage.commit() {
                Ok(flush) => flushes.extend(flush),
                Err(error) => failed.push((*number, error.message)),
            }
        }
        for (number, message) in &failed {
            self.end(*number, message);
        }
        self.committed += 1;
        self.flush(flushes);
    }

    /// An object whose writes are lost cannot go on: what it still asks for is refused. Said before the commit is over, so
    /// that nothing which the isolate says on its behalf gets out.
    fn end(&self, number: ObjectNumber, message: &str) {
        if let Some(open) = self.storages.lock().get_mut(&number) {
            open.is_lost = true;
        }
        let Some(isolate) = self.isolate.upgrade() else { return };
        if let Some(objects) = &isolate.grants.objects {
            objects.end(&isolate, number, &Raised::reset(message));
        }
    }

    fn flush(&mut self, flushes: Vec<Flush>) {
        let seq = self.committed;
        if flushes.is_empty() && self.storages.commits.has_all_before(seq) {
            return self.storages.commits.flushed(seq);
        }
        let (storages, isolate) = (&self.storages, &self.isolate);
        let flusher = self.flusher.get_or_insert_with(|| {
            let (sender, queue) = channel();
            let (storages, isolate) = (Arc::clone(storages), isolate.clone());
            std::thread::Builder::new()
                .name("objects-flush".into())
                .spawn(move || flush_all(&queue, &storages.commits, &isolate))
                .expect("invariant: the system can start a thread");
            sender
        });
        // The thread ends after a failure, for which the isolate is ended.
        let _ended = flusher.send((seq, flushes));
    }
}

/// Has commits on the disk one after the other, and lets go what waits for them.
fn flush_all(queue: &Receiver<Unflushed>, commits: &Commits, isolate: &Weak<Isolate>) {
    while let Ok((seq, flushes)) = queue.recv() {
        let flushed = flushes.into_iter().try_for_each(|flush| flush());
        if let Err(error) = flushed {
            let Some(isolate) = isolate.upgrade() else { return };
            let message = format!("the storage of its Durable Objects cannot be written: {error}");
            return isolate.expel(Breach::new(message));
        }
        commits.flushed(seq);
    }
}

/// Puts a reply in the place of what is in `out`.
fn encode(reply: Reply<'_>, out: &mut Vec<u8>) {
    out.clear();
    if objects::write(&reply, out).is_ok() {
        return;
    }
    let answer = failed(&StorageError {
        name: "RangeError",
        message: "The values are too large to be read at once.".into(),
        reset: false,
    });
    objects::write(&Reply { answer, ..reply }, out).expect("invariant: an error is small");
}

/// What an object hears that lives here no more.
fn ended() -> Reply<'static> {
    let answer = Answer::Failed { name: "Error".into(), message: ENDED.into(), reset: true };
    Reply { uncommitted: false, answer }
}

fn failed(error: &StorageError) -> Answer<'static> {
    Answer::Failed { name: error.name.into(), message: error.message.clone().into(), reset: error.reset }
}

/// Reads what is there; `false`: the isolate has ended. It is waited for apart from reading: who waits in a read is woken
/// when the other end takes an answer, too.
fn read_more(socket: &UnixStream, received: &mut Vec<u8>) -> bool {
    received.reserve(READ_BYTES);
    loop {
        let waited = poll(&mut [PollFd::new(socket, PollFlags::IN)], None);
        match waited.and_then(|_| rustix::io::read(socket, rustix::buffer::spare_capacity(received))) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
