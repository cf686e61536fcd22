//! What Workers call of each other, on this side: values in and out of frames, calls on what others host, and what this
//! isolate hosts for others. What the values are is `js/rpc.js`'s and `js/clone.js`'s business.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Context, ErrorKind, Result, Thrown, Value};
use hognose_web::{BodyId, BodySource};
use hognose_wire::{
    Access, CallId, CapId, CapRef, Exports, Frame, Imports, InvocationId, LogLevel, Payload, RemoteError,
    Violation, limits,
};
use pyo3::Python;

use crate::cell::Cell;
use crate::host::{self, js_error, owned_error, settle, wire_body};
use crate::link::{Content, Link, OwnedError};

/// What a holder is told where the invocation that hosts a function has ended.
const CONTEXT_GONE: &str = "The execution context which hosts this callback is no longer running.";

/// See the module.
pub(crate) struct Rpc {
    context: Context,
    /// What `js/rpc.js` returned.
    library: Value,
    exports: RefCell<Exports<Export>>,
    imports: RefCell<Imports>,
}

/// Something that others may call.
struct Export {
    target: Value,
    owner: Option<InvocationId>,
    /// Whether its invocation has ended.
    broken: bool,
}

/// A value as a frame names it, without the frame.
pub(crate) struct Packed {
    bytes: Vec<u8>,
    caps: Vec<CapRef>,
    streams: Vec<BodySource>,
}

/// Which method of what is called, and how.
#[derive(Clone, Debug)]
pub(crate) struct MethodCall {
    pub(crate) path: Vec<String>,
    pub(crate) method: String,
    pub(crate) read: bool,
}

impl MethodCall {
    pub(crate) fn new(method: &str, access: Access<'_>) -> Self {
        let path = access.path.into_iter().map(str::to_owned).collect();
        Self { path, method: method.to_owned(), read: access.read }
    }
}

impl Rpc {
    /// Makes the classes and functions.
    pub(crate) fn install(context: Context) -> Result<Self> {
        let natives = context.object()?;
        natives.define_method("call", 5, |context, _this, arguments| call(context, arguments))?;
        natives.define_method("release", 1, |context, _this, arguments| {
            if let (Some(cap), Some(cell)) = (cap_of(&arguments[0]), Cell::current()) {
                cell.rpc().release(&cell, cap);
            }
            Ok(context.undefined())
        })?;
        natives.define_method("currentInvocation", 0, |context, _this, _arguments| {
            let cell = Cell::current().expect("invariant: natives run in a cell");
            let invocation = Python::attach(|py| cell.invocation(py));
            Ok(invocation.map_or(context.undefined(), |invocation| context.number(invocation.0)))
        })?;
        natives.define_method("fetchThrough", 1, |_context, _this, arguments| {
            let cell = Cell::current().expect("invariant: natives run in a cell");
            cell.web().fetch_through(arguments[0].as_f64().unwrap_or_default() as u32)
        })?;
        let clone = context.eval(include_str!("../js/clone.js"), "hognose:clone")?;
        let file = context.eval(include_str!("../js/rpc.js"), "hognose:rpc")?;
        let library = file.call_function(&[natives, clone])?;
        Ok(Self { context, library, exports: RefCell::default(), imports: RefCell::default() })
    }

    /// All of what `js/rpc.js` returned.
    pub(crate) fn library(&self) -> Value {
        self.library.clone()
    }

    /// One of the classes or functions.
    pub(crate) fn get(&self, name: &str) -> Result<Value> {
        self.library.get(name)
    }

    /// Makes a value ready for a frame. What it holds by reference is hosted on behalf of `owner` from now on.
    pub(crate) fn pack(&self, cell: &Cell, value: &Value, owner: Option<InvocationId>) -> Result<Packed> {
        let encoded = self.get("encode")?.call_function(std::slice::from_ref(value))?;
        self.pack_encoded(cell, &encoded, owner)
    }

