//! Cells that flood their socket, do not read it, or stop in the middle of a frame: the supervisor's memory is bounded, and
//! other requests are served. (Garbage, and frames out of place, are in `isolates`.)

use hognose_supervisor::ServerEvent;
use hognose_supervisor::limits::OUTBOX_MAX;
use tokio::sync::mpsc;

use crate::harness::{Reports, TestServer, options, version};

const HEADER_BYTES: usize = 64 << 10;

#[tokio::test]
async fn a_cell_that_floods_its_log_loses_lines_and_is_told_how_many() {
    let mut test = TestServer::start("v1").await;
    assert_eq!(test.get("/flood?20000").await, (200, "flooded".into()));
    // Nobody read the events meanwhile: what the channel does not hold is counted, and not kept.
    let mut held = 0;
    while let Ok(event) = test.events.try_recv() {
        held += usize::from(matches!(event, ServerEvent::Log { .. }));
    }
    assert!(held <= 1024, "{held}");
    assert_eq!(test.get("/version").await, (200, "v1".into()));
    let lost = test.event(|event| match event {
        ServerEvent::Lost { count } => Some(count as usize),
        _ => None,
    });
    assert!(lost.await >= 20_000 - held);
    test.shutdown().await;
}

#[tokio::test]
async fn what_waits_for_a_cell_that_does_not_read_is_bounded() {
    let (mut options, events) = options(version("v1"));
    options.pool.isolates_max = 1;
    let test = TestServer::with((options, events)).await;
    let reports = Reports::listen().await;
    let stalled = test.begin(&reports.ask("/block"));
    let cell = reports.next(b'b').await;
    // Twice the bound is held at the most: what is being written, and what waits. The kernel's buffer comes on top.
    let count = 3 * OUTBOX_MAX / HEADER_BYTES;
    let asked: Vec<_> = (0..count).map(|_| test.begin_large("/version", HEADER_BYTES)).collect();
    let (sender, mut answers) = mpsc::unbounded_channel();
    for asked in asked {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(asked.await.unwrap()) });
    }
    let (status, text) = answers.recv().await.unwrap();
    assert!(
        status == 503 && text.contains("too many requests in progress"),
        "while it stalls: {status} {text}"
    );
    drop(cell);
    assert_eq!(stalled.await.unwrap().0, 200);
    for _ in 1..count {
        let (status, text) = answers.recv().await.unwrap();
        assert!((status, &*text) == (200, "v1") || status == 503, "{status} {text}");
    }
    test.shutdown().await;
}

#[tokio::test]
async fn half_a_frame_holds_nothing_up_but_its_own_isolate() {
    let test = TestServer::start("v1").await;
    let reports = Reports::listen().await;
    let broken = test.begin(&reports.ask("/half-frame"));
    let cell = reports.next(b'h').await;
    assert_eq!(test.get("/version").await, (200, "v1".into()));
    drop(cell);
    assert_eq!(broken.await.unwrap().0, 502);
    assert_eq!(test.get("/version").await, (200, "v1".into()));
    test.shutdown().await;
}
