//! An isolate's end of the wire: frames in and out of its asynchronous socket, the calls it has open and the streams
//! that run through it. It knows frames, not what they are about: events are handed to the isolate.

mod outgoing;
mod streams;

use std::cell::{Cell, RefCell};
use std::io;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use hognose_ffi::event_loop::{EventLoop, Interest, Watch};
use hognose_wire::{
    Access, Body, CallId, CapId, CapRef, Decoder, Envelope, Frame, InvocationId, LogLevel, Opened, Payload,
    Side, StreamId, Violation, WriteSeq, limits,
};
use pyo3::Python;

use streams::Streams;
pub(crate) use streams::{Content, OwnedError, PYTHON_ERROR};

/// How much is read from the socket at a time, in bytes.
const READ_BYTES: usize = 64 << 10;
/// How much may be buffered before it is sent without waiting for the end of the turn, in bytes.
const SEND_BYTES: usize = 64 << 10;

/// What is done with a call's answer.
type Reply = Box<dyn FnOnce(Python<'_>, Result<Payload<'_>, OwnedError>)>;

/// What a link does with the frames that concern its owner.
pub(crate) trait Events {
    /// Something to serve, or to stop serving; a call on what is hosted here, or its end.
    fn event(&self, py: Python<'_>, frame: Frame<'_>) -> Result<(), Violation>;
    /// What is sent now may depend on writes: they are to be committed first.
    fn before_flush(&self, _py: Python<'_>) {}
    /// The supervisor has gone, or broke the protocol.
    fn closed(&self, py: Python<'_>) -> !;
}

/// See the module.
pub(crate) struct Link {
    socket: UnixStream,
    watch: RefCell<Option<Watch>>,
    decoder: RefCell<Decoder>,
    out: RefCell<Vec<u8>>,
    blocked: Cell<bool>,
    /// Whether an answer is among what is buffered.
    holds_answer: Cell<bool>,
    /// The write that what is sent from now on depends on.
    last_write: Cell<WriteSeq>,
    calls: RefCell<Opened<CallId, Reply>>,
    streams: Streams,
    event_loop: Rc<EventLoop>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Link").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Link {
    /// Takes over the socket and watches it; frames that are events go to `events`.
    pub(crate) fn open(
        event_loop: &Rc<EventLoop>,
        socket: UnixStream,
        events: Rc<dyn Events>,
    ) -> io::Result<Rc<Self>> {
        socket.set_nonblocking(true)?;
        let link = Rc::new(Self {
            socket,
            watch: RefCell::default(),
            decoder: RefCell::default(),
            out: RefCell::default(),
            blocked: Cell::new(false),
            holds_answer: Cell::new(false),
            last_write: Cell::default(),
            calls: RefCell::new(Opened::calls()),
            streams: Streams::default(),
            event_loop: Rc::clone(event_loop),
        });
        let watched = Rc::clone(&link);
        let watch =
            event_loop.watch(raw(&link.socket), Interest::READ.background(), move |py, readiness| {
                if readiness.write {
                    watched.flush(py, &*events);
                }
                if readiness.read {
                    watched.read(py, &*events);
                }
            })?;
        link.watch.replace(Some(watch));
        Ok(link)
    }

    /// Buffers a frame; it is sent before the event loop waits.
    ///
    /// A frame larger than the wire allows is a mistake of the caller's, who cuts content into streams beforehand.
    pub(crate) fn send(&self, frame: Frame<'_>) {
        let envelope = Envelope { after: self.last_write.get(), frame };
        let mut out = self.out.borrow_mut();
        hognose_wire::encode(&envelope, &mut out)
            .expect("invariant: frames are cut to size before they are sent");
    }

    /// As [`Link::send`], for what somebody waits for who is not to wait for other work of the same turn.
    pub(crate) fn send_answer(&self, frame: Frame<'_>) {
        self.send(frame);
        self.holds_answer.set(true);
    }

    /// Whether an answer is buffered that the socket would take.
    pub(crate) fn holds_answer(&self) -> bool {
        self.holds_answer.get() && !self.blocked.get()
    }

    /// What is sent from now on depends on this write.
    pub(crate) fn depend_on(&self, write: WriteSeq) {
        self.last_write.set(write);
    }

    /// Calls a method of a service; `reply` is called with the answer, on the main stack.
    pub(crate) fn call(
        self: &Rc<Self>,
        invocation: Option<InvocationId>,
        target: CapId,
        method: &str,
        params: Payload<'_>,
        reply: impl FnOnce(Python<'_>, Result<Payload<'_>, OwnedError>) + 'static,
    ) -> Result<CallId, OwnedError> {
        self.call_method(invocation, target, method, Access::default(), params, reply)
    }

    /// Calls a method of a capability of the supervisor's, reached in this way.
    pub(crate) fn call_method(
        self: &Rc<Self>,
        invocation: Option<InvocationId>,
        target: CapId,
        method: &str,
        access: Access<'_>,
        params: Payload<'_>,
        reply: impl FnOnce(Python<'_>, Result<Payload<'_>, OwnedError>) + 'static,
    ) -> Result<CallId, OwnedError> {
        let call = self
            .calls
            .borrow_mut()
            .open(Box::new(reply) as Reply)
            .map_err(|full| OwnedError::error(&full.to_string()))?;
        let target = CapRef::Receiver(target);
        self.send(Frame::Call { call, invocation, target, method, access, params });
        Ok(call)
    }

    /// Tells the supervisor that the answer to a call is no longer wanted.
    pub(crate) fn cancel_call(&self, call: CallId) {
        if self.calls.borrow().get(call).is_some() {
            self.send(Frame::CancelCall { call });
        }
    }

    /// Whether the supervisor is about to send something, or to take something that waits here.
    pub(crate) fn is_busy(&self) -> bool {
        !self.calls.borrow().is_empty() || self.is_reading() || self.is_writing() || self.blocked.get()
    }

    /// Sends a line of output, cut to the wire's limit, and what a `console` method was given. There is no part of JSON: it
    /// goes as a whole, or not.
    pub(crate) fn log(&self, invocation: Option<InvocationId>, level: LogLevel, text: &str, given: &str) {
        let given = if given.len() > limits::LOG_LINE_MAX { "" } else { given };
        self.send(Frame::Log { invocation, level, text: &limits::cut(text, limits::LOG_LINE_MAX), given });
    }

    /// Offers `bytes` as a body: inline where they are few, as a stream otherwise.
    pub(crate) fn body<'a>(self: &Rc<Self>, bytes: &'a [u8]) -> Result<Body<'a>, OwnedError> {
        if bytes.len() <= limits::INLINE_MAX {
            return Ok(Body::Inline(bytes));
        }
        let stream = self.stream_of(bytes.to_vec())?;
        Ok(Body::Stream { stream, length: Some(bytes.len() as u64) })
    }

