//! Loading, reloading and the end.

use std::time::Duration;

use hognose_supervisor::{ReplaceError, ServerEvent, StartError};

use crate::harness::{Reports, TestServer, options, runs, version};

#[tokio::test]
async fn a_new_version_takes_the_new_requests_and_the_old_one_ends_its_own() {
    let test = TestServer::start("v1").await;
    let reports = Reports::listen().await;
    let (_, old) = test.get("/pid").await;
    let begun = test.begin(&reports.ask("/block"));
    let cell = reports.next(b'b').await;
    test.server.replace(version("v2")).await.unwrap();
    assert_eq!(test.get("/version").await, (200, "v2".into()));
    drop(cell);
    assert_eq!(begun.await.unwrap(), (200, old));
    test.shutdown().await;
}

#[tokio::test]
async fn requests_during_reloads_are_all_answered() {
    let test = TestServer::start("v0").await;
    let address = test.address;
    let stop = tokio_util::sync::CancellationToken::new();
    let (stopped, client) = (stop.clone(), crate::harness::client(false));
    let asking = tokio::spawn(async move {
        let mut answered = 0;
        while !stopped.is_cancelled() {
            let response = client.get(format!("http://{address}/version").parse().unwrap()).await.unwrap();
            assert_eq!(response.status(), 200);
            answered += 1;
        }
        answered
    });
    for number in 1..=5 {
        test.server.replace(version(&format!("v{number}"))).await.unwrap();
        assert_eq!(test.get("/version").await.1, format!("v{number}"));
    }
    stop.cancel();
    assert!(asking.await.unwrap() > 5);
    test.shutdown().await;
}

#[tokio::test]
async fn a_version_that_does_not_load_is_shown_in_development_until_one_does() {
    let mut test = TestServer::start("broken").await;
    let (status, text) = test.get("/version").await;
    assert_eq!(status, 500);
    assert_eq!(text, "The Worker could not be loaded: SyntaxError: broken\n\nFile \"index.py\"\n");
    let told = test.event(|event| match event {
        ServerEvent::LoadFailed { failure, .. } => Some(failure.message),
        _ => None,
    });
    assert_eq!(told.await, "SyntaxError: broken");
    test.server.replace(version("v1")).await.unwrap();
    assert_eq!(test.get("/version").await, (200, "v1".into()));
    assert!(matches!(test.server.replace(version("broken")).await, Err(ReplaceError::Load(_))));
    assert_eq!(test.get("/version").await.0, 500);
    test.shutdown().await;
}

#[tokio::test]
async fn a_version_that_does_not_load_leaves_the_old_one_serving_in_production() {
    let (mut options, events) = options(version("v1"));
    options.development = false;
    let test = TestServer::with((options, events)).await;
    assert_eq!(test.get("/version").await.0, 200);
    assert!(test.server.replace(version("broken")).await.is_err());
    assert_eq!(test.get("/version").await, (200, "v1".into()));
    test.shutdown().await;
}

#[tokio::test]
async fn a_version_that_never_loads_is_given_up() {
    let test = TestServer::start("v1").await;
    assert_eq!(test.get("/version").await.0, 200);
    let reports = Reports::listen().await;
    let stuck = version(&reports.ask("stuck"));
    let (cell, replaced) = tokio::join!(
        async {
            let cell = reports.next(b'l').await;
            // From here on time passes as soon as nothing else happens.
            tokio::time::pause();
            cell
        },
        test.server.replace(stuck)
    );
    assert_eq!(replaced.unwrap_err().to_string(), "loading took longer than 60 s");
    drop(cell);
    test.shutdown().await;
}

#[tokio::test]
async fn a_worker_of_another_name_is_not_taken() {
    let test = TestServer::start("v1").await;
    let mut other = version("v2");
    other.worker.name = "other".into();
    let refused = test.server.replace(other).await.unwrap_err();
    assert_eq!(refused.to_string(), "the server has no Worker named `other`");
    test.shutdown().await;
}

#[tokio::test]
async fn another_base_serves_the_versions_after_it() {
    let test = TestServer::start("v1").await;
    let base_of = |zygote: u32| parent(zygote);
    let first = base_of(test.get("/parent").await.1.parse().unwrap());
    test.server.replace(version("v2")).await.unwrap();
    let second = base_of(test.get("/parent").await.1.parse().unwrap());
    assert_eq!(first, second, "the same base is not made twice");
    let mut other = version("v3");
    other.base.site_dirs.push("/packages".into());
    test.server.replace(other).await.unwrap();
    assert_ne!(base_of(test.get("/parent").await.1.parse().unwrap()), first);
    test.shutdown().await;
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut options, _events) = options(version("v1"));
    options.listen = taken.local_addr().unwrap();
    let error = hognose_supervisor::Server::start(options).await.err().unwrap();
    let StartError::Listen { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn shutdown_answers_what_was_begun_and_leaves_no_process() {
    let test = TestServer::start("v1").await;
    let reports = Reports::listen().await;
    let isolate: u32 = test.get("/pid").await.1.parse().unwrap();
    let zygote: u32 = test.get("/parent").await.1.parse().unwrap();
    let processes = [isolate, zygote, parent(zygote)];
    assert!(processes.iter().all(|pid| runs(*pid)));
    let begun = test.begin(&reports.ask("/block"));
    let cell = reports.next(b'b').await;
    let (address, ending) = (test.address, tokio::spawn(test.shutdown()));
    drop(cell);
    assert_eq!(begun.await.unwrap(), (200, isolate.to_string()));
    ending.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens");
    assert_eq!(processes.map(runs), [false; 3]);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let test = TestServer::start("v1").await;
    let reports = Reports::listen().await;
    let isolate: u32 = test.get("/pid").await.1.parse().unwrap();
    let begun = test.begin(&reports.ask("/never"));
    let _cell = reports.next(b'n').await;
    test.server.shutdown(Duration::ZERO).await;
    assert!(!runs(isolate));
    begun.abort();
}

fn parent(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}
