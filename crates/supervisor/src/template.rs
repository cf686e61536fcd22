//! Templates: the cells that others are forked from. A *base* is a fresh process that has loaded the engines and the
//! packages; it forks the *zygote* of each Worker version, and that forks isolates.
//!
//! Each template has one task, which owns its control socket. Descriptors travel towards templates only; what a
//! template says is bounded by the wire, and the process it names as its child is checked to be one.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use command_fds::{CommandFdExt, FdMapping};
use hognose_jail::Listener;
use hognose_wire::control::{LoadFailure, Loaded, Order, Report, Role};
use hognose_wire::{Decoder, LogLevel};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::egress::Egress;
use crate::events::Events;
use crate::limits::{FORK_TIMEOUT, LOAD_TIMEOUT};
use crate::process::Process;
use crate::questions::{self, Forks};
use crate::spawner;

/// The descriptor that a base finds its control socket under.
const CONTROL_FD: i32 = 3;
/// That of the socket through which it hands over the listener for its questions, once, before it runs foreign code.
const LISTENER_FD: i32 = 4;

/// How a base cell is started: the interpreter under which hognose runs, with what makes it a cell.
#[derive(Clone, Debug, Default)]
pub struct CellCommand {
    /// The program.
    pub program: std::path::PathBuf,
    /// Its arguments.
    pub args: Vec<std::ffi::OsString>,
    /// All of its environment.
    pub env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

/// A running template. When the last handle is dropped it is killed.
#[derive(Debug)]
pub(crate) struct Template {
    orders: mpsc::Sender<ForkOrder>,
    /// What it reported when it was ready.
    pub(crate) loaded: Loaded,
}

/// Why there is no new process.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ForkError {
    #[error("the process to fork from has ended")]
    Gone,
    #[error("the kernel refused to fork: {0}")]
    Refused(String),
    #[error("no fork was made within {} s", FORK_TIMEOUT.as_secs())]
    Late,
    #[error("{0}")]
    Broken(String),
}

#[derive(Debug)]
struct ForkOrder {
    role: Role,
    descriptors: Vec<OwnedFd>,
    reply: oneshot::Sender<Result<Process, ForkError>>,
}

/// What all templates of a server share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// Whose log lines they are.
    pub(crate) worker: Arc<str>,
    pub(crate) events: Arc<Events>,
    pub(crate) tasks: TaskTracker,
    /// The way out of the machine, for sockets that cells connect.
    pub(crate) egress: Arc<Egress>,
    pub(crate) forks: Arc<Forks>,
}

