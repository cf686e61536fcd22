//! Tail consumers: Workers that are told of the invocations of others when these are over, as their `tail` handlers get
//! them from Cloudflare. Each consumer of a version has a task of its own, which hands over what has gathered while the
//! consumer was busy; of a consumer that is slower than that, traces are lost, and nobody waits.

use std::sync::Arc;

use bytes::Bytes;
use hognose_wire::LogLevel;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::isolate::Isolate;
use crate::links::ServiceLink;
use crate::slot::Shared;
use crate::trace::{Trace, TraceEvent, TraceException, TraceLog};

/// How many traces may wait for one consumer.
pub const WAITING_MAX: usize = 1024;

/// How many traces a consumer gets at once.
pub const BATCH_MAX: usize = 100;

/// The handler. It hears nothing of other `tail` handlers: two Workers that listen to each other would never end.
const TAIL: &str = "tail";

/// What tells the consumers of one version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tails(Vec<mpsc::Sender<Arc<Trace>>>);

impl Tails {
    /// Begins to tell these.
    pub(crate) fn of(shared: &Arc<Shared>, consumers: Vec<ServiceLink>) -> Self {
        let begin = |consumer| {
            let (sender, traces) = mpsc::channel(WAITING_MAX);
            shared.tasks.spawn(deliver(Arc::clone(shared), consumer, traces));
            sender
        };
        Self(consumers.into_iter().map(begin).collect())
    }

    /// Whether anybody is told.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An invocation is over.
    pub(crate) fn tell(&self, trace: &Arc<Trace>) {
        if matches!(&trace.event, TraceEvent::Other { name, .. } if name == TAIL) {
            return;
        }
        for consumer in &self.0 {
            // What there is no room for is lost.
            let _lost = consumer.try_send(Arc::clone(trace));
        }
    }
}

/// Tells one consumer, until the version is gone or the server stops.
async fn deliver(shared: Arc<Shared>, consumer: ServiceLink, mut traces: mpsc::Receiver<Arc<Trace>>) {
    let mut batch = Vec::new();
    while let Some(count) = shared.stop.run_until_cancelled(traces.recv_many(&mut batch, BATCH_MAX)).await {
        if count == 0 {
            return;
        }
        let items: Value = batch.drain(..).map(|trace| item(&trace)).collect();
        let begin = |isolate: &Arc<Isolate>, payload: Bytes| {
            isolate.other(consumer.origin(0), TAIL, &payload).ok_or(payload)
        };
        // How the handler ends is its own affair, and logged as that of any.
        if let Err(raised) = consumer.invoke(&shared.directory, items.to_string().into(), begin).await {
            let text = format!("{count} traces of other Workers reached nobody: {}", raised.message);
            shared.events.log(&consumer.worker.as_str().into(), LogLevel::Warn, text);
        }
    }
}

/// A trace in the form that `js/tail.js` takes.
fn item(trace: &Trace) -> Value {
    let ms = |us: u64| us / 1000;
    let at = |us: u64| trace.started_ms + ms(us);
    let log = |log: &TraceLog| {
        let given: Value = serde_json::from_str(&log.given).unwrap_or_default();
        json!({ "timestamp": at(log.at_us), "level": log.level, "text": log.text, "given": given })
    };
    let is_exception = |log: &&TraceLog| trace.exception.as_ref().is_some_and(|raised| is_of(raised, log));
    let exceptions: Vec<Value> = trace
        .exception
        .iter()
        .map(|TraceException { name, message, stack }| {
            let timestamp = at(trace.answered_us.unwrap_or_default());
            json!({ "timestamp": timestamp, "name": name, "message": message, "stack": stack })
        })
        .collect();
    let mut item = json!({
        "event": event(&trace.event),
        "eventTimestamp": trace.started_ms,
        "logs": trace.logs.iter().filter(|log| !is_exception(log)).map(log).collect::<Vec<_>>(),
        "exceptions": exceptions,
        "scriptName": &*trace.worker,
        "scriptVersion": { "id": &*trace.version },
        "executionModel": execution_model(trace),
        "outcome": trace.outcome,
        "truncated": trace.logs_lost > 0,
        "cpuTime": ms(trace.cpu_us),
        "wallTime": ms(trace.settled_us.unwrap_or_default()),
    });
    let optional = [("entrypoint", &trace.entrypoint), ("durableObjectId", &trace.object)];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        item[name] = json!(value);
    }
    item
}

/// Whether a line is the one by which the cell logs what was raised.
fn is_of(raised: &TraceException, log: &TraceLog) -> bool {
    let text = log.text.trim_end();
    log.level == "error" && (text == raised.stack.trim_end() || text == raised.message.trim_end())
}

fn execution_model(trace: &Trace) -> &'static str {
    match &trace.event {
        _ if trace.object.is_some() => "durableObject",
        TraceEvent::Other { name, .. } if name == "run" => "workflow",
        _ => "stateless",
    }
}

fn event(event: &TraceEvent) -> Value {
    match event {
        TraceEvent::Fetch { method, url, headers, status, cf } => {
            let headers: serde_json::Map<String, Value> =
                headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let cf: Value = serde_json::from_str(cf).unwrap_or_default();
            json!({ "kind": "fetch", "method": method, "url": url, "headers": headers, "status": status, "cf": cf })
        }
        TraceEvent::Rpc { method } => json!({ "kind": "rpc", "rpcMethod": method }),
        TraceEvent::Queue { queue, batch_size } => {
            json!({ "kind": "queue", "queue": queue, "batchSize": batch_size })
        }
        TraceEvent::Scheduled { cron, scheduled_ms } => {
            json!({ "kind": "scheduled", "cron": cron, "scheduledTime": scheduled_ms })
        }
        TraceEvent::Other { details, .. } => details.clone(),
    }
}
