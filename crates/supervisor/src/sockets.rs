//! TCP connections of Workers (`cloudflare:sockets`): made under the same policy as `fetch()`, with TLS from the start,
//! from later on, or never.
//!
//! A connection is two halves. What it gives is a body that the cell reads under credit; what the cell writes is a body
//! of the cell's that a task carries to the network. A connection that may start TLS gets both halves back first: the
//! reading one when the cell cancels its stream, the writing one when the cell ends the other.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hognose_services::{ByteStream, StreamError};
use hognose_wire::socket::{self, Connected, Security};
use hognose_wire::{CallId, LogLevel, limits};
use http_body_util::BodyExt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::body::{Body, connection_lost};
use crate::isolate::{Breach, Isolate};
use crate::limits::CONNECT_MAX;

/// How much is read from the network at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a Worker is told where there is no connection (workerd's text).
const REFUSED: &str = "proxy request failed, cannot connect to the specified address";

/// A connection, with TLS or without.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

type Reading = ReadHalf<Box<dyn Duplex>>;
type Writing = WriteHalf<Box<dyn Duplex>>;

/// The connections of a cell that may start TLS, by their numbers.
#[derive(Default)]
pub(crate) struct Sockets {
    last: u32,
    open: HashMap<u32, Waiting>,
}

/// Where the halves of a connection come when its streams are over, if TLS is to start, and what it is known by.
struct Waiting {
    wanted: Arc<AtomicBool>,
    reading: oneshot::Receiver<Reading>,
    writing: oneshot::Receiver<Writing>,
    ends: Ends,
}

/// Where one half goes back to when TLS starts.
struct Back<T> {
    wanted: Arc<AtomicBool>,
    sender: oneshot::Sender<T>,
}

impl<T> Back<T> {
    /// Gives the half back, or returns it if nobody wants it.
    fn give(self, half: T) -> Option<T> {
        if self.wanted.load(Ordering::Acquire) { self.sender.send(half).err() } else { Some(half) }
    }
}

/// Both addresses of a connection.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    local: SocketAddr,
    remote: SocketAddr,
}

impl Ends {
    pub(crate) fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self { local: stream.local_addr()?, remote: stream.peer_addr()? })
    }
}

impl Sockets {
    /// Keeps a connection until it starts TLS. Those that are over already make room.
    fn keep(&mut self, waiting: Waiting) -> u32 {
        self.open.retain(|_, socket| Arc::strong_count(&socket.wanted) > 1);
        self.last = self.last.wrapping_add(1).max(1);
        self.open.insert(self.last, waiting);
        self.last
    }
}

