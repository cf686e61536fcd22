//! Where clients come in: HTTP/1.1 and HTTP/2, one request at a time to the Worker and its answer back.

mod error_page;
mod exhaustion;
mod patience;
mod request;
mod response;
mod triggers;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hognose_services::Content;
use hognose_wire::limits::HEADER_BYTES_MAX;
use http::header::{self, HeaderMap};
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::events::{Events, ServerEvent};
use crate::isolate::{Answer, Origin, Pending, Refused};
use crate::limits::HEADER_READ_TIMEOUT;
use crate::links::Raised;
use crate::routes;
use crate::slots::Slots;
use crate::static_assets;
use crate::websocket::{NetworkSocket, WebSocket};
use exhaustion::Exhaustion;
use request::{Prepared, Upgrade};
use response::Failure;

/// Answers the requests of clients.
pub(crate) struct Ingress {
    pub(crate) slots: Arc<Slots>,
    pub(crate) events: Arc<Events>,
    /// Whether clients see tracebacks.
    pub(crate) development: bool,
    /// Whether `/__scheduled` is answered here.
    pub(crate) test_scheduled: bool,
    /// What answers beside the Workers.
    pub(crate) local: OnceLock<LocalService>,
    /// All tasks of the server.
    pub(crate) tasks: TaskTracker,
}

/// Answers requests whose path begins with [`LocalService::prefix`]; they reach no Worker.
pub struct LocalService {
    /// What the paths begin with.
    pub prefix: &'static str,
    /// Gives the answer.
    pub answer: Box<dyn Fn(Request<Incoming>) -> LocalAnswer + Send + Sync>,
}

/// What a [`LocalService`] gives.
pub type LocalAnswer = Pin<Box<dyn Future<Output = Response<Content>> + Send>>;

impl Ingress {
    /// Accepts connections until `stop`, and returns what can wait for those still open.
    pub(crate) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> GracefulShutdown {
        let connections = GracefulShutdown::new();
        let protocol = protocol();
        let mut exhaustion = Exhaustion::default();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((socket, peer)) => self.serve(&protocol, &connections, socket, peer),
                Err(error) => exhaustion.pause(&error, &self.events).await,
            }
        }
        connections
    }

    fn serve(
        self: &Arc<Self>,
        protocol: &auto::Builder<TokioExecutor>,
        connections: &GracefulShutdown,
        socket: TcpStream,
        peer: SocketAddr,
    ) {
        // A response is written whole; waiting for more to send with it would only delay it.
        let _refused_by_odd_sockets = socket.set_nodelay(true);
        // A client whose machine is gone says nothing; the kernel asks, in its own time.
        let _refused_by_odd_sockets = rustix::net::sockopt::set_socket_keepalive(&socket, true);
        let ingress = Arc::clone(self);
        let service = service_fn(move |request| Arc::clone(&ingress).respond(peer, request));
        let connection = protocol.serve_connection_with_upgrades(TokioIo::new(socket), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off or speaks no HTTP has been answered as far as it can be.
            let _broken_off = connection.await;
        });
    }

    async fn respond(
        self: Arc<Self>,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        if let Some(local) = self.local.get().filter(|local| request.uri().path().starts_with(local.prefix)) {
            return Ok((local.answer)(request).await.map(Body::from));
        }
        let begun = Instant::now();
        let wants_page = self.development && wants_page(request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let version = request.version();
        let response = match self.ask(peer, request).await {
            Ok(response) => response::finish(response, &method),
            Err(failure) if wants_page => {
                response::finish(failure.into_page(&format!("{method} {path}")), &method)
            }
            Err(failure) => response::finish(failure.into_response(self.development), &method),
        };
        self.done(method, path, &response, begun);
        Ok(close_after_error(response, version))
    }

    /// Has the Worker answer.
    async fn ask(&self, peer: SocketAddr, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let prepared = Prepared::new(peer, request).await?;
        let slots = self.slots.all();
        let slot = routes::choose(&slots, prepared.head.host(), prepared.head.path());
        let slot = slot.ok_or(Failure::NoWorker)?;
        if let Some(trigger) = self.trigger(&prepared.head) {
            return trigger.pull(slot, prepared.body).await;
        }
        let version = slot.enter().await.map_err(Failure::NotLoaded)?;
        if let Some(answer) = version.assets().and_then(|assets| assets.serve(prepared.head.for_assets())) {
            return Ok(static_assets::response(answer));
        }
        let mut body = prepared.body;
        loop {
            let isolate = version.isolate().await?;
            match isolate.fetch(Origin::default(), prepared.head.wire(), body) {
                Ok(pending) => {
                    let response = answer(pending).await?;
                    version.succeeded();
                    return self.upgrade(response, prepared.upgrade);
                }
                // It ended or filled up since it was picked; it has not seen the request.
                Err(Refused(unsent)) => body = unsent,
            }
        }
    }

    /// Grants the WebSocket that a Worker answered with.
    fn upgrade(
        &self,
        mut response: Response<Body>,
        upgrade: Option<Upgrade>,
    ) -> Result<Response<Body>, Failure> {
        let Some(socket) = response.extensions_mut().remove::<Arc<WebSocket>>() else { return Ok(response) };
        let Some(Upgrade { asked, connection }) = upgrade else { return Err(Failure::NotAsked) };
        asked.grant(response.headers_mut());
        self.tasks.spawn(async move {
            // A client that has gone meanwhile takes the socket with it.
            if let Ok(connection) = connection.await {
                socket.serve(NetworkSocket::of_client(connection)).await;
            }
        });
        Ok(response)
    }

    fn done(&self, method: Method, path: String, response: &Response<Body>, begun: Instant) {
        let (status, duration) = (response.status().as_u16(), begun.elapsed());
        self.events.send(ServerEvent::RequestDone { method, path, status, duration });
    }
}

/// Whether a browser asks for something to show.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

async fn answer(pending: Pending) -> Result<Response<Body>, Failure> {
    match pending.answer().await {
        Answer::Response(response) => Ok(response),
        Answer::Done | Answer::Value(_) => {
            unreachable!("invariant: an isolate that answers a request with anything else is killed")
        }
        Answer::Raised(Raised { exceeded: Some(excess), stack, .. }) => {
            Err(Failure::Exceeded { excess, stack })
        }
        Answer::Raised(Raised { message, stack, .. }) => Err(Failure::Raised { message, stack }),
        Answer::Lost(reason) => Err(Failure::Lost(reason)),
    }
}

/// The limits of connections. hyper answers what exceeds its own without a text: a head that does not fit its buffer, and
/// in HTTP/1 more than [`crate::limits::HEADER_FIELDS_MAX`] fields, which is its default (for any other number it would
/// allocate and fill tables of that size for every request).
fn protocol() -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    protocol
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(request::HEAD_MAX);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_READ_TIMEOUT)
        .max_header_list_size(2 * HEADER_BYTES_MAX as u32);
    protocol
}

/// After a request that was refused unread, the rest of it is not worth reading.
fn close_after_error(mut response: Response<Body>, version: Version) -> Response<Body> {
    if version <= Version::HTTP_11 && matches!(response.status().as_u16(), 413 | 414 | 431) {
        response.headers_mut().insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
    }
    response
}
