//! A cell without Python or JavaScript: it speaks the wire, and what it does is named by the request's path. A "fork" is
//! another run of this test binary, which is handed the socket as its standard input.

use std::env;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use hognose_supervisor::CellCommand;
use hognose_supervisor::limits::BUSY_AFTER;
use hognose_wire::control::{LoadFailure, Loaded, Order, Report, Role};
use hognose_wire::limits::{CHUNK_MAX, LOG_LINE_MAX, STREAM_WINDOW};
use hognose_wire::{
    Access, Body, CallId, CapId, CapRef, Decoder, Envelope, Event, Frame, HttpRequest, HttpResponse,
    InvocationId, LogLevel, Outcome, Payload, RemoteError, StreamId, WriteSeq,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::de::DeserializeOwned;

const ROLE: &str = "FAKE_CELL_ROLE";
const MAIN: &str = "FAKE_CELL_MAIN";
/// The process that a cell was forked from, which may be gone.
const PARENT: &str = "FAKE_CELL_PARENT";
const TEST_NAME: &str = "fake_cell::lives_where_it_is_asked_to";

/// The command that starts a base: a shell moves the control socket to where safe Rust can take it from.
pub(crate) fn command() -> CellCommand {
    let script = format!("exec \"$0\" {TEST_NAME} --exact --nocapture <&3 3<&-");
    let args = ["-c".into(), script.into(), env::current_exe().unwrap().into()];
    CellCommand { program: "/bin/sh".into(), args: args.into(), env: vec![(ROLE.into(), "base".into())] }
}

/// What the test binary runs when it is started as a cell; among the tests it does nothing.
#[test]
fn lives_where_it_is_asked_to() {
    let Ok(role) = env::var(ROLE) else { return };
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    match role.as_str() {
        "isolate" => Isolate::new(socket).serve(),
        role => template(role, &socket),
    }
    std::process::exit(0);
}

fn template(role: &str, socket: &UnixStream) {
    let mut decoder = Decoder::new();
    let main = env::var(MAIN).unwrap_or_default();
    if role == "base" {
        assert!(matches!(receive(socket, &mut decoder).unwrap().0, Order::Boot(_)));
    }
    if main == "broken" {
        let failure = LoadFailure {
            message: "SyntaxError: broken".into(),
            traceback: "File \"index.py\"".into(),
            ..LoadFailure::default()
        };
        return report(socket, &Report::Failed(failure));
    }
    if let Some(("stuck", test)) = main.split_once('?') {
        let mut test = TcpStream::connect(test).unwrap();
        test.write_all(b"l").unwrap();
        let _let_go = test.read(&mut [0]);
        return;
    }
    let has_threads = main == "threads";
    let unforkable = if has_threads { vec!["thread \"watcher\"".to_owned()] } else { Vec::new() };
    report(socket, &Report::Ready(Loaded { unforkable, ..Loaded::default() }));
    while let Some((order, descriptors)) = receive::<Order>(socket, &mut decoder) {
        let Order::Fork(role) = order else { panic!("no order for a template: {order:?}") };
        if has_threads {
            report(socket, &Report::Became);
            return Isolate::new(UnixStream::from(descriptors.into_iter().next().unwrap())).serve();
        }
        let pid = fork(&role, &main, descriptors);
        report(socket, &Report::Forked { pid });
    }
}

/// Starts the next cell, or claims that one was made which is none of ours.
fn fork(role: &Role, main: &str, descriptors: Vec<OwnedFd>) -> u32 {
    let (name, main) = match role {
        Role::Packages(worker) => ("packages", worker.main.as_str()),
        Role::Zygote(worker) => ("zygote", worker.main.as_str()),
        Role::Isolate if main == "impostor" => return 1,
        Role::Isolate => ("isolate", main),
    };
    let socket = descriptors.into_iter().next().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([TEST_NAME, "--exact", "--nocapture"]).env(ROLE, name).env(MAIN, main);
    command.env(PARENT, std::process::id().to_string());
    command.stdin(Stdio::from(socket)).spawn().unwrap().id()
}

fn report(mut socket: &UnixStream, report: &Report) {
    let mut bytes = Vec::new();
    hognose_wire::encode(report, &mut bytes).unwrap();
    let _supervisor_gone = socket.write_all(&bytes);
}

/// The next order and the descriptors beside it.
fn receive<T: DeserializeOwned>(socket: &UnixStream, decoder: &mut Decoder) -> Option<(T, Vec<OwnedFd>)> {
    let mut descriptors = Vec::new();
    loop {
        if let Some(order) = decoder.next().unwrap() {
            return Some((order, descriptors));
        }
        let mut bytes = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let read =
            rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut beside, flags).ok()?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if read.bytes == 0 {
            return None;
        }
        decoder.push(&bytes[..read.bytes]);
    }
}

