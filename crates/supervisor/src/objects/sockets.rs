//! The WebSockets of an object that hibernate. They belong to the object and not to an instance of it: an instance that
//! goes because it was idle, or because its isolate died, leaves them open, and the next message wakes another. With an
//! object that was reset, or whose Worker has a new version, they break off.
//!
//! A socket is here from its acceptance until what it reads and what it writes are both over.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hognose_services::{ByteStream, Clock, StreamError, SystemClock};
use hognose_wire::limits::MESSAGE_MAX;
use hognose_wire::messages::SocketMessage;
use hognose_wire::object_sockets::{
    ATTACHMENT_MAX, AUTO_RESPONSE_MAX, OpenSocket, SOCKETS_MAX, SocketAnswer, SocketNumber, SocketOperation,
    TAG_MAX, TAGS_MAX,
};
use hognose_wire::objects::ObjectNumber;
use hognose_wire::{Body as WireBody, CapId};

use super::{ObjectLink, Objects};
use crate::body::Body;
use crate::isolate::{Breach, Isolate};
use crate::links::Handle;
use crate::websocket::WebSocket;

/// How much may wait to be sent on one socket, in bytes: two messages of the largest size.
const WAITING_MAX: u64 = 2 * MESSAGE_MAX as u64;

/// How much all sockets of one Worker's objects may keep here, in bytes: what waits to be sent, and attachments.
const KEPT_MAX: u64 = 4 * WAITING_MAX;

/// See the module.
pub(crate) struct ObjectSockets {
    pub(super) link: Arc<ObjectLink>,
    pub(super) digits: String,
    kept: Kept,
    table: Mutex<Table>,
}

/// Counts the bytes that are kept for one Worker.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<AtomicU64>);

impl Kept {
    /// Room for so many bytes until it is dropped; `None`: there is not so much.
    fn room_for(&self, bytes: u64) -> Option<Room> {
        let room = Room { of: self.clone(), bytes };
        // Dropped where it is too much, which gives it back.
        (self.0.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= KEPT_MAX).then_some(room)
    }
}

struct Room {
    of: Kept,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Default)]
pub(super) struct Table {
    sockets: BTreeMap<SocketNumber, Socket>,
    last: u32,
    /// What the object is told of its name when a socket wakes it.
    pub(super) name: Option<String>,
    auto_response: Option<(String, String)>,
    pub(super) event_max_ms: Option<u32>,
}

#[derive(Default)]
struct Socket {
    tags: Vec<String>,
    attachment: Option<(Vec<u8>, Room)>,
    auto_responded_at_ms: Option<f64>,
    closed: Closed,
    /// Messages that wait to be sent, and how many bytes they have.
    waiting: VecDeque<(Body, Room)>,
    waiting_bytes: u64,
    writer: Option<Waker>,
    /// Whether its messages are being read.
    is_read: bool,
    /// Whether nobody will write what waits.
    is_written: bool,
    /// Whether the object has been told of its end: nothing is sent that does not wait already.
    is_over: bool,
}

/// Who has said its last.
#[derive(Default)]
struct Closed {
    incoming: bool,
    outgoing: bool,
}

impl Socket {
    fn is_open(&self) -> bool {
        !self.is_over && !self.is_written
    }

