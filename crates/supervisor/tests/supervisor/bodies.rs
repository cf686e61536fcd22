//! Bodies, both ways.

use hognose_supervisor::limits::BODY_INLINE_MAX;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{TestServer, client};

#[tokio::test]
async fn a_short_body_comes_with_the_request_and_a_longer_one_as_a_stream() {
    let test = TestServer::start("v1").await;
    for (size, told) in [
        (0, "nothing".to_owned()),
        (1, "whole 1".to_owned()),
        (BODY_INLINE_MAX, format!("whole {BODY_INLINE_MAX}")),
        (BODY_INLINE_MAX + 1, format!("streamed {}", BODY_INLINE_MAX + 1)),
        (3 << 20, format!("streamed {}", 3 << 20)),
    ] {
        assert_eq!(test.post("/length", vec![b'x'; size]).await, (200, told));
    }
    test.shutdown().await;
}

#[tokio::test]
async fn a_body_of_unknown_length_is_a_stream() {
    let test = TestServer::start("v1").await;
    let request =
        b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
                    3\r\nabc\r\n0\r\n\r\n";
    assert!(test.raw(request).await.ends_with("streamed 3"));
    test.shutdown().await;
}

#[tokio::test]
async fn an_untouched_body_comes_back_whole() {
    let test = TestServer::start("v1").await;
    for size in [5, BODY_INLINE_MAX + 1, 2 << 20] {
        let body: Vec<u8> = (0..size).map(|index| b'a' + (index % 26) as u8).collect();
        let (status, answer) = test.post("/echo", body.clone()).await;
        assert!(status == 200 && answer.as_bytes() == body, "{size}");
    }
    test.shutdown().await;
}

#[tokio::test]
async fn a_streamed_response_arrives_whole() {
    let test = TestServer::start("v1").await;
    for size in [0, 1, 256 << 10, (256 << 10) + 1, 3 << 20] {
        let (status, body) = test.get(&format!("/stream?{size}")).await;
        assert_eq!((status, body.len()), (200, size));
    }
    test.shutdown().await;
}

#[tokio::test]
async fn a_client_that_stops_reading_stops_the_stream_and_not_the_isolate() {
    let test = TestServer::start("v1").await;
    let (_, isolate) = test.get("/pid").await;
    let request =
        Request::get(format!("http://{}/stream?1000000000", test.address)).body(Full::default()).unwrap();
    let mut response = client(false).request(request).await.unwrap();
    assert!(response.frame().await.unwrap().unwrap().is_data());
    drop(response);
    assert_eq!(test.get("/pid").await, (200, isolate));
    test.shutdown().await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_an_error_to_its_reader_only() {
    let test = TestServer::start("v1").await;
    let (_, isolate) = test.get("/pid").await;
    let mut socket = TcpStream::connect(test.address).await.unwrap();
    socket
        .write_all(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegun")
        .await
        .unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    let _closed = socket.read_to_string(&mut answer).await;
    assert_eq!(test.get("/pid").await, (200, isolate));
    test.shutdown().await;
}

#[tokio::test]
async fn a_response_whose_isolate_dies_breaks_off_visibly() {
    let test = TestServer::start("v1").await;
    let answer = test.raw(b"GET /abort HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // What had come may or may not have left by then; it must only not look complete.
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    test.shutdown().await;
}

#[tokio::test]
async fn head_gets_no_body() {
    let test = TestServer::start("v1").await;
    let answer = test.raw(b"HEAD /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 2\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = test.raw(b"HEAD /stream?9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n"), "{answer}");
    test.shutdown().await;
}
