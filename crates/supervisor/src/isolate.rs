//! One isolate as the supervisor sees it: what it was asked, what it asked, and the frames that wait to be sent.
//!
//! The state stands under a mutex that is held for moments only. Whoever has something to say appends frames to the
//! outbox and wakes the isolate's one task ([`crate::connection`]), which writes all that gathered in one system call.
//! Nothing that holds a stream may be dropped under the lock, for dropping a stream takes it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use hognose_wire::limits::INVOCATIONS_MAX;
use hognose_wire::{
    Accepted, Body as WireBody, CLIENT_GONE, CallId, CapId, CapRef, EncodeError, Envelope, Event, Exports,
    Frame, HttpRequest, InvocationId, Opened, Payload, ProtocolError, RemoteError, StreamId, Violation,
    WAIT_UNTIL_OVER, WriteSeq,
};
use http::Response;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::body::Body;
use crate::calls::Grants;
use crate::limits::{BUSY_AFTER, OUTBOX_MAX};
use crate::links::{self, HOST_GONE, Handle, MethodCall, Raised, Value};
use crate::process::Process;
use crate::sockets::Sockets;
use crate::streams::{Streams, remote_error};

/// A cell that serves.
pub(crate) struct Isolate {
    pub(crate) process: Process,
    pub(crate) grants: Arc<Grants>,
    state: Mutex<State>,
    /// Told when an invocation or a stream ends.
    progress: Notify,
}

/// Everything about an isolate that changes.
pub(crate) struct State {
    pub(crate) streams: Streams,
    pub(crate) sockets: Sockets,
    outbox: Vec<u8>,
    /// The isolate's task, where it waits.
    task: Option<Waker>,
    /// Writers that wait until the outbox is sent.
    waiting_for_room: Vec<Waker>,
    /// Set once: the isolate is to end, or has.
    closing: Option<Closing>,
    invocations: Opened<InvocationId, Invocation>,
    /// Invocations that have just been answered in full.
    answered: Vec<InvocationId>,
    /// Invocations in the order sent, until the isolate shows that it has begun them.
    unstarted: VecDeque<(InvocationId, Instant)>,
    /// What the isolate has asked for, and the task that finds the answer.
    calls: Accepted<CallId, Option<AbortHandle>>,
    /// What it was asked for on what it hosts.
    asked: Opened<CallId, oneshot::Sender<Result<Value, Raised>>>,
    /// What it holds of other isolates.
    pub(crate) exports: Exports<Handle>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            streams: Streams::default(),
            sockets: Sockets::default(),
            outbox: Vec::new(),
            task: None,
            waiting_for_room: Vec::new(),
            closing: None,
            invocations: Opened::invocations(),
            answered: Vec::new(),
            unstarted: VecDeque::new(),
            calls: Accepted::new(),
            asked: Opened::calls(),
            exports: Exports::new(),
        }
    }
}

/// Why an isolate is to end.
pub(crate) enum Closing {
    /// It is not needed any more.
    Asked,
    /// Of something it did.
    Expelled(Breach),
}

/// An event that the isolate was given.
struct Invocation {
    /// Where its answer goes; `None` once it was given.
    answer: Option<oneshot::Sender<Answer>>,
    /// The body that was offered with it.
    body: Option<StreamId>,
    /// What can be its answer.
    wants: Wants,
    /// How many Workers called each other before this one.
    depth: u32,
    /// Ends it once it was answered, where it takes too long to settle.
    deadline: Option<AbortOnDropHandle<()>>,
}

/// What an event is answered with, where nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Response,
    Value,
    Nothing,
}

/// On whose behalf and to whom an event is given; the default: a client's, to the default export.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin<'a> {
    /// The class that serves.
    pub(crate) entrypoint: Option<&'a str>,
    /// `ctx.props` as JSON, empty where there are none.
    pub(crate) props: &'a str,
    /// How many Workers called each other before.
    pub(crate) depth: u32,
}

/// What became of an invocation.
pub(crate) enum Answer {
    /// The handler's response, to a request.
    Response(Response<Body>),
    /// What a method returned.
    Value(Value),
    /// The handler of another event has ended well.
    Done,
    /// The handler raised, or gave something that is no answer.
    Raised(Raised),
    /// The isolate ended first; why.
    Lost(String),
}

/// The isolate can take no more; the request can go to another one.
pub(crate) struct Refused(pub(crate) Body);

