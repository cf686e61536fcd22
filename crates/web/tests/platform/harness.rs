//! A platform with a host made of lists: tests put answers in and look at what came out.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use hognose_engine::{Context, PromiseState, Runtime, RuntimeOptions, Value};
use hognose_web::{
    BodyId, Done, Host, HostError, IncomingMessage, IncomingResponse, LogLevel, OutgoingMessage,
    OutgoingRequest, RequestHandle, SocketConnection, SocketRequest, SocketSecurity, TimerId, Web,
};

/// What is still to come of a body from outside.
type Chunks = VecDeque<Result<Vec<u8>, HostError>>;

/// What a test lets the outside do, and what it saw.
#[derive(Default)]
pub(crate) struct Outside {
    /// The chunks of the bodies that come from outside; an error ends one.
    pub(crate) incoming: RefCell<HashMap<u32, Chunks>>,
    /// The bodies that were written: chunks, and how they ended.
    pub(crate) outgoing: RefCell<HashMap<u32, Outgoing>>,
    /// Requests that nobody has answered yet.
    pub(crate) requests: RefCell<Vec<(OutgoingRequest, Done<IncomingResponse>)>>,
    /// Connections that nobody has made yet.
    pub(crate) connections: RefCell<Vec<(SocketRequest, Done<SocketConnection>)>>,
    /// Reads that wait because `hold_reads` is set.
    pub(crate) held_reads: RefCell<Vec<Done<Option<Vec<u8>>>>>,
    pub(crate) hold_reads: Cell<bool>,
    /// Makes every write fail, as when the client has gone.
    pub(crate) fail_writes: Cell<bool>,
    pub(crate) cancelled_fetches: Cell<usize>,
    pub(crate) cancelled_bodies: RefCell<Vec<(u32, String)>>,
    pub(crate) log: RefCell<Vec<(LogLevel, String)>>,
    pub(crate) reported: RefCell<Vec<String>>,
    /// Timers in the order in which they are due.
    timers: RefCell<Vec<Timer>>,
    clock_ms: Cell<f64>,
    next_id: Cell<u32>,
    random: Cell<u8>,
}

#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) length: Option<u64>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) closed: bool,
    pub(crate) aborted: Option<String>,
}

struct Timer {
    id: u32,
    due_ms: f64,
    interval_ms: Option<f64>,
    callback: Value,
}

impl Outside {
    fn new_id(&self) -> u32 {
        self.next_id.set(self.next_id.get() + 1);
        self.next_id.get()
    }

    /// Moves the clock to the next timer and runs it; false if there is none.
    fn run_next_timer(&self) -> bool {
        let mut timers = self.timers.borrow_mut();
        let Some(next) = (0..timers.len()).min_by(|a, b| timers[*a].due_ms.total_cmp(&timers[*b].due_ms))
        else {
            return false;
        };
        let mut timer = timers.remove(next);
        self.clock_ms.set(timer.due_ms.max(self.clock_ms.get()));
        let callback = timer.callback.clone();
        if let Some(interval_ms) = timer.interval_ms {
            timer.due_ms += interval_ms.max(1.0);
            timers.push(timer);
        }
        drop(timers);
        callback.call_function(&[]).expect("timer callbacks do not throw");
        true
    }
}

impl Host for Outside {
    fn fetch(&self, _: Context, request: OutgoingRequest, done: Done<IncomingResponse>) -> RequestHandle {
        self.requests.borrow_mut().push((request, done));
        RequestHandle(self.new_id())
    }

    fn cancel_fetch(&self, _: RequestHandle) {
        self.cancelled_fetches.set(self.cancelled_fetches.get() + 1);
    }

    fn connect(&self, _: Context, request: SocketRequest, done: Done<SocketConnection>) {
        self.connections.borrow_mut().push((request, done));
    }

    fn start_tls(&self, _: Context, _: u32, host: &str, writes: BodyId, done: Done<SocketConnection>) {
        let security = SocketSecurity::On;
        let request = SocketRequest { host: host.to_owned(), port: 0, security, writes };
        self.connections.borrow_mut().push((request, done));
    }

    fn read_body(&self, context: Context, body: BodyId, done: Done<Option<Vec<u8>>>) {
        if self.hold_reads.get() {
            self.held_reads.borrow_mut().push(done);
            return;
        }
        let chunk = self.incoming.borrow_mut().get_mut(&body.0).and_then(VecDeque::pop_front);
        done(context, chunk.transpose());
    }

    fn cancel_body(&self, body: BodyId, reason: &Value) {
        self.cancelled_bodies.borrow_mut().push((body.0, reason.to_js_string().unwrap_or_default()));
    }

    fn open_body(&self, length: Option<u64>) -> BodyId {
        let id = self.new_id();
        self.outgoing.borrow_mut().insert(id, Outgoing { length, ..Outgoing::default() });
        BodyId(id)
    }

    fn write_body(&self, context: Context, body: BodyId, chunk: Vec<u8>, done: Done<()>) {
        if self.fail_writes.get() {
            return done(context, Err(HostError::new("Network connection lost.")));
        }
        if let Some(outgoing) = self.outgoing.borrow_mut().get_mut(&body.0) {
            outgoing.bytes.extend(chunk);
        }
        done(context, Ok(()));
    }

    fn close_body(&self, body: BodyId) {
        self.outgoing.borrow_mut().get_mut(&body.0).expect("an open body").closed = true;
    }

    fn abort_body(&self, _: Context, body: BodyId, reason: &Value) {
        let reason = reason.to_js_string().unwrap_or_default();
        self.outgoing.borrow_mut().get_mut(&body.0).expect("an open body").aborted = Some(reason);
    }