    /// Offers `bytes`, of which there are some, as a stream.
    pub(crate) fn stream_of(&self, bytes: Vec<u8>) -> Result<StreamId, OwnedError> {
        let stream = self.open_stream()?;
        self.queue_stream(stream, bytes);
        self.end_stream(stream);
        Ok(stream)
    }

    /// Sends what is buffered. What the socket does not take is sent when it is writable again.
    pub(crate) fn flush(&self, py: Python<'_>, events: &dyn Events) {
        events.before_flush(py);
        self.holds_answer.set(false);
        let mut out = self.out.borrow_mut();
        let mut sent = 0;
        while sent < out.len() {
            match rustix::net::send(&self.socket, &out[sent..], rustix::net::SendFlags::NOSIGNAL) {
                Ok(count) => sent += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => events.closed(py),
            }
        }
        out.drain(..sent);
        self.set_blocked(!out.is_empty());
    }

    /// Runs `task` once the frame at hand has been dealt with.
    fn after_turn(&self, task: impl FnOnce(Python<'_>) + 'static) {
        self.event_loop.post(task);
    }

    /// Sends at once where much has gathered.
    fn flush_if_full(&self, py: Python<'_>, events: &dyn Events) {
        if self.out.borrow().len() >= SEND_BYTES && !self.blocked.get() {
            self.flush(py, events);
        }
    }

    fn set_blocked(&self, blocked: bool) {
        if self.blocked.replace(blocked) == blocked {
            return;
        }
        let interest = Interest { write: blocked, ..Interest::READ.background() };
        if let Some(watch) = &*self.watch.borrow() {
            // Only a descriptor that is not watched could be refused, and then the socket is gone.
            let _ = watch.set_interest(interest);
        }
    }

    fn read(self: &Rc<Self>, py: Python<'_>, events: &dyn Events) {
        let mut decoder = self.decoder.borrow_mut();
        let buffer = decoder.buffer();
        buffer.reserve(READ_BYTES);
        match rustix::io::read(&self.socket, rustix::buffer::spare_capacity(buffer)) {
            Ok(0) => events.closed(py),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return,
            Err(_) => events.closed(py),
        }
        loop {
            match decoder.next::<Envelope<'_>>() {
                Ok(Some(envelope)) => {
                    if self.take(py, envelope.frame, events).is_err() {
                        events.closed(py);
                    }
                    self.flush_if_full(py, events);
                }
                Ok(None) => return,
                Err(_) => events.closed(py),
            }
        }
    }

    fn take(self: &Rc<Self>, py: Python<'_>, frame: Frame<'_>, events: &dyn Events) -> Result<(), Violation> {
        frame.check(Side::Supervisor)?;
        match frame {
            Frame::Return { call, result } => {
                let reply = self.calls.borrow_mut().close(call)?;
                reply(py, result.map_err(OwnedError::from));
            }
            Frame::StreamData { stream, bytes } => self.stream_data(py, stream, bytes)?,
            Frame::StreamEnd { stream } => self.stream_over(py, stream, None),
            Frame::StreamAbort { stream, error } => self.stream_over(py, stream, Some(error.into())),
            Frame::StreamCredit { stream, bytes } => self.stream_credit(py, stream, bytes)?,
            Frame::StreamCancel { stream, reason } => self.stream_cancelled(py, stream, reason),
            Frame::CancelCall { .. } => {}
            event => events.event(py, event)?,
        }
        Ok(())
    }
}

fn raw(socket: &UnixStream) -> std::os::fd::RawFd {
    use std::os::fd::AsRawFd;
    socket.as_raw_fd()
}
