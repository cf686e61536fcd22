//! What the server tells, as JSON: for `--log-format json` and for the access log.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hognose_supervisor::ServerEvent;
use hognose_wire::LogLevel;
use serde_json::{Value, json};

/// Something that happened, as an object with `time` (seconds since the epoch), `level`, `kind`, and what belongs to it.
pub(crate) fn event(event: &ServerEvent) -> Value {
    let (level, kind, about) = match event {
        ServerEvent::RequestDone { method, path, status, duration, ray, client } => {
            let about = json!({
                "ray": format!("{ray:016x}"),
                "client": client.to_canonical().to_string(),
                "method": method.as_str(),
                "path": path,
                "status": status,
                "duration_ms": milliseconds(*duration),
            });
            ("info", "request", about)
        }
        ServerEvent::Log { worker, level, text } => {
            let about = json!({ "worker": &**worker, "message": text.trim_end_matches('\n') });
            (level_name(*level), "log", about)
        }
        ServerEvent::Loaded { worker, warnings, duration, .. } => {
            let duration_ms = milliseconds(*duration);
            let about = json!({ "worker": &**worker, "duration_ms": duration_ms, "warnings": warnings });
            ("info", "loaded", about)
        }
        ServerEvent::LoadFailed { worker, failure } => {
            let (message, traceback) = (&failure.message, &failure.traceback);
            let about = json!({ "worker": &**worker, "message": message, "traceback": traceback });
            ("error", "load_failed", about)
        }
        ServerEvent::IsolateDied { worker, pid, reason, requests_lost } => {
            let about =
                json!({ "worker": &**worker, "pid": pid, "message": reason, "requests_lost": requests_lost });
            ("error", "isolate_died", about)
        }
        ServerEvent::Lost { count } => ("warn", "lost", json!({ "count": count })),
    };
    record(level, kind, about)
}

/// Something that hognose itself says.
pub(crate) fn message(level: &'static str, text: &str) -> Value {
    record(level, "message", json!({ "message": text }))
}

fn record(level: &'static str, kind: &'static str, about: Value) -> Value {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut record = json!({ "time": since.as_millis() as f64 / 1000.0, "level": level, "kind": kind });
    if let (Value::Object(record), Value::Object(mut about)) = (&mut record, about) {
        record.append(&mut about);
    }
    record
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Debug => "debug",
        LogLevel::Info | LogLevel::Stdout | LogLevel::Stderr => "info",
    }
}

/// To a tenth of a millisecond.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}
