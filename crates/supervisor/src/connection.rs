//! An isolate's one task: it reads frames and acts on them, writes what the outbox holds, and notices the end.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use hognose_services::StreamError;
use hognose_wire::{Decoder, Envelope, Frame, InvocationId, Outcome, Side};

use crate::body::Body;
use crate::cell_socket::CellSocket;
use crate::events::ServerEvent;
use crate::exchange;
use crate::isolate::{Answer, Breach, Closing, Isolate};
use crate::links::Raised;
use crate::objects::Bell;

/// How much is read at a time.
const READ_SIZE: usize = 64 << 10;

/// The isolate's end of its asynchronous socket.
pub(crate) struct Connection {
    isolate: Arc<Isolate>,
    socket: CellSocket,
    decoder: Decoder,
    /// What is being written, and how much of it has been.
    writing: Vec<u8>,
    written: usize,
    /// Whether the next frame waits until what it depends on is on the disk.
    held: bool,
    /// What is rung then, where a frame has waited before.
    bell: Option<Bell>,
}

/// Why a connection ended.
enum End {
    /// We wanted it to.
    Asked,
    /// The process did.
    Died,
    /// The process is to.
    Broken(Breach),
}

impl<E: Into<Breach>> From<E> for End {
    fn from(breach: E) -> Self {
        Self::Broken(breach.into())
    }
}

impl Connection {
    pub(crate) fn new(isolate: Arc<Isolate>, socket: CellSocket) -> Self {
        Self {
            isolate,
            socket,
            decoder: Decoder::new(),
            writing: Vec::new(),
            written: 0,
            held: false,
            bell: None,
        }
    }

    /// Serves the isolate until it ends, and returns when its process is gone.
    pub(crate) async fn run(mut self) {
        let end = poll_fn(|context| self.poll(context)).await;
        self.isolate.process.kill();
        self.tell(&end);
        self.isolate.process.ended().await;
    }

    /// As [`Connection::run`], for a process whose end is in its own hands: a closed socket is not the end of it.
    pub(crate) async fn run_to_exit(mut self) {
        let end = poll_fn(|context| self.poll(context)).await;
        if !matches!(end, End::Died) {
            self.isolate.process.kill();
            self.tell(&end);
        }
        self.isolate.process.ended().await;
        self.isolate.lose_all("its process ended");
    }

