//! One request and its answer.

use hognose_supervisor::ServerEvent;
use hognose_supervisor::limits::HEADER_FIELDS_MAX;
use http::Request;
use http_body_util::Full;

use crate::harness::{Reports, TestServer, client, read};

#[tokio::test]
async fn a_request_is_answered_and_told() {
    let mut test = TestServer::start("v1").await;
    assert_eq!(test.get("/version?x").await, (200, "v1".into()));
    let (method, path, status) = test
        .event(|event| match event {
            ServerEvent::RequestDone { method, path, status, .. } => Some((method, path, status)),
            _ => None,
        })
        .await;
    assert_eq!((method.as_str(), path.as_str(), status), ("GET", "/version", 200));
    test.shutdown().await;
}

#[tokio::test]
async fn a_worker_sees_the_request_but_not_the_connection() {
    let test = TestServer::start("v1").await;
    let request = "GET /head?a=b HTTP/1.1\r\nHost: Example.com\r\nX-One: 1\r\nConnection: close, x-private\r\n\
                   X-Private: 2\r\nTE: trailers\r\nX-One: 3\r\n\r\n";
    let answer = test.raw(request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("x-cell: fake"), "{head}");
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines[..4], ["GET http://example.com/head?a=b", "host: Example.com", "x-one: 1", "x-one: 3"]);
    assert_eq!(lines[4], "cf-connecting-ip: 127.0.0.1");
    let ray = lines[5].strip_prefix("cf-ray: ").unwrap();
    assert!(head.contains(&format!("cf-ray: {ray}")), "{head}");
    assert!(lines[6].contains(r#""httpProtocol":"HTTP/1.1""#) && lines.len() == 7, "{body}");
    test.shutdown().await;
}

#[tokio::test]
async fn http2_is_spoken_without_being_asked_for() {
    let test = TestServer::start("v1").await;
    let request = Request::get(format!("http://{}/head", test.address)).body(Full::default()).unwrap();
    let response = client(true).request(request).await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_2);
    let (_, body) = read(response).await;
    assert!(body.contains(r#""httpProtocol":"HTTP/2""#), "{body}");
    test.shutdown().await;
}

#[tokio::test]
async fn heads_past_their_limits_are_refused_in_words() {
    let test = TestServer::start("v1").await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(16 << 10));
    let refused = test.raw(long.as_bytes()).await;
    assert!(
        refused.starts_with("HTTP/1.1 414 ") && refused.contains("at most 16384 are allowed"),
        "{refused}"
    );
    let fat = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Fat: {}\r\n\r\n", "a".repeat(128 << 10));
    let refused = test.raw(fat.as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 431 ") && refused.contains("131072 bytes in all"), "{refused}");
    let fields = |count| {
        format!(
            "GET /version HTTP/1.1\r\nConnection: close\r\nHost: x\r\n{}\r\n",
            "X: 1\r\n".repeat(count - 2)
        )
    };
    assert!(test.raw(fields(HEADER_FIELDS_MAX).as_bytes()).await.starts_with("HTTP/1.1 200 "));
    assert!(test.raw(fields(HEADER_FIELDS_MAX + 1).as_bytes()).await.starts_with("HTTP/1.1 431 "));
    assert_eq!(test.get("/version").await.0, 200);
    test.shutdown().await;
}

#[tokio::test]
async fn what_is_no_http_gets_400_and_reaches_no_worker() {
    let test = TestServer::start("v1").await;
    for request in [
        "no http\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    ] {
        let refused = test.raw(request.as_bytes()).await;
        assert!(refused.starts_with("HTTP/1.1 400 "), "{request}: {refused}");
    }
    test.shutdown().await;
}

#[tokio::test]
async fn an_exception_is_shown_to_developers() {
    let test = TestServer::start("v1").await;
    assert_eq!(test.get("/raise").await, (500, "ValueError: on purpose\n".into()));
    test.shutdown().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_request() {
    let test = TestServer::start("v1").await;
    let reports = Reports::listen().await;
    let request = test.begin(&reports.ask("/never"));
    let mut cell = reports.next(b'n').await;
    request.abort();
    assert_eq!(tokio::io::AsyncReadExt::read_u8(&mut cell).await.unwrap(), b'c');
    assert_eq!(test.get("/version").await.0, 200);
    test.shutdown().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let test = TestServer::start("v1").await;
    assert_eq!(test.get("/version").await.0, 200);
    // From here on time passes as soon as nothing else happens.
    tokio::time::pause();
    let answer = test.raw(b"GET /version HTTP/1.1\r\nHost").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    test.shutdown().await;
}
