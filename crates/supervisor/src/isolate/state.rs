//! Everything about an isolate that changes: what waits to be sent, and what is under way in either direction.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::{Duration, Instant};

use hognose_wire::limits::INVOCATIONS_MAX;
use hognose_wire::objects::ObjectNumber;
use hognose_wire::{
    Accepted, Body as WireBody, CLIENT_GONE, CallId, CapId, EncodeError, Envelope, Exports, Frame,
    InvocationId, Opened, Payload, Violation, WriteSeq,
};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::Closing;
use super::answers::{Answer, Invocation};
use crate::limits::OUTBOX_MAX;
use crate::links::{Handle, Raised, Value};
use crate::recorder::Tracing;
use crate::sockets::Sockets;
use crate::streams::{Streams, remote_error};
use crate::watch::Excess;

/// Everything about an isolate that changes.
pub(crate) struct State {
    pub(crate) streams: Streams,
    pub(crate) sockets: Sockets,
    pub(super) outbox: Vec<u8>,
    /// The isolate's task, where it waits.
    task: Option<Waker>,
    /// Writers that wait until the outbox is sent.
    waiting_for_room: Vec<Waker>,
    /// Set once: the isolate is to end, or has.
    pub(super) closing: Option<Closing>,
    pub(super) invocations: Opened<InvocationId, Invocation>,
    /// Whether somebody looks at what it uses.
    pub(super) watched: bool,
    /// Whether it holds so much memory that it is to be replaced.
    pub(super) swollen: bool,
    /// The Worker's limit that something went past.
    pub(super) excess: Option<Excess>,
    /// Invocations that have just been answered in full.
    pub(super) answered: Vec<InvocationId>,
    /// Invocations in the order sent, until the isolate shows that it has begun them.
    pub(super) unstarted: VecDeque<(InvocationId, Instant)>,
    /// What the isolate has asked for.
    pub(super) calls: Accepted<CallId, OpenCall>,
    /// What it was asked for on what it hosts.
    pub(super) asked: Opened<CallId, oneshot::Sender<Result<Value, Raised>>>,
    /// What it holds of other isolates.
    pub(crate) exports: Exports<Handle>,
}

/// A call of the isolate's under way.
#[derive(Default)]
pub(super) struct OpenCall {
    /// The task that finds the answer.
    pub(super) task: Option<AbortHandle>,
    /// The invocation whose trace holds it, and its number there.
    traced: Option<(InvocationId, usize)>,
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
            watched: false,
            swollen: false,
            excess: None,
            answered: Vec::new(),
            unstarted: VecDeque::new(),
            calls: Accepted::new(),
            asked: Opened::calls(),
            exports: Exports::new(),
        }
    }
}

impl State {
    /// A new isolate's, which holds these from the start.
    pub(super) fn with_exports(exports: Exports<Handle>) -> Self {
        Self { exports, ..Self::default() }
    }

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

    /// The task that sends looks by itself from now on until it [takes](State::take_outbox) what there is: to wake it would
    /// have it run once more for nothing, and a second thread be woken for that.
    pub(crate) fn is_attended(&mut self) {
        self.task = None;
    }

