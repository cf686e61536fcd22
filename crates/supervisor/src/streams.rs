//! Streams between supervisor and isolate, both ways, under credit.
//!
//! What an isolate writes is read through a [`CellStream`], which grants credit as its own reader takes bytes. What the
//! isolate is offered stays where it is until the isolate grants the first credit; then a task pumps it. Until then it
//! can come back untouched ([`hognose_wire::Body::Returned`]) and is passed on inside the supervisor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hognose_services::StreamError;
use hognose_wire::limits::{INLINE_MAX, STREAMS_MAX};
use hognose_wire::{
    Accepted, Body as WireBody, Frame, IncomingStream, InvocationId, Opened, OutgoingStream, RemoteError,
    Side, StreamId, Violation,
};
use http_body_util::BodyExt;
use tokio::task::AbortHandle;

use crate::body::{Body, connection_lost};
use crate::isolate::{Breach, Isolate, State};

/// The streams of one isolate.
pub(crate) struct Streams {
    /// Those the isolate writes.
    incoming: Accepted<StreamId, Incoming>,
    /// Those it reads.
    outgoing: Opened<StreamId, Outgoing>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { incoming: Accepted::new(), outgoing: Opened::streams(Side::Supervisor) }
    }
}

/// A stream the isolate writes.
#[derive(Default)]
struct Incoming {
    chunks: VecDeque<Bytes>,
    window: IncomingStream,
    end: Option<Result<(), StreamError>>,
    reader: Option<Waker>,
}

impl Incoming {
    fn wake(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }
}

/// A stream the isolate reads.
enum Outgoing {
    /// It has shown no interest yet.
    Offered(Body),
    /// A task sends it.
    Pumped(Pump),
}

struct Pump {
    credit: OutgoingStream,
    /// The task, where it waits for credit.
    waiting: Option<Waker>,
    task: Option<AbortHandle>,
}

/// A body made ready for a frame.
pub(crate) enum Parcel {
    None,
    Inline(Bytes),
    Stream { stream: StreamId, length: Option<u64> },
}

impl Parcel {
    pub(crate) fn wire(&self) -> WireBody<'_> {
        match self {
            Self::None => WireBody::None,
            Self::Inline(bytes) => WireBody::Inline(bytes),
            Self::Stream { stream, length } => WireBody::Stream { stream: *stream, length: *length },
        }
    }

    pub(crate) fn stream(&self) -> Option<StreamId> {
        match self {
            Self::Stream { stream, .. } => Some(*stream),
            Self::None | Self::Inline(_) => None,
        }
    }
}

impl Streams {
    /// Puts `body` where the isolate can ask for it, or into the frame itself where it is there and small. There must
    /// be room ([`Streams::has_room_for`]).
    pub(crate) fn offer(&mut self, body: Body) -> Parcel {
        match body {
            Body::None => Parcel::None,
            Body::Whole(bytes) if bytes.len() <= INLINE_MAX => Parcel::Inline(bytes),
            body => {
                let length = body.length();
                let stream =
                    self.outgoing.open(Outgoing::Offered(body)).expect("invariant: the caller saw room");
                Parcel::Stream { stream, length }
            }
        }
    }

    /// Whether so many more bodies can be offered.
    pub(crate) fn has_room_for(&self, count: usize) -> bool {
        self.outgoing.len() + count <= STREAMS_MAX
    }

    /// Takes back an offer that was not used.
    pub(crate) fn withdraw(&mut self, stream: StreamId) -> Option<Body> {
        match self.outgoing.get(stream)? {
            Outgoing::Offered(_) => self.cancelled(stream),
            Outgoing::Pumped(_) => None,
        }
    }

    /// Whether nothing flows out of the isolate.
    pub(crate) fn is_idle(&self) -> bool {
        self.incoming.is_empty()
    }

    /// The isolate sent a piece. One of a stream that we cancelled was under way then, and is dropped.
    pub(crate) fn data(&mut self, stream: StreamId, bytes: &[u8]) -> Result<(), Violation> {
        let Some(incoming) = self.incoming.get_mut(stream) else { return Ok(()) };
        incoming.window.receive(bytes.len())?;
        incoming.chunks.push_back(Bytes::copy_from_slice(bytes));
        incoming.wake();
        Ok(())
    }

