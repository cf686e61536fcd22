//! What this isolate hosts for others: serving their calls, and letting go of what nobody holds any more.

use std::rc::Rc;

use hognose_engine::{ErrorKind, Result, Thrown, Value};
use hognose_wire::{
    CallId, CapId, CapRef, Frame, Full, InvocationId, LogLevel, Payload, RemoteError, Violation,
};
use pyo3::Python;

use super::values::Packed;
use super::{CONTEXT_GONE, Export, MethodCall, Rpc};
use crate::cell::Cell;
use crate::host::{self, owned_error};
use crate::link::{Link, OwnedError};
use crate::web_sockets;

impl Rpc {
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
        let (target, owner, broken, is_socket) = {
            let exports = self.exports.borrow();
            let export = exports.get(cap)?;
            (export.target.clone(), export.owner, export.broken, export.is_socket)
        };
        if is_socket {
            let owner = owner.ok_or(Violation::UnknownCap(cap))?;
            web_sockets::serve_open(cell, link, call, (owner, &target), &params);
            return Ok(());
        }
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
        if export.is_socket {
            let isolate = Cell::current().and_then(|cell| cell.isolate());
            if let (Some(owner), Some(isolate)) = (export.owner, isolate) {
                isolate.waited(owner);
            }
            return Ok(None);
        }
        let told = self.get("released").and_then(|released| released.call_function(&[export.target]));
        if let (Err(thrown), Some(cell)) = (told, Cell::current()) {
            Python::attach(|py| {
                cell.log(py, LogLevel::Error, &host::describe_error(&thrown.0));
            });
        }
        Ok(export.owner)
    }

    /// Hosts the function that opens a WebSocket.
    pub(crate) fn host_socket(&self, open: Value, owner: InvocationId) -> std::result::Result<CapId, Full> {
        let export = Export { target: open, owner: Some(owner), broken: false, is_socket: true };
        self.exports.borrow_mut().insert(export)
    }

    /// Whether others can still call something that was handed out on behalf of this invocation.
    pub(crate) fn hosts_for(&self, invocation: InvocationId) -> bool {
        let is_of = |export: &Export| export.owner == Some(invocation) && !export.is_socket;
        self.exports.borrow_mut().iter_mut().any(|(_, export)| is_of(export))
    }

    /// Whether others can call anything here.
    pub(crate) fn hosts_anything(&self) -> bool {
        self.exports.borrow().counted() > 0
    }

    /// An invocation has ended: what it hosts can no longer be called.
    pub(crate) fn break_exports(&self, invocation: InvocationId) {
        for (_, export) in self.exports.borrow_mut().iter_mut() {
            export.broken |= export.owner == Some(invocation);
        }
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