/// What an isolate is asked to do.
struct Task {
    invocation: InvocationId,
    path: String,
    query: String,
    head: String,
    body: Received,
}

/// A request's body, as its frame named it.
enum Received {
    Nothing,
    Whole(Vec<u8>),
    Stream(StreamId),
}

impl Received {
    /// The same body, sent on untouched.
    fn as_sent(&self) -> Body<'_> {
        match self {
            Self::Nothing => Body::None,
            Self::Whole(bytes) => Body::Inline(bytes),
            Self::Stream(stream) => Body::Returned { stream: *stream },
        }
    }
}

struct Isolate {
    socket: UnixStream,
    decoder: Decoder,
}

impl Isolate {
    fn new(socket: UnixStream) -> Self {
        Self { socket, decoder: Decoder::new() }
    }

    fn serve(mut self) {
        while let Some(task) = self.next_task() {
            self.perform(&task);
        }
    }

    fn next_task(&mut self) -> Option<Task> {
        self.wait_for(|frame| match frame {
            Frame::Invoke { invocation, event: Event::Fetch(request), .. } => {
                Some(task(*invocation, request))
            }
            _ => None,
        })
    }

    /// Reads frames until one is what is waited for; the others are of no interest then.
    fn wait_for<T>(&mut self, wanted: impl Fn(&Frame<'_>) -> Option<T>) -> Option<T> {
        loop {
            while let Some(envelope) = self.decoder.next::<Envelope<'_>>().unwrap() {
                if let Some(found) = wanted(&envelope.frame) {
                    return Some(found);
                }
            }
            let mut bytes = [0; 16384];
            let read = self.socket.read(&mut bytes).unwrap_or(0);
            if read == 0 {
                return None;
            }
            self.decoder.push(&bytes[..read]);
        }
    }

    fn send(&mut self, frame: Frame<'_>) {
        let mut bytes = Vec::new();
        hognose_wire::encode(&Envelope { after: WriteSeq::default(), frame }, &mut bytes).unwrap();
        let _supervisor_gone = self.socket.write_all(&bytes);
    }

    fn perform(&mut self, task: &Task) {
        match task.path.as_str() {
            "/pid" => self.text(task, &std::process::id().to_string()),
            "/parent" => self.text(task, &env::var(PARENT).unwrap()),
            "/version" => self.text(task, &env::var(MAIN).unwrap()),
            "/head" => self.text(task, &task.head),
            "/raise" => self.raise(task),
            "/die" => std::process::exit(3),
            "/garbage" => self.socket.write_all(&[0xff; 64]).unwrap(),
            "/invoke" => self.send(Frame::CancelInvocation { invocation: task.invocation, reason: "" }),
            "/settle-twice" => {
                self.text(task, "once");
                self.send(Frame::Settled { invocation: task.invocation, cpu_us: 0 });
            }
            "/block" => self.block(task),
            "/never" => self.never(task),
            "/flood" => self.flood(task, task.query.parse().unwrap()),
            "/half-frame" => self.half_frame(task),
            "/echo" => self.echo(task),
            "/length" => self.length(task),
            "/stream" => self.stream(task, task.query.parse().unwrap()),
            "/too-much" => self.too_much(task),
            "/abort" => self.abort(task),
            "/fetch" => self.fetch(task),
            "/call" => self.call(task),
            path => panic!("nothing to do for {path}"),
        }
    }

    fn text(&mut self, task: &Task, text: &str) {
        self.respond(task.invocation, Body::Inline(text.as_bytes()));
    }

    fn respond(&mut self, invocation: InvocationId, body: Body<'_>) {
        self.complete(invocation, body);
        self.send(Frame::Settled { invocation, cpu_us: 1 });
    }

    fn complete(&mut self, invocation: InvocationId, body: Body<'_>) {
        let outcome = Outcome::Response(response(body));
        self.send(Frame::Complete { invocation, outcome });
    }

