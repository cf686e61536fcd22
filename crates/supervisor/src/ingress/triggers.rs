//! Paths that run a Worker's other handlers while it is developed, as `wrangler dev` has them. Outside of development
//! they are the Worker's own, for anybody could ask for them.

use hognose_services::{Clock, SystemClock};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use super::Ingress;
use super::request::Head;
use super::response::Failure;
use crate::body::Body;
use crate::scheduled::{Outcome, ScheduledResult};
use crate::slot::Slot;

/// A `scheduled` event that a request asks for.
pub(super) struct Trigger {
    cron: String,
    /// In milliseconds since the epoch.
    time_ms: f64,
    reply: Reply,
}

/// What the client gets.
enum Reply {
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
            "/cdn-cgi/handler/scheduled" | "/cdn-cgi/mf/scheduled" if self.development => {
                let is_json = head.parameter("format").is_some_and(|format| format == "json");
                if is_json { Reply::Json } else { Reply::Word }
            }
            "/__scheduled" if self.test_scheduled => Reply::Ran,
            _ => return None,
        };
        let time_ms = head.parameter("time").and_then(|time| time.parse().ok());
        let cron = head.parameter("cron").unwrap_or_default();
        Some(Trigger { cron, time_ms: time_ms.unwrap_or_else(|| SystemClock.now_ms() as f64), reply })
    }
}

impl Trigger {
    /// Has the Worker handle the event.
    pub(super) async fn pull(self, slot: &Slot) -> Result<Response<Body>, Failure> {
        let ran = slot.run_scheduled(&self.cron, self.time_ms).await.map_err(Failure::NotLoaded)?;
        Ok(self.reply.response(&ran))
    }
}

impl Reply {
    fn response(&self, ran: &ScheduledResult) -> Response<Body> {
        let outcome = ran.outcome.name();
        let (text, kind) = match self {
            Self::Word => (outcome.to_owned(), "text/plain; charset=utf-8"),
            Self::Json => {
                (json!({ "outcome": outcome, "noRetry": ran.no_retry }).to_string(), "application/json")
            }
            Self::Ran => ("Ran scheduled event".to_owned(), "text/plain; charset=utf-8"),
        };
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if ran.outcome != Outcome::Ok {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        response
    }
}
