//! What is remembered of each invocation: the event, how it ended, the calls it made on bindings and when, and what it
//! logged. A trace is kept beside the invocation while it lasts, and handed to the [`crate::recorder`] when it is over.
//!
//! Every part of it is bounded, for a Worker decides how much there is of it: calls by [`CALLS_MAX`], logs by
//! [`LOG_BYTES_MAX`], texts by [`TEXT_MAX`]. What did not fit is counted or cut, never waited for.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hognose_wire::queues::Delivery;
use hognose_wire::{Body, Event, LogLevel, Payload, SocketEvent, email};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::isolate::Answer;
use crate::recorder::Tracing;
use crate::watch::Excess;

/// The most calls on bindings that are remembered of one invocation.
pub const CALLS_MAX: usize = 256;
/// The most bytes of log text that are remembered of one invocation.
pub const LOG_BYTES_MAX: usize = 32 << 10;
/// The most bytes of a URL, a message or a stack that are remembered.
pub const TEXT_MAX: usize = 16 << 10;

/// What is known of one invocation. Times are microseconds since its start, unless they say otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// Unique in this server, ascending in the order of starts.
    pub id: u64,
    /// The Worker's name.
    #[serde(serialize_with = "text")]
    pub worker: Arc<str>,
    /// The version's id.
    #[serde(serialize_with = "text")]
    pub version: Arc<str>,
    /// The class that served; none: the default export.
    pub entrypoint: Option<String>,
    /// The id of the Durable Object that served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The process id of the isolate.
    pub isolate: u32,
    /// What happened.
    pub event: TraceEvent,
    /// When it began, in milliseconds since the epoch.
    pub started_ms: u64,
    /// When its answer came.
    pub answered_us: Option<u64>,
    /// When it was over, `waitUntil` included; none: it is not.
    pub settled_us: Option<u64>,
    /// CPU time that the isolate charged to it.
    pub cpu_us: u64,
    /// How it ended, in the words of Cloudflare's tail; none: it has not.
    pub outcome: Option<TraceOutcome>,
    /// What it raised.
    pub exception: Option<TraceException>,
    /// Its calls on bindings, in order.
    pub calls: Vec<TraceCall>,
    /// How many more there were.
    pub calls_lost: u64,
    /// What it logged, in order.
    pub logs: Vec<TraceLog>,
    /// How many more lines there were.
    pub logs_lost: u64,
}

/// What a Worker was asked to do.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TraceEvent {
    /// An HTTP request.
    Fetch {
        /// Its method.
        method: String,
        /// Its URL.
        url: String,
        /// Its headers, where somebody follows the traces as they come or the Worker has tail consumers; none otherwise.
        headers: Vec<(String, String)>,
        /// The response's status.
        status: Option<u16>,
        /// `request.cf` as JSON, under the same condition as the headers.
        #[serde(skip)]
        cf: String,
    },
    /// A method call.
    Rpc {
        /// The method.
        method: String,
    },
    /// A batch of messages.
    Queue {
        /// The queue.
        queue: String,
        /// How many messages, under the same condition as a request's headers.
        #[serde(skip)]
        batch_size: usize,
    },
    /// A cron trigger.
    Scheduled {
        /// Its pattern.
        cron: String,
        /// When it was due, in milliseconds since the epoch.
        #[serde(skip)]
        scheduled_ms: f64,
    },
    /// Anything else.
    Other {
        /// What Cloudflare calls it: `alarm`, `websocket`, `test`, `email` ...
        name: String,
        /// What a tail consumer is told of it, with the kind of the event; null: nothing.
        #[serde(skip)]
        details: serde_json::Value,
    },
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TraceOutcome {
    /// Well.
    Ok,
    /// It raised.
    Exception,
    /// The client went before the answer.
    Canceled,
    /// Its isolate ended first.
    InternalError,
    /// It used more CPU time than it may.
    ExceededCpu,
    /// Its isolate used more memory than it may.
    ExceededMemory,
    /// It took longer than it may.
    ExceededWallTime,
}

/// What was raised.
#[derive(Clone, Debug, Serialize)]
pub struct TraceException {
    /// The class.
    pub name: String,
    /// The message.
    pub message: String,
    /// The stack, or Python's traceback.
    pub stack: String,
}