/// A pair of connected Unix sockets; the first end is ours.
pub(crate) fn socket_pair() -> io::Result<(UnixStream, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let ours = std::os::unix::net::UnixStream::from(ours);
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

impl Template {
    /// Starts a base and waits until it is ready.
    pub(crate) async fn base(
        command: &CellCommand,
        boot: &Order,
        around: &Surroundings,
    ) -> Result<Self, LoadFailure> {
        let started = spawn(command, around)
            .map_err(|error| failure(format!("cannot start `{}`: {error}", command.program.display())))?;
        let Started { mut control, listener, process } = started;
        let sent = control.send(boot, &[]).await;
        sent.map_err(|error| failure(format!("a cell did not take its first order: {error}")))?;
        let answering = around.clone();
        around.tasks.spawn(async move {
            // A base without a lock closes the socket unused.
            if let Ok(Some(listener)) = receive_listener(listener).await {
                // It cannot fail before the runtime ends.
                let _ended = questions::answer(listener, Arc::clone(&answering.egress), answering).await;
            }
        });
        Self::await_ready(control, process, around).await
    }

    /// Has this template fork a Worker's zygote, and waits until that is ready.
    pub(crate) async fn zygote(
        self: Arc<Self>,
        role: Role,
        around: &Surroundings,
    ) -> Result<Self, LoadFailure> {
        let (ours, theirs) =
            socket_pair().map_err(|error| failure(format!("cannot make a socket: {error}")))?;
        let process = self.fork(role, vec![theirs]).await.map_err(|error| failure(error.to_string()))?;
        Self::await_ready(Control::new(ours), process.with_parent(self), around).await
    }

    async fn await_ready(
        mut control: Control,
        process: Process,
        around: &Surroundings,
    ) -> Result<Self, LoadFailure> {
        let ready = timeout(LOAD_TIMEOUT, control.ready(around)).await;
        let late = || failure(format!("loading took longer than {} s", LOAD_TIMEOUT.as_secs()));
        let loaded = match ready.unwrap_or_else(|_| Err(late())) {
            Ok(loaded) => loaded,
            Err(failure) => {
                process.kill();
                process.ended().await;
                return Err(failure);
            }
        };
        let (orders, received) = mpsc::channel(16);
        let task = Keeper { control, process, around: around.clone(), waiting: VecDeque::new() };
        around.tasks.spawn(task.run(received));
        Ok(Self { orders, loaded })
    }

    /// Has it fork; the child is killed when the process that is returned is dropped.
    pub(crate) async fn fork(&self, role: Role, descriptors: Vec<OwnedFd>) -> Result<Process, ForkError> {
        let (reply, answer) = oneshot::channel();
        let order = ForkOrder { role, descriptors, reply };
        self.orders.send(order).await.map_err(|_| ForkError::Gone)?;
        timeout(FORK_TIMEOUT, answer).await.map_err(|_| ForkError::Late)?.unwrap_or(Err(ForkError::Gone))
    }

    /// Whether it still takes orders.
    pub(crate) fn is_alive(&self) -> bool {
        !self.orders.is_closed()
    }
}

fn failure(message: String) -> LoadFailure {
    LoadFailure { message, ..LoadFailure::default() }
}

/// The cell of a script: started like a base, with its caller's streams, and never forked.
pub(crate) struct ScriptCell {
    control: Control,
    process: Process,
}

impl ScriptCell {
    pub(crate) fn start(command: &CellCommand) -> io::Result<Self> {
        let (ours, theirs) = socket_pair()?;
        // In its caller's process group, so that the terminal's Ctrl-C reaches it.
        let process = execute(command, vec![(theirs, CONTROL_FD)], |spawned| spawned)?;
        Ok(Self { control: Control::new(ours), process })
    }

    /// Waits until the engines are up.
    pub(crate) async fn boot(&mut self, boot: &Order, around: &Surroundings) -> Result<(), LoadFailure> {
        let sent = self.control.send(boot, &[]).await;
        sent.map_err(|error| failure(format!("a cell did not take its first order: {error}")))?;
        self.control.ready(around).await.map(drop)
    }

    /// Gives it its script and its socket.
    pub(crate) async fn run(mut self, order: &Order, socket: OwnedFd) -> io::Result<Process> {
        self.control.send(order, &[socket]).await?;
        Ok(self.process)
    }
}

/// Executes a cell with sockets under the numbers where it looks for them.
fn execute(
    command: &CellCommand,
    sockets: Vec<(OwnedFd, i32)>,
    prepare: impl FnOnce(&mut Command) -> &mut Command,
) -> io::Result<Process> {
    let mut spawned = Command::new(&command.program);
    spawned.args(&command.args).env_clear().envs(command.env.iter().map(|(name, value)| (name, value)));
    let mapping = |(parent_fd, child_fd)| FdMapping { parent_fd, child_fd };
    spawned
        .fd_mappings(sockets.into_iter().map(mapping).collect())
        .expect("invariant: two numbers do not collide");
    prepare(&mut spawned);
    Process::open(spawner::spawn(spawned)?.id())
}

/// A base cell that has been executed.
struct Started {
    control: Control,
    /// Where its listener comes in.
    listener: UnixStream,
    process: Process,
}

/// Executes a base cell: an empty environment but for what is given, its sockets, and its output as log lines.
fn spawn(command: &CellCommand, around: &Surroundings) -> io::Result<Started> {
    let (ours, theirs) = socket_pair()?;
    let (listener, its_listener) = socket_pair()?;
    let (output, input) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&output, true)?;
    let other_input = input.try_clone()?;
    // Its own process group: a terminal's Ctrl-C is for the supervisor, which then ends its cells in order.
    let process = execute(command, vec![(theirs, CONTROL_FD), (its_listener, LISTENER_FD)], |spawned| {
        spawned.stdin(Stdio::null()).stdout(other_input).stderr(input).process_group(0)
    })?;
    around.tasks.spawn(forward_output(pipe::Receiver::from_owned_fd(output)?, around.clone()));
    Ok(Started { control: Control::new(ours), listener, process })
}

/// Waits for the one descriptor that is ever taken from a cell: it comes before foreign code runs there. `None`: the
/// cell has closed the socket without.
async fn receive_listener(socket: UnixStream) -> io::Result<Option<Listener>> {
    let received = socket.async_io(Interest::READABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        recvmsg(&socket, &mut [IoSliceMut::new(&mut [0])], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
        let mut descriptors = beside.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        Ok(descriptors.next().and_then(|mut descriptors| descriptors.next()))
    });
    Ok(received.await?.map(Listener::from))
}

/// Turns what cells write to their standard output and error, past Python's own streams, into log lines. Ends when the
/// last process that holds the pipe has.
async fn forward_output(mut output: pipe::Receiver, around: Surroundings) {
    let mut text = Vec::new();
    while let Ok(1..) = output.read_buf(&mut text).await {
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            around.events.log(&around.worker, LogLevel::Stderr, String::from_utf8_lossy(&line[..end]));
        }
        if text.len() > hognose_wire::limits::LOG_LINE_MAX {
            around.events.log(&around.worker, LogLevel::Stderr, String::from_utf8_lossy(&text));
            text.clear();
        }
    }
    if !text.is_empty() {
        around.events.log(&around.worker, LogLevel::Stderr, String::from_utf8_lossy(&text));
    }
}