/// What a cell did that no unmodified cell does. It is killed for it: nothing it says can be trusted any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Breach {
    /// Its bytes are no frames.
    #[error("it broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// A frame has no place where it came.
    #[error("it broke the protocol: {0}")]
    Rule(#[from] Violation),
    /// It asked for what does not exist.
    #[error("it broke the protocol: {0}")]
    Other(String),
}

impl Breach {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::Other(what.into())
    }
}

impl Isolate {
    pub(crate) fn new(process: Process, grants: Arc<Grants>) -> Self {
        let state = State { exports: links::granted(&grants), ..State::default() };
        Self { process, grants, state: Mutex::new(state), progress: Notify::new() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // The state is never left half-changed by a panic: each method changes one thing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the isolate an HTTP request. `request.body` is ignored in favour of `body`.
    pub(crate) fn fetch(
        self: &Arc<Self>,
        origin: Origin<'_>,
        request: HttpRequest<'_>,
        body: Body,
    ) -> Result<Pending, Refused> {
        let mut state = self.state();
        if !state.takes_work() {
            drop(state);
            return Err(Refused(body));
        }
        let parcel = state.streams.offer(body);
        let event = Event::Fetch(HttpRequest { body: parcel.wire(), ..request });
        Ok(self.invoke(&mut state, origin, Wants::Response, parcel.stream(), event))
    }

    /// Has the isolate call a method of an entrypoint; the arguments come back where it can take no more.
    pub(crate) fn rpc(
        self: &Arc<Self>,
        origin: Origin<'_>,
        call: &MethodCall,
        arguments: Value,
    ) -> Result<Pending, Value> {
        let mut state = self.state();
        if !state.takes_work() {
            drop(state);
            return Err(arguments);
        }
        let packed = match self.pack(&mut state, arguments) {
            Ok(packed) => packed,
            Err(arguments) => {
                drop(state);
                return Err(arguments);
            }
        };
        let event = Event::Rpc { method: &call.method, access: call.access(), args: packed.wire() };
        let pending = self.invoke(&mut state, origin, Wants::Value, None, event);
        drop(state);
        Ok(pending)
    }

    /// Calls a method of something that the isolate hosts.
    pub(crate) async fn call_hosted(
        self: &Arc<Self>,
        cap: CapId,
        call: &MethodCall,
        arguments: Value,
    ) -> Result<Value, Raised> {
        let answer = self.begin_hosted(cap, call, arguments)?;
        answer.await.unwrap_or_else(|_| Err(Raised::error(HOST_GONE)))
    }

    fn begin_hosted(
        self: &Arc<Self>,
        cap: CapId,
        call: &MethodCall,
        arguments: Value,
    ) -> Result<oneshot::Receiver<Result<Value, Raised>>, Raised> {
        let mut state = self.state();
        if state.closing.is_some() {
            drop(state);
            return Err(Raised::error(HOST_GONE));
        }
        let packed = match self.pack(&mut state, arguments) {
            Ok(packed) => packed,
            Err(arguments) => {
                drop(state);
                drop(arguments);
                return Err(Raised::error("Too many objects are held at once."));
            }
        };
        let (sender, answer) = oneshot::channel();
        let number = state.asked.open(sender);
        let sent = number.map(|number| {
            state.send(Frame::Call {
                call: number,
                invocation: None,
                target: CapRef::Receiver(cap),
                method: &call.method,
                access: call.access(),
                params: packed.wire(),
            });
        });
        drop(state);
        sent.map(|()| answer).map_err(|full| Raised::error(full.to_string()))
    }

    /// The isolate has answered a call of ours.
    pub(crate) fn returned(
        self: &Arc<Self>,
        call: CallId,
        result: Result<Payload<'_>, RemoteError<'_>>,
    ) -> Result<(), Breach> {
        let sender = self.state().asked.close(call)?;
        let result = match result {
            Ok(payload) => Ok(self.take_value(payload)?),
            Err(error) => Err(error.into()),
        };
        // Whoever asked may have gone.
        let _gone = sender.send(result);
        Ok(())
    }

    /// The isolate gives references back.
    pub(crate) fn released(&self, cap: CapId, count: u32) -> Result<(), Breach> {
        let last = self.state().exports.release(cap, count)?;
        drop(last);
        Ok(())
    }

    fn invoke(
        self: &Arc<Self>,
        state: &mut State,
        origin: Origin<'_>,
        wants: Wants,
        body: Option<StreamId>,
        event: Event<'_>,
    ) -> Pending {
        let (sender, answer) = oneshot::channel();
        let open = Invocation { answer: Some(sender), body, wants, depth: origin.depth, deadline: None };
        let invocation = state.begin(open);
        let props = match origin.props {
            "" => WireBody::None,
            json => WireBody::Inline(json.as_bytes()),
        };
        let props = Payload { bytes: props, ..Payload::default() };
        state.send(Frame::Invoke { invocation, entrypoint: origin.entrypoint, object: None, props, event });
        Pending { isolate: Arc::clone(self), invocation, answer, over: false }
    }

    /// Gives the isolate a batch of a queue's messages (a [`hognose_wire::queues::Delivery`]), unless it can take no
    /// more.
    pub(crate) fn queue(self: &Arc<Self>, queue: &str, delivery: &[u8]) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        let batch = Payload { bytes: WireBody::Inline(delivery), ..Payload::default() };
        let event = Event::Queue { queue, batch };
        Some(self.invoke(&mut state, Origin::default(), Wants::Nothing, None, event))
    }

    /// Has the isolate run the tests of one of the Worker's entrypoints; `None`: it can take no more.
    pub(crate) fn test(self: &Arc<Self>, entrypoint: Option<&str>) -> Option<Pending> {
        let mut state = self.state();
        if !state.takes_work() {
            return None;
        }
        let origin = Origin { entrypoint, ..Origin::default() };
        Some(self.invoke(&mut state, origin, Wants::Nothing, None, Event::Test))
    }

    /// Asks the isolate's task to end it, now.
    pub(crate) fn close(&self) {
        self.state().close(Closing::Asked);
        self.progress.notify_waiters();
    }

    /// As [`Isolate::close`], for what it did.
    pub(crate) fn expel(&self, breach: Breach) {
        self.state().close(Closing::Expelled(breach));
    }

    /// Waits until all that was begun is over.
    pub(crate) async fn drained(&self) {
        loop {
            let mut progress = std::pin::pin!(self.progress.notified());
            progress.as_mut().enable();
            if self.state().is_drained() {
                return;
            }
            progress.await;
        }
    }

    /// The handler's result has come. `streams`: its body is still to come.
    pub(crate) fn complete(
        &self,
        invocation: InvocationId,
        answer: Answer,
        streams: bool,
    ) -> Result<(), Breach> {
        let mut state = self.state();
        state.started(invocation);
        if !streams {
            state.answered.push(invocation);
        }
        let found = state.invocations.get_mut(invocation);
        let found = found.and_then(|open| open.answer.take().map(|sender| (sender, open.wants)));
        drop(state);
        let (sender, wants) =
            found.ok_or_else(|| Breach::new("it completed an invocation that was not open"))?;
        let fits = match &answer {
            Answer::Response(_) => wants == Wants::Response,
            Answer::Value(_) => wants == Wants::Value,
            Answer::Done => wants == Wants::Nothing,
            Answer::Raised(_) | Answer::Lost(_) => true,
        };
        if !fits {
            return Err(Breach::new("it answered an event with what is no answer to it"));
        }
        // Nobody waits where the client has gone; a body that the answer holds is then cancelled by being dropped.
        let _client_gone = sender.send(answer);
        Ok(())
    }

    /// Begins the time of what was answered in full and has not settled with it, as most do.
    pub(crate) fn limit_waits(self: &Arc<Self>) {
        let answered = std::mem::take(&mut self.state().answered);
        for invocation in answered {
            self.answered(invocation);
        }
    }

    /// The client has all of the response: what `waitUntil` keeps has a limited time from now on.
    pub(crate) fn answered(self: &Arc<Self>, invocation: InvocationId) {
        let mut state = self.state();
        let Some(open) = state.invocations.get_mut(invocation) else { return };
        let (isolate, wait_until_max) = (Arc::downgrade(self), self.grants.wait_until_max);
        open.deadline = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(wait_until_max).await;
            if let Some(isolate) = isolate.upgrade() {
                isolate.state().send(Frame::CancelInvocation { invocation, reason: WAIT_UNTIL_OVER });
            }
        })));
    }

    /// The invocation is over.
    pub(crate) fn settled(&self, invocation: InvocationId) -> Result<(), Breach> {
        let mut state = self.state();
        state.started(invocation);
        let ended = state.invocations.close(invocation)?;
        let unread = ended.body.and_then(|stream| state.streams.withdraw(stream));
        drop(state);
        drop(unread);
        self.progress.notify_waiters();
        if ended.answer.is_some() {
            return Err(Breach::new("it settled an invocation without completing it"));
        }
        Ok(())
    }

    /// Ends everything that was begun, and returns how many requests were lost.
    pub(crate) fn lose_all(&self, reason: &str) -> usize {
        let mut state = self.state();
        state.close(Closing::Asked);
        let unread = state.streams.close();
        let invocations: Vec<Invocation> =
            state.invocations.drain().map(|(_, invocation)| invocation).collect();
        let calls: Vec<AbortHandle> = state.calls.drain().filter_map(|(_, task)| task).collect();
        let asked: Vec<_> = state.asked.drain().collect();
        let held: Vec<Handle> = state.exports.drain().collect();
        drop(state);
        drop((asked, held));
        drop(unread);
        calls.iter().for_each(AbortHandle::abort);
        self.progress.notify_waiters();
        let waiting = invocations.into_iter().filter_map(|invocation| invocation.answer);
        waiting.filter_map(|sender| sender.send(Answer::Lost(reason.to_owned())).ok()).count()
    }

    pub(crate) fn notify_progress(&self) {
        self.progress.notify_waiters();
    }
}

