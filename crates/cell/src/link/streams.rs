//! Byte streams that the supervisor writes and this isolate reads: bodies of requests, of responses, of values.
//!
//! Nothing is asked for until somebody reads. What is still open when its invocation ends is given up.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use hognose_wire::{
    Accepted, Body, Frame, IncomingStream, InvocationId, Opened, RemoteError, Side, StreamId, Violation,
    limits,
};
use pyo3::Python;

use super::Link;
use super::outgoing::Outgoing;

/// The name of an error that a Python exception became.
pub(crate) const PYTHON_ERROR: &str = "PythonError";

/// An error that crossed the wire, or is about to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnedError {
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) stack: String,
    pub(crate) retryable: bool,
    /// Its other own properties, as a structured clone.
    pub(crate) properties: Vec<u8>,
}

impl OwnedError {
    /// A plain `Error`.
    pub(crate) fn error(message: &str) -> Self {
        Self { name: "Error".to_owned(), message: message.to_owned(), ..Self::default() }
    }

    /// A `TypeError`.
    pub(crate) fn type_error(message: &str) -> Self {
        Self { name: "TypeError".to_owned(), ..Self::error(message) }
    }

    /// The same, no larger than the wire carries.
    fn cut(mut self) -> Self {
        for text in [&mut self.message, &mut self.stack] {
            if let Cow::Owned(shorter) = limits::cut(text, limits::ERROR_TEXT_MAX / 2) {
                *text = shorter;
            }
        }
        self.name.truncate(self.name.floor_char_boundary(limits::NAME_MAX));
        self
    }

    /// Gives `send` the error as the wire carries it.
    pub(crate) fn with_remote<T>(self, send: impl FnOnce(RemoteError<'_>) -> T) -> T {
        let Self { name, message, stack, retryable, properties } = &self.cut();
        send(RemoteError { name, message, stack, retryable: *retryable, properties })
    }
}

impl From<RemoteError<'_>> for OwnedError {
    fn from(error: RemoteError<'_>) -> Self {
        // A Python exception is an error to JavaScript whose message is the traceback.
        let (name, message) = match error.name {
            PYTHON_ERROR if !error.stack.is_empty() => ("Error", format!("{PYTHON_ERROR}: {}", error.stack)),
            PYTHON_ERROR => ("Error", format!("{PYTHON_ERROR}: {}", error.message)),
            name => (name, error.message.to_owned()),
        };
        Self {
            name: name.to_owned(),
            message,
            stack: error.stack.to_owned(),
            retryable: error.retryable,
            properties: error.properties.to_vec(),
        }
    }
}

