//! WebSockets as the supervisor holds them: one end that has not been opened yet, hosted by an isolate, made of a
//! network connection, or accepted by a Durable Object that may hibernate. Whoever opens it gives the messages for it and gets those that it sends; until then it can be
//! handed on, beside a response, through as many Workers as there are.

mod connection;
mod frame;
pub(crate) mod handshake;

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hognose_services::{ByteStream, StreamError};
use hognose_wire::messages::OPEN;
use hognose_wire::{Body as WireBody, CallId, CapRef, Full, InvocationId, Payload};
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::isolate::{Breach, Isolate};
use crate::links::{Handle, Hosted, MethodCall, Raised, Value};
use crate::objects::ObjectSocket;
pub(crate) use connection::NetworkSocket;

/// What Workers say of a socket that nobody can open any more.
const GONE: &str = "Network connection lost.";

/// See the module.
pub(crate) struct WebSocket {
    end: End,
    /// Dropped with the socket.
    _answer: Option<Answering>,
}

enum End {
    Hosted(Arc<Hosted>),
    /// `None`: it was opened.
    Network(Mutex<Option<NetworkSocket>>, TaskTracker),
    /// Of a Durable Object, and hibernating. `None`: it was opened.
    Object(Mutex<Option<ObjectSocket>>),
}

/// The invocation whose response a socket is: it is not answered in full before the socket is over.
struct Answering {
    isolate: Arc<Isolate>,
    invocation: InvocationId,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.isolate.answered(self.invocation);
    }
}

impl WebSocket {
    /// What was agreed on a network connection. `tasks` runs its writing half.
    pub(crate) fn of_network(socket: NetworkSocket, tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self { end: End::Network(Mutex::new(Some(socket)), tasks), _answer: None })
    }

    /// What a Durable Object has accepted.
    pub(crate) fn of_object(socket: ObjectSocket) -> Arc<Self> {
        Arc::new(Self { end: End::Object(Mutex::new(Some(socket))), _answer: None })
    }

    /// Gives it `messages`, and gets what it sends.
    pub(crate) async fn open(self: Arc<Self>, messages: Body) -> Result<Body, Raised> {
        let sent = match &self.end {
            End::Hosted(hosted) => {
                let call = MethodCall { method: OPEN.into(), path: Vec::new(), read: false };
                let arguments = Value { bodies: vec![messages], ..Value::default() };
                let mut answer = hosted.isolate.call_hosted(hosted.cap, &call, arguments).await?;
                answer.bodies.pop().ok_or_else(|| Raised::error(GONE))?
            }
            End::Network(socket, tasks) => {
                let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
                let (reading, writing) = socket.ok_or_else(|| Raised::error(GONE))?.split();
                tasks.spawn(writing.run(messages));
                Body::Service(Box::new(reading))
            }
            End::Object(socket) => {
                let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
                socket.ok_or_else(|| Raised::error(GONE))?.open(messages)
            }
        };
        Ok(Body::Service(Box::new(Kept { sent, _socket: self })))
    }

    /// Joins it to a client's connection until either ends.
    pub(crate) async fn serve(self: Arc<Self>, client: NetworkSocket) {
        let (reading, writing) = client.split();
        // Where the Worker has gone meanwhile, so does the connection.
        if let Ok(messages) = self.open(Body::Service(Box::new(reading))).await {
            writing.run(messages).await;
        }
    }
}

/// What a socket sends. It keeps the socket.
struct Kept {
    sent: Body,
    _socket: Arc<WebSocket>,
}

impl ByteStream for Kept {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        self.sent.poll_chunk(context)
    }
}

/// What a cell did that answered a handshake with something else.
const NO_SOCKET: &str = "it answered with a WebSocket that is none";

impl Isolate {
    /// A socket that the isolate gives beside a response.
    pub(crate) fn take_socket(
        self: &Arc<Self>,
        cap: CapRef,
        invocation: InvocationId,
    ) -> Result<Arc<WebSocket>, Breach> {
        match cap {
            CapRef::Sender(cap) => {
                let end = End::Hosted(Arc::new(Hosted { isolate: Arc::clone(self), cap }));
                let answer = Answering { isolate: Arc::clone(self), invocation };
                Ok(Arc::new(WebSocket { end, _answer: Some(answer) }))
            }
            CapRef::Receiver(cap) => match self.handle(cap)? {
                Handle::Socket(socket) => Ok(socket),
                _ => Err(Breach::new(NO_SOCKET)),
            },
            CapRef::Object { .. } => Err(Breach::new(NO_SOCKET)),
        }
    }

    /// The number under which the isolate is given a socket, be it one that it hosts itself.
    pub(crate) fn name_socket(&self, socket: Arc<WebSocket>) -> Result<CapRef, Full> {
        self.state().exports.insert(Handle::Socket(socket)).map(CapRef::Sender)
    }

    /// The isolate opens a socket that it holds.
    pub(crate) fn open_socket(
        self: &Arc<Self>,
        call: CallId,
        socket: Arc<WebSocket>,
        params: Payload<'_>,
    ) -> Result<(), Breach> {
        let messages = params.bodies.first().copied().unwrap_or(WireBody::None);
        let messages = self.accept(messages, None)?;
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            match socket.open(messages).await {
                Ok(sent) => drop(isolate.answer(call, vec![sent], |bodies| (Vec::new(), bodies))),
                Err(Raised { name, message, .. }) => isolate.answer_error(call, &name, &message, false),
            }
        });
        Ok(())
    }
}