impl State {
    /// Appends a frame to what is to be sent. The caller made it of bounded parts.
    pub(crate) fn send(&mut self, frame: Frame<'_>) {
        self.try_send(frame).expect("invariant: a frame of bounded parts can be encoded");
    }

    /// As [`State::send`], for a frame that may be too large: then nothing is sent.
    pub(crate) fn try_send(&mut self, frame: Frame<'_>) -> Result<(), EncodeError> {
        if self.closing.is_none() {
            hognose_wire::encode(&Envelope { after: WriteSeq::default(), frame }, &mut self.outbox)?;
            self.wake();
        }
        Ok(())
    }

    /// Puts what is to be sent in the place of the empty `sent`. `task` is woken when there is more. An error says why
    /// nothing will be sent any more.
    pub(crate) fn take_outbox(&mut self, sent: &mut Vec<u8>, task: &Waker) -> Result<(), Closing> {
        if let Some(closing) = self.closing.as_mut() {
            return Err(std::mem::replace(closing, Closing::Asked));
        }
        std::mem::swap(&mut self.outbox, sent);
        if !self.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            self.task = Some(task.clone());
        }
        self.waiting_for_room.drain(..).for_each(Waker::wake);
        Ok(())
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outbox.len() < OUTBOX_MAX
    }

    pub(crate) fn wait_for_room(&mut self, waker: &Waker) {
        self.waiting_for_room.push(waker.clone());
    }

    fn close(&mut self, closing: Closing) {
        self.closing.get_or_insert(closing);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Whether it can be given an event.
    pub(crate) fn takes_work(&self) -> bool {
        let room =
            self.has_room() && self.streams.has_room_for(1) && self.invocations.len() < INVOCATIONS_MAX;
        self.closing.is_none() && room
    }

    /// How many events it has not settled.
    pub(crate) fn load(&self) -> usize {
        self.invocations.len()
    }

    /// Whether it computes: it has not begun what it was sent some time ago.
    pub(crate) fn is_busy(&self) -> bool {
        self.unstarted.front().is_some_and(|(_, sent)| sent.elapsed() > BUSY_AFTER)
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.closing.is_some() || (self.invocations.is_empty() && self.streams.is_idle())
    }

    fn begin(&mut self, invocation: Invocation) -> InvocationId {
        let id = self.invocations.open(invocation).expect("invariant: takes_work saw room for an invocation");
        self.unstarted.push_back((id, Instant::now()));
        id
    }

    /// The isolate has shown that it works on this invocation, and so has begun those before it.
    pub(crate) fn started(&mut self, invocation: InvocationId) {
        if let Some(position) = self.unstarted.iter().position(|(id, _)| *id == invocation) {
            self.unstarted.drain(..=position);
        }
    }

    /// Tells the isolate that a client has gone, unless the invocation is over.
    pub(crate) fn cancel(&mut self, invocation: InvocationId) {
        if self.invocations.get(invocation).is_some() {
            self.send(Frame::CancelInvocation { invocation, reason: CLIENT_GONE });
        }
    }

    /// How many Workers called each other before what this invocation calls.
    pub(crate) fn depth_below(&self, invocation: Option<InvocationId>) -> u32 {
        invocation.and_then(|id| self.invocations.get(id)).map_or(0, |open| open.depth) + 1
    }

    /// Takes note of a call under way.
    pub(crate) fn begin_call(&mut self, call: CallId) -> Result<(), Violation> {
        self.calls.accept(call, None)
    }

    /// Names the task that finds a call's answer, unless it is found already.
    pub(crate) fn follow_call(&mut self, call: CallId, task: AbortHandle) {
        if let Some(known) = self.calls.get_mut(call) {
            *known = Some(task);
        }
    }

    /// Frees a call's number; `false`: the call was answered before, or lost with the isolate.
    pub(crate) fn end_call(&mut self, call: CallId) -> bool {
        self.calls.remove(call).is_some()
    }

    /// Answers a call. What does not fit a frame becomes an error of the call.
    pub(crate) fn send_return(&mut self, call: CallId, bytes: WireBody<'_>, bodies: Vec<WireBody<'_>>) {
        let payload = Payload { bytes, caps: Vec::new(), bodies };
        if let Err(error) = self.try_send(Frame::Return { call, result: Ok(payload) }) {
            let message = error.to_string();
            self.send(Frame::Return { call, result: Err(remote_error("Error", &message)) });
        }
    }

    /// The isolate no longer wants an answer, and gets an error instead. One that is answered already is left alone.
    pub(crate) fn cancel_call(&mut self, call: CallId) {
        if let Some(task) = self.calls.remove(call) {
            task.inspect(AbortHandle::abort);
            let error = remote_error("AbortError", "The operation was aborted");
            self.send(Frame::Return { call, result: Err(error) });
        }
    }
}