    /// The isolate ended a stream, well or not.
    pub(crate) fn end(&mut self, stream: StreamId, end: Result<(), StreamError>) {
        if let Some(incoming) = self.incoming.get_mut(stream) {
            incoming.end.get_or_insert(end);
            incoming.wake();
        }
    }

    /// The isolate does not want the rest. Returns what is to be dropped outside the lock.
    pub(crate) fn cancelled(&mut self, stream: StreamId) -> Option<Body> {
        match self.outgoing.remove(stream)? {
            Outgoing::Offered(body) => Some(body),
            Outgoing::Pumped(pump) => {
                pump.task.inspect(AbortHandle::abort);
                None
            }
        }
    }

    /// The connection is gone: readers see an error, writers stop. Returns what is to be dropped outside the lock.
    pub(crate) fn close(&mut self) -> Vec<Body> {
        for (_, incoming) in self.incoming.iter_mut() {
            incoming.end.get_or_insert_with(|| Err(connection_lost()));
            incoming.wake();
        }
        let streams: Vec<StreamId> = self.outgoing.iter().map(|(stream, _)| stream).collect();
        streams.into_iter().filter_map(|stream| self.cancelled(stream)).collect()
    }
}

impl Isolate {
    /// A body that a frame of the isolate names. `invocation` is cancelled with it if its reader goes away.
    pub(crate) fn accept(
        self: &Arc<Self>,
        body: WireBody<'_>,
        invocation: Option<InvocationId>,
    ) -> Result<Body, Breach> {
        match body {
            WireBody::None => Ok(Body::None),
            WireBody::Inline(bytes) => Ok(Body::Whole(Bytes::copy_from_slice(bytes))),
            WireBody::Stream { stream, length } => {
                self.state().streams.incoming.accept(stream, Incoming::default())?;
                Ok(Body::Cell(CellStream {
                    isolate: Arc::clone(self),
                    stream,
                    left: length,
                    invocation,
                    wanted: true,
                    over: false,
                }))
            }
            WireBody::Returned { stream } => {
                let body = self.state().streams.withdraw(stream);
                body.ok_or_else(|| {
                    Breach::new(format!("it returned stream {}, which it does not have untouched", stream.0))
                })
            }
        }
    }

    /// The isolate wants `bytes` more of a stream; the first time, the pump starts.
    pub(crate) fn credit(self: &Arc<Self>, stream: StreamId, bytes: u32) -> Result<(), Violation> {
        let mut state = self.state();
        let Some(outgoing) = state.streams.outgoing.get_mut(stream) else { return Ok(()) };
        if let Outgoing::Pumped(pump) = outgoing {
            pump.waiting.take().into_iter().for_each(Waker::wake);
            return pump.credit.grant(bytes);
        }
        let mut pump = Pump { credit: OutgoingStream::new(usize::MAX), waiting: None, task: None };
        pump.credit.grant(bytes)?;
        if let Outgoing::Offered(body) = std::mem::replace(outgoing, Outgoing::Pumped(pump)) {
            let task = self.grants.tasks.spawn(Arc::clone(self).pump(stream, body));
            if let Some(Outgoing::Pumped(pump)) = state.streams.outgoing.get_mut(stream) {
                pump.task = Some(task.abort_handle());
            }
        }
        Ok(())
    }

    /// Sends a body to the isolate as fast as it takes it. Aborted when the isolate cancels or dies.
    async fn pump(self: Arc<Self>, stream: StreamId, mut body: Body) {
        let end = loop {
            match body.frame().await.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())) {
                Some(Ok(bytes)) => self.send_chunk(stream, bytes).await,
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        let mut state = self.state();
        if state.streams.outgoing.remove(stream).is_none() {
            return;
        }
        match &end {
            Some(error) => {
                state.send(Frame::StreamAbort { stream, error: remote_error(&error.name, &error.message) });
            }
            None => state.send(Frame::StreamEnd { stream }),
        }
    }

