//! Requests to engines on servers, which may be busy or away: how often one is sent again, after which pauses, and when it
//! is given up.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::Value;

use super::{AiError, Endpoint, Http, HttpError, HttpRequest, HttpResponse, Model};

/// The longest pause that a server can ask for with `retry-after`: the Worker is waiting meanwhile. A server that wants
/// more is not asked again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);
/// The longest pause between attempts that a Worker can ask for.
const RETRY_DELAY_MAX_MS: u64 = 5000;
/// The most attempts that a Worker can ask for, as with Cloudflare's gateway.
const ATTEMPTS_MAX: u64 = 5;

/// Sends requests to engines.
pub(super) struct Sender<'a> {
    http: &'a dyn Http,
    retry: Retry,
}

/// Whether an answer is used piece by piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// As it comes.
    Streamed,
    /// Once all of it is there.
    Whole,
}

impl<'a> Sender<'a> {
    /// By the rules of a model and the options of a call.
    pub(super) fn new(http: &'a dyn Http, model: &Model, options: &Value) -> Self {
        Self { http, retry: Retry::new(model, options) }
    }

    /// The server's answer, whatever its status.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        url: String,
        (content_type, body): (String, Bytes),
        used: Use,
    ) -> Result<HttpResponse, AiError> {
        let mut headers = vec![("content-type".to_owned(), content_type)];
        if let Some(key) = &endpoint.key {
            headers.push(("authorization".to_owned(), format!("Bearer {key}")));
        }
        let timeout = self.retry.timeout;
        let request = HttpRequest { url, headers, body, timeout, whole: used == Use::Whole };
        let mut attempt = 1;
        loop {
            let result = self.http.send(request.clone()).wait().await;
            let pause = asks_for(&result).map(|wanted| wanted.max(self.retry.pause(attempt)));
            match pause {
                Some(pause) if attempt < self.retry.attempts => self.http.pause(pause).wait().await,
                _ => return result.map_err(|error| unanswered(&endpoint.url, &error)),
            }
            attempt += 1;
        }
    }
}

/// How long to wait at least before the request is sent again; `None` where it is not worth it.
fn asks_for(result: &Result<HttpResponse, HttpError>) -> Option<Duration> {
    match result {
        Ok(response) if matches!(response.status, 429 | 502 | 503 | 504) => {
            let wanted = response.retry_after.as_deref().and_then(retry_after).unwrap_or_default();
            (wanted <= RETRY_AFTER_MAX).then_some(wanted)
        }
        Ok(_) | Err(HttpError::Timeout(_)) => None,
        Err(HttpError::Unreachable(_)) => Some(Duration::ZERO),
    }
}

/// What `retry-after` says: seconds, or a date (RFC 9110, 10.2.3). A date in the past is no time at all.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

fn unanswered(url: &str, error: &HttpError) -> AiError {
    match error {
        HttpError::Unreachable(why) => {
            AiError::unavailable(format!("The server at {url} cannot be reached: {why}"))
        }
        HttpError::Timeout(_) => AiError::timeout(format!("The server at {url} took too long: {error}")),
    }
}

/// How often, and after which pauses, a request is sent again that the server could not take.
struct Retry {
    attempts: u32,
    delay: Duration,
    backoff: Backoff,
    timeout: Duration,
}

#[derive(Clone, Copy)]
enum Backoff {
    Constant,
    Linear,
    Exponential,
}

impl Retry {
    /// The table's rules, unless the call's gateway options have their own.
    fn new(model: &Model, options: &Value) -> Self {
        let gateway = &options["gateway"];
        let retries = &gateway["retries"];
        let attempts = retries["maxAttempts"].as_u64().map(|most| most.clamp(1, ATTEMPTS_MAX) as u32);
        let delay_ms = retries["retryDelayMs"].as_u64().unwrap_or(100).min(RETRY_DELAY_MAX_MS);
        Self {
            attempts: attempts.unwrap_or(1 + model.retries),
            delay: Duration::from_millis(delay_ms),
            backoff: match retries["backoff"].as_str() {
                Some("constant") => Backoff::Constant,
                Some("linear") => Backoff::Linear,
                _ => Backoff::Exponential,
            },
            timeout: gateway["requestTimeoutMs"].as_u64().map_or(model.timeout, Duration::from_millis),
        }
    }