/// An event that an isolate works on. Dropped before the answer, it is cancelled: the client has gone.
pub(crate) struct Pending {
    isolate: Arc<Isolate>,
    invocation: InvocationId,
    answer: oneshot::Receiver<Answer>,
    over: bool,
}

impl Pending {
    pub(crate) async fn answer(mut self) -> Answer {
        let answer = (&mut self.answer).await;
        self.over = true;
        answer.unwrap_or_else(|_| Answer::Lost("the server is shutting down".into()))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.over {
            self.isolate.state().cancel(self.invocation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanswered() -> Invocation {
        Invocation { answer: None, body: None, wants: Wants::Response, depth: 0, deadline: None }
    }

    #[test]
    fn an_isolate_takes_events_up_to_its_limit() {
        let mut state = State::default();
        let all: Vec<InvocationId> = (0..INVOCATIONS_MAX)
            .map(|_| {
                assert!(state.takes_work());
                state.begin(unanswered())
            })
            .collect();
        assert!(!state.takes_work());
        state.invocations.close(all[5]).unwrap();
        assert!(state.takes_work());
    }

    #[test]
    fn an_isolate_that_does_not_read_takes_no_more() {
        let mut state = State::default();
        state.outbox.resize(OUTBOX_MAX - 1, 0);
        assert!(state.takes_work());
        state.outbox.push(0);
        assert!(!state.takes_work());
        state.take_outbox(&mut Vec::new(), Waker::noop()).ok().unwrap();
        assert!(state.takes_work());
    }

    #[test]
    fn an_isolate_is_busy_until_it_shows_that_it_has_begun() {
        let mut state = State::default();
        let (first, second) = (state.begin(unanswered()), state.begin(unanswered()));
        assert!(!state.is_busy(), "it was given no time yet");
        state.unstarted.iter_mut().for_each(|(_, sent)| *sent -= BUSY_AFTER);
        assert!(state.is_busy());
        state.started(first);
        assert!(state.is_busy(), "the second still waits");
        state.started(second);
        assert!(!state.is_busy());
    }

    #[test]
    fn nothing_is_sent_to_an_isolate_that_is_to_end() {
        let mut state = State::default();
        state.close(Closing::Expelled(Breach::new("first")));
        state.close(Closing::Asked);
        state.send(Frame::CancelCall { call: CallId(1) });
        assert!(state.outbox.is_empty() && !state.takes_work());
        let why = state.take_outbox(&mut Vec::new(), Waker::noop());
        assert!(matches!(why, Err(Closing::Expelled(_))), "the first reason counts");
    }
}
