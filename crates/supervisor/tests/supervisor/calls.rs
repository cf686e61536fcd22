//! Calls on bindings.

use std::sync::Arc;

use hognose_services::{Answer, Call, CallError, Failure, Pending, Service};
use hognose_supervisor::ServerEvent;

use crate::harness::TestServer;

/// A service whose answer is made by a function.
struct Greeter(fn(&str) -> Pending<Result<Answer, CallError>>);

impl Service for Greeter {
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        assert_eq!(call.method, "greet");
        (self.0)(std::str::from_utf8(call.params).unwrap())
    }
}

fn greeting(name: &str) -> Answer {
    Answer { bytes: format!("hello {name}").into(), bodies: Vec::new() }
}

async fn answer_of(make: fn(&str) -> Pending<Result<Answer, CallError>>) -> (u16, String) {
    let test = TestServer::with_service(Arc::new(Greeter(make))).await;
    let answer = test.get("/call?2").await;
    test.shutdown().await;
    answer
}

#[tokio::test]
async fn a_service_answers_at_once_or_later() {
    assert_eq!(answer_of(|name| Pending::Ready(Ok(greeting(name)))).await, (200, "hello cell".into()));
    let later = |name: &str| {
        let answer = greeting(name);
        Pending::later(async move {
            tokio::task::yield_now().await;
            Ok(answer)
        })
    };
    assert_eq!(answer_of(later).await, (200, "hello cell".into()));
}

#[tokio::test]
async fn a_documented_failure_reaches_the_worker() {
    let failed = |_: &str| {
        let (name, message) = ("Error".into(), "KV GET failed: 400 no".into());
        Pending::Ready(Err(CallError::Failed(Failure { name, message, retryable: false, cause: None })))
    };
    assert_eq!(answer_of(failed).await, (200, "Error: KV GET failed: 400 no".into()));
}

#[tokio::test]
async fn a_call_that_no_cell_makes_ends_the_cell_also_when_that_shows_late() {
    let violation =
        |_: &str| Pending::later(async { Err(CallError::violation("`greet` is not said like this")) });
    let mut test = TestServer::with_service(Arc::new(Greeter(violation))).await;
    let (status, text) = test.get("/call?2").await;
    assert!(status == 502 && text.contains("`greet` is not said like this"), "{text}");
    let told = test.event(|event| match event {
        ServerEvent::IsolateDied { reason, .. } => Some(reason),
        _ => None,
    });
    assert!(told.await.contains("is not said like this"));
    test.shutdown().await;
}
