//! A WebSocket on a network connection, as two halves. What the reading half gives and what the writing half takes are
//! streams of messages in the wire's form ([`hognose_wire::messages`]), so that either can be joined to a cell, or to
//! another connection.
//!
//! The reading half is pulled by its reader; the writing half is a task. The halves tell each other what the protocol
//! asks of both: that a ping wants its answer, that the other end broke a rule, that the connection is over.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hognose_services::{ByteStream, StreamError};
use hognose_wire::Violation;
use hognose_wire::messages::{MessageReader, SocketMessage};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::frame::{FrameError, FrameReader, FrameWriter, Received, Role};
use crate::body::Body;
use crate::limits::CLOSE_MAX;

type Connection = TokioIo<Upgraded>;

/// How much is read from the network at once.
const READ_BYTES: usize = 16 << 10;

/// A connection on which a WebSocket was agreed.
pub(crate) struct NetworkSocket {
    connection: Connection,
    role: Role,
}

impl NetworkSocket {
    /// Of a client that asked us.
    pub(crate) fn of_client(connection: Upgraded) -> Self {
        Self { connection: TokioIo::new(connection), role: Role::Server }
    }

    /// To a server that we asked.
    pub(crate) fn to_server(connection: Upgraded) -> Self {
        Self { connection: TokioIo::new(connection), role: Role::Client }
    }

    /// Its two halves. The writing half must be run for the other to end when the connection does.
    pub(crate) fn split(self) -> (Reading, Writing) {
        let (reading, writing) = tokio::io::split(self.connection);
        let between = Arc::new(Between::default());
        let frames = FrameReader::new(self.role);
        let reading = Reading {
            connection: Some(reading),
            frames,
            between: Arc::clone(&between),
            out: Vec::new(),
            over: false,
        };
        (reading, Writing { connection: writing, frames: FrameWriter::new(self.role), between })
    }
}

/// What the halves tell each other.
#[derive(Default)]
struct Between(Mutex<Told>);

#[derive(Default)]
struct Told {
    /// The last ping that was not answered.
    ping: Option<Vec<u8>>,
    /// What the other end did.
    error: Option<FrameError>,
    /// How reading has ended.
    read: Option<End>,
    /// What is left to read after a close frame: nothing but the end.
    rest: Option<ReadHalf<Connection>>,
    /// Nothing will be written any more.
    written: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How reading ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// With a close frame, or because nobody wants more.
    Done,
    /// With the connection.
    Lost,
}

impl Told {
    /// Waits until the other end has gone that has closed before.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(rest) = &mut self.rest else { return Poll::Pending };
        loop {
            let mut bytes = [0; 128];
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *rest).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Between {
    fn lock(&self) -> MutexGuard<'_, Told> {
        // Each change is one assignment, which a panic cannot leave half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the writing half.
    fn tell_writer(&self, tell: impl FnOnce(&mut Told)) {
        let mut told = self.lock();
        tell(&mut told);
        told.writer.take().into_iter().for_each(Waker::wake);
    }

    /// Whether the writing half has ended; if not, it wakes the reading one when it does.
    fn is_written(&self, context: &Context<'_>) -> bool {
        let mut told = self.lock();
        keep(&mut told.reader, context);
        told.written
    }
}

fn keep(waker: &mut Option<Waker>, context: &Context<'_>) {
    if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
        *waker = Some(context.waker().clone());
    }
}

/// What the other end sends.
pub(crate) struct Reading {
    /// Until the end.
    connection: Option<ReadHalf<Connection>>,
    frames: FrameReader,
    between: Arc<Between>,
    /// Messages in the wire's form.
    out: Vec<u8>,
    over: bool,
}

impl Reading {
    fn end(&mut self, end: End) {
        self.over = true;
        let rest = self.connection.take();
        self.between.tell_writer(|told| {
            told.read = Some(end);
            told.rest = rest;
        });
    }