/// Our end of a control socket.
struct Control {
    socket: UnixStream,
    decoder: Decoder,
}

impl Control {
    fn new(socket: UnixStream) -> Self {
        Self { socket, decoder: Decoder::new() }
    }

    async fn send(&mut self, order: &Order, descriptors: &[OwnedFd]) -> io::Result<()> {
        let mut bytes = Vec::new();
        hognose_wire::encode(order, &mut bytes).map_err(io::Error::other)?;
        let socket = &self.socket;
        let sent = socket.async_io(Interest::WRITABLE, || send_with(socket, &bytes, descriptors)).await?;
        self.socket.write_all(&bytes[sent..]).await
    }

    /// The next report; `None` where the template has ended. May be abandoned at any time.
    async fn receive(&mut self) -> io::Result<Option<Report>> {
        loop {
            if let Some(report) = self.decoder.next().map_err(io::Error::other)? {
                return Ok(Some(report));
            }
            if self.socket.read_buf(self.decoder.buffer()).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn ready(&mut self, around: &Surroundings) -> Result<Loaded, LoadFailure> {
        loop {
            match self.receive().await {
                Ok(Some(Report::Ready(loaded))) => return Ok(loaded),
                Ok(Some(Report::Failed(failure))) => return Err(failure),
                Ok(Some(Report::Log { level, text })) => around.events.log(&around.worker, level, text),
                Ok(Some(_)) => return Err(failure("a cell answered an order that it was not given".into())),
                Ok(None) => return Err(failure("the process ended while it loaded".into())),
                Err(error) => return Err(failure(format!("a cell could not be understood: {error}"))),
            }
        }
    }
}

/// Sends at least the first of `bytes`, with the descriptors beside it.
fn send_with(socket: &UnixStream, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
    let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        let pushed = beside.push(SendAncillaryMessage::ScmRights(&descriptors));
        assert!(pushed, "invariant: an order carries at most two descriptors");
    }
    Ok(rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, SendFlags::NOSIGNAL)?)
}

/// A template's task.
struct Keeper {
    control: Control,
    process: Process,
    around: Surroundings,
    /// Who waits for a fork, in the order asked.
    waiting: VecDeque<oneshot::Sender<Result<Process, ForkError>>>,
}

impl Keeper {
    /// Passes orders and answers on until either end has gone; then the template ends.
    async fn run(mut self, mut orders: mpsc::Receiver<ForkOrder>) {
        loop {
            let going_on = tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.order(order).await,
                    None => break,
                },
                report = self.control.receive() => match report {
                    Ok(Some(Report::Became)) => return self.hand_over(),
                    Ok(Some(report)) => self.report(report),
                    Ok(None) => break,
                    Err(error) => {
                        self.complain(&error.to_string());
                        break;
                    }
                },
            };
            if !going_on {
                break;
            }
        }
        self.process.kill();
        self.around.forks.forget(self.process.pid());
        orders.close();
        self.waiting.clear();
        self.process.ended().await;
    }

    async fn order(&mut self, order: ForkOrder) -> bool {
        self.around.forks.expect(self.process.pid());
        let sent = self.control.send(&Order::Fork(order.role), &order.descriptors).await;
        self.waiting.push_back(order.reply);
        sent.is_ok()
    }

    /// Gives the process itself to whoever asked for a fork of it.
    fn hand_over(mut self) {
        if let Some(reply) = self.waiting.pop_front() {
            // Whoever gave up waiting leaves a process to be killed, which dropping it does.
            let _gave_up = reply.send(Ok(self.process));
        }
    }

    /// Acts on a report; `false`: the template is not to be trusted any more.
    fn report(&mut self, report: Report) -> bool {
        let result = match report {
            Report::Log { level, text } => {
                self.around.events.log(&self.around.worker, level, text);
                return true;
            }
            Report::Forked { pid } => Process::open_child(pid, self.process.pid())
                .map_err(|error| ForkError::Broken(error.to_string())),
            Report::ForkFailed { message } => Err(ForkError::Refused(message)),
            Report::Ready(_) | Report::Failed(_) | Report::Became => {
                self.complain("it reported what it cannot have become");
                return false;
            }
        };
        let Some(reply) = self.waiting.pop_front() else {
            self.complain("it forked without an order");
            return false;
        };
        if self.waiting.is_empty() {
            self.around.forks.forget(self.process.pid());
        }
        // Whoever gave up waiting leaves a process to be killed, which dropping it does.
        let _gave_up = reply.send(result);
        true
    }

    fn complain(&self, what: &str) {
        let text = format!("process {} is ended: {what}", self.process.pid());
        self.around.events.log(&self.around.worker, LogLevel::Error, text);
    }
}
