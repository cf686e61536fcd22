//! Byte streams that this isolate writes: bodies of responses, of requests, of values.

use std::collections::VecDeque;

use hognose_wire::{Frame, OutgoingStream, StreamId, Violation};
use pyo3::Python;

use super::Link;
use super::streams::OwnedError;

/// How much of one stream may wait for credit, in bytes: what a Worker writes without waiting is its own memory, and a
/// value larger than the wire carries never gets here.
const QUEUE_BYTES_MAX: usize = 1 << 30;

type Watcher = Box<dyn FnOnce(Python<'_>)>;
type Written = Box<dyn FnOnce(Python<'_>, Result<(), OwnedError>)>;

/// One stream being written.
pub(super) struct Outgoing {
    credit: OutgoingStream,
    pieces: VecDeque<Piece>,
    end: Option<Result<(), OwnedError>>,
    /// Told when nobody reads it any more.
    watcher: Option<Watcher>,
    /// Told when it is over, however it came to that.
    over: Option<Watcher>,
}

struct Piece {
    bytes: Vec<u8>,
    sent: usize,
    /// Who is told that it has left.
    written: Option<Written>,
}

impl Link {
    /// Opens a stream; the frame that names it must be sent before anything is written.
    pub(crate) fn open_stream(&self) -> Result<StreamId, OwnedError> {
        let outgoing = Outgoing {
            credit: OutgoingStream::new(QUEUE_BYTES_MAX),
            pieces: VecDeque::new(),
            end: None,
            watcher: None,
            over: None,
        };
        self.streams.outgoing.borrow_mut().open(outgoing).map_err(|full| OwnedError::error(&full.to_string()))
    }

    /// Writes a piece; `written` is called once it has left, or cannot.
    pub(crate) fn write_stream(
        &self,
        stream: StreamId,
        bytes: Vec<u8>,
        written: impl FnOnce(Python<'_>, Result<(), OwnedError>) + 'static,
    ) {
        if let Err(Some(written)) = self.enqueue(stream, bytes, Some(Box::new(written))) {
            self.refuse(written);
        }
    }

    /// Writes a piece of which nobody asks when it has left.
    pub(crate) fn queue_stream(&self, stream: StreamId, bytes: Vec<u8>) {
        // Where nobody reads, nobody asks for it.
        let _refused = self.enqueue(stream, bytes, None);
    }

    fn enqueue(
        &self,
        stream: StreamId,
        bytes: Vec<u8>,
        written: Option<Written>,
    ) -> Result<(), Option<Written>> {
        let mut table = self.streams.outgoing.borrow_mut();
        let Some(outgoing) = table.get_mut(stream) else { return Err(written) };
        if outgoing.credit.enqueue(bytes.len()).is_err() {
            return Err(written);
        }
        outgoing.pieces.push_back(Piece { bytes, sent: 0, written });
        drop(table);
        self.pump(stream);
        Ok(())
    }

    /// How many bytes of a stream wait for its reader; `None`: nobody reads it any more.
    pub(crate) fn waiting(&self, stream: StreamId) -> Option<usize> {
        self.streams.outgoing.borrow().get(stream).map(|outgoing| outgoing.credit.queued())
    }

    /// Has `watcher` told when nobody reads a stream any more, unless it has ended before.
    pub(crate) fn watch_stream(&self, stream: StreamId, watcher: impl FnOnce(Python<'_>) + 'static) {
        if let Some(outgoing) = self.streams.outgoing.borrow_mut().get_mut(stream) {
            outgoing.watcher = Some(Box::new(watcher));
        }
    }

    /// Has `watcher` told when a stream is over: sent whole, broken off, or given up by its reader.
    pub(crate) fn when_over(&self, stream: StreamId, watcher: impl FnOnce(Python<'_>) + 'static) {
        match self.streams.outgoing.borrow_mut().get_mut(stream) {
            Some(outgoing) => outgoing.over = Some(Box::new(watcher)),
            None => self.after_turn(watcher),
        }
    }

    /// Ends a stream after what was written.
    pub(crate) fn end_stream(&self, stream: StreamId) {
        self.finish(stream, Ok(()));
    }

    /// Breaks a stream off; what waits is not sent.
    pub(crate) fn abort_stream(&self, stream: StreamId, error: OwnedError) {
        self.finish(stream, Err(error));
    }

    fn finish(&self, stream: StreamId, end: Result<(), OwnedError>) {
        if let Some(outgoing) = self.streams.outgoing.borrow_mut().get_mut(stream) {
            outgoing.end = Some(end);
        }
        self.pump(stream);
    }

    pub(super) fn stream_credit(
        &self,
        _py: Python<'_>,
        stream: StreamId,
        bytes: u32,
    ) -> Result<(), Violation> {
        if let Some(outgoing) = self.streams.outgoing.borrow_mut().get_mut(stream) {
            outgoing.credit.grant(bytes)?;
        }
        self.pump(stream);
        Ok(())
    }

    pub(super) fn stream_cancelled(&self, py: Python<'_>, stream: StreamId, reason: &str) {
        let Some(outgoing) = self.streams.outgoing.borrow_mut().remove(stream) else { return };
        if let Some(watcher) = outgoing.watcher {
            watcher(py);
        }
        for piece in outgoing.pieces {
            if let Some(written) = piece.written {
                written(py, Err(OwnedError::error(reason)));
            }
        }
        if let Some(over) = outgoing.over {
            over(py);
        }
    }

    /// Whether anything that was written waits for credit.
    pub(super) fn is_writing(&self) -> bool {
        self.streams.outgoing.borrow().iter().any(|(_, outgoing)| !outgoing.pieces.is_empty())
    }

    fn refuse(&self, written: impl FnOnce(Python<'_>, Result<(), OwnedError>) + 'static) {
        self.after_turn(move |py| written(py, Err(OwnedError::error("Network connection lost."))));
    }

    /// Sends what the credit allows.
    fn pump(&self, stream: StreamId) {
        let (mut done, mut over) = (Vec::new(), None);
        let mut table = self.streams.outgoing.borrow_mut();
        let Some(outgoing) = table.get_mut(stream) else { return };
        if let Some(Err(error)) = &outgoing.end {
            error.clone().with_remote(|error| self.send(Frame::StreamAbort { stream, error }));
            done.extend(outgoing.pieces.drain(..).filter_map(|piece| piece.written));
            over = outgoing.over.take();
            table.remove(stream);
        } else {
            self.send_pieces(stream, outgoing, &mut done);
            if outgoing.pieces.is_empty() && outgoing.end.is_some() {
                self.send(Frame::StreamEnd { stream });
                over = outgoing.over.take();
                table.remove(stream);
            }
        }
        drop(table);
        if !done.is_empty() {
            self.after_turn(move |py| done.into_iter().for_each(|written| written(py, Ok(()))));
        }
        if let Some(over) = over {
            self.after_turn(over);
        }
    }

    fn send_pieces(&self, stream: StreamId, outgoing: &mut Outgoing, done: &mut Vec<Written>) {
        while let Some(piece) = outgoing.pieces.front_mut() {
            while piece.sent < piece.bytes.len() {
                let rest = piece.bytes.len() - piece.sent;
                let allowed = outgoing.credit.take_of(rest);
                if allowed == 0 {
                    return;
                }
                let bytes = &piece.bytes[piece.sent..piece.sent + allowed];
                self.send(Frame::StreamData { stream, bytes });
                piece.sent += allowed;
            }
            done.extend(outgoing.pieces.pop_front().and_then(|piece| piece.written));
        }
    }
}