    fn pack_encoded(&self, cell: &Cell, encoded: &Value, owner: Option<InvocationId>) -> Result<Packed> {
        let text = encoded.get("text")?.to_js_string()?;
        let mut bytes = (text.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        for blob in encoded.get("blobs")?.elements()? {
            bytes.extend(blob.bytes().unwrap_or_default());
        }
        if bytes.len() > limits::VALUE_MAX {
            let size = bytes.len();
            let message = format!(
                "Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: \
                 {size} bytes."
            );
            return Err(Thrown::new(self.context, ErrorKind::Error, &message));
        }
        let streams = encoded.get("streams")?.elements()?;
        let streams = streams.iter().map(|stream| cell.web().send_body(stream)).collect::<Result<_>>()?;
        let caps = encoded.get("caps")?.elements()?;
        let caps = caps.iter().map(|cap| self.name(cap, owner)).collect::<Result<_>>()?;
        Ok(Packed { bytes, caps, streams })
    }

    /// `[true, target]` or `[false, number]`, as the wire has it.
    fn name(&self, cap: &Value, owner: Option<InvocationId>) -> Result<CapRef> {
        let parts = cap.elements()?;
        if let Some(number) =
            cap_of(&parts[1]).filter(|_| !parts[0].strict_equals(&self.context.boolean(true)))
        {
            return Ok(CapRef::Receiver(number));
        }
        let export = Export { target: parts[1].clone(), owner, broken: false };
        let hosted = self.exports.borrow_mut().insert(export);
        hosted
            .map(CapRef::Sender)
            .map_err(|full| Thrown::new(self.context, ErrorKind::Error, &full.to_string()))
    }

    /// Takes a value out of a frame and gives it to `done`, now or once all of it has come.
    pub(crate) fn unpack(
        self: &Rc<Self>,
        link: &Rc<Link>,
        payload: Payload<'_>,
        owner: Option<InvocationId>,
        done: impl FnOnce(Result<Value>) + 'static,
    ) -> std::result::Result<(), Violation> {
        let caps =
            payload.caps.iter().map(|cap| self.receive(*cap)).collect::<std::result::Result<Vec<_>, _>>()?;
        let bodies = payload.bodies.into_iter().map(|body| link.accept(body, owner));
        let bodies = bodies.collect::<std::result::Result<Vec<Content>, _>>()?;
        let bytes = link.accept(payload.bytes, owner)?;
        let (rpc, context) = (Rc::clone(self), self.context);
        let read = move |_py: Python<'_>, bytes: std::result::Result<Vec<u8>, OwnedError>| {
            let bytes = bytes.map_err(|error| js_error(context, &error));
            done(bytes.and_then(|bytes| rpc.decode(&bytes, &caps, bodies)));
        };
        Python::attach(|py| link.read_all(py, bytes, read));
        Ok(())
    }

    /// A capability as `js/rpc.js` takes it: a number, or in an array what is hosted here.
    fn receive(&self, cap: CapRef) -> std::result::Result<Value, Violation> {
        match cap {
            CapRef::Sender(cap) => {
                self.imports.borrow_mut().receive(cap)?;
                Ok(self.context.number(cap.0))
            }
            CapRef::Receiver(cap) => {
                let target = self.exports.borrow().get(cap)?.target.clone();
                Ok(self.context.array(&[target]).unwrap_or_else(|_| self.context.undefined()))
            }
        }
    }

    fn decode(&self, bytes: &[u8], caps: &[Value], bodies: Vec<Content>) -> Result<Value> {
        if bytes.is_empty() {
            // A property is read without arguments.
            return self.context.array(&[]);
        }
        let malformed = || Thrown::type_error(self.context, "A value came in a form that is not known.");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
        let text = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
        let (text, blobs) = text.ok_or_else(malformed)?;
        let text = std::str::from_utf8(text).map_err(|_| malformed())?;
        let cell = Cell::current().expect("invariant: values are read in a cell");
        let streams = bodies.into_iter().map(|body| match body {
            Content::None => self.context.uint8_array(Vec::new()),
            Content::Bytes(bytes) => self.context.uint8_array(bytes),
            Content::Stream { stream, length } => cell.web().stream_of_body(BodyId(stream.0), length),
        });
        let streams = streams.collect::<Result<Vec<_>>>()?;
        self.get("decode")?.call_function(&[
            self.context.string(text)?,
            self.context.array_buffer(blobs.to_vec())?,
            self.context.array(caps)?,
            self.context.array(&streams)?,
        ])
    }