    fn watch_body(&self, _: Context, _: BodyId, _: Done<()>) {}

    fn open_socket(&self, context: Context, _: u32, done: Done<BodyId>) -> BodyId {
        done(context, Err(HostError::new("nothing is outside")));
        BodyId(0)
    }

    fn send_message(&self, _: BodyId, _: OutgoingMessage<'_>) -> bool {
        false
    }

    fn receive_messages(&self, context: Context, _: BodyId, done: Done<Option<Vec<IncomingMessage>>>) {
        done(context, Ok(None));
    }

    fn keep_alive(&self, _: &Value) {}

    fn set_timer(
        &self,
        _: Context,
        delay_ms: f64,
        repeat: bool,
        callback: Value,
    ) -> Result<TimerId, HostError> {
        let id = self.new_id();
        let timer = Timer {
            id,
            due_ms: self.clock_ms.get() + delay_ms,
            interval_ms: repeat.then_some(delay_ms),
            callback,
        };
        self.timers.borrow_mut().push(timer);
        Ok(TimerId(id))
    }

    fn clear_timer(&self, timer: TimerId) {
        self.timers.borrow_mut().retain(|entry| entry.id != timer.0);
    }

    fn log(&self, level: LogLevel, text: &str, _given: &str) {
        self.log.borrow_mut().push((level, text.to_owned()));
    }

    fn is_tailed(&self) -> bool {
        false
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), HostError> {
        for byte in bytes {
            self.random.set(self.random.get().wrapping_add(1));
            *byte = self.random.get();
        }
        Ok(())
    }

    fn now_ms(&self) -> f64 {
        1_700_000_000_000.0 + self.clock_ms.get()
    }

    fn monotonic_ms(&self) -> f64 {
        self.clock_ms.get()
    }

    fn report_error(&self, _: Context, error: &Value) {
        self.reported.borrow_mut().push(error.to_js_string().unwrap_or_default());
    }
}

/// An engine with the platform installed. One per test: each test has a thread of its own.
pub(crate) struct Platform {
    pub(crate) context: Context,
    pub(crate) web: Web,
    pub(crate) outside: Rc<Outside>,
}

impl Platform {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
        let context = runtime.context();
        let outside = Rc::new(Outside::default());
        let web = Web::install(context, Rc::clone(&outside) as Rc<dyn Host>)
            .unwrap_or_else(|thrown| panic!("{thrown}\n{}", thrown.stack().unwrap_or_default()));
        Self { context, web, outside }
    }

    /// Runs the body of an async function until it has settled and says what came of it: `String(value)`, or the error
    /// as `Name: message`. Timers run when nothing else is left to do.
    pub(crate) fn run(&self, body: &str) -> String {
        let source = format!("(async () => {{ {body}\n }})()");
        match self.context.eval(&source, "test.js") {
            Ok(promise) => self.settle(&promise),
            Err(thrown) => thrown.to_string(),
        }
    }

    /// Drives jobs and timers until the promise has settled.
    pub(crate) fn settle(&self, promise: &Value) -> String {
        loop {
            self.run_jobs();
            match promise.promise_state() {
                Some(PromiseState::Pending) if self.outside.run_next_timer() => {}
                Some(PromiseState::Pending) => return "pending".to_owned(),
                _ => break,
            }
        }
        let result = promise.promise_result().expect("a settled promise");
        if promise.promise_state() == Some(PromiseState::Rejected) {
            promise.mark_handled();
            return hognose_engine::Thrown(result).to_string();
        }
        result.to_js_string().expect("a value with a text")
    }

    pub(crate) fn run_jobs(&self) {
        while self.context.has_jobs() {
            self.context.execute_jobs(1000).unwrap_or_else(|thrown| panic!("a job threw {thrown}"));
        }
    }

    /// Makes a value a global, for scripts to use.
    pub(crate) fn set_global(&self, name: &str, value: &Value) {
        self.context.global().set(name, value).expect("a global");
    }

    /// Evaluates an expression.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        self.context.eval(&format!("({expression})"), "test.js").unwrap_or_else(|thrown| panic!("{thrown}"))
    }

    /// Adds a body that comes from outside.
    pub(crate) fn incoming_body(&self, chunks: &[&str]) -> BodyId {
        let id = self.outside.new_id();
        let chunks = chunks.iter().map(|chunk| Ok(chunk.as_bytes().to_vec())).collect();
        self.outside.incoming.borrow_mut().insert(id, chunks);
        BodyId(id)
    }
}

/// The same, where each program begins alike.
pub(crate) fn check_after(prelude: &str, cases: &[(&str, &str)]) {
    let programs: Vec<String> = cases.iter().map(|(code, _)| format!("{prelude} {code}")).collect();
    let cases: Vec<_> =
        programs.iter().map(String::as_str).zip(cases.iter().map(|(_, expected)| *expected)).collect();
    check(&cases);
}

/// Runs each case's script in a fresh platform and compares what it says.
#[track_caller]
pub(crate) fn check(cases: &[(&str, &str)]) {
    check_in(&Platform::start(), cases);
}

/// As [`check`], in a platform that is there already.
#[track_caller]
pub(crate) fn check_in(platform: &Platform, cases: &[(&str, &str)]) {
    let failures: Vec<_> = cases
        .iter()
        .filter_map(|(script, expected)| {
            let found = platform.run(script);
            (found != *expected).then(|| format!("{script}\n  expected: {expected}\n  found:    {found}"))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