/// One call on a binding.
#[derive(Clone, Debug, Serialize)]
pub struct TraceCall {
    /// The binding's name in `env`; `fetch` for the network, `caches` for the cache.
    #[serde(serialize_with = "text")]
    pub binding: Arc<str>,
    /// The method, in the words of the wire.
    pub method: String,
    /// When it began.
    pub begun_us: u64,
    /// When it was answered; none: it was not.
    pub ended_us: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Something logged.
#[derive(Clone, Debug, Serialize)]
pub struct TraceLog {
    /// When.
    pub at_us: u64,
    /// How loud: `log`, `warn`, `error` or `debug`.
    pub level: &'static str,
    /// One or more lines.
    pub text: String,
    /// What the text was made of, as JSON for tail consumers, or nothing.
    #[serde(skip)]
    pub given: String,
}

/// The trace of an invocation under way.
pub(crate) struct OpenTrace {
    begun: Instant,
    log_bytes: usize,
    trace: Trace,
}

impl OpenTrace {
    pub(crate) fn begin(
        tracing: &Tracing,
        isolate: u32,
        entrypoint: Option<&str>,
        event: &Event<'_>,
    ) -> Box<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let trace = Trace {
            id: tracing.recorder.next_id(),
            worker: Arc::clone(&tracing.worker),
            version: Arc::clone(&tracing.version),
            entrypoint: entrypoint.map(str::to_owned),
            isolate,
            object: None,
            event: TraceEvent::of(event, tracing.recorder.is_followed() || !tracing.tails.is_empty()),
            started_ms: since.as_millis() as u64,
            answered_us: None,
            settled_us: None,
            cpu_us: 0,
            outcome: None,
            exception: None,
            calls: Vec::new(),
            calls_lost: 0,
            logs: Vec::new(),
            logs_lost: 0,
        };
        Box::new(Self { begun: Instant::now(), log_bytes: 0, trace })
    }

    /// It is a Durable Object's.
    pub(crate) fn serve_object(&mut self, id: &str) {
        self.trace.object = Some(id.to_owned());
    }

    /// A call has begun; the number is for [`OpenTrace::end_call`].
    pub(crate) fn begin_call(&mut self, binding: Arc<str>, method: &str) -> Option<usize> {
        if self.trace.calls.len() == CALLS_MAX {
            self.trace.calls_lost += 1;
            return None;
        }
        let (method, begun_us) = (method.to_owned(), self.now_us());
        self.trace.calls.push(TraceCall { binding, method, begun_us, ended_us: None, error: None });
        Some(self.trace.calls.len() - 1)
    }

    pub(crate) fn end_call(&mut self, number: usize, error: Option<&str>) {
        let now_us = self.now_us();
        if let Some(call) = self.trace.calls.get_mut(number) {
            call.ended_us = Some(now_us);
            call.error = error.map(cut);
        }
    }

    pub(crate) fn log(&mut self, level: LogLevel, text: &str, given: &str) {
        if self.log_bytes + text.len() > LOG_BYTES_MAX {
            self.trace.logs_lost += 1;
            return;
        }
        self.log_bytes += text.len();
        let at_us = self.now_us();
        let (text, given) = (text.to_owned(), given.to_owned());
        self.trace.logs.push(TraceLog { at_us, level: level_name(level), text, given });
    }

    pub(crate) fn answered(&mut self, answer: &Answer) {
        self.trace.answered_us = Some(self.now_us());
        match answer {
            Answer::Response(response) => {
                if let TraceEvent::Fetch { status, .. } = &mut self.trace.event {
                    *status = Some(response.status().as_u16());
                }
            }
            Answer::Raised(raised) => {
                let outcome = match raised.exceeded {
                    None => TraceOutcome::Exception,
                    Some(Excess::Cpu) => TraceOutcome::ExceededCpu,
                    Some(Excess::Memory) => TraceOutcome::ExceededMemory,
                    Some(Excess::Wall) => TraceOutcome::ExceededWallTime,
                };
                self.end_with(outcome, &raised.name, &raised.message, &raised.stack);
            }
            Answer::Lost(reason) => self.end_with(TraceOutcome::InternalError, "Error", reason, ""),
            Answer::Value(_) | Answer::Done => {}
        }
    }

    /// The client has gone before the answer.
    pub(crate) fn cancelled(&mut self) {
        if self.trace.answered_us.is_none() {
            self.trace.outcome = Some(TraceOutcome::Canceled);
        }
    }

    /// The invocation is over.
    pub(crate) fn settled(mut self, cpu_us: u64) -> Trace {
        self.trace.settled_us = Some(self.now_us());
        self.trace.cpu_us = cpu_us;
        self.trace.outcome.get_or_insert(TraceOutcome::Ok);
        self.trace
    }

    /// As it stands.
    pub(crate) fn so_far(&self) -> Trace {
        self.trace.clone()
    }

    fn end_with(&mut self, outcome: TraceOutcome, name: &str, message: &str, stack: &str) {
        self.trace.outcome = Some(outcome);
        self.trace.exception =
            Some(TraceException { name: cut(name), message: cut(message), stack: cut(stack) });
    }

    fn now_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }
}

