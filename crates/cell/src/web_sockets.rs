//! WebSockets, on this side of the wire ([`hognose_wire::messages`]): sockets that came beside a response and are not
//! opened yet, ends of pairs that went beside one, and messages in and out of the streams of those that are open.
//!
//! A socket belongs to the invocation that opened it, or gave it away: that goes on while the socket does, and when it
//! ends all the same, so does the socket.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_web::{BodyId, Done, GivenSocket, IncomingMessage, OutgoingMessage};
use hognose_wire::messages::{MessageReader, OPEN, SocketMessage};
use hognose_wire::{
    Body, CallId, CapId, CapRef, Frame, InvocationId, LogLevel, Payload, StreamId, Violation, limits,
};
use pyo3::Python;

use crate::cell::Cell;
use crate::host::{self, LOST, host_error};
use crate::link::{Content, Link, OwnedError};

/// How much may wait to be sent on one socket, in bytes: two messages of the largest size. Whoever sends more to a
/// client that does not read loses the connection.
const WAITING_MAX: usize = 2 * limits::MESSAGE_MAX;

/// What Workers say where a response has a WebSocket that nobody asked for.
const NOT_ASKED: &str = "Worker tried to return a WebSocket in a response to a request which did not contain the header \
                         \"Upgrade: websocket\".";

/// The sockets of a cell.
#[derive(Default)]
pub(crate) struct WebSockets {
    /// Capabilities that came and were not opened.
    held: RefCell<HashMap<CapId, Option<InvocationId>>>,
    /// What open sockets write.
    open: RefCell<HashMap<InvocationId, Vec<StreamId>>>,
    /// Streams within a message.
    begun: RefCell<HashMap<StreamId, MessageReader>>,
}

impl WebSockets {
    /// An invocation has ended: what it did not open is given back, and what it opened breaks off.
    pub(crate) fn let_go(&self, cell: &Cell, link: &Link, invocation: InvocationId) {
        let mut unopened = Vec::new();
        self.held.borrow_mut().retain(|cap, owner| {
            let ends = *owner == Some(invocation);
            unopened.extend(ends.then_some(*cap));
            !ends
        });
        for cap in unopened {
            cell.rpc().release(cell, cap);
        }
        for stream in self.open.borrow_mut().remove(&invocation).into_iter().flatten() {
            link.abort_stream(stream, OwnedError::error(LOST));
        }
    }

    fn opened(&self, invocation: Option<InvocationId>, stream: StreamId) {
        if let Some(invocation) = invocation {
            self.open.borrow_mut().entry(invocation).or_default().push(stream);
        }
    }
}

/// Takes a socket that came beside a response.
pub(crate) fn hold(cell: &Cell, cap: CapRef, invocation: Option<InvocationId>) -> Result<u32, Violation> {
    let CapRef::Sender(cap) = cap else { return Err(Violation::UnknownCap(CapId::ROOT)) };
    cell.rpc().receive_socket(cap)?;
    cell.web_sockets.held.borrow_mut().insert(cap, invocation);
    Ok(cap.0)
}

/// Makes a socket ready to go beside the response of an invocation. `asked`: whether the request was for one.
pub(crate) fn give(
    cell: &Cell,
    invocation: InvocationId,
    socket: GivenSocket,
    asked: bool,
) -> Result<CapRef> {
    if !asked {
        return Err(Thrown::type_error(cell.context, NOT_ASKED));
    }
    match socket {
        GivenSocket::Held(cap) => Ok(CapRef::Receiver(CapId(cap))),
        GivenSocket::Pair(open) => {
            let cap = cell.rpc().host_socket(open, invocation);
            let cap = cap.map_err(|full| Thrown::new(cell.context, ErrorKind::Error, &full.to_string()))?;
            if let Some(isolate) = cell.isolate() {
                isolate.hold(invocation);
            }
            Ok(CapRef::Sender(cap))
        }
    }
}

/// A socket has gone beside a response: where it came from outside, this cell has done with it.
pub(crate) fn given(cell: &Cell, socket: CapRef) {
    if let CapRef::Receiver(cap) = socket
        && cell.web_sockets.held.borrow_mut().remove(&cap).is_some()
    {
        cell.rpc().release(cell, cap);
    }
}

/// Opens a socket that came from outside. `stream` is what is written to it; what it gives goes to `done`.
pub(crate) fn open(
    context: Context,
    cell: &Rc<Cell>,
    link: Rc<Link>,
    cap: CapId,
    stream: StreamId,
    done: Done<BodyId>,
) {
    let invocation = Python::attach(|py| cell.invocation(py));
    cell.web_sockets.opened(invocation, stream);
    let done = Rc::new(RefCell::new(Some(done)));
    let (answered, replied, opened) = (Rc::clone(&done), Rc::clone(&link), Rc::clone(cell));
    let reply = move |_py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
        let incoming = result.and_then(|payload| accept(&opened, &replied, &payload, invocation));
        if let Some(done) = answered.take() {
            let call_back = || done(context, incoming.map_err(|error| host_error(&error)));
            serve_maybe(&opened, invocation, call_back);
        }
    };
    let payload = Payload { bodies: vec![Body::Stream { stream, length: None }], ..Payload::default() };
    let called = link.call(invocation, cap, OPEN, payload, reply);
    // The call has it.
    if cell.web_sockets.held.borrow_mut().remove(&cap).is_some() {
        cell.rpc().release(cell, cap);
    }
    if let Err(error) = called
        && let Some(done) = done.take()
    {
        done(context, Err(host_error(&error)));
    }
}