/// What a read gives: the next piece, or `None` at the end.
pub(crate) type Piece = Result<Option<Vec<u8>>, OwnedError>;
type Reader = Box<dyn FnOnce(Python<'_>, Piece)>;
/// What is done with a body that was read to its end.
type Whole = Box<dyn FnOnce(Python<'_>, Result<Vec<u8>, OwnedError>)>;

/// A body that came with a frame, once it is this isolate's.
#[derive(Debug)]
pub(crate) enum Content {
    /// No body.
    None,
    /// All of it.
    Bytes(Vec<u8>),
    /// To be read piece by piece.
    Stream {
        /// Its number.
        stream: StreamId,
        /// Its length in bytes where that is known.
        length: Option<u64>,
    },
}

/// One stream being read.
struct Incoming {
    owner: Option<InvocationId>,
    window: IncomingStream,
    pieces: VecDeque<Vec<u8>>,
    end: Option<Result<(), OwnedError>>,
    reader: Option<Reader>,
}

/// The streams of a link, both ways.
pub(crate) struct Streams {
    incoming: RefCell<Accepted<StreamId, Incoming>>,
    pub(super) outgoing: RefCell<Opened<StreamId, Outgoing>>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { incoming: RefCell::default(), outgoing: RefCell::new(Opened::streams(Side::Cell)) }
    }
}

impl Link {
    /// Takes a body that came with a frame on behalf of `owner`.
    pub(crate) fn accept(&self, body: Body<'_>, owner: Option<InvocationId>) -> Result<Content, Violation> {
        Ok(match body {
            Body::None => Content::None,
            Body::Inline(bytes) => Content::Bytes(bytes.to_vec()),
            Body::Stream { stream, length } => {
                let incoming = Incoming {
                    owner,
                    window: IncomingStream::default(),
                    pieces: VecDeque::new(),
                    end: None,
                    reader: None,
                };
                self.streams.incoming.borrow_mut().accept(stream, incoming)?;
                Content::Stream { stream, length }
            }
            Body::Returned { stream } => return Err(Violation::NotOpen { what: "stream", number: stream.0 }),
        })
    }

    /// Reads the next piece. One read at a time per stream, which is what a JavaScript stream does.
    pub(crate) fn read_stream(
        &self,
        py: Python<'_>,
        stream: StreamId,
        reader: impl FnOnce(Python<'_>, Piece) + 'static,
    ) {
        let mut table = self.streams.incoming.borrow_mut();
        let Some(incoming) = table.get_mut(stream) else {
            drop(table);
            return reader(py, Err(OwnedError::error("Network connection lost.")));
        };
        let piece = match (incoming.pieces.pop_front(), &incoming.end) {
            (Some(piece), _) => Ok(Some(piece)),
            (None, Some(Ok(()))) => Ok(None),
            (None, Some(Err(error))) => Err(error.clone()),
            (None, None) => {
                incoming.reader = Some(Box::new(reader));
                self.grant(stream, incoming);
                return;
            }
        };
        match &piece {
            Ok(Some(bytes)) => self.consumed(stream, incoming, bytes.len()),
            _ => drop(table.remove(stream)),
        }
        drop(table);
        reader(py, piece);
    }

    /// Reads a body to its end and gives it whole.
    pub(crate) fn read_all(
        self: &Rc<Self>,
        py: Python<'_>,
        content: Content,
        done: impl FnOnce(Python<'_>, Result<Vec<u8>, OwnedError>) + 'static,
    ) {
        match content {
            Content::None => done(py, Ok(Vec::new())),
            Content::Bytes(bytes) => done(py, Ok(bytes)),
            Content::Stream { stream, .. } => self.read_rest(py, stream, Vec::new(), Box::new(done)),
        }
    }

    fn read_rest(self: &Rc<Self>, py: Python<'_>, stream: StreamId, mut bytes: Vec<u8>, done: Whole) {
        let link = Rc::clone(self);
        self.read_stream(py, stream, move |py, piece| match piece {
            Ok(Some(piece)) => {
                bytes.extend_from_slice(&piece);
                link.read_rest(py, stream, bytes, done);
            }
            Ok(None) => done(py, Ok(bytes)),
            Err(error) => done(py, Err(error)),
        });
    }

    /// Gives a stream up.
    pub(crate) fn cancel_stream(&self, stream: StreamId, reason: &str) {
        let incoming = self.streams.incoming.borrow_mut().remove(stream);
        if incoming.is_some_and(|incoming| incoming.end.is_none()) {
            let reason = limits::cut(reason, limits::NAME_MAX);
            self.send(Frame::StreamCancel { stream, reason: &reason });
        }
    }

    /// Lets a stream go that was handed back to the supervisor untouched.
    pub(crate) fn return_stream(&self, stream: StreamId) {
        self.streams.incoming.borrow_mut().remove(stream);
    }

    /// Gives up what an invocation has not read.
    pub(crate) fn cancel_streams_of(&self, invocation: InvocationId) {
        let owned: Vec<StreamId> = self
            .streams
            .incoming
            .borrow()
            .iter()
            .filter(|(_, incoming)| incoming.owner == Some(invocation))
            .map(|(stream, _)| stream)
            .collect();
        for stream in owned {
            self.cancel_stream(stream, "the invocation is over");
        }
    }

    /// Whether anybody waits for a piece.
    pub(super) fn is_reading(&self) -> bool {
        self.streams.incoming.borrow().iter().any(|(_, incoming)| incoming.reader.is_some())
    }

    pub(super) fn stream_data(
        &self,
        py: Python<'_>,
        stream: StreamId,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let mut table = self.streams.incoming.borrow_mut();
        // A piece may cross the frame that gave its stream up.
        let Some(incoming) = table.get_mut(stream) else { return Ok(()) };
        incoming.window.receive(bytes.len())?;
        let Some(reader) = incoming.reader.take() else {
            incoming.pieces.push_back(bytes.to_vec());
            return Ok(());
        };
        self.consumed(stream, incoming, bytes.len());
        drop(table);
        reader(py, Ok(Some(bytes.to_vec())));
        Ok(())
    }

    pub(super) fn stream_over(&self, py: Python<'_>, stream: StreamId, error: Option<OwnedError>) {
        let mut table = self.streams.incoming.borrow_mut();
        let Some(incoming) = table.get_mut(stream) else { return };
        let Some(reader) = incoming.reader.take() else {
            incoming.end = Some(error.map_or(Ok(()), Err));
            return;
        };
        table.remove(stream);
        drop(table);
        reader(py, error.map_or(Ok(None), Err));
    }

    fn consumed(&self, stream: StreamId, incoming: &mut Incoming, bytes: usize) {
        incoming.window.read(bytes);
        if incoming.end.is_none() {
            self.grant(stream, incoming);
        }
    }

    fn grant(&self, stream: StreamId, incoming: &mut Incoming) {
        if let Some(bytes) = incoming.window.grant() {
            self.send(Frame::StreamCredit { stream, bytes });
        }
    }
}
