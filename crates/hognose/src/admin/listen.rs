//! Where the API is reached: a socket in the state folder, a port, or beside the Workers.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::{Router, serve};
use hognose_supervisor::LocalService;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::body::content;
use super::guard::{Access, check};
use super::reloads;
use super::{Admin, PREFIX, router};
use crate::control;
use crate::error::CommandError;

/// The file in the state folder that holds the admin port's token.
pub(crate) const TOKEN_FILE: &str = "admin-token";
/// How many clients may wait at the socket.
const BACKLOG: i32 = 64;

/// Listening for as long as it lives.
pub(crate) struct Listening {
    tasks: Vec<JoinHandle<io::Result<()>>>,
    socket: PathBuf,
    /// Where the admin port is, with the token that opens it.
    pub(crate) url: Option<String>,
}

impl Listening {
    /// Listens at the socket of the state folder, and at a port if one is given. A socket that an earlier server left is
    /// replaced: the state's lock says that it is nobody's.
    pub(crate) async fn begin(
        admin: &Arc<Admin>,
        state: &Path,
        port: Option<u16>,
    ) -> Result<Self, CommandError> {
        let socket = state.join(control::SOCKET);
        let listener = bind_private(state, &socket).map_err(|source| writing(&socket, source))?;
        let mut tasks = vec![answer(admin, Access::Socket, listener)];
        let mut url = None;
        if let Some(port) = port {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let listener = TcpListener::bind(address).await.map_err(|source| unbound(address, source))?;
            let address = listener.local_addr().map_err(|source| unbound(address, source))?;
            let token = token(&state.join(TOKEN_FILE))?;
            tasks.push(answer(admin, Access::Token(token.as_str().into()), listener));
            url = Some(format!("http://{address}{PREFIX}/?token={token}"));
        }
        Ok(Self { tasks, socket, url })
    }

    /// Waits until the last answer is given; `Admin::stop` was cancelled before.
    pub(crate) async fn end(self) {
        for task in self.tasks {
            // Its listener is gone either way.
            let _ended = task.await;
        }
        let _gone_already = fs::remove_file(&self.socket);
    }
}

fn answer<L>(admin: &Arc<Admin>, access: Access, listener: L) -> JoinHandle<io::Result<()>>
where
    L: serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let (router, stop) = (guarded(admin, access), admin.stop.clone());
    let serving = serve(listener, router).with_graceful_shutdown(CancellationToken::cancelled_owned(stop));
    tokio::spawn(async move { serving.await })
}

fn guarded(admin: &Arc<Admin>, access: Access) -> Router {
    router(Arc::clone(admin)).layer(from_fn_with_state(access, check))
}

/// Binds a socket that nobody else can connect to at any moment: its mode is set before it listens.
fn bind_private(folder: &Path, socket: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (_folder, address) = control::short_path(folder, control::SOCKET)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let bound = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&bound, &SocketAddrUnix::new(&address)?)?;
    fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
    rustix::net::listen(&bound, BACKLOG)?;
    UnixListener::from_std(bound.into())
}

/// The token of the file, made if need be.
fn token(path: &Path) -> Result<String, CommandError> {
    if let Ok(kept) = fs::read_to_string(path) {
        return Ok(kept.trim().to_owned());
    }
    let mut bytes = [[0; 16]; 2];
    getrandom::fill(bytes.as_flattened_mut())
        .map_err(|error| writing(path, io::Error::other(error.to_string())))?;
    let token = format!("{:032x}{:032x}", u128::from_le_bytes(bytes[0]), u128::from_le_bytes(bytes[1]));
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(options.create_new(true).write(true), 0o600);
    let written = options.open(path).and_then(|mut file| io::Write::write_all(&mut file, token.as_bytes()));
    written.map_err(|source| writing(path, source))?;
    Ok(token)
}

fn writing(path: &Path, source: io::Error) -> CommandError {
    CommandError::State { path: path.to_owned(), source }
}

fn unbound(address: SocketAddr, source: io::Error) -> CommandError {
    hognose_supervisor::StartError::Listen { address, source }.into()
}

/// The API beside the Workers, for this machine; where pages are to reload, what has them do it stands behind each.
pub(crate) fn local_service(admin: &Arc<Admin>, live_reload: bool) -> LocalService {
    let router = guarded(admin, Access::Local);
    LocalService {
        prefix: PREFIX,
        footer: live_reload.then(|| reloads::footer(Arc::clone(admin))),
        answer: Box::new(move |request| {
            let mut router = router.clone();
            Box::pin(async move {
                let answered = router.call(request.map(Body::new)).await;
                let response = answered.unwrap_or_else(|never| match never {});
                response.map(content)
            })
        }),
    }
}
