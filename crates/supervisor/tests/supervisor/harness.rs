//! A server with fake cells, and clients for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hognose_services::objects::SqliteObjects;
use hognose_services::{Service, SystemClock};
use hognose_supervisor::{
    EgressOptions, EgressPolicy, PoolOptions, Server, ServerEvent, ServerOptions, WayOut, WorkerLimits,
    WorkerVersion,
};
use hognose_wire::CapId;
use hognose_wire::control::{Base, Worker};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::fake_cell;

/// Longer than anything here takes; what hangs fails by it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) events: mpsc::Receiver<ServerEvent>,
}

/// A version whose cells are told that this is their main module.
pub(crate) fn version(main: &str) -> WorkerVersion {
    let worker = Worker { name: "worker".into(), main: main.into(), outbound: CapId(1), ..Worker::default() };
    WorkerVersion {
        id: "test".into(),
        worker,
        base: Base::default(),
        limits: WorkerLimits::default(),
        routes: Vec::new(),
        services: Vec::new(),
        consumers: Vec::new(),
        crons: None,
        workflows: Vec::new(),
        assets: None,
        links: Vec::new(),
        object_links: Vec::new(),
        given_objects: Vec::new(),
        identities: Vec::new(),
        classes: Vec::new(),
        loaders: Vec::new(),
        way_out: WayOut::Network,
        tails: Vec::new(),
    }
}

/// Loopback may be reached.
pub(crate) fn local_network() -> EgressOptions {
    let policy = EgressPolicy { allow_private: true, ..EgressPolicy::default() };
    EgressOptions { policy, ..EgressOptions::default() }
}

pub(crate) fn options(version: WorkerVersion) -> (ServerOptions, mpsc::Receiver<ServerEvent>) {
    let (sender, events) = mpsc::channel(1024);
    let options = ServerOptions {
        tls: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        workers: vec![version],
        pool: PoolOptions { isolates_max: 2, ..PoolOptions::default() },
        objects: Arc::new(objects()),
        cell: fake_cell::command(),
        egress: local_network(),
        development: true,
        test_scheduled: false,
        events: sender,
    };
    (options, events)
}

/// A store in a folder that is left to the system's cleaning up.
fn objects() -> SqliteObjects {
    let folder = tempfile::tempdir().unwrap().keep();
    SqliteObjects::open(folder, Arc::new(SystemClock)).unwrap()
}

impl TestServer {
    pub(crate) async fn start(main: &str) -> Self {
        Self::with(options(version(main))).await
    }

    pub(crate) async fn with_service(service: Arc<dyn Service>) -> Self {
        let version = WorkerVersion { services: vec![(CapId(2), service)], ..version("v1") };
        Self::with(options(version)).await
    }

    pub(crate) async fn with((options, events): (ServerOptions, mpsc::Receiver<ServerEvent>)) -> Self {
        let server = Server::start(options).await.unwrap();
        Self { address: server.local_addr(), server, events }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        get(self.address, path).await
    }

    /// A GET that goes on in the background.
    pub(crate) fn begin(&self, path: &str) -> tokio::task::JoinHandle<(u16, String)> {
        let (address, path) = (self.address, path.to_owned());
        tokio::spawn(async move { get(address, &path).await })
    }

    /// A GET with a header of so many bytes that goes on in the background.
    pub(crate) fn begin_large(&self, path: &str, bytes: usize) -> tokio::task::JoinHandle<(u16, String)> {
        let request =
            Request::get(format!("http://{}{path}", self.address)).header("x-large", "x".repeat(bytes));
        let request = request.body(Full::default()).unwrap();
        tokio::spawn(async move { read(client(false).request(request).await.unwrap()).await })
    }

    pub(crate) async fn post(&self, path: &str, body: Vec<u8>) -> (u16, String) {
        let request = Request::post(format!("http://{}{path}", self.address)).body(Full::from(body)).unwrap();
        read(client(false).request(request).await.unwrap()).await
    }

    /// What a client reads that sends exactly these bytes, until the server closes.
    pub(crate) async fn raw(&self, request: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A server that closes on unread bytes resets the connection after its answer.
        let _reset = socket.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// The next event that `wanted` makes something of.
    pub(crate) async fn event<T>(&mut self, wanted: impl Fn(ServerEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the server sends events while it lives");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the event comes")
    }

    pub(crate) async fn shutdown(self) {
        self.server.shutdown(PATIENCE).await;
    }
}

pub(crate) fn client(http2: bool) -> Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).http2_only(http2).build_http()
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let request = Request::get(format!("http://{address}{path}")).body(Full::default()).unwrap();
    read(client(false).request(request).await.unwrap()).await
}

pub(crate) async fn read(response: Response<Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let whole = tokio::time::timeout(PATIENCE, response.into_body().collect()).await;
    let bytes = whole.expect("the body ends").expect("the body is whole").to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Where a fake cell reports to the test, and waits for it.
pub(crate) struct Reports(TcpListener);

impl Reports {
    pub(crate) async fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// `path` with where to report as its query.
    pub(crate) fn ask(&self, path: &str) -> String {
        format!("{path}?{}", self.0.local_addr().unwrap())
    }

    /// A cell that has reported `word`; it goes on when the socket is dropped.
    pub(crate) async fn next(&self, word: u8) -> TcpStream {
        let accepted = tokio::time::timeout(PATIENCE, self.0.accept()).await.expect("the cell reports");
        let mut cell = accepted.unwrap().0;
        assert_eq!(cell.read_u8().await.unwrap(), word);
        cell
    }
}

/// Whether a process runs. One that has ended and waits to be reaped by somebody does not.
pub(crate) fn runs(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    state.is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}
