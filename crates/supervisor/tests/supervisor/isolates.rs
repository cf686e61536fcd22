//! Isolates: which one serves, and what happens when one dies or does what no cell should.

use std::time::Instant;

use hognose_supervisor::ServerEvent;

use crate::harness::{Reports, TestServer, options, version};

#[tokio::test]
async fn one_isolate_serves_as_long_as_it_does_not_compute() {
    let test = TestServer::start("v1").await;
    let (_, first) = test.get("/pid").await;
    for _ in 0..20 {
        assert_eq!(test.get("/pid").await, (200, first.clone()));
    }
    test.shutdown().await;
}

#[tokio::test]
async fn another_isolate_is_forked_while_one_computes_and_no_more_than_allowed() {
    let test = TestServer::start("v1").await;
    let reports = Reports::listen().await;
    let first = test.begin(&reports.ask("/block"));
    let first_cell = reports.next(b'b').await;
    let second = test.begin(&reports.ask("/block"));
    let second_cell = reports.next(b'b').await;
    let third = test.begin("/pid");
    drop(first_cell);
    let first = first.await.unwrap().1;
    drop(second_cell);
    let second = second.await.unwrap().1;
    assert_ne!(first, second);
    let third = third.await.unwrap().1;
    assert!(third == first || third == second, "a third process was not made");
    test.shutdown().await;
}

#[tokio::test]
async fn an_isolate_that_dies_costs_its_own_requests_only() {
    let mut test = TestServer::start("v1").await;
    let (_, first) = test.get("/pid").await;
    let begun = Instant::now();
    let (status, text) = test.get("/die").await;
    assert!(begun.elapsed().as_millis() < 1000, "told at once");
    assert_eq!(
        (status, text.as_str()),
        (502, "Bad Gateway: the Worker ended before it answered: its process ended.\n")
    );
    let (status, second) = test.get("/pid").await;
    assert!(status == 200 && second != first);
    let died = test.event(|event| match event {
        ServerEvent::IsolateDied { pid, requests_lost, .. } => Some((pid.to_string(), requests_lost)),
        _ => None,
    });
    assert_eq!(died.await, (first, 1));
    test.shutdown().await;
}

#[tokio::test]
async fn an_isolate_that_breaks_the_protocol_is_killed_and_named() {
    let mut test = TestServer::start("v1").await;
    for (path, status, reason) in [
        ("/garbage", Some(502), "a frame announced 4294967295 bytes"),
        ("/invoke", Some(502), "a CancelInvocation frame came from the cell"),
        ("/settle-twice", Some(200), "there is no open invocation"),
        ("/call?9", Some(502), "capability 9 is not hosted here"),
        // Whether the response has begun by then is a matter of luck.
        ("/too-much", None, "bytes came on a stream that had credit for"),
    ] {
        let answer =
            test.raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await;
        if let Some(status) = status {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        }
        let told = test.event(|event| match event {
            ServerEvent::IsolateDied { reason, .. } => Some(reason),
            _ => None,
        });
        let told = told.await;
        assert!(told.starts_with("it broke the protocol: ") && told.contains(reason), "{path}: {told}");
        assert_eq!(test.get("/version").await, (200, "v1".into()), "after {path}");
    }
    test.shutdown().await;
}

#[tokio::test]
async fn a_zygote_that_names_a_foreign_process_gets_no_isolate() {
    let test = TestServer::start("impostor").await;
    let (status, text) = test.get("/pid").await;
    assert_eq!(status, 503);
    assert!(text.contains("process 1 is not a child of process"), "{text}");
    test.shutdown().await;
}

#[tokio::test]
async fn a_zygote_with_threads_becomes_an_isolate_itself() {
    let mut test = TestServer::start("threads").await;
    let (_, first) = test.get("/pid").await;
    assert_eq!(test.get("/die").await.0, 502);
    let (_, second) = test.get("/pid").await;
    assert_ne!(first, second);
    let warnings = test.event(|event| match event {
        ServerEvent::Loaded { warnings, .. } => Some(warnings),
        _ => None,
    });
    assert!(warnings.await[0].contains("thread \"watcher\""));
    test.shutdown().await;
}

#[tokio::test]
async fn outsiders_are_not_told_what_broke() {
    let (mut options, events) = options(version("impostor"));
    options.development = false;
    let test = TestServer::with((options, events)).await;
    assert_eq!(test.get("/pid").await, (503, "Service Unavailable\n".into()));
    test.shutdown().await;
}