    fn wake(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

/// Why an operation on sockets has no answer.
pub(super) enum Unanswered {
    /// The object has as many as it may.
    Full,
    /// The isolate holds too much.
    NoRoom,
    /// The Worker's sockets keep too much.
    KeptTooMuch,
    /// It broke a rule that no unmodified cell breaks.
    Breach(&'static str),
}

impl ObjectSockets {
    /// Those of one object; `kept` is its Worker's.
    pub(super) fn new(link: Arc<ObjectLink>, digits: String, kept: Kept) -> Arc<Self> {
        Arc::new(Self { link, digits, kept, table: Mutex::default() })
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is of one socket, and complete before anything can panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Breaks all of them off.
    pub(super) fn break_off(&self) {
        let mut broken = std::mem::take(&mut self.table().sockets);
        broken.values_mut().for_each(Socket::wake);
    }

    /// Answers an object of that isolate.
    pub(super) fn perform(
        self: &Arc<Self>,
        isolate: &Arc<Isolate>,
        operation: SocketOperation<'_>,
    ) -> Result<SocketAnswer<'static>, Unanswered> {
        let mut table = self.table();
        Ok(match operation {
            SocketOperation::Accept { tags, name } => {
                let socket = table.accept(&tags, name)?;
                drop(table);
                SocketAnswer::Accepted { socket, cap: self.export(isolate, socket)? }
            }
            SocketOperation::List(tag) => SocketAnswer::Open(table.list(tag.as_deref())),
            SocketOperation::Tags(socket) => {
                let tags = table.sockets.get(&socket).map(|socket| socket.tags.clone());
                SocketAnswer::Texts(tags.unwrap_or_default().into_iter().map(Cow::Owned).collect())
            }
            SocketOperation::Attach(socket, bytes) => table.attach(socket, &bytes, &self.kept)?,
            SocketOperation::Attachment(socket) => {
                let attached = table.sockets.get(&socket).and_then(|socket| socket.attachment.as_ref());
                SocketAnswer::Bytes(attached.map(|(bytes, _)| Cow::Owned(bytes.clone())))
            }
            SocketOperation::AutoRespond(pair) => table.auto_respond(pair)?,
            SocketOperation::AutoResponse => {
                let pair = table.auto_response.clone().into_iter();
                SocketAnswer::Texts(
                    pair.flat_map(|(request, response)| [request.into(), response.into()]).collect(),
                )
            }
            SocketOperation::AutoRespondedAt(socket) => SocketAnswer::Number(
                table.sockets.get(&socket).and_then(|socket| socket.auto_responded_at_ms),
            ),
            SocketOperation::LimitEvents(event_max_ms) => {
                table.event_max_ms = event_max_ms;
                SocketAnswer::Done
            }
            SocketOperation::EventLimit => SocketAnswer::Number(table.event_max_ms.map(f64::from)),
        })
    }

    /// Gives the isolate the other end of a socket, to give away.
    fn export(self: &Arc<Self>, isolate: &Arc<Isolate>, number: SocketNumber) -> Result<CapId, Unanswered> {
        let objects = isolate.grants.objects.as_ref().expect("invariant: what has an object has objects");
        let sent = Sent { sockets: Arc::clone(self), number, current: None };
        let socket = WebSocket::of_object(ObjectSocket { objects: Arc::clone(objects), sent });
        let inserted = isolate.state().exports.insert(Handle::Socket(Arc::clone(&socket)));
        // Dropped after the state is released, where there was no room for it.
        drop(socket);
        inserted.map_err(|_full| Unanswered::NoRoom)
    }

    /// What a text is answered with by itself.
    pub(super) fn auto_respond(&self, number: SocketNumber, text: &str) -> bool {
        let mut table = self.table();
        let Some((_, response)) = table.auto_response.as_ref().filter(|(request, _)| request == text) else {
            return false;
        };
        let mut message = Vec::new();
        let encoded = SocketMessage::Text(response).encode(&mut message);
        encoded.expect("invariant: an automatic response is small");
        if let Some(socket) = table.sockets.get_mut(&number) {
            socket.auto_responded_at_ms = Some(SystemClock.now_ms() as f64);
        }
        drop(table);
        self.send(number, false, Body::Whole(message.into()));
        true
    }

    /// Has a message sent on a socket, unless that is over. One on which too much waits breaks off.
    fn send(&self, number: SocketNumber, last: bool, message: Body) {
        let mut table = self.table();
        let Some(socket) = table.sockets.get_mut(&number).filter(|it| it.is_open() && !it.closed.outgoing)
        else {
            drop(table);
            return drop(message);
        };
        let bytes = message.length().unwrap_or_default();
        socket.waiting_bytes += bytes;
        socket.closed.outgoing = last;
        socket.wake();
        let room = self.kept.room_for(bytes).filter(|_| socket.waiting_bytes <= WAITING_MAX);
        if let Some(room) = room {
            return socket.waiting.push_back((message, room));
        }
        socket.closed.outgoing = true;
        let unsent = std::mem::take(&mut socket.waiting);
        drop(table);
        drop((unsent, message));
    }

    /// Takes note of a message of the client's, which may be its last; `false`: the socket was broken off.
    pub(super) fn receive(&self, number: SocketNumber, last: bool) -> bool {
        let mut table = self.table();
        let socket = table.sockets.get_mut(&number);
        socket.map(|socket| socket.closed.incoming = last).is_some()
    }

    pub(super) fn begin_to_read(&self, number: SocketNumber) {
        if let Some(socket) = self.table().sockets.get_mut(&number) {
            socket.is_read = true;
        }
    }

    /// Nothing more comes, and the object knows.
    pub(super) fn end_of_read(&self, number: SocketNumber) {
        self.end(number, |socket| {
            socket.is_read = false;
            socket.is_over = true;
            socket.wake();
        });
    }

    fn end(&self, number: SocketNumber, change: impl FnOnce(&mut Socket)) {
        let mut table = self.table();
        let Some(socket) = table.sockets.get_mut(&number) else { return };
        change(socket);
        let ended = (socket.is_written && !socket.is_read).then(|| table.sockets.remove(&number));
        drop(table);
        // What waits may be streams, which are dropped outside any lock.
        drop(ended);
    }
}

impl Table {
    fn accept(
        &mut self,
        tags: &[Cow<'_, str>],
        name: Option<Cow<'_, str>>,
    ) -> Result<SocketNumber, Unanswered> {
        if tags.len() > TAGS_MAX || tags.iter().any(|tag| tag.len() > TAG_MAX) {
            return Err(Unanswered::Breach("it gave a socket too many tags, or too long ones"));
        }
        if self.sockets.len() >= SOCKETS_MAX {
            return Err(Unanswered::Full);
        }
        self.last += 1;
        self.name = name.map(Cow::into_owned);
        let tags = tags.iter().map(|tag| tag.clone().into_owned()).collect();
        let number = SocketNumber(self.last);
        self.sockets.insert(number, Socket { tags, ..Socket::default() });
        Ok(number)
    }

    fn list(&self, tag: Option<&str>) -> Vec<OpenSocket> {
        let wanted = |socket: &Socket| tag.is_none_or(|tag| socket.tags.iter().any(|known| known == tag));
        let open = self.sockets.iter().filter(|(_, socket)| socket.is_open() && wanted(socket));
        open.map(|(number, socket)| OpenSocket {
            number: *number,
            closed_incoming: socket.closed.incoming,
            closed_outgoing: socket.closed.outgoing,
        })
        .collect()
    }

    fn attach(
        &mut self,
        number: SocketNumber,
        bytes: &[u8],
        kept: &Kept,
    ) -> Result<SocketAnswer<'static>, Unanswered> {
        if bytes.len() > ATTACHMENT_MAX {
            return Err(Unanswered::Breach("it attached too much to a socket"));
        }
        if let Some(socket) = self.sockets.get_mut(&number) {
            let room = kept.room_for(bytes.len() as u64).ok_or(Unanswered::KeptTooMuch)?;
            socket.attachment = Some((bytes.to_vec(), room));
        }
        Ok(SocketAnswer::Done)
    }

    fn auto_respond(
        &mut self,
        pair: Option<(Cow<'_, str>, Cow<'_, str>)>,
    ) -> Result<SocketAnswer<'static>, Unanswered> {
        let pair = pair.map(|(request, response)| (request.into_owned(), response.into_owned()));
        if pair
            .as_ref()
            .is_some_and(|(request, response)| request.len().max(response.len()) > AUTO_RESPONSE_MAX)
        {
            return Err(Unanswered::Breach("it set an automatic response that is too long"));
        }
        self.auto_response = pair;
        Ok(SocketAnswer::Done)
    }
}

/// The other end of a socket, until it is opened.
pub(crate) struct ObjectSocket {
    pub(super) objects: Arc<Objects>,
    pub(super) sent: Sent,
}

/// What the object sends on a socket.
pub(crate) struct Sent {
    pub(super) sockets: Arc<ObjectSockets>,
    pub(super) number: SocketNumber,
    /// The message that is being sent.
    current: Option<Body>,
}

impl Sent {
    /// The next message; `None`: there will be no more.
    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Body>> {
        let mut table = self.sockets.table();
        let Some(socket) = table.sockets.get_mut(&self.number) else { return Poll::Ready(None) };
        if let Some((message, _)) = socket.waiting.pop_front() {
            socket.waiting_bytes -= message.length().unwrap_or_default();
            return Poll::Ready(Some(message));
        }
        if socket.closed.outgoing || socket.is_over {
            return Poll::Ready(None);
        }
        socket.writer = Some(context.waker().clone());
        Poll::Pending
    }
}

impl ByteStream for Sent {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        loop {
            if let Some(current) = &mut self.current {
                match current.poll_chunk(context) {
                    Poll::Ready(None) => self.current = None,
                    other => return other,
                }
            }
            match self.poll_next(context) {
                Poll::Ready(Some(message)) => self.current = Some(message),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.sockets.end(self.number, |socket| socket.is_written = true);
    }
}

impl Isolate {
    /// An object of this isolate sends a message on one of its sockets. What an instance says after its end counts no more.
    pub(crate) fn send_on_socket(
        self: &Arc<Self>,
        object: ObjectNumber,
        socket: SocketNumber,
        last: bool,
        message: WireBody<'_>,
    ) -> Result<(), Breach> {
        let message = self.accept(message, None)?;
        match self.storages.sockets(object) {
            Some(sockets) => sockets.send(socket, last, message),
            None => drop(message),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_so_many_sockets_and_no_more() {
        let mut table = Table::default();
        let accepted: Vec<SocketNumber> =
            (0..SOCKETS_MAX).map(|_| table.accept(&[], None).ok().unwrap()).collect();
        assert!(matches!(table.accept(&[], None), Err(Unanswered::Full)));
        table.sockets.remove(&accepted[7]);
        assert!(table.accept(&[], None).is_ok());
    }

    #[test]
    fn what_a_cell_says_of_a_socket_is_bounded() {
        let mut table = Table::default();
        let tags = |count: usize, bytes: usize| vec![Cow::Owned("x".repeat(bytes)); count];
        let number = table.accept(&tags(TAGS_MAX, TAG_MAX), None).ok().unwrap();
        assert!(matches!(table.accept(&tags(TAGS_MAX + 1, 1), None), Err(Unanswered::Breach(_))));
        assert!(matches!(table.accept(&tags(1, TAG_MAX + 1), None), Err(Unanswered::Breach(_))));
        let mut attach = |bytes: usize| table.attach(number, &vec![0; bytes], &Kept::default());
        assert!(attach(ATTACHMENT_MAX).is_ok());
        assert!(matches!(attach(ATTACHMENT_MAX + 1), Err(Unanswered::Breach(_))));
        let pair = |bytes: usize| Some((Cow::from(""), Cow::from("x".repeat(bytes))));
        assert!(table.auto_respond(pair(AUTO_RESPONSE_MAX)).is_ok());
        assert!(matches!(table.auto_respond(pair(AUTO_RESPONSE_MAX + 1)), Err(Unanswered::Breach(_))));
    }
    #[test]
    fn a_worker_keeps_so_much_and_no_more() {
        let kept = Kept::default();
        let most = kept.room_for(KEPT_MAX).unwrap();
        assert!(kept.room_for(1).is_none());
        let mut table = Table::default();
        let number = table.accept(&[], None).ok().unwrap();
        assert!(matches!(table.attach(number, b"x", &kept), Err(Unanswered::KeptTooMuch)));
        drop(most);
        assert!(table.attach(number, b"x", &kept).is_ok());
        assert!(kept.room_for(KEPT_MAX).is_none(), "the attachment has its room");
        drop(table);
        assert!(kept.room_for(KEPT_MAX).is_some());
    }
}