    /// Calls a method of `target`: a promise of what it gives.
    pub(crate) fn dispatch(&self, target: &Value, call: &MethodCall, arguments: &Value) -> Result<Value> {
        let context = self.context;
        let path = call.path.iter().map(|name| context.string(name)).collect::<Result<Vec<_>>>()?;
        self.get("dispatch")?.call_function(&[
            target.clone(),
            context.array(&path)?,
            context.string(&call.method)?,
            context.boolean(call.read),
            arguments.clone(),
        ])
    }

    /// Serves a call on something that is hosted here.
    pub(crate) fn serve(
        self: &Rc<Self>,
        cell: &Rc<Cell>,
        link: &Rc<Link>,
        (call, target): (CallId, CapRef),
        what: MethodCall,
        params: Payload<'_>,
    ) -> std::result::Result<(), Violation> {
        let CapRef::Receiver(cap) = target else { return Err(Violation::UnknownCap(CapId::ROOT)) };
        let (target, owner, broken) = {
            let exports = self.exports.borrow();
            let export = exports.get(cap)?;
            (export.target.clone(), export.owner, export.broken)
        };
        let (rpc, cell, answered) = (Rc::clone(self), Rc::clone(cell), Rc::clone(link));
        self.unpack(link, params, owner, move |arguments| {
            let event_loop = Rc::clone(&cell.event_loop);
            event_loop.post(move |_py| {
                let called = arguments.and_then(|arguments| {
                    if broken {
                        return Err(Thrown::new(rpc.context, ErrorKind::Error, CONTEXT_GONE));
                    }
                    in_context(&cell, owner, || rpc.dispatch(&target, &what, &arguments))
                });
                answer(&rpc, &cell, &answered, (call, owner), called);
            });
        })
    }

    /// The supervisor gives references back; gives the invocation that hosted what is no longer held.
    pub(crate) fn released(
        &self,
        cap: CapId,
        count: u32,
    ) -> std::result::Result<Option<InvocationId>, Violation> {
        let Some(export) = self.exports.borrow_mut().release(cap, count)? else { return Ok(None) };
        let told = self.get("released").and_then(|released| released.call_function(&[export.target]));
        if let (Err(thrown), Some(cell)) = (told, Cell::current()) {
            Python::attach(|py| {
                cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0));
            });
        }
        Ok(export.owner)
    }

    fn release(&self, cell: &Cell, cap: CapId) {
        if let (Some(count), Some(link)) = (self.imports.borrow_mut().forget(cap), cell.link()) {
            link.send(Frame::Release { cap, count });
        }
    }

    /// Whether others can still call something that was handed out on behalf of this invocation.
    pub(crate) fn hosts_for(&self, invocation: InvocationId) -> bool {
        self.exports.borrow_mut().iter_mut().any(|(_, export)| export.owner == Some(invocation))
    }

    /// Whether others can call anything here.
    pub(crate) fn hosts_anything(&self) -> bool {
        self.exports.borrow().counted() > 0
    }

    /// An invocation has done its own: what it held of others is given back.
    pub(crate) fn let_go(&self, invocation: InvocationId) -> Result<()> {
        if self.imports.borrow().is_empty() {
            return Ok(());
        }
        let arguments = [self.context.number(invocation.0), self.context.string(CONTEXT_GONE)?];
        self.get("end")?.call_function(&arguments).map(drop)
    }

    /// An invocation has ended: what it hosts can no longer be called.
    pub(crate) fn break_exports(&self, invocation: InvocationId) {
        for (_, export) in self.exports.borrow_mut().iter_mut() {
            export.broken |= export.owner == Some(invocation);
        }
    }
}