    fn raise(&mut self, task: &Task) {
        let error =
            RemoteError { name: "Error", message: "ValueError: on purpose", ..RemoteError::default() };
        self.send(Frame::Complete { invocation: task.invocation, outcome: Outcome::Error(error) });
        self.send(Frame::Settled { invocation: task.invocation, cpu_us: 1 });
    }

    /// Computes: long enough to be seen, which it tells the test, and then until the test lets go. It says nothing on the
    /// wire meanwhile.
    fn block(&mut self, task: &Task) {
        wait_for_the_test(&task.query, b"b");
        self.text(task, &std::process::id().to_string());
    }

    /// Says very much at once, and charges it to nobody; only then answers.
    fn flood(&mut self, task: &Task, lines: usize) {
        let text = "f".repeat(LOG_LINE_MAX);
        for _ in 0..lines {
            self.send(Frame::Log { invocation: None, level: LogLevel::Info, text: &text, given: "" });
        }
        self.text(task, "flooded");
    }

    /// Begins a frame, and leaves it so until the test lets go; then it ends.
    fn half_frame(&mut self, task: &Task) {
        self.socket.write_all(&1024_u32.to_le_bytes()).unwrap();
        wait_for_the_test(&task.query, b"h");
        std::process::exit(3);
    }

    /// Never answers, and tells the test when it is told that nobody waits any more.
    fn never(&mut self, task: &Task) {
        self.send(Frame::Started { invocation: task.invocation });
        let mut test = TcpStream::connect(&task.query).unwrap();
        test.write_all(b"n").unwrap();
        let invocation = task.invocation;
        let cancelled = self.wait_for(|frame| match frame {
            Frame::CancelInvocation { invocation: cancelled, .. } => (*cancelled == invocation).then_some(()),
            _ => None,
        });
        if cancelled.is_some() {
            test.write_all(b"c").unwrap();
        }
        self.raise(task);
    }

    fn echo(&mut self, task: &Task) {
        self.respond(task.invocation, task.body.as_sent());
    }

    fn length(&mut self, task: &Task) {
        let counted = match &task.body {
            Received::Nothing => "nothing".to_owned(),
            Received::Whole(bytes) => format!("whole {}", bytes.len()),
            Received::Stream(stream) => self.count(*stream),
        };
        self.text(task, &counted);
    }

    fn count(&mut self, stream: StreamId) -> String {
        let mut length = 0;
        loop {
            self.send(Frame::StreamCredit { stream, bytes: STREAM_WINDOW });
            let mut window = STREAM_WINDOW as usize;
            while window > 0 {
                let piece = self.wait_for(|frame| match frame {
                    Frame::StreamData { bytes, .. } => Some(Ok(bytes.len())),
                    Frame::StreamEnd { .. } => Some(Err("streamed")),
                    Frame::StreamAbort { .. } => Some(Err("aborted")),
                    _ => None,
                });
                match piece.unwrap_or(Err("lost")) {
                    Ok(bytes) => window -= bytes,
                    Err(end) => return format!("{end} {}", length + STREAM_WINDOW as usize - window),
                }
            }
            length += STREAM_WINDOW as usize;
        }
    }

    fn stream(&mut self, task: &Task, mut left: usize) {
        let stream = StreamId(1);
        self.complete(task.invocation, Body::Stream { stream, length: None });
        let mut credit = 0;
        while left > 0 {
            if credit == 0 {
                let granted = self.wait_for(|frame| match frame {
                    Frame::StreamCredit { bytes, .. } => Some(*bytes as usize),
                    Frame::StreamCancel { .. } => Some(0),
                    _ => None,
                });
                credit = granted.unwrap_or(0);
            }
            if credit == 0 {
                break;
            }
            let size = left.min(credit).min(CHUNK_MAX);
            self.send(Frame::StreamData { stream, bytes: &vec![b's'; size] });
            (left, credit) = (left - size, credit - size);
        }
        if left == 0 {
            self.send(Frame::StreamEnd { stream });
        }
        self.send(Frame::Settled { invocation: task.invocation, cpu_us: 1 });
    }