    /// That task is to be woken where there is something for it.
    pub(crate) fn is_left(&mut self, task: &Waker) {
        if !self.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            self.task = Some(task.clone());
        }
    }

    /// Puts what is to be sent in the place of the empty `sent`. `task` is woken when there is more. An error says why
    /// nothing will be sent any more.
    pub(crate) fn take_outbox(&mut self, sent: &mut Vec<u8>, task: &Waker) -> Result<(), Closing> {
        if let Some(closing) = self.closing.as_mut() {
            return Err(std::mem::replace(closing, Closing::Asked));
        }
        std::mem::swap(&mut self.outbox, sent);
        self.is_left(task);
        self.waiting_for_room.drain(..).for_each(Waker::wake);
        Ok(())
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outbox.len() < OUTBOX_MAX
    }

    pub(crate) fn wait_for_room(&mut self, waker: &Waker) {
        self.waiting_for_room.push(waker.clone());
    }

    pub(super) fn close(&mut self, closing: Closing) {
        self.closing.get_or_insert(closing);
        self.wake();
    }

    pub(crate) fn wake(&mut self) {
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

    /// Whether it computes: it has not begun what it was sent so long ago.
    pub(crate) fn is_busy(&self, after: Duration) -> bool {
        self.unstarted.front().is_some_and(|(_, sent)| sent.elapsed() > after)
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.closing.is_some() || (self.invocations.is_empty() && self.streams.is_idle())
    }

    pub(super) fn begin(&mut self, invocation: Invocation) -> InvocationId {
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
        if let Some(open) = self.invocations.get_mut(invocation) {
            if let Some(trace) = &mut open.trace {
                trace.cancelled();
            }
            self.send(Frame::CancelInvocation { invocation, reason: CLIENT_GONE });
        }
    }

    /// Whether an invocation is an object's that has ended.
    pub(crate) fn is_given_up(&self, invocation: Option<InvocationId>) -> bool {
        invocation.and_then(|id| self.invocations.get(id)).is_some_and(|open| open.given_up)
    }

    /// Whether an object has something to do.
    pub(crate) fn works_for(&self, object: ObjectNumber) -> bool {
        self.invocations.iter().any(|(_, open)| open.object == Some(object))
    }

    /// Gives up what an object was given, and says whose answers are due.
    pub(super) fn give_up(&mut self, object: ObjectNumber) -> Vec<oneshot::Sender<Answer>> {
        let open =
            self.invocations.iter_mut().map(|(_, open)| open).filter(|open| open.object == Some(object));
        open.filter_map(|open| {
            open.given_up = true;
            open.answer.take()
        })
        .collect()
    }

    /// Whether it is to end, or has.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// How many Workers called each other before what this invocation calls.
    pub(crate) fn depth_below(&self, invocation: Option<InvocationId>) -> u32 {
        invocation.and_then(|id| self.invocations.get(id)).map_or(0, |open| open.depth) + 1
    }

    /// Takes note of a call under way on a capability, whose name `tracing` knows.
    pub(crate) fn begin_call(
        &mut self,
        call: CallId,
        invocation: Option<InvocationId>,
        (cap, method): (CapId, &str),
        tracing: &Tracing,
    ) -> Result<(), Violation> {
        let number = invocation.and_then(|id| {
            let trace = self.invocations.get_mut(id)?.trace.as_mut()?;
            Some((id, trace.begin_call(tracing.name(cap), method)?))
        });
        self.calls.accept(call, OpenCall { task: None, traced: number })
    }

    /// Names the task that finds a call's answer, unless it is found already.
    pub(crate) fn follow_call(&mut self, call: CallId, task: AbortHandle) {
        if let Some(known) = self.calls.get_mut(call) {
            known.task = Some(task);
        }
    }

    /// Frees a call's number; `false`: the call was answered before, or lost with the isolate.
    pub(crate) fn end_call(&mut self, call: CallId) -> bool {
        self.end_call_with(call, None)
    }

    /// As [`State::end_call`], for a call that has failed.
    pub(crate) fn fail_call(&mut self, call: CallId, error: &str) -> bool {
        self.end_call_with(call, Some(error))
    }

    fn end_call_with(&mut self, call: CallId, error: Option<&str>) -> bool {
        let ended = self.calls.remove(call);
        if let Some(OpenCall { traced: Some((invocation, number)), .. }) = ended
            && let Some(Invocation { trace: Some(trace), .. }) = self.invocations.get_mut(invocation)
        {
            trace.end_call(number, error);
        }
        ended.is_some()
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
        let task = self.calls.get_mut(call).and_then(|open| open.task.take());
        if self.fail_call(call, "aborted") {
            task.inspect(AbortHandle::abort);
            let error = remote_error("AbortError", "The operation was aborted");
            self.send(Frame::Return { call, result: Err(error) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::Breach;
    use crate::isolate::account::Account;
    use crate::isolate::answers::Wants;
    use crate::limits::BUSY_AFTER;

    fn unanswered() -> Invocation {
        Invocation {
            answer: None,
            body: None,
            wants: Wants::Response,
            depth: 0,
            object: None,
            given_up: false,
            deadline: None,
            account: Account::default(),
            trace: None,
        }
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
        assert!(!state.is_busy(BUSY_AFTER), "it was given no time yet");
        state.unstarted.iter_mut().for_each(|(_, sent)| *sent -= BUSY_AFTER);
        assert!(state.is_busy(BUSY_AFTER));
        state.started(first);
        assert!(state.is_busy(BUSY_AFTER), "the second still waits");
        state.started(second);
        assert!(!state.is_busy(BUSY_AFTER));
    }

    #[test]
    fn what_waits_behind_one_that_computes_is_not_charged() {
        let mut state = State::default();
        let (first, second) = (state.begin(unanswered()), state.begin(unanswered()));
        let ms = Duration::from_millis;
        assert_eq!(state.charge(ms(8)), Some((first, ms(8))));
        state.started(first);
        assert_eq!(state.charge(ms(8)), Some((first, ms(12))), "now either may compute");
        state.invocations.close(first).unwrap();
        assert_eq!(state.charge(ms(8)), Some((second, ms(12))));
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