    /// How long to wait after the attempt of that number.
    fn pause(&self, attempt: u32) -> Duration {
        match self.backoff {
            Backoff::Constant => self.delay,
            Backoff::Linear => self.delay * attempt,
            Backoff::Exponential => self.delay * 2_u32.pow(attempt - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use serde_json::json;

    use super::*;
    use crate::ai::Engine;
    use crate::{Content, Pending, block_on};

    /// A server that answers with these statuses and their `retry-after`, and what was waited for between.
    struct Busy {
        answers: Mutex<Vec<(u16, Option<&'static str>)>>,
        pauses: Mutex<Vec<Duration>>,
    }

    impl Http for Busy {
        fn send(&self, _: HttpRequest) -> Pending<Result<HttpResponse, HttpError>> {
            let (status, retry_after) = self.answers.lock().unwrap_or_else(PoisonError::into_inner).remove(0);
            let retry_after = retry_after.map(str::to_owned);
            let body = Content::Whole(Bytes::new());
            Pending::Ready(Ok(HttpResponse { status, content_type: None, retry_after, body }))
        }

        fn pause(&self, duration: Duration) -> Pending<()> {
            self.pauses.lock().unwrap_or_else(PoisonError::into_inner).push(duration);
            Pending::Ready(())
        }
    }

    /// The last status, and the pauses in milliseconds.
    fn asked(answers: &[(u16, Option<&'static str>)], options: &Value) -> (u16, Vec<u128>) {
        let busy = Busy { answers: Mutex::new(answers.to_vec()), pauses: Mutex::default() };
        let endpoint = Endpoint { url: "http://x".to_owned(), model: None, key: None };
        let model = Model {
            engine: Engine::OpenAi(endpoint.clone()),
            task: None,
            timeout: Duration::from_secs(1),
            retries: 2,
        };
        let sender = Sender::new(&busy, &model, options);
        let content = (String::new(), Bytes::new());
        let sent = block_on(sender.send(&endpoint, String::new(), content, Use::Whole)).unwrap();
        let pauses = busy.pauses.lock().unwrap().iter().map(Duration::as_millis).collect();
        (sent.status, pauses)
    }

    #[test]
    fn a_busy_server_is_asked_again_after_pauses_that_grow() {
        let none = Value::Null;
        assert_eq!(asked(&[(503, None), (429, None), (200, None)], &none), (200, vec![100, 200]));
        assert_eq!(asked(&[(503, None), (503, None), (504, None), (200, None)], &none).0, 504);
        assert_eq!(asked(&[(500, None)], &none), (500, vec![]));
        let retries = json!({ "maxAttempts": 9, "retryDelayMs": 7, "backoff": "linear" });
        let always = [(503, None); 9];
        let (status, pauses) = asked(&always, &json!({ "gateway": { "retries": retries } }));
        assert_eq!((status, pauses), (503, vec![7, 14, 21, 28]));
    }

    #[test]
    fn a_server_says_when_to_come_again() {
        let none = Value::Null;
        assert_eq!(asked(&[(429, Some("3")), (200, None)], &none), (200, vec![3000]));
        assert_eq!(asked(&[(429, Some("10")), (200, None)], &none), (200, vec![10_000]));
        assert_eq!(asked(&[(429, Some("11"))], &none), (429, vec![]));
        assert_eq!(asked(&[(429, Some("soon")), (200, None)], &none), (200, vec![100]));
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(asked(&[(503, Some(past)), (200, None)], &none), (200, vec![100]));
    }
}