impl Isolate {
    /// `connect`: makes a connection.
    pub(crate) fn connect(self: &Arc<Self>, call: CallId, params: &[u8]) -> Result<(), Breach> {
        let connect = socket::read_connect(params).map_err(|error| Breach::new(error.to_string()))?;
        let body = self.accept(connect.body, None)?;
        let (host, port, security) = (connect.host.to_owned(), connect.port, connect.security);
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            let making = async {
                let (stream, ends) = isolate.grants.egress.connect(&host, port).await?;
                Ok((isolate.secure(Box::new(stream), &host, security).await?, ends))
            };
            match in_time(making).await {
                Ok((stream, ends)) => isolate.open(call, stream, ends, security, body),
                Err(error) => isolate.refuse(call, &host, port, &error),
            }
        });
        Ok(())
    }

    /// `startTls`: takes a connection's halves back, and goes on with TLS.
    pub(crate) fn start_tls(self: &Arc<Self>, call: CallId, params: &[u8]) -> Result<(), Breach> {
        let start = socket::read_start_tls(params).map_err(|error| Breach::new(error.to_string()))?;
        let body = self.accept(start.body, None)?;
        let waiting = self.state().sockets.open.remove(&start.socket);
        let Some(Waiting { wanted, reading, writing, ends }) = waiting else {
            return Err(Breach::new(format!("it started TLS on socket {}, which it has not", start.socket)));
        };
        // Set before the frames are read that end the old streams.
        wanted.store(true, Ordering::Release);
        let host = start.host.to_owned();
        let isolate = Arc::clone(self);
        self.follow(call, async move {
            let making = async {
                let (Ok(reading), Ok(writing)) = tokio::join!(reading, writing) else {
                    return Err(io::ErrorKind::BrokenPipe.into());
                };
                isolate.secure(reading.unsplit(writing), &host, Security::On).await
            };
            match in_time(making).await {
                Ok(stream) => isolate.open(call, stream, ends, Security::On, body),
                Err(error) => isolate.refuse(call, &host, ends.remote.port(), &error),
            }
        });
        Ok(())
    }

    async fn secure(
        &self,
        stream: Box<dyn Duplex>,
        host: &str,
        security: Security,
    ) -> io::Result<Box<dyn Duplex>> {
        if security != Security::On {
            return Ok(stream);
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(self.grants.egress.tls()).connect(name, stream).await?))
    }

    /// Answers with a connection, and starts to carry what the cell writes.
    fn open(
        self: &Arc<Self>,
        call: CallId,
        stream: Box<dyn Duplex>,
        ends: Ends,
        security: Security,
        body: Body,
    ) {
        let (reading, writing) = tokio::io::split(stream);
        let wanted = Arc::new(AtomicBool::new(false));
        let (reading_sender, reading_back) = oneshot::channel();
        let (writing_sender, writing_back) = oneshot::channel();
        let reading_back_to = Back { wanted: Arc::clone(&wanted), sender: reading_sender };
        let writing_back_to = Back { wanted: Arc::clone(&wanted), sender: writing_sender };
        let reader = Reader { half: Some(reading), back: Some(reading_back_to), buffer: BytesMut::new() };
        self.grants.tasks.spawn(carry(body, writing, writing_back_to));
        let waiting = Waiting { wanted, reading: reading_back, writing: writing_back, ends };
        let upgradable = security == Security::StartTls;
        let socket = if upgradable { self.state().sockets.keep(waiting) } else { 0 };
        let [local, remote] = [ends.local, ends.remote].map(|address| address.to_string());
        self.answer(call, vec![Body::Service(Box::new(reader))], |bodies| {
            let connected =
                Connected { socket, local_address: &local, remote_address: &remote, body: bodies[0] };
            (postcard::to_allocvec(&connected).expect("invariant: addresses are plain data"), &[])
        });
    }

    fn refuse(&self, call: CallId, host: &str, port: u16, error: &io::Error) {
        let cause =
            limits::cut(&format!("connect() to {host}:{port}: {error}"), limits::LOG_LINE_MAX).into_owned();
        self.grants.events.log(&self.grants.worker, LogLevel::Debug, cause);
        self.answer_error(call, "Error", REFUSED, false);
    }
}

/// A connection that is made by the time it must be.
async fn in_time<T>(making: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(CONNECT_MAX, making).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Writes a body to the network. At its end the connection is closed in this direction, or given back to whoever waits
/// for it; a body that breaks off breaks the connection off.
async fn carry(mut body: Body, mut writing: Writing, back: Back<Writing>) {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return };
        let Ok(data) = frame.into_data() else { continue };
        if writing.write_all(&data).await.is_err() || writing.flush().await.is_err() {
            return;
        }
    }
    if let Some(mut writing) = back.give(writing) {
        // The other side has gone already, then.
        let _ = writing.shutdown().await;
    }
}

/// What a connection gives.
struct Reader {
    /// Until the end, or an error.
    half: Option<Reading>,
    /// Who gets the half when nobody reads here any more.
    back: Option<Back<Reading>>,
    buffer: BytesMut,
}

impl ByteStream for Reader {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        let Some(half) = &mut self.half else { return Poll::Ready(None) };
        self.buffer.resize(CHUNK_BYTES, 0);
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let polled = Pin::new(half).poll_read(context, &mut buffer);
        let length = buffer.filled().len();
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if length > 0 => Poll::Ready(Some(Ok(self.buffer.split_to(length).freeze()))),
            Poll::Ready(Ok(())) => {
                self.half = None;
                Poll::Ready(None)
            }
            Poll::Ready(Err(_)) => {
                self.half = None;
                Poll::Ready(Some(Err(connection_lost())))
            }
        }
    }

    fn length(&self) -> Option<u64> {
        None
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let (Some(half), Some(back)) = (self.half.take(), self.back.take()) {
            drop(back.give(half));
        }
    }
}
