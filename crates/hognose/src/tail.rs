//! `hognose tail`: follows the invocations of a running server, with wrangler's options and wrangler's JSON.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::console::Console;
use crate::error::CommandError;
use crate::target::{TargetArguments, block_on};

/// Headers that are credentials, of which only the names are shown.
const SECRET_HEADERS: [&str; 3] = ["authorization", "cookie", "x-api-key"];

#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    /// The Worker [default: all Workers of the server]
    #[arg(value_name = "WORKER")]
    pub worker: Option<String>,
    #[command(flatten)]
    pub target: TargetArguments,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Pretty)]
    pub format: Format,
    /// Only invocations that ended so; may be repeated
    #[arg(long, value_enum)]
    pub status: Vec<Status>,
    /// Only requests with this method; may be repeated
    #[arg(long)]
    pub method: Vec<String>,
    /// Only requests with this header, and where a value is given, with that in it
    #[arg(long, value_name = "NAME[:VALUE]")]
    pub header: Option<String>,
    /// Only invocations that logged or raised something with this in it
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Only requests from this address
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Vec<String>,
    /// Only this share of all invocations, from 0.0 to 1.0
    #[arg(long, value_name = "RATE", default_value_t = 1.0, value_parser = rate)]
    pub sampling_rate: f64,
    /// Only invocations of this version
    #[arg(long, value_name = "ID")]
    pub version_id: Option<String>,
}

/// How to print an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line for the event and one for each log.
    Pretty,
    /// One JSON object a line, as wrangler's.
    Json,
}

/// How invocations end, for `--status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    Ok,
    Error,
    Canceled,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("it must be a number from 0.0 to 1.0".to_owned()),
    }
}

/// Prints invocations until the server stops.
pub(crate) fn tail(arguments: &TailArguments, console: Console) -> Result<(), CommandError> {
    let control = arguments.target.control()?;
    block_on(async {
        let mut events = control.follow("/invocations/stream").await?;
        console.aside("Following; Ctrl-C ends it");
        while let Some((name, data)) = events.next().await {
            let data: Value = serde_json::from_str(&data).unwrap_or_default();
            match name.as_str() {
                "trace" if arguments.wants(&data) => print(arguments.format, &data),
                "lost" => {
                    console.warning(&format!("{} invocations were too fast to be shown", data["count"]));
                }
                _ => {}
            }
        }
        Ok(())
    })
}

impl TailArguments {
    fn wants(&self, trace: &Value) -> bool {
        let is =
            |field: &Value, wanted: Option<&String>| wanted.is_none_or(|wanted| field == wanted.as_str());
        is(&trace["worker"], self.worker.as_ref())
            && is(&trace["version"], self.version_id.as_ref())
            && self.wants_outcome(trace["outcome"].as_str().unwrap_or_default())
            && self.wants_request(&trace["event"])
            && self.search.as_ref().is_none_or(|text| says(trace, text))
            && is_sampled(trace["id"].as_u64().unwrap_or_default(), self.sampling_rate)
    }

    fn wants_outcome(&self, outcome: &str) -> bool {
        let status = match outcome {
            "ok" => Status::Ok,
            "canceled" => Status::Canceled,
            _ => Status::Error,
        };
        self.status.is_empty() || self.status.contains(&status)
    }

    fn wants_request(&self, event: &Value) -> bool {
        let method = event["method"].as_str().unwrap_or_default();
        let methods =
            self.method.is_empty() || self.method.iter().any(|wanted| wanted.eq_ignore_ascii_case(method));
        let header = self.header.as_ref().is_none_or(|wanted| {
            let (name, value) = wanted.split_once(':').unwrap_or((wanted, ""));
            headers(event)
                .any(|(known, text)| known.eq_ignore_ascii_case(name.trim()) && text.contains(value.trim()))
        });
        let from = |address: &String| {
            headers(event).any(|(name, text)| name == "cf-connecting-ip" && text == address)
        };
        methods && header && (self.ip.is_empty() || self.ip.iter().any(from))
    }
}