    /// Takes the messages that have come whole.
    fn take_messages(&mut self) -> Result<(), Violation> {
        while !self.over {
            match self.frames.next() {
                Ok(Some(received)) => self.take(received)?,
                Ok(None) => break,
                Err(error) => {
                    SocketMessage::Failed(&error.to_string()).encode(&mut self.out)?;
                    self.between.tell_writer(|told| told.error = Some(error));
                    self.end(End::Done);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, received: Received) -> Result<(), Violation> {
        match received {
            Received::Text(text) => SocketMessage::Text(&text).encode(&mut self.out),
            Received::Binary(bytes) => SocketMessage::Binary(&bytes).encode(&mut self.out),
            Received::Ping(content) => {
                self.between.tell_writer(|told| told.ping = Some(content));
                Ok(())
            }
            Received::Close { code, reason } => {
                self.end(End::Done);
                SocketMessage::Close { code, reason: &reason }.encode(&mut self.out)
            }
        }
    }

    /// Reads what is there; `false`: the connection has ended.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(false) };
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        let Poll::Ready(read) = Pin::new(connection).poll_read(context, &mut buffer) else {
            return Poll::Pending;
        };
        self.frames.push(buffer.filled());
        Poll::Ready(read.is_ok() && !buffer.filled().is_empty())
    }
}

impl ByteStream for Reading {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        loop {
            self.take_messages().expect("invariant: the frames' reader keeps to the wire's limit");
            if !self.out.is_empty() {
                return Poll::Ready(Some(Ok(std::mem::take(&mut self.out).into())));
            }
            if self.over || self.between.is_written(context) {
                return Poll::Ready(None);
            }
            match self.poll_read(context) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => self.end(End::Lost),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if !self.over {
            self.end(End::Done);
        }
    }
}

/// What this end sends.
pub(crate) struct Writing {
    connection: WriteHalf<Connection>,
    frames: FrameWriter,
    between: Arc<Between>,
}

/// What the writing half has to do next.
enum Next {
    Messages(Bytes),
    Pong(Vec<u8>),
    Refuse(FrameError),
    End,
}

impl Writing {
    /// Sends the messages of a stream, until it ends or the connection does. Then the connection is closed.
    pub(crate) async fn run(mut self, mut messages: Body) {
        if self.send_all(&mut messages).await.is_some_and(|closed| closed) {
            // The other end's own close frame is still to come; its reader waits for it, but not for ever.
            let _out_of_time = timeout(CLOSE_MAX, read_to_end(&self.between)).await;
        }
        drop(messages);
        // Whether the other end hears of it or has gone, this end is over.
        let _gone = self.connection.shutdown().await;
        let mut told = self.between.lock();
        told.written = true;
        told.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Whether a close frame was sent; `None`: the connection was lost.
    async fn send_all(&mut self, messages: &mut Body) -> Option<bool> {
        let (mut reader, mut closed) = (MessageReader::new(), false);
        loop {
            let mut out = Vec::new();
            match poll_fn(|context| poll_next(&self.between, messages, context)).await {
                Next::Messages(bytes) => {
                    reader.push(&bytes);
                    // What is no message comes from a cell that is not ours, and ends its connection.
                    while let Some(message) = reader.next().ok()? {
                        closed |= matches!(message, SocketMessage::Close { .. });
                        self.frames.message(message, &mut out);
                    }
                }
                Next::Pong(content) => self.frames.pong(&content, &mut out),
                Next::Refuse(FrameError { code, description }) => {
                    self.frames.message(SocketMessage::Close { code, reason: &description }, &mut out);
                    self.write(&out).await?;
                    return Some(false);
                }
                Next::End => return Some(closed),
            }
            self.write(&out).await?;
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.connection.write_all(bytes).await.ok()?;
        self.connection.flush().await.ok()
    }
}

/// What to do next, in this order.
fn poll_next(between: &Between, messages: &mut Body, context: &mut Context<'_>) -> Poll<Next> {
    {
        let mut told = between.lock();
        if let Some(error) = told.error.take() {
            return Poll::Ready(Next::Refuse(error));
        }
        if let Some(content) = told.ping.take() {
            return Poll::Ready(Next::Pong(content));
        }
        keep(&mut told.writer, context);
        if told.read == Some(End::Lost) || told.poll_rest(context).is_ready() {
            return Poll::Ready(Next::End);
        }
    }
    messages.poll_chunk(context).map(|chunk| match chunk {
        Some(Ok(bytes)) => Next::Messages(bytes),
        Some(Err(_)) | None => Next::End,
    })
}

async fn read_to_end(between: &Between) {
    poll_fn(|context| {
        let mut told = between.lock();
        keep(&mut told.writer, context);
        if told.read.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
