//! OpenTelemetry: each invocation that is over as a span, with a span for each call on a binding, sent to a collector by
//! OTLP over HTTP in JSON (<https://opentelemetry.io/docs/specs/otlp/>). Names follow OpenTelemetry's semantic
//! conventions where these have one.
//!
//! What ends while a batch is on its way is the next batch. Nothing waits for a collector: what it does not take is lost,
//! which is told once.

use std::sync::Arc;
use std::time::Duration;

use hognose_services::ai::{Http, HttpRequest};
use hognose_supervisor::EngineClient;
use hognose_supervisor::trace::{Trace, TraceCall, TraceEvent, TraceException, TraceOutcome};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::console::Console;

/// The most invocations in one batch.
const BATCH_MAX: usize = 128;
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

// OTLP's numbers for kinds of spans, and for a status.
const SERVER: u32 = 2;
const CLIENT: u32 = 3;
const CONSUMER: u32 = 5;
const INTERNAL: u32 = 1;
const FAILED: u32 = 2;

/// What sends traces.
pub(crate) struct Telemetry {
    /// The collector's address, to which `/v1/traces` is added.
    pub(crate) endpoint: String,
    pub(crate) http: Arc<EngineClient>,
    /// Says which Workers want to be traced, and how often.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) console: Console,
}

/// The address that OpenTelemetry's own variable names.
pub(crate) fn endpoint() -> Option<String> {
    std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty())
}

impl Telemetry {
    /// Sends what ends, until `stop`; then what is left.
    pub(crate) async fn send_all(self, mut traces: Receiver<Arc<Trace>>, stop: CancellationToken) {
        let mut is_told = false;
        while let Some(batch) = self.next(&mut traces, &stop).await {
            if batch.is_empty() {
                continue;
            }
            match self.send(&batch).await {
                Ok(()) => is_told = false,
                Err(reason) if !is_told => {
                    is_told = true;
                    let text = format!("traces cannot be sent to {}: {reason}", self.endpoint);
                    self.console.warning(&text);
                }
                Err(_) => {}
            }
        }
    }

    /// The next batch, which may turn out empty; `None` at the end.
    async fn next(
        &self,
        traces: &mut Receiver<Arc<Trace>>,
        stop: &CancellationToken,
    ) -> Option<Vec<Arc<Trace>>> {
        let mut batch = Vec::new();
        // After the stop only what is there already counts.
        match stop.run_until_cancelled(traces.recv()).await {
            Some(Ok(trace)) => batch.push(trace),
            Some(Err(RecvError::Closed)) => return None,
            None if traces.is_empty() => return None,
            Some(Err(RecvError::Lagged(_))) | None => {}
        }
        while batch.len() < BATCH_MAX
            && let Ok(trace) = traces.try_recv()
        {
            batch.push(trace);
        }
        batch.retain(|trace| is_chosen(self.catalog.sampling(&trace.worker)));
        Some(batch)
    }

    async fn send(&self, batch: &[Arc<Trace>]) -> Result<(), String> {
        let resources: Vec<Value> = batch.iter().map(|trace| resource(trace)).collect();
        let request = HttpRequest {
            url: format!("{}/v1/traces", self.endpoint.trim_end_matches('/')),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: json!({ "resourceSpans": resources }).to_string().into(),
            timeout: PATIENCE,
            whole: true,
        };
        let answer = self.http.send(request).wait().await.map_err(|error| error.to_string())?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(format!("it answered {status}")),
        }
    }
}

/// Whether one of a share of all is among them.
fn is_chosen(share: f64) -> bool {
    f64::from(u32::from_le_bytes(random())) < share * f64::from(u32::MAX)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("invariant: the system gives random bytes");
    bytes
}

fn span_id() -> String {
    format!("{:016x}", u64::from_le_bytes(random()))
}

/// An invocation with its calls, as spans of the Worker.
fn resource(trace: &Trace) -> Value {
    let (trace_id, parent) = caller(trace).unwrap_or_else(|| {
        let fresh = format!("{:032x}", u128::from_le_bytes(random()));
        (fresh, String::new())
    });
    let own = span_id();
    let calls = trace.calls.iter().map(|call| call_span(trace, call, &trace_id, &own));
    let spans: Vec<Value> =
        std::iter::once(invocation_span(trace, &trace_id, &own, &parent)).chain(calls).collect();
    json!({
        "resource": { "attributes": [
            text("service.name", &trace.worker),
            text("service.version", &trace.version),
            number("process.pid", trace.isolate.into()),
        ] },
        "scopeSpans": [{
            "scope": { "name": "hognose", "version": env!("CARGO_PKG_VERSION") },
            "spans": spans,
        }],
    })
}