    fn tell(&self, end: &End) {
        let reason = match end {
            End::Asked => "it was shut down".to_owned(),
            End::Died => match self.isolate.state().excess() {
                Some(excess) => excess.to_string(),
                None => "its process ended".to_owned(),
            },
            End::Broken(breach) => breach.to_string(),
        };
        let requests_lost = self.isolate.lose_all(&reason);
        if !matches!(end, End::Asked) {
            let (worker, pid) = (Arc::clone(&self.isolate.grants.worker), self.isolate.process.pid());
            self.isolate.grants.events.send(ServerEvent::IsolateDied { worker, pid, reason, requests_lost });
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        // Looked at first and acted on last: what a process wrote before it ended is still to be read.
        let ended = self.isolate.process.poll_ended(context).is_ready();
        self.isolate.state().is_attended();
        loop {
            if let Err(end) = self.read(context) {
                return Poll::Ready(end);
            }
            if ended {
                return Poll::Ready(End::Died);
            }
            match self.write(context).and_then(|()| self.is_let_go(context)) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    /// Reads and acts until nothing more is there.
    fn read(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        if self.held {
            self.act()?;
        }
        while !self.held {
            let buffer = self.decoder.buffer();
            buffer.reserve(READ_SIZE);
            match self.socket.poll_read(context, buffer) {
                Poll::Ready(Ok(0) | Err(_)) => return Err(End::Died),
                Poll::Ready(Ok(_)) => {
                    self.act()?;
                    self.isolate.limit_waits();
                }
                Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether the frame that was held can go on. Where it cannot, the task is woken when that may have changed.
    fn is_let_go(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        if !self.held {
            return Ok(false);
        }
        let unheard = |error: io::Error| Breach::new(format!("its commits cannot be waited for: {error}"));
        let bell = match &mut self.bell {
            Some(bell) => bell,
            none => none.insert(self.isolate.storages.commits.bell().map_err(unheard)?),
        };
        bell.listen(context).map_err(unheard)?;
        self.act()?;
        Ok(!self.held)
    }

    fn act(&mut self) -> Result<(), End> {
        loop {
            let (commits, mut held) = (&self.isolate.storages.commits, false);
            let envelope = self.decoder.next_if(|envelope: &Envelope<'_>| {
                held = commits.holds(envelope.after);
                !held
            })?;
            self.held = held;
            let Some(envelope) = envelope else { return Ok(()) };
            envelope.frame.check(Side::Cell)?;
            self.isolate.receive(envelope.frame)?;
        }
    }

    /// Writes until nothing more is there to write, or the socket is full.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        loop {
            if self.written == self.writing.len() {
                self.writing.clear();
                self.written = 0;
                let taken = self.isolate.state().take_outbox(&mut self.writing, context.waker());
                taken.map_err(|closing| match closing {
                    Closing::Asked => End::Asked,
                    Closing::Expelled(breach) => End::Broken(breach),
                })?;
            }
            if self.writing.is_empty() {
                return Ok(());
            }
            match self.socket.poll_write(context, &self.writing[self.written..]) {
                Poll::Ready(Ok(count)) => self.written += count,
                Poll::Ready(Err(_)) => return Err(End::Died),
                Poll::Pending => {
                    self.isolate.state().is_left(context.waker());
                    return Ok(());
                }
            }
        }
    }
}

impl Isolate {
    /// Acts on one frame of the cell.
    fn receive(self: &Arc<Self>, frame: Frame<'_>) -> Result<(), Breach> {
        match frame {
            Frame::Started { invocation } => self.state().started(invocation),
            Frame::Complete { invocation, outcome } => self.receive_outcome(invocation, outcome)?,
            Frame::Settled { invocation, cpu_us } => self.settled(invocation, cpu_us)?,
            Frame::OutOfMemory => self.state().exhaust(),
            Frame::Call { call, invocation, target, method, access, params } => {
                self.note(invocation);
                self.call(call, invocation, target, (method, access), params)?;
            }
            Frame::Return { call, result } => self.returned(call, result)?,
            Frame::Release { cap, count } => self.released(cap, count)?,
            Frame::CancelCall { call } => self.state().cancel_call(call),
            Frame::StreamData { stream, bytes } => self.state().streams.data(stream, bytes)?,
            Frame::StreamEnd { stream } => self.state().streams.end(stream, Ok(())),
            Frame::StreamAbort { stream, error } => {
                let error = StreamError { name: error.name.into(), message: error.message.into() };
                self.state().streams.end(stream, Err(error));
            }
            Frame::StreamCredit { stream, bytes } => self.credit(stream, bytes)?,
            Frame::StreamCancel { stream, .. } => {
                let unwanted = self.state().streams.cancelled(stream);
                drop(unwanted);
            }
            Frame::Log { invocation, level, text, given } => {
                self.note(invocation);
                self.log(invocation, level, (text, given));
            }
            Frame::ResetObject { object, error } => self.object_reset(object, error),
            Frame::SocketMessage { object, socket, last, message } => {
                self.send_on_socket(object, socket, last, message)?;
            }
            Frame::Invoke { .. } | Frame::CancelInvocation { .. } | Frame::EndObject { .. } => {
                unreachable!("invariant: checked on arrival");
            }
        }
        Ok(())
    }

    fn receive_outcome(
        self: &Arc<Self>,
        invocation: InvocationId,
        outcome: Outcome<'_>,
    ) -> Result<(), Breach> {
        let mut streams = false;
        let answer = match outcome {
            Outcome::Response(response) => {
                let body = self.accept(response.body, Some(invocation))?;
                let socket = response.web_socket.map(|cap| self.take_socket(cap, invocation)).transpose()?;
                streams = matches!(body, Body::Cell(_)) || socket.is_some();
                match exchange::response(&response, body) {
                    Ok(mut answer) => {
                        socket.and_then(|socket| answer.extensions_mut().insert(socket));
                        Answer::Response(answer)
                    }
                    Err(error) => Answer::Raised(Raised::error(error.to_string())),
                }
            }
            Outcome::Error(error) => Answer::Raised(error.into()),
            Outcome::Value(payload) => Answer::Value(self.take_value(payload)?),
            Outcome::Done => Answer::Done,
        };
        self.complete(invocation, answer, streams)
    }

    fn note(&self, invocation: Option<InvocationId>) {
        if let Some(invocation) = invocation {
            self.state().started(invocation);
        }
    }
}