/// The other side opens what `open`, a function of `js/websocket.js`, stands for.
pub(crate) fn serve_open(
    cell: &Cell,
    link: &Rc<Link>,
    call: CallId,
    (owner, open): (InvocationId, &Value),
    params: &Payload<'_>,
) {
    let opened = accept(cell, link, params, Some(owner)).and_then(|reads| Ok((link.open_stream()?, reads)));
    let (stream, reads) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            return error.with_remote(|error| link.send(Frame::Return { call, result: Err(error) }));
        }
    };
    cell.web_sockets.opened(Some(owner), stream);
    let bodies = vec![Body::Stream { stream, length: None }];
    link.send(Frame::Return { call, result: Ok(Payload { bodies, ..Payload::default() }) });
    let arguments = [cell.context.number(stream.0), cell.context.number(reads.0)];
    if let Err(thrown) = cell.serve(owner, || open.call_function(&arguments)) {
        Python::attach(|py| cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0)));
    }
}

fn accept(
    cell: &Cell,
    link: &Link,
    payload: &Payload<'_>,
    owner: Option<InvocationId>,
) -> std::result::Result<BodyId, OwnedError> {
    let body = payload.bodies.first().copied().unwrap_or_default();
    match link.accept(body, owner) {
        Ok(Content::Stream { stream, .. }) => {
            cell.web_sockets.begun.borrow_mut().remove(&stream);
            Ok(BodyId(stream.0))
        }
        _ => Err(OwnedError::error(LOST)),
    }
}

/// Sends a message; `false`: nobody reads there any more, or too slowly.
pub(crate) fn send(link: &Link, stream: StreamId, message: OutgoingMessage<'_>) -> bool {
    let message = match message {
        OutgoingMessage::Text(text) => SocketMessage::Text(text),
        OutgoingMessage::Binary(bytes) => SocketMessage::Binary(bytes),
        OutgoingMessage::Close { code, reason } => SocketMessage::Close { code, reason },
    };
    let fits = link.waiting(stream).is_some_and(|waiting| waiting + message.size() <= WAITING_MAX);
    let mut bytes = Vec::new();
    if !fits || message.encode(&mut bytes).is_err() {
        return false;
    }
    link.queue_stream(stream, bytes);
    true
}

/// Reads the messages that come next, and gives them to `done` on behalf of the invocation that asks.
pub(crate) fn receive(
    context: Context,
    cell: &Rc<Cell>,
    link: &Rc<Link>,
    stream: StreamId,
    done: Done<Option<Vec<IncomingMessage>>>,
) {
    let invocation = Python::attach(|py| cell.invocation(py));
    receive_for(context, cell, link, (stream, invocation), done);
}

fn receive_for(
    context: Context,
    cell: &Rc<Cell>,
    link: &Rc<Link>,
    (stream, invocation): (StreamId, Option<InvocationId>),
    done: Done<Option<Vec<IncomingMessage>>>,
) {
    let (receiving, reading) = (Rc::clone(cell), Rc::clone(link));
    let read = move |_py: Python<'_>, piece: std::result::Result<Option<Vec<u8>>, OwnedError>| {
        let messages = match piece {
            Ok(Some(bytes)) => receiving.web_sockets.messages(stream, &bytes),
            Ok(None) | Err(_) => None,
        };
        if messages.as_ref().is_some_and(Vec::is_empty) {
            return receive_for(context, &receiving, &reading, (stream, invocation), done);
        }
        serve_maybe(&receiving, invocation, || done(context, Ok(messages)));
    };
    Python::attach(|py| link.read_stream(py, stream, read));
}

impl WebSockets {
    /// The messages that a piece of a stream completes; `None`: it holds no messages.
    fn messages(&self, stream: StreamId, piece: &[u8]) -> Option<Vec<IncomingMessage>> {
        let mut reader = self.begun.borrow_mut().remove(&stream).unwrap_or_default();
        reader.push(piece);
        let mut messages = Vec::new();
        while let Some(message) = reader.next().ok()? {
            messages.push(owned(message));
        }
        if reader.is_within_message() {
            self.begun.borrow_mut().insert(stream, reader);
        }
        Some(messages)
    }
}

fn owned(message: SocketMessage<'_>) -> IncomingMessage {
    match message {
        SocketMessage::Text(text) => IncomingMessage::Text(text.to_owned()),
        SocketMessage::Binary(bytes) => IncomingMessage::Binary(bytes.to_vec()),
        SocketMessage::Close { code, reason } => IncomingMessage::Close { code, reason: reason.to_owned() },
        SocketMessage::Failed(why) => IncomingMessage::Failed(why.to_owned()),
    }
}

/// Keeps the invocation that runs going until the promise has settled.
pub(crate) fn keep_alive(cell: &Cell, promise: &Value) {
    let invocation = Python::attach(|py| cell.invocation(py));
    let (Some(invocation), Some(isolate)) = (invocation, cell.isolate()) else { return };
    if let Err(thrown) = isolate.wait_until(invocation, promise) {
        Python::attach(|py| cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0)));
    }
}

fn serve_maybe(cell: &Cell, invocation: Option<InvocationId>, body: impl FnOnce()) {
    match invocation {
        Some(invocation) => cell.serve(invocation, body),
        None => body(),
    }
}