/// The trace and the span that a request belongs to, by its `traceparent` (W3C Trace Context).
fn caller(trace: &Trace) -> Option<(String, String)> {
    let TraceEvent::Fetch { headers, .. } = &trace.event else { return None };
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent"))?;
    let mut parts = value.split('-');
    let (_version, trace_id, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let is_id = |part: &str, length| {
        part.len() == length
            && part.bytes().all(|digit| digit.is_ascii_hexdigit())
            && part.bytes().any(|digit| digit != b'0')
    };
    (is_id(trace_id, 32) && is_id(parent, 16)).then(|| (trace_id.to_lowercase(), parent.to_lowercase()))
}

fn invocation_span(trace: &Trace, trace_id: &str, own: &str, parent: &str) -> Value {
    let (name, kind, mut attributes) = about(&trace.event);
    attributes.push(number("hognose.cpu_us", trace.cpu_us));
    attributes.extend(trace.object.as_deref().map(|id| text("hognose.object", id)));
    attributes.extend(trace.entrypoint.as_deref().map(|name| text("hognose.entrypoint", name)));
    let outcome = trace.outcome.unwrap_or(TraceOutcome::Ok);
    attributes.push(json!({ "key": "hognose.outcome", "value": { "stringValue": outcome } }));
    let logs = trace.logs.iter().map(|log| {
        let attributes = [text("log.severity", log.level), text("log.message", log.text.trim_end())];
        json!({ "timeUnixNano": time(trace, log.at_us), "name": "log", "attributes": attributes })
    });
    let raised = trace.exception.iter().map(|exception| exception_event(trace, exception));
    let events: Vec<Value> = logs.chain(raised).collect();
    let is_well = matches!(outcome, TraceOutcome::Ok | TraceOutcome::Canceled);
    let message = trace.exception.as_ref().map(|exception| exception.message.clone()).unwrap_or_default();
    json!({
        "traceId": trace_id, "spanId": own, "parentSpanId": parent, "name": name, "kind": kind,
        "startTimeUnixNano": time(trace, 0),
        "endTimeUnixNano": time(trace, trace.settled_us.unwrap_or(0)),
        "attributes": attributes, "events": events, "status": status((!is_well).then_some(&message)),
    })
}

/// The name, the kind and the attributes of what happened.
fn about(event: &TraceEvent) -> (String, u32, Vec<Value>) {
    match event {
        TraceEvent::Fetch { method, url, status, .. } => {
            let status = status.map(|status| number("http.response.status_code", status.into()));
            let known = [text("http.request.method", method), text("url.full", url)];
            (method.clone(), SERVER, known.into_iter().chain(status).collect())
        }
        TraceEvent::Rpc { method } => (method.clone(), SERVER, vec![text("rpc.method", method)]),
        TraceEvent::Queue { queue, .. } => {
            (format!("process {queue}"), CONSUMER, vec![text("messaging.destination.name", queue)])
        }
        TraceEvent::Scheduled { cron, .. } => {
            ("scheduled".to_owned(), INTERNAL, vec![text("faas.cron", cron)])
        }
        TraceEvent::Other { name, .. } => (name.clone(), INTERNAL, Vec::new()),
    }
}

fn call_span(trace: &Trace, call: &TraceCall, trace_id: &str, parent: &str) -> Value {
    let ended_us = call.ended_us.or(trace.settled_us).unwrap_or(call.begun_us);
    json!({
        "traceId": trace_id, "spanId": span_id(), "parentSpanId": parent,
        "name": format!("{}.{}", call.binding, call.method), "kind": CLIENT,
        "startTimeUnixNano": time(trace, call.begun_us), "endTimeUnixNano": time(trace, ended_us),
        "attributes": [text("hognose.binding", &call.binding), text("hognose.method", &call.method)],
        "status": status(call.error.as_ref()),
    })
}

fn exception_event(trace: &Trace, exception: &TraceException) -> Value {
    let attributes = [
        text("exception.type", &exception.name),
        text("exception.message", &exception.message),
        text("exception.stacktrace", &exception.stack),
    ];
    let at = time(trace, trace.answered_us.or(trace.settled_us).unwrap_or(0));
    json!({ "timeUnixNano": at, "name": "exception", "attributes": attributes })
}

fn status(error: Option<&String>) -> Value {
    error.map_or_else(|| json!({}), |message| json!({ "code": FAILED, "message": message }))
}

/// OTLP's JSON has 64-bit numbers as texts.
fn time(trace: &Trace, after_us: u64) -> String {
    (trace.started_ms * 1_000_000 + after_us * 1000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}