impl TraceEvent {
    /// `in_detail`: whether anybody is told of it who wants more than its name.
    fn of(event: &Event<'_>, in_detail: bool) -> Self {
        let other = |name: &str, details| Self::Other { name: name.to_owned(), details };
        match event {
            Event::Fetch(request) => {
                let header = |(name, value): &(&str, &[u8])| {
                    ((*name).to_owned(), String::from_utf8_lossy(value).into_owned())
                };
                let headers = request.headers.iter().filter(|_| in_detail).map(header).collect();
                let cf = if in_detail { request.cf.to_owned() } else { String::new() };
                let (method, url) = (cut(request.method), cut(request.url));
                Self::Fetch { method, url, headers, status: None, cf }
            }
            Event::Rpc { method, .. } => Self::Rpc { method: cut(method) },
            Event::Queue { queue, batch } => {
                Self::Queue { queue: cut(queue), batch_size: if in_detail { batch_size(batch) } else { 0 } }
            }
            Event::Scheduled { cron, scheduled_time_ms } => {
                Self::Scheduled { cron: cut(cron), scheduled_ms: *scheduled_time_ms }
            }
            Event::Alarm { scheduled_time_ms, .. } => {
                other("alarm", json!({ "kind": "alarm", "scheduledTime": scheduled_time_ms }))
            }
            Event::WebSocket { event, .. } => {
                other("websocket", json!({ "kind": "websocket", "getWebSocketEvent": socket_event(event) }))
            }
            Event::Test => other("test", serde_json::Value::Null),
            Event::Other { handler: "email", payload } if in_detail => other("email", email(payload)),
            Event::Other { handler, .. } => other(handler, serde_json::Value::Null),
        }
    }
}

/// What stands in the frame itself; nothing where it does not.
fn inline<'a>(payload: &Payload<'a>) -> &'a [u8] {
    match payload.bytes {
        Body::Inline(bytes) => bytes,
        _ => &[],
    }
}

fn batch_size(batch: &Payload<'_>) -> usize {
    hognose_wire::decode::<Delivery>(inline(batch)).map_or(0, |delivery| delivery.batch.messages.len())
}

fn email(payload: &Payload<'_>) -> serde_json::Value {
    let Ok(message) = hognose_wire::decode::<email::Delivery>(inline(payload)) else {
        return serde_json::Value::Null;
    };
    let size = payload.bodies.first().map_or(0, |body| match body {
        Body::Inline(bytes) => bytes.len() as u64,
        Body::Stream { length, .. } => length.unwrap_or_default(),
        Body::None | Body::Returned { .. } => 0,
    });
    json!({ "kind": "email", "mailFrom": message.from, "rcptTo": message.to, "rawSize": size })
}

fn socket_event(event: &SocketEvent<'_>) -> serde_json::Value {
    match event {
        SocketEvent::Message { .. } => json!({ "webSocketEventType": "message" }),
        SocketEvent::Close { code, was_clean, .. } => {
            json!({ "webSocketEventType": "close", "code": code, "wasClean": was_clean })
        }
        SocketEvent::Error(_) => json!({ "webSocketEventType": "error" }),
    }
}

/// A shared text as any other.
pub(crate) fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// The level as `console` has it. What `print` writes is a log to Cloudflare, too.
fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info | LogLevel::Stdout => "log",
        LogLevel::Warn => "warn",
        LogLevel::Error | LogLevel::Stderr => "error",
    }
}

/// The text, or as much of it as is remembered.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Box<OpenTrace> {
        OpenTrace::begin(&Tracing::default(), 1, None, &Event::Test)
    }

    #[test]
    fn calls_are_remembered_up_to_their_limit() {
        let mut trace = open();
        for number in 0..CALLS_MAX {
            assert_eq!(trace.begin_call("KV".into(), "get"), Some(number));
        }
        assert_eq!(trace.begin_call("KV".into(), "get"), None);
        assert_eq!(trace.so_far().calls_lost, 1);
    }

    #[test]
    fn logs_are_remembered_up_to_their_limit() {
        let mut trace = open();
        trace.log(LogLevel::Info, &"x".repeat(LOG_BYTES_MAX), "");
        trace.log(LogLevel::Info, "y", "");
        let trace = trace.settled(7);
        assert_eq!((trace.logs.len(), trace.logs_lost, trace.cpu_us), (1, 1, 7));
        assert_eq!(trace.outcome, Some(TraceOutcome::Ok));
    }

    #[test]
    fn a_client_that_goes_after_the_answer_cancels_nothing() {
        let mut trace = open();
        trace.answered(&Answer::Done);
        trace.cancelled();
        assert_eq!(trace.settled(0).outcome, Some(TraceOutcome::Ok));
        let mut trace = open();
        trace.cancelled();
        assert_eq!(trace.settled(0).outcome, Some(TraceOutcome::Canceled));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(TEXT_MAX)).len(), TEXT_MAX);
        assert_eq!(cut(&format!("x{}", "é".repeat(TEXT_MAX))).len(), TEXT_MAX - 1);
    }
}
