//! The connections of clients: accepting them, over TLS where the server has a certificate, and the limits they have.

use std::net::SocketAddr;
use std::sync::Arc;

use hognose_wire::limits::HEADER_BYTES_MAX;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::exhaustion::Exhaustion;
use super::{Ingress, request};
use crate::limits::HEADER_READ_TIMEOUT;

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(super) struct Client {
    /// The address that it connected from.
    pub(super) address: SocketAddr,
    /// Whether the connection is encrypted.
    pub(super) secure: bool,
}

impl Ingress {
    /// Accepts connections until `stop`, and returns what can wait for those still open.
    pub(crate) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        stop: CancellationToken,
    ) -> GracefulShutdown {
        let connections = GracefulShutdown::new();
        let mut exhaustion = Exhaustion::default();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((socket, address)) => self.begin(&connections, socket, tls.clone(), address),
                Err(error) => exhaustion.pause(&error, &self.events).await,
            }
        }
        connections
    }

    fn begin(
        self: &Arc<Self>,
        connections: &GracefulShutdown,
        socket: TcpStream,
        tls: Option<TlsAcceptor>,
        address: SocketAddr,
    ) {
        // A response is written whole; waiting for more to send with it would only delay it.
        let _refused_by_odd_sockets = socket.set_nodelay(true);
        // A client whose machine is gone says nothing; the kernel asks, in its own time.
        let _refused_by_odd_sockets = rustix::net::sockopt::set_socket_keepalive(&socket, true);
        let (ingress, watcher) = (Arc::clone(self), connections.watcher());
        tokio::spawn(async move {
            let client = Client { address, secure: tls.is_some() };
            match tls {
                None => ingress.serve(socket, watcher, client).await,
                // A client that shakes no hands in time, or not as it should, has nothing to be told.
                Some(tls) => {
                    if let Ok(Ok(socket)) = timeout(HEADER_READ_TIMEOUT, tls.accept(socket)).await {
                        ingress.serve(socket, watcher, client).await;
                    }
                }
            }
        });
    }

    async fn serve<S>(self: Arc<Self>, socket: S, watcher: Watcher, client: Client)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = service_fn(move |request| Arc::clone(&self).respond(client, request));
        let protocol = protocol();
        let connection = protocol.serve_connection_with_upgrades(TokioIo::new(socket), service).into_owned();
        // A client that breaks off or speaks no HTTP has been answered as far as it can be.
        let _broken_off = watcher.watch(connection).await;
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