fn headers(event: &Value) -> impl Iterator<Item = (&str, &str)> {
    let pairs = event["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    pairs.iter().filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
}

fn says(trace: &Value, text: &str) -> bool {
    let logs = trace["logs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let logged = logs.iter().filter_map(|log| log["text"].as_str());
    let raised = trace["exception"]["message"].as_str();
    logged.chain(raised).any(|said| said.contains(text))
}

/// Spreads numbers evenly over 0 to 1, and takes those below the rate.
fn is_sampled(id: u64, rate: f64) -> bool {
    let spread = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
    (spread as f64) < rate * (1_u64 << 53) as f64
}

fn print(format: Format, trace: &Value) {
    match format {
        Format::Json => Console::print(&as_wrangler(trace).to_string()),
        Format::Pretty => Console::print(&pretty(trace)),
    }
}

/// What happened in a line, and below it what was logged and raised.
fn pretty(trace: &Value) -> String {
    let event = &trace["event"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = match event["type"].as_str().unwrap_or_default() {
        "fetch" => {
            let status = event["status"].as_u64().map(|status| format!(" {status}")).unwrap_or_default();
            format!("{} {}{status}", text(&event["method"]), text(&event["url"]))
        }
        "rpc" => format!("call of `{}`", text(&event["method"])),
        "queue" => format!("queue `{}`", text(&event["queue"])),
        "scheduled" => format!("cron `{}`", text(&event["cron"])),
        _ => text(&event["name"]),
    };
    let worker = text(&trace["worker"]);
    let wall_ms = trace["settled_us"].as_u64().unwrap_or_default() as f64 / 1000.0;
    let mut lines = vec![format!("[{worker}] {what} - {} {wall_ms:.1}ms", text(&trace["outcome"]))];
    for log in trace["logs"].as_array().map(Vec::as_slice).unwrap_or_default() {
        lines.push(format!("  ({}) {}", text(&log["level"]), text(&log["text"]).trim_end()));
    }
    let exception = &trace["exception"];
    if !exception.is_null() {
        let stack = text(&exception["stack"]);
        lines.push(if stack.is_empty() { format!("  {}", text(&exception["message"])) } else { stack });
    }
    Console::safe(&lines.join("\n"))
}

/// The object that wrangler prints.
fn as_wrangler(trace: &Value) -> Value {
    let event = &trace["event"];
    let shown = match event["type"].as_str().unwrap_or_default() {
        "fetch" => {
            let hidden = |name: &str, text: &str| {
                if SECRET_HEADERS.contains(&name) { "REDACTED" } else { text }.to_owned()
            };
            let headers: serde_json::Map<_, _> =
                headers(event).map(|(name, text)| (name.to_owned(), hidden(name, text).into())).collect();
            json!({
                "request": { "method": event["method"], "url": event["url"], "headers": headers },
                "response": { "status": event["status"] },
            })
        }
        "rpc" => json!({ "rpcMethod": event["method"] }),
        "queue" => json!({ "queue": event["queue"] }),
        "scheduled" => json!({ "cron": event["cron"] }),
        _ => json!({ "name": event["name"] }),
    };
    let started_ms = trace["started_ms"].as_u64().unwrap_or_default();
    let logs = trace["logs"].as_array().cloned().unwrap_or_default();
    let log = |log: Value| {
        let timestamp = started_ms + log["at_us"].as_u64().unwrap_or_default() / 1000;
        json!({ "level": log["level"], "message": [log["text"]], "timestamp": timestamp })
    };
    let exception = &trace["exception"];
    let exceptions: Vec<Value> = (!exception.is_null())
        .then(|| json!({ "name": exception["name"], "message": exception["message"], "stack": exception["stack"], "timestamp": started_ms }))
        .into_iter()
        .collect();
    json!({
        "scriptName": trace["worker"],
        "scriptVersion": { "id": trace["version"] },
        "entrypoint": trace["entrypoint"],
        "outcome": trace["outcome"],
        "eventTimestamp": started_ms,
        "wallTime": trace["settled_us"].as_u64().unwrap_or_default() / 1000,
        "cpuTime": trace["cpu_us"].as_u64().unwrap_or_default() / 1000,
        "event": shown,
        "logs": logs.into_iter().map(log).collect::<Vec<_>>(),
        "exceptions": exceptions,
        "diagnosticsChannelEvents": [],
    })
}
