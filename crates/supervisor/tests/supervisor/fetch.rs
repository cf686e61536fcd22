//! `fetch()` leaving the server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hognose_supervisor::EgressOptions;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::harness::{TestServer, local_network, options, version};

/// An origin: `/N` redirects to `/N-1`, `/0` answers; `/to?URL` redirects there, `/303?URL` and `/307?URL` with that
/// status; `/auth` tells the authorization, `/body` the method, content type and length of what was sent.
async fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    address
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin) {
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(request).await));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    let _client_gone = connection.await;
}

async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (request, body) = request.into_parts();
    let length = body.collect().await.unwrap().to_bytes().len();
    let redirect = |status: u16, target: &str| {
        Response::builder().status(status).header(header::LOCATION, target).body(Full::default()).unwrap()
    };
    let text = |text: &str| Response::new(Full::from(text.to_owned()));
    let header = |name| request.headers.get(name).map_or("none", |value| value.to_str().unwrap());
    let query = request.uri.query().unwrap_or_default();
    match (request.uri.path(), request.uri.path()[1..].parse::<u32>()) {
        ("/0", _) => text("arrived"),
        ("/303", _) => redirect(303, query),
        ("/307", _) => redirect(307, query),
        (_, Ok(left)) => redirect(302, &format!("/{}", left - 1)),
        ("/to", _) => redirect(302, query),
        ("/auth", _) => text(header(header::AUTHORIZATION)),
        ("/empty", _) => text(""),
        ("/body", _) => text(&format!("{} {} {length}", request.method, header(header::CONTENT_TYPE))),
        _ => text(&format!("host {}", header(header::HOST))),
    }
}

async fn fetched(egress: EgressOptions, url: &str) -> String {
    sent(egress, url, 0).await
}

/// What a Worker gets that fetches `url` with a body of that length, given to it by a client.
async fn sent(egress: EgressOptions, url: &str, length: usize) -> String {
    let (mut options, events) = options(version("v1"));
    options.egress = egress;
    let test = TestServer::with((options, events)).await;
    let (status, text) = test.post(&format!("/fetch?{url}"), vec![b'x'; length]).await;
    assert_eq!(status, 200);
    test.shutdown().await;
    text
}

fn anywhere() -> EgressOptions {
    local_network()
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

#[tokio::test]
async fn a_body_is_sent_short_or_streamed() {
    let url = format!("http://{}/body", origin().await);
    for length in [1, 2 << 20] {
        assert_eq!(sent(anywhere(), &url, length).await, format!("POST text/plain {length}"));
    }
}

#[tokio::test]
async fn a_redirect_keeps_or_drops_the_body_by_its_status() {
    let origin = origin().await;
    assert_eq!(sent(anywhere(), &format!("http://{origin}/303?/body"), 4).await, "GET none 0");
    assert_eq!(sent(anywhere(), &format!("http://{origin}/to?/body"), 4).await, "GET none 0");
    assert_eq!(sent(anywhere(), &format!("http://{origin}/307?/body"), 4).await, "POST text/plain 4");
    let refused = sent(anywhere(), &format!("http://{origin}/307?/body"), 1 << 20).await;
    assert!(refused.starts_with("TypeError: A request with a one-time-use body"), "{refused}");
}

#[tokio::test]
async fn https_trusts_the_certificates_of_the_ca_file_and_no_others() {
    let (origin, pem) = https_origin().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let url = format!("https://secure.example:{}/0", origin.port());
    let rule = || vec!["secure.example::127.0.0.1:".parse().unwrap()];
    let trusting = EgressOptions { ca_file: Some(file), connect_to: rule(), ..EgressOptions::default() };
    assert_eq!(fetched(trusting, &url).await, "arrived");
    let wary = EgressOptions { connect_to: rule(), ..EgressOptions::default() };
    assert_eq!(fetched(wary, &url).await, "Error: Network connection lost.");
}

/// [`origin`] behind TLS as `secure.example`, and the certificate to trust.
async fn https_origin() -> (SocketAddr, String) {
    let certified = rcgen::generate_simple_self_signed(vec!["secure.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(socket) = acceptor.accept(socket).await {
                tokio::spawn(serve(socket));
            }
        }
    });
    (address, certified.cert.pem())
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_an_error_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let error_of = async |file: &std::path::Path| {
        let (mut options, _events) = options(version("v1"));
        options.egress.ca_file = Some(file.to_owned());
        hognose_supervisor::Server::start(options).await.err().unwrap().to_string()
    };
    assert!(error_of(&file).await.starts_with("cannot read certificates from `"));
    std::fs::write(&file, "no certificate").unwrap();
    assert!(error_of(&file).await.ends_with("holds no certificate"));
}