    async fn send_chunk(&self, stream: StreamId, mut bytes: Bytes) {
        if let Some(Outgoing::Pumped(pump)) = self.state().streams.outgoing.get_mut(stream) {
            pump.credit.enqueue(bytes.len()).expect("invariant: a queue without bound is never full");
        }
        while !bytes.is_empty() {
            let allowed = std::future::poll_fn(|context| self.poll_credit(stream, context)).await;
            let piece = bytes.split_to(allowed);
            self.state().send(Frame::StreamData { stream, bytes: &piece });
        }
    }

    /// How much of what is queued may be sent now; never 0.
    fn poll_credit(&self, stream: StreamId, context: &mut Context<'_>) -> Poll<usize> {
        let mut state = self.state();
        // Credit alone bounds nothing: an isolate may grant it and not read its socket.
        if !state.has_room() {
            state.wait_for_room(context.waker());
            return Poll::Pending;
        }
        // Where the stream is gone this task is being aborted.
        let Some(Outgoing::Pumped(pump)) = state.streams.outgoing.get_mut(stream) else {
            return Poll::Pending;
        };
        match pump.credit.take() {
            0 => {
                pump.waiting = Some(context.waker().clone());
                Poll::Pending
            }
            allowed => Poll::Ready(allowed),
        }
    }
}

/// The reading end of a stream that an isolate writes. Dropping it before the end cancels the stream.
pub(crate) struct CellStream {
    isolate: Arc<Isolate>,
    stream: StreamId,
    left: Option<u64>,
    /// The invocation whose response it is.
    invocation: Option<InvocationId>,
    /// Whether dropping it means that the client has gone.
    wanted: bool,
    over: bool,
}

impl CellStream {
    /// How many bytes are still to come, where the isolate said so.
    pub(crate) fn length(&self) -> Option<u64> {
        self.left
    }

    /// Dropping it will no longer cancel the invocation that it belongs to.
    pub(crate) fn discard(&mut self) {
        self.wanted = false;
    }

    pub(crate) fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, StreamError>>> {
        let mut state = self.isolate.state();
        let Some(incoming) = state.streams.incoming.get_mut(self.stream) else { return Poll::Ready(None) };
        let Some(bytes) = incoming.chunks.pop_front() else {
            if incoming.end.is_none() {
                incoming.reader = Some(context.waker().clone());
                grant(&mut state, self.stream);
                return Poll::Pending;
            }
            let ended = state.streams.incoming.remove(self.stream).and_then(|incoming| incoming.end);
            drop(state);
            self.over = true;
            self.invocation.into_iter().for_each(|invocation| self.isolate.answered(invocation));
            self.isolate.notify_progress();
            return Poll::Ready(ended.and_then(Result::err).map(Err));
        };
        incoming.window.read(bytes.len());
        grant(&mut state, self.stream);
        self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
        Poll::Ready(Some(Ok(bytes)))
    }
}

/// Lets more come: what the reader has taken, once it is worth a frame.
fn grant(state: &mut State, stream: StreamId) {
    let credit = state.streams.incoming.get_mut(stream).and_then(|incoming| incoming.window.grant());
    if let Some(bytes) = credit {
        state.send(Frame::StreamCredit { stream, bytes });
    }
}

impl Drop for CellStream {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = self.isolate.state();
        let ended = state.streams.incoming.remove(self.stream).is_none_or(|incoming| incoming.end.is_some());
        if !ended {
            state.send(Frame::StreamCancel { stream: self.stream, reason: "The reader has gone." });
            self.invocation.filter(|_| self.wanted).into_iter().for_each(|it| state.cancel(it));
        }
        drop(state);
        self.invocation.into_iter().for_each(|invocation| self.isolate.answered(invocation));
        self.isolate.notify_progress();
    }
}

/// An error without a stack, as a frame carries it.
pub(crate) fn remote_error<'a>(name: &'a str, message: &'a str) -> RemoteError<'a> {
    RemoteError { name, message, ..RemoteError::default() }
}
