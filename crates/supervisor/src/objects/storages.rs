//! The storage of the objects in one isolate: the thread that answers its second socket, and what its commits still wait
//! for.
//!
//! The isolate blocks on each request, so one thread is enough, and it touches no other isolate's objects. A commit is
//! made at once and flushed by another thread; frames that depend on it wait until then ([`Storages::holds`]).

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hognose_services::objects::{Flush, ObjectStorage, StorageError};
use hognose_wire::WriteSeq;
use hognose_wire::facets::FacetRequest;
use hognose_wire::object_sockets::{SOCKETS_MAX, SocketOperation};
use hognose_wire::objects::{self, Answer, ObjectNumber, Operation, Reply, Request};

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
    /// The number of the last commit, and of the last that is on the disk with all before it.
    issued: AtomicU64,
    durable: AtomicU64,
}

/// What a live object has.
struct Open {
    storage: Box<dyn ObjectStorage>,
    sockets: Arc<ObjectSockets>,
}

/// What the flushing thread is given: a commit, and what it takes to have it on the disk.
type Unflushed = (u64, Vec<Flush>);

impl Storages {
    pub(crate) fn new(socket: Option<UnixStream>) -> Self {
        Self {
            open: Mutex::default(),
            socket: Mutex::new(socket),
            issued: AtomicU64::default(),
            durable: AtomicU64::default(),
        }
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether a frame that depends on that commit is to wait. One that was never made is a breach.
    pub(crate) fn holds(&self, after: WriteSeq) -> Result<bool, Breach> {
        if after.0 <= self.durable.load(Ordering::Acquire) {
            return Ok(false);
        }
        if after.0 > self.issued.load(Ordering::Acquire) {
            return Err(Breach::new("it named a write that it had not made"));
        }
        Ok(true)
    }

    /// An object comes to live in the isolate.
    pub(super) fn open(
        self: &Arc<Self>,
        isolate: &Arc<Isolate>,
        number: ObjectNumber,
        storage: Box<dyn ObjectStorage>,
        sockets: Arc<ObjectSockets>,
    ) {
        self.lock().insert(number, Open { storage, sockets });
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            let thread =
                Thread { storages: Arc::clone(self), isolate: Arc::downgrade(isolate), flusher: None };
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
    flusher: Option<Sender<Unflushed>>,
}

impl Thread {
    /// Answers requests until the isolate ends.
    fn serve(mut self, mut socket: UnixStream) {
        let (mut received, mut answer) = (Vec::new(), Vec::new());
        loop {
            match objects::read::<Request<'_>>(&received) {
                Ok(Some(request)) => self.answer(request, &mut answer),
                Ok(None) => {
                    if !read_more(&mut socket, &mut received) {
                        return;
                    }
                    continue;
                }
                Err(error) => return self.expel(error.into()),
            }
            received.clear();
            received.shrink_to(KEPT_BYTES);
            if socket.write_all(&answer).is_err() {
                return;
            }
            answer.shrink_to(KEPT_BYTES);
        }
    }

    fn expel(&self, breach: Breach) {
        if let Some(isolate) = self.isolate.upgrade() {
            isolate.expel(breach);
        }
    }

    fn answer(&mut self, request: Request<'_>, out: &mut Vec<u8>) {
        let reply = match request.operation {
            Operation::Commit => Reply { uncommitted: false, answer: self.commit() },
            Operation::Sockets(operation) => self.perform_on_sockets(request.object, operation),
            Operation::Facet(asked) => self.perform_on_facet(request.object, &asked),
            operation => self.perform(request.object, operation),
        };
        if objects::write(&reply, out).is_err() {
            let answer = failed(&StorageError {
                name: "RangeError",
                message: "The values are too large to be read at once.".into(),
                reset: false,
            });
            let small = Reply { answer, ..reply };
            objects::write(&small, out).expect("invariant: an error is small");
        }
    }

    fn perform(&self, number: ObjectNumber, operation: Operation<'_>) -> Reply<'static> {
        let mut open = self.storages.lock();
        let Some(Open { storage, .. }) = open.get_mut(&number) else { return ended() };
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
    fn commit(&mut self) -> Answer<'static> {
        let (mut flushes, mut failed) = (Vec::new(), Vec::new());
        for (number, Open { storage, .. }) in
            self.storages.lock().iter_mut().filter(|(_, open)| open.storage.is_uncommitted())
        {
            match storage.commit() {
                Ok(flush) => flushes.extend(flush),
                Err(error) => failed.push((*number, error.message)),
            }
        }
        for (number, message) in &failed {
            self.end(*number, message);
        }
        let seq = self.storages.issued.fetch_add(1, Ordering::AcqRel) + 1;
        self.flush(seq, flushes);
        let failed = failed.into_iter().map(|(number, message)| (number, Cow::Owned(message))).collect();
        Answer::Committed { seq: WriteSeq(seq), failed }
    }

    /// An object whose writes are lost cannot go on. Said here, before the isolate can say anything on its behalf.
    fn end(&self, number: ObjectNumber, message: &str) {
        let Some(isolate) = self.isolate.upgrade() else { return };
        if let Some(objects) = &isolate.grants.objects {
            objects.end(&isolate, number, &Raised::reset(message));
        }
    }

    fn flush(&mut self, seq: u64, flushes: Vec<Flush>) {
        if flushes.is_empty() && self.storages.durable.load(Ordering::Acquire) == seq - 1 {
            self.storages.durable.store(seq, Ordering::Release);
            return;
        }
        let (storages, isolate) = (&self.storages, &self.isolate);
        let flusher = self.flusher.get_or_insert_with(|| {
            let (sender, queue) = channel();
            let (storages, isolate) = (Arc::clone(storages), isolate.clone());
            std::thread::Builder::new()
                .name("objects-flush".into())
                .spawn(move || flush_all(&queue, &storages, &isolate))
                .expect("invariant: the system can start a thread");
            sender
        });
        // The thread ends after a failure, for which the isolate is ended.
        let _ended = flusher.send((seq, flushes));
    }
}

/// Has commits on the disk one after the other, and lets go what waits for them.
fn flush_all(queue: &Receiver<Unflushed>, storages: &Storages, isolate: &Weak<Isolate>) {
    while let Ok((seq, flushes)) = queue.recv() {
        let flushed = flushes.into_iter().try_for_each(|flush| flush());
        let Some(isolate) = isolate.upgrade() else { return };
        if let Err(error) = flushed {
            let message = format!("the storage of its Durable Objects cannot be written: {error}");
            return isolate.expel(Breach::new(message));
        }
        storages.durable.store(seq, Ordering::Release);
        isolate.state().wake();
    }
}

/// What an object hears that lives here no more.
fn ended() -> Reply<'static> {
    let answer = Answer::Failed { name: "Error".into(), message: ENDED.into(), reset: true };
    Reply { uncommitted: false, answer }
}

fn failed(error: &StorageError) -> Answer<'static> {
    Answer::Failed { name: error.name.into(), message: error.message.clone().into(), reset: error.reset }
}

/// Reads what is there; `false`: the isolate has ended.
fn read_more(socket: &mut UnixStream, received: &mut Vec<u8>) -> bool {
    let start = received.len();
    received.resize(start + READ_BYTES, 0);
    loop {
        match socket.read(&mut received[start..]) {
            Ok(0) => return false,
            Ok(count) => {
                received.truncate(start + count);
                return true;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}
