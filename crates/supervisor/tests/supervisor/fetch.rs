//! `fetch()` leaving the server.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use hognose_supervisor::EgressOptions;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::harness::{TestServer, options, version};

/// An origin: `/N` redirects to `/N-1`, `/0` answers; `/to?URL` redirects there; `/auth` tells the authorization.
async fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            tokio::spawn(async move { connection.await.is_ok() });
        }
    });
    address
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let redirect = |target: String| Response::builder().status(302).header(header::LOCATION, target);
    let text = |text: &str| Response::new(Full::from(text.to_owned()));
    let path = request.uri().path();
    match (path, path[1..].parse::<u32>()) {
        ("/0", _) => text("arrived"),
        (_, Ok(left)) => redirect(format!("/{}", left - 1)).body(Full::default()).unwrap(),
        ("/to", _) => redirect(request.uri().query().unwrap().into()).body(Full::default()).unwrap(),
        ("/auth", _) => {
            let sent = request.headers().get(header::AUTHORIZATION);
            text(sent.map_or("none", |value| value.to_str().unwrap()))
        }
        ("/empty", _) => Response::new(Full::default()),
        _ => text(&format!("host {}", request.headers()[header::HOST].to_str().unwrap())),
    }
}

async fn fetched(egress: EgressOptions, url: &str) -> String {
    let (mut options, events) = options(version("v1"));
    options.egress = egress;
    let test = TestServer::with((options, events)).await;
    let (status, text) = test.get(&format!("/fetch?{url}")).await;
    assert_eq!(status, 200);
    test.shutdown().await;
    text
}

fn anywhere() -> EgressOptions {
    EgressOptions { allow_private: true, ..EgressOptions::default() }
}

#[tokio::test]
async fn a_fetched_body_is_passed_on_untouched() {
    assert_eq!(fetched(anywhere(), &format!("http://{}/0", origin().await)).await, "arrived");
}

#[tokio::test]
async fn redirects_are_followed_up_to_their_limit() {
    let origin = origin().await;
    assert_eq!(fetched(anywhere(), &format!("http://{origin}/20")).await, "arrived");
    assert_eq!(fetched(anywhere(), &format!("http://{origin}/21")).await, "TypeError: Too many redirects.");
}

#[tokio::test]
async fn the_final_url_is_told() {
    let origin = origin().await;
    let asked = format!("http://{origin}/to?/empty");
    assert_eq!(fetched(anywhere(), &asked).await, format!("http://{origin}/empty"));
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let (here, there) = (origin().await, origin().await);
    assert_eq!(fetched(anywhere(), &format!("http://{here}/to?/auth")).await, "secret");
    assert_eq!(fetched(anywhere(), &format!("http://{here}/to?http://{there}/auth")).await, "none");
}

#[tokio::test]
async fn connect_to_leads_elsewhere_under_the_same_name() {
    let origin = origin().await;
    let rule = format!("api.example:80:127.0.0.1:{}", origin.port()).parse().unwrap();
    let egress = EgressOptions { connect_to: vec![rule], ..EgressOptions::default() };
    assert_eq!(fetched(egress, "http://api.example/x").await, "host api.example");
}

#[tokio::test]
async fn private_addresses_are_out_of_reach_unless_allowed() {
    let origin = origin().await;
    let localhost = format!("http://localhost:{}/0", origin.port());
    for url in
        [format!("http://{origin}/0"), localhost, format!("http://[::ffff:127.0.0.1]:{}/0", origin.port())]
    {
        assert_eq!(fetched(EgressOptions::default(), &url).await, "Error: Network connection lost.", "{url}");
    }
}

#[tokio::test]
async fn what_cannot_be_fetched_is_an_error_of_the_call() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(fetched(anywhere(), &format!("http://{closed}/")).await, "Error: Network connection lost.");
    assert_eq!(fetched(anywhere(), "ftp://x/y").await, "TypeError: Fetch API cannot load: ftp://x/y");
}
