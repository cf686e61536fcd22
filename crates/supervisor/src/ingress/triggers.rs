//! Paths that run a Worker's other handlers while it is developed, as `wrangler dev` has them. Outside of development
//! they are the Worker's own, for anybody could ask for them.

use hognose_services::{Clock, SystemClock};
use hognose_wire::email::MESSAGE_MAX;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::json;

use super::Ingress;
use super::request::Head;
use super::response::Failure;
use crate::body::Body;
use crate::email::EmailResult;
use crate::scheduled::{Outcome, ScheduledResult};
use crate::slot::Slot;

/// The type of most answers.
const TEXT: &str = "text/plain; charset=utf-8";

/// An event that a request asks for.
pub(super) enum Trigger {
    /// A cron trigger.
    Scheduled {
        cron: String,
        /// In milliseconds since the epoch.
        time_ms: f64,
        reply: Reply,
    },
    /// A message, which is the request's body.
    Email { from: String, to: String },
}

/// What a client who asks for a cron trigger gets.
pub(super) enum Reply {
    /// How it went, in a word.
    Word,
    /// How it went, as JSON.
    Json,
    /// That it ran.
    Ran,
}

impl Ingress {
    /// What the request asks for, where it asks for an event.
    pub(super) fn trigger(&self, head: &Head) -> Option<Trigger> {
        let reply = match head.path() {
            "/cdn-cgi/handler/email" if self.development => {
                let address = |name| head.parameter(name).unwrap_or_default();
                return Some(Trigger::Email { from: address("from"), to: address("to") });
            }
            "/cdn-cgi/handler/scheduled" | "/cdn-cgi/mf/scheduled" if self.development => {
                let is_json = head.parameter("format").is_some_and(|format| format == "json");
                if is_json { Reply::Json } else { Reply::Word }
            }
            "/__scheduled" if self.test_scheduled => Reply::Ran,
            _ => return None,
        };
        let time_ms = head.parameter("time").and_then(|time| time.parse().ok());
        let cron = head.parameter("cron").unwrap_or_default();
        let time_ms = time_ms.unwrap_or_else(|| SystemClock.now_ms() as f64);
        Some(Trigger::Scheduled { cron, time_ms, reply })
    }
}

impl Trigger {
    /// Has the Worker handle the event.
    pub(super) async fn pull(self, slot: &Slot, body: Body) -> Result<Response<Body>, Failure> {
        match self {
            Self::Scheduled { cron, time_ms, reply } => {
                let ran = slot.run_scheduled(&cron, time_ms).await.map_err(Failure::NotLoaded)?;
                Ok(reply.response(&ran))
            }
            Self::Email { from, to } => email(slot, from, to, body).await,
        }
    }
}

async fn email(slot: &Slot, from: String, to: String, body: Body) -> Result<Response<Body>, Failure> {
    if from.is_empty() || to.is_empty() {
        return Ok(answer(
            StatusCode::BAD_REQUEST,
            "the parameters `from` and `to` name the addresses".into(),
            TEXT,
        ));
    }
    let Ok(message) = Limited::new(body, MESSAGE_MAX).collect().await else {
        return Ok(answer(StatusCode::PAYLOAD_TOO_LARGE, "a message has at most 25 MiB".into(), TEXT));
    };
    let version = slot.enter().await.map_err(Failure::NotLoaded)?;
    let (status, text) = match version.version().run_email(from, to, &message.to_bytes()).await {
        EmailResult::Taken => (StatusCode::OK, "Worker successfully processed email".to_owned()),
        EmailResult::Rejected(reason) => {
            (StatusCode::BAD_REQUEST, format!("Worker rejected email with the following reason: {reason}"))
        }
        EmailResult::Raised => (StatusCode::INTERNAL_SERVER_ERROR, "exception".to_owned()),
        EmailResult::Lost(reason) => (StatusCode::BAD_GATEWAY, reason),
    };
    Ok(answer(status, text, TEXT))
}

impl Reply {
    fn response(&self, ran: &ScheduledResult) -> Response<Body> {
        let outcome = ran.outcome.name();
        let is_ok = ran.outcome == Outcome::Ok;
        let status = if is_ok { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
        match self {
            Self::Word => answer(status, outcome.to_owned(), TEXT),
            Self::Json => {
                let text = json!({ "outcome": outcome, "noRetry": ran.no_retry }).to_string();
                answer(status, text, "application/json")
            }
            Self::Ran => answer(status, "Ran scheduled event".to_owned(), TEXT),
        }
    }
}

fn answer(status: StatusCode, text: String, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
