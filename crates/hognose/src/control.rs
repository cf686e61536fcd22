//! The way from a command to the server that works on the same state folder: HTTP over the socket in it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::admin::PREFIX;
use crate::error::CommandError;

/// The socket's name in the state folder.
pub(crate) const SOCKET: &str = "control.sock";

/// A name as it stands in a path.
pub(crate) fn escaped(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A server that runs.
pub(crate) struct Control {
    folder: PathBuf,
}

impl Control {
    /// The server on the state folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Whether a server runs on the folder.
    pub(crate) fn is_served(&self) -> bool {
        short_path(&self.folder, SOCKET)
            .is_ok_and(|(_folder, address)| std::os::unix::net::UnixStream::connect(address).is_ok())
    }

    /// Asks for something under the API.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CommandError> {
        result(self.send(Method::GET, path, Bytes::new()).await?).await
    }

    /// Asks for a change.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, CommandError> {
        let body = serde_json::to_vec(body).expect("invariant: it has a JSON form");
        result(self.send(Method::POST, path, body.into()).await?).await
    }

    /// Asks for something to be removed.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CommandError> {
        result(self.send(Method::DELETE, path, Bytes::new()).await?).await
    }

    /// Asks for a stream of server-sent events.
    pub(crate) async fn follow(&self, path: &str) -> Result<Follow, CommandError> {
        let response = self.send(Method::GET, path, Bytes::new()).await?;
        Ok(Follow { body: response.into_body(), unread: Vec::new() })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, CommandError> {
        let socket = self
            .connect()
            .await
            .map_err(|source| CommandError::NotServed { folder: self.folder.clone(), source })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(broken)?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(format!("{PREFIX}/api{path}"));
        let request = request.header(HOST, "localhost").header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body)).expect("invariant: paths are made of escaped parts");
        sender.send_request(request).await.map_err(broken)
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        let (_folder, address) = short_path(&self.folder, SOCKET)?;
        UnixStream::connect(address).await
    }
}

/// A path to a file in `folder` that fits a socket's address, however deep the folder lies; it holds as long as the
/// descriptor beside it.
pub(crate) fn short_path(folder: &Path, name: &str) -> io::Result<(OwnedFd, PathBuf)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(folder, flags, Mode::empty())?;
    let path = format!("/proc/self/fd/{}/{name}", descriptor.as_raw_fd()).into();
    Ok((descriptor, path))
}

/// The result of an answer, or the reason that it gives.
async fn result<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, CommandError> {
    let bytes = response.into_body().collect().await.map_err(broken)?.to_bytes();
    let mut envelope: Value = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    if envelope["success"] != true {
        let text = |name: &str| envelope["errors"][0][name].as_str().map(str::to_owned);
        let message = text("message").unwrap_or_else(|| "it did not say why".to_owned());
        return Err(CommandError::Refused { message, hint: text("hint") });
    }
    serde_json::from_value(envelope["result"].take()).map_err(|error| broken(error.to_string()))
}

fn broken(reason: impl ToString) -> CommandError {
    CommandError::ControlBroken(reason.to_string())
}

/// Server-sent events as they come.
pub(crate) struct Follow {
    body: Incoming,
    unread: Vec<u8>,
}

impl Follow {
    /// The name and the data of the next event; `None`: the server has stopped.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.unread.drain(..end + 2).collect();
                if let Some(event) = parsed(&String::from_utf8_lossy(&event)) {
                    return Some(event);
                }
                continue;
            }
            let frame = self.body.frame().await?.ok()?;
            self.unread.extend(frame.into_data().unwrap_or_default());
        }
    }
}

/// `None`: a comment, which only keeps the connection alive.
fn parsed(event: &str) -> Option<(String, String)> {
    let field = |name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned())
    };
    Some((field("event:")?, field("data:")?))
}
