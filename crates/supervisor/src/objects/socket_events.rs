//! What comes on a hibernating socket becomes events of its object, one at a time: the next message is read when the
//! handler of the last has answered. An event is given to the instance that there is, or wakes one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hognose_wire::messages::{MessageReader, SocketMessage};
use hognose_wire::object_sockets::SocketNumber;
use hognose_wire::objects::{Object, ObjectId};
use hognose_wire::{Event, MessageKind, RemoteError, SocketEvent};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

use super::sockets::{ObjectSocket, ObjectSockets};
use super::{Objects, Placed};
use crate::body::Body;
use crate::isolate::{Origin, Pending};
use crate::links::Raised;
use crate::streams::remote_error;

/// What the object is told where the connection ends without a close (workerd's text and RFC 6455's code).
const NO_CLOSE: (u16, &str) = (1006, "WebSocket disconnected without sending Close frame.");

/// How long an event waits that its isolate has no room for, before it is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// Something that happened on a socket.
#[derive(Clone)]
enum Happened {
    Message(MessageKind, Bytes),
    Close { code: u16, reason: String, was_clean: bool },
    Failed(String),
}

impl Happened {
    fn lost() -> Self {
        Self::Close { code: NO_CLOSE.0, reason: NO_CLOSE.1.to_owned(), was_clean: false }
    }

    fn of(message: SocketMessage<'_>) -> Self {
        match message {
            SocketMessage::Text(text) => {
                Self::Message(MessageKind::Text, Bytes::copy_from_slice(text.as_bytes()))
            }
            SocketMessage::Binary(bytes) => Self::Message(MessageKind::Binary, Bytes::copy_from_slice(bytes)),
            SocketMessage::Close { code, reason } => {
                Self::Close { code, reason: reason.to_owned(), was_clean: true }
            }
            SocketMessage::Failed(why) => Self::Failed(why.to_owned()),
        }
    }

    fn is_last(&self) -> bool {
        !matches!(self, Self::Message(..))
    }

    fn begin(&self, socket: SocketNumber, origin: Origin<'_>, placed: &Placed) -> Option<Pending> {
        let event = match self {
            Self::Message(kind, bytes) => {
                return placed.isolate.socket_message(origin, socket, *kind, bytes.clone());
            }
            Self::Close { code, reason, was_clean } => {
                SocketEvent::Close { code: *code, reason, was_clean: *was_clean }
            }
            Self::Failed(why) => SocketEvent::Error(RemoteError { ..remote_error("Error", why) }),
        };
        placed.isolate.notify(origin, Event::WebSocket { socket, event })
    }
}

impl ObjectSocket {
    /// Gives the object `messages` as they come, and gets what it sends.
    pub(crate) fn open(self, messages: Body) -> Body {
        let Self { objects, sent } = self;
        let (sockets, number) = (Arc::clone(&sent.sockets), sent.number);
        sockets.begin_to_read(number);
        let runtime = objects.runtime.clone();
        // Not among the tasks that a shutdown waits for: what it waits for itself ends with the connection.
        runtime.spawn(async move {
            sockets.read(&objects, number, messages).await;
            sockets.end_of_read(number);
        });
        Body::Service(Box::new(sent))
    }
}

impl ObjectSockets {
    async fn read(&self, objects: &Arc<Objects>, number: SocketNumber, mut messages: Body) {
        let mut reader = MessageReader::new();
        while let Some(Ok(piece)) = messages.frame().await {
            reader.push(&piece.into_data().unwrap_or_default());
            loop {
                let happened = match reader.next() {
                    Ok(Some(SocketMessage::Text(text))) if self.auto_respond(number, text) => continue,
                    Ok(Some(message)) => Happened::of(message),
                    Ok(None) => break,
                    // What is no message comes from a cell that is not ours.
                    Err(_) => return,
                };
                let last = happened.is_last();
                if !self.receive(number, last) {
                    return;
                }
                self.tell(objects, number, happened).await;
                if last {
                    return;
                }
            }
        }
        // Nobody is told of what was broken off.
        if self.receive(number, true) {
            self.tell(objects, number, Happened::lost()).await;
        }
    }

    /// Has the object handle an event. Where it fails the object's author has read of it.
    async fn tell(&self, objects: &Arc<Objects>, number: SocketNumber, happened: Happened) {
        let limit = self.table().event_max_ms.map(|ms| Duration::from_millis(ms.into()));
        loop {
            match self.begin(objects, number, happened.clone()).await {
                Ok(Some(pending)) => {
                    match limit {
                        // Out of time, the event is cancelled by being dropped.
                        Some(limit) => drop(tokio::time::timeout(limit, pending.answer()).await),
                        None => drop(pending.answer().await),
                    }
                    return;
                }
                Ok(None) => tokio::time::sleep(RETRY).await,
                Err(_no_instance) => return,
            }
        }
    }

    /// `None`: its isolate takes no more at the moment.
    async fn begin(
        &self,
        objects: &Arc<Objects>,
        number: SocketNumber,
        happened: Happened,
    ) -> Result<Option<Pending>, Raised> {
        let (sender, begun) = oneshot::channel();
        let (link, digits) = (Arc::clone(&self.link), self.digits.clone());
        let name = self.table().name.clone();
        let delivery = move |placed: Result<&Placed, Raised>| {
            let begin = |placed: &Placed| {
                let id = ObjectId { digits: &digits, name: name.as_deref() };
                let object = Some(Object { number: placed.number, id, sql: link.namespace.sql });
                let origin = Origin { entrypoint: Some(&link.class), object, ..Origin::default() };
                happened.begin(number, origin, placed)
            };
            // The receiver waits for it.
            let _received = sender.send(placed.map(begin));
        };
        objects.deliver(&self.link, &self.digits, Box::new(delivery));
        begun.await.unwrap_or_else(|_| Err(Raised::lost()))
    }
}
