//! The counters in Prometheus's text format.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use hognose_supervisor::monitor::WorkerStatus;
use hognose_supervisor::recorder::DURATION_BUCKETS_US;

use super::Admin;
use super::workers::memory_bytes;

/// One name in the output: its type, its help, and its value for a Worker.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: fn(&WorkerStatus) -> Vec<(String, f64)>,
}

const METRICS: [Metric; 7] = [
    Metric {
        name: "hognose_invocations_total",
        kind: "counter",
        help: "Invocations that are over, by how they ended.",
        samples: |worker| {
            let counts = &worker.counts;
            let outcomes = [
                ("ok", counts.ok),
                ("exception", counts.exceptions),
                ("canceled", counts.canceled),
                ("internalError", counts.internal_errors),
                ("exceededCpu", counts.exceeded_cpu),
                ("exceededMemory", counts.exceeded_memory),
                ("exceededWallTime", counts.exceeded_wall_time),
            ];
            outcomes.map(|(outcome, count)| (format!("outcome=\"{outcome}\""), count as f64)).into()
        },
    },
    Metric {
        name: "hognose_responses_total",
        kind: "counter",
        help: "Responses to requests, by the class of their status.",
        samples: |worker| {
            let statuses = worker.counts.statuses.iter().zip(1..);
            statuses.map(|(count, class)| (format!("class=\"{class}xx\""), *count as f64)).collect()
        },
    },
    Metric {
        name: "hognose_cpu_seconds_total",
        kind: "counter",
        help: "CPU time that isolates charged to invocations.",
        samples: |worker| vec![(String::new(), worker.counts.cpu_us as f64 / 1e6)],
    },
    Metric {
        name: "hognose_binding_calls_total",
        kind: "counter",
        help: "Calls on bindings, fetch included.",
        samples: |worker| vec![(String::new(), worker.counts.calls as f64)],
    },
    Metric {
        name: "hognose_isolates",
        kind: "gauge",
        help: "Isolates that live.",
        samples: |worker| vec![(String::new(), isolates(worker).count() as f64)],
    },
    Metric {
        name: "hognose_isolate_memory_bytes",
        kind: "gauge",
        help: "Resident memory of all isolates; what they share with their zygote counts in each.",
        samples: |worker| {
            vec![(String::new(), isolates(worker).filter_map(memory_bytes).sum::<u64>() as f64)]
        },
    },
    Metric {
        name: "hognose_worker_up",
        kind: "gauge",
        help: "Whether a version of the Worker serves.",
        samples: |worker| vec![(String::new(), f64::from(u8::from(worker.version.is_some())))],
    },
];

pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let workers = admin.monitor.workers();
    let mut text = String::new();
    for metric in &METRICS {
        head(&mut text, metric.name, metric.kind, metric.help);
        for worker in &workers {
            for (labels, value) in (metric.samples)(worker) {
                sample(&mut text, metric.name, &worker.name, &labels, value);
            }
        }
    }
    durations(&mut text, &workers);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

fn isolates(worker: &WorkerStatus) -> impl Iterator<Item = u32> {
    worker.version.iter().flat_map(|version| version.isolates.iter().map(|isolate| isolate.pid))
}

/// The histogram of durations, whose buckets hold those below them too.
fn durations(text: &mut String, workers: &[WorkerStatus]) {
    let name = "hognose_invocation_duration_seconds";
    head(text, name, "histogram", "From the start of an invocation until it settled.");
    for WorkerStatus { name: worker, counts, .. } in workers {
        let mut total = 0;
        let ends = DURATION_BUCKETS_US.iter().map(|end_us| (*end_us as f64 / 1e6).to_string());
        for (count, end) in counts.durations.iter().zip(ends.chain(["+Inf".to_owned()])) {
            total += count;
            sample(text, &format!("{name}_bucket"), worker, &format!("le=\"{end}\""), total as f64);
        }
        sample(text, &format!("{name}_sum"), worker, "", counts.duration_us as f64 / 1e6);
        sample(text, &format!("{name}_count"), worker, "", total as f64);
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("invariant: a string takes it");
}

fn sample(text: &mut String, name: &str, worker: &str, labels: &str, value: f64) {
    let worker = worker.replace(['\\', '"', '\n'], "_");
    let separator = if labels.is_empty() { "" } else { "," };
    writeln!(text, "{name}{{worker=\"{worker}\"{separator}{labels}}} {value}")
        .expect("invariant: a string takes it");
}