impl Packed {
    /// Gives `send` the value as the wire carries it.
    pub(crate) fn with_payload<T>(
        &self,
        link: &Rc<Link>,
        send: impl FnOnce(Payload<'_>) -> T,
    ) -> std::result::Result<T, OwnedError> {
        let bodies = self.streams.iter().map(|source| wire_body(link, source));
        let bodies = bodies.collect::<std::result::Result<_, _>>()?;
        Ok(send(Payload { bytes: link.body(&self.bytes)?, caps: self.caps.clone(), bodies }))
    }
}

fn in_context<T>(cell: &Cell, owner: Option<InvocationId>, body: impl FnOnce() -> T) -> T {
    match owner {
        Some(owner) => cell.serve(owner, body),
        None => body(),
    }
}

/// Answers a call once the promise has settled.
fn answer(
    rpc: &Rc<Rpc>,
    cell: &Rc<Cell>,
    link: &Rc<Link>,
    (call, owner): (CallId, Option<InvocationId>),
    called: Result<Value>,
) {
    let promise = match called {
        Ok(promise) => promise,
        Err(thrown) => return send_error(link, call, owned_error(&thrown)),
    };
    let (fulfilled, rejected) = (Rc::clone(link), Rc::clone(link));
    let (rpc, cell) = (Rc::clone(rpc), Rc::clone(cell));
    let followed = promise.then(
        move |context, value| {
            match rpc.pack(&cell, value, owner) {
                Ok(packed) => send_value(&fulfilled, call, &packed),
                Err(thrown) => send_error(&fulfilled, call, owned_error(&thrown)),
            }
            Ok(context.undefined())
        },
        move |context, reason| {
            send_error(&rejected, call, owned_error(&Thrown(reason.clone())));
            Ok(context.undefined())
        },
    );
    if let Err(thrown) = followed {
        send_error(link, call, owned_error(&thrown));
    }
}

fn send_value(link: &Rc<Link>, call: CallId, packed: &Packed) {
    let sent = packed.with_payload(link, |payload| link.send(Frame::Return { call, result: Ok(payload) }));
    if let Err(error) = sent {
        send_error(link, call, error);
    }
}

fn send_error(link: &Link, call: CallId, error: OwnedError) {
    error.with_remote(|error: RemoteError<'_>| link.send(Frame::Return { call, result: Err(error) }));
}

fn cap_of(value: &Value) -> Option<CapId> {
    value.as_f64().map(|number| CapId(number as u32))
}

/// `natives.call(cap, path, method, read, encoded)`.
fn call(context: Context, arguments: &[Value]) -> Result<Value> {
    let cell = Cell::current().expect("invariant: natives run in a cell");
    let link = cell.link().ok_or_else(|| Thrown::new(context, ErrorKind::Error, host::GLOBAL_SCOPE))?;
    let target = cap_of(&arguments[0]).unwrap_or_default();
    let path = arguments[1].elements()?.iter().map(Value::to_js_string).collect::<Result<Vec<_>>>()?;
    let method = arguments[2].to_js_string()?;
    let access = Access {
        path: path.iter().map(String::as_str).collect(),
        read: arguments[3].strict_equals(&context.boolean(true)),
        promise: None,
    };
    let owner = Python::attach(|py| cell.invocation(py));
    let rpc = cell.rpc();
    let packed = rpc.pack_encoded(&cell, &arguments[4], owner)?;
    let deferred = context.deferred()?;
    let promise = deferred.promise.clone();
    let replied = Rc::clone(&link);
    let reply = move |_py: Python<'_>, result: std::result::Result<Payload<'_>, OwnedError>| {
        let deferred = Rc::new(deferred);
        let settled = Rc::clone(&deferred);
        let received = result.and_then(|payload| {
            let disposable = rpc.get("disposable");
            let done = move |value: Result<Value>| {
                let value = value.and_then(|value| disposable?.call_function(&[value]));
                settle(&settled, value);
            };
            let taken = rpc.unpack(&replied, payload, owner, done);
            taken.map_err(|violation| OwnedError::error(&violation.to_string()))
        });
        if let Err(error) = received {
            let thrown = js_error(context, &error);
            let marked = thrown.0.set("remote", &context.boolean(true));
            settle(&deferred, marked.and(Err(thrown)));
        }
    };
    let called = packed.with_payload(&link, |params| {
        let params = if access.read { Payload::default() } else { params };
        link.call_method(owner, target, &method, access, params, reply)
    });
    called.and_then(|called| called).map_err(|error| js_error(context, &error))?;
    Ok(promise)
}
