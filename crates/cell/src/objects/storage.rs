//! The way to the storage of objects: a socket on which this thread blocks until the answer is there.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::os::unix::net::UnixStream;

use hognose_wire::WriteSeq;
use hognose_wire::objects::{self, Answer, ObjectNumber, Operation, Reply, Request};
use rustix::event::{PollFd, PollFlags, poll};

use crate::link::OwnedError;
use crate::process;

/// How much is read from the socket at once, in bytes.
const READ_BYTES: usize = 64 << 10;
/// What the buffers keep between requests, in bytes.
const KEPT_BYTES: usize = 256 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Storage {
    socket: UnixStream,
    /// What is to be sent, and what was received.
    buffers: RefCell<(Vec<u8>, Vec<u8>)>,
    /// The last commit.
    committed: Cell<WriteSeq>,
    /// Whether something waits for the next.
    uncommitted: Cell<bool>,
}

impl Storage {
    pub(super) fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            buffers: RefCell::default(),
            committed: Cell::default(),
            uncommitted: Cell::new(false),
        }
    }

    /// Whether something waits for a commit.
    pub(super) fn is_uncommitted(&self) -> bool {
        self.uncommitted.get()
    }

    /// The write that depends on all that was done so far.
    pub(super) fn last_write(&self) -> WriteSeq {
        let WriteSeq(committed) = self.committed.get();
        WriteSeq(committed + u64::from(self.uncommitted.get()))
    }

    /// Has an operation done, and gives `read` what came of it. An error says whether the object cannot go on.
    pub(super) fn perform<T>(
        &self,
        object: ObjectNumber,
        operation: Operation<'_>,
        read: impl FnOnce(Answer<'_>) -> T,
    ) -> Result<T, (OwnedError, bool)> {
        let mut buffers = self.buffers.borrow_mut();
        let (out, received) = &mut *buffers;
        if let Err(size) = objects::write(&Request { object, operation }, out) {
            let message = format!("The values are too large to be stored at once: {size} bytes.");
            return Err((OwnedError { name: "RangeError".to_owned(), ..OwnedError::error(&message) }, false));
        }
        self.send(out);
        let Reply { uncommitted, answer } = self.receive(received);
        if uncommitted {
            self.uncommitted.set(true);
        }
        let result = match answer {
            Answer::Failed { name, message, reset } => {
                Err((OwnedError { name: name.into_owned(), ..OwnedError::error(&message) }, reset))
            }
            answer => Ok(read(answer)),
        };
        received.clear();
        received.shrink_to(KEPT_BYTES);
        result
    }

    /// Has an operation done that nobody waits for; it is sent with what comes next.
    pub(super) fn post(&self, object: ObjectNumber, operation: Operation<'_>) {
        let out = &mut self.buffers.borrow_mut().0;
        objects::write(&Request { object, operation }, out).expect("invariant: only little is posted");
        self.uncommitted.set(true);
        if out.len() > KEPT_BYTES {
            self.send(out);
        }
    }

    /// Has all that was written committed. Who depends on it need not wait here: the supervisor knows the commit by its
    /// number, and ends an object whose writes are lost.
    pub(super) fn commit(&self) {
        self.post(ObjectNumber(0), Operation::Commit);
        self.send(&mut self.buffers.borrow_mut().0);
        let WriteSeq(committed) = self.committed.get();
        self.committed.set(WriteSeq(committed + 1));
        self.uncommitted.set(false);
    }

    /// Sends what is in `out`. Without the supervisor there is nothing left to do.
    fn send(&self, out: &mut Vec<u8>) {
        let mut socket = &self.socket;
        if socket.write_all(out).is_err() {
            process::exit(0);
        }
        out.clear();
        out.shrink_to(KEPT_BYTES);
    }

    /// Waits for one message. It is waited for apart from reading: who waits in a read is woken when the other end takes the
    /// request, too.
    fn receive<'a>(&self, received: &'a mut Vec<u8>) -> Reply<'a> {
        received.clear();
        while received.len() < 4 || received.len() < 4 + length(received) {
            received.reserve(READ_BYTES);
            let waited = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], None);
            let spare = rustix::buffer::spare_capacity(received);
            match waited.and_then(|_| rustix::io::read(&self.socket, spare)) {
                Ok(0) => process::exit(0),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => process::exit(0),
            }
        }
        // The supervisor is trusted; what cannot be read means that it is another program.
        let Ok(Some((reply, _))) = objects::read(received) else { process::exit(1) };
        reply
    }
}

/// The length that a message begins with.
fn length(bytes: &[u8]) -> usize {
    bytes.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length) as usize)
}