    /// Sends more than it was granted, which is nothing.
    fn too_much(&mut self, task: &Task) {
        let stream = StreamId(1);
        self.complete(task.invocation, Body::Stream { stream, length: None });
        self.send(Frame::StreamData { stream, bytes: &vec![0; CHUNK_MAX] });
        (0..8).for_each(|_| self.send(Frame::StreamData { stream, bytes: &vec![0; CHUNK_MAX] }));
    }

    /// Begins a body, and dies within it.
    fn abort(&mut self, task: &Task) {
        let stream = StreamId(1);
        self.complete(task.invocation, Body::Stream { stream, length: None });
        self.wait_for(|frame| matches!(frame, Frame::StreamCredit { .. }).then_some(()));
        self.send(Frame::StreamData { stream, bytes: b"begun" });
        std::process::exit(3);
    }

    /// Answers with what a URL gives, its body untouched; a body that came is sent there, untouched too.
    fn fetch(&mut self, task: &Task) {
        let request = HttpRequest {
            method: if matches!(task.body, Received::Nothing) { "GET" } else { "POST" },
            url: &task.query,
            headers: vec![("authorization", b"secret"), ("content-type", b"text/plain")],
            cf: "",
            follow_redirects: true,
            body: task.body.as_sent(),
        };
        let params = postcard::to_allocvec(&request).unwrap();
        self.begin_call(task, 1, "fetch", Body::Inline(&params));
        let answer = self.wait_for(|frame| match frame {
            Frame::Return { result: Ok(Payload { bytes: Body::Inline(bytes), .. }), .. } => {
                Some(Ok(bytes.to_vec()))
            }
            Frame::Return { result: Err(error), .. } => {
                Some(Err(format!("{}: {}", error.name, error.message)))
            }
            _ => None,
        });
        match answer.unwrap() {
            Err(error) => self.text(task, &error),
            Ok(bytes) => {
                let fetched: HttpResponse<'_> = hognose_wire::decode(&bytes).unwrap();
                let body = match fetched.body {
                    Body::Stream { stream, .. } => Body::Returned { stream },
                    _ => Body::Inline(fetched.url.as_bytes()),
                };
                self.respond(task.invocation, body);
            }
        }
    }

    /// Calls the capability whose number is the query.
    fn call(&mut self, task: &Task) {
        self.begin_call(task, task.query.parse().unwrap(), "greet", Body::Inline(b"cell"));
        let answer = self.wait_for(|frame| match frame {
            Frame::Return { result: Ok(Payload { bytes: Body::Inline(bytes), .. }), .. } => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            Frame::Return { result: Err(error), .. } => Some(format!("{}: {}", error.name, error.message)),
            _ => None,
        });
        // Without an answer the connection was closed on it.
        self.text(task, &answer.unwrap_or_default());
    }

    fn begin_call(&mut self, task: &Task, cap: u32, method: &str, bytes: Body<'_>) {
        let params = Payload { bytes, ..Payload::default() };
        let (invocation, target) = (Some(task.invocation), CapRef::Receiver(CapId(cap)));
        self.send(Frame::Call {
            call: CallId(7),
            invocation,
            target,
            method,
            access: Access::default(),
            params,
        });
    }
}

/// Computes until that shows, tells the test, and waits until it lets go.
fn wait_for_the_test(address: &str, word: &[u8]) {
    let begun = Instant::now();
    while begun.elapsed() <= BUSY_AFTER {
        std::hint::spin_loop();
    }
    let mut test = TcpStream::connect(address).unwrap();
    test.write_all(word).unwrap();
    let _let_go = test.read(&mut [0]);
}

fn response(body: Body<'_>) -> HttpResponse<'_> {
    HttpResponse {
        status: 200,
        status_text: "OK",
        url: "",
        redirected: false,
        headers: vec![("x-cell", b"fake")],
        encoded: false,
        body,
        web_socket: None,
    }
}

fn task(invocation: InvocationId, request: &HttpRequest<'_>) -> Task {
    let target = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
        .collect();
    let body = match request.body {
        Body::None => Received::Nothing,
        Body::Inline(bytes) => Received::Whole(bytes.to_vec()),
        Body::Stream { stream, .. } | Body::Returned { stream } => Received::Stream(stream),
    };
    let head = format!("{} {}\n{}\n{}", request.method, request.url, headers.join("\n"), request.cf);
    Task { invocation, path: format!("/{path}"), query: query.to_owned(), head, body }
}
