//! TCP connections, as calls on the Worker's way out.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::Context;
use hognose_web::{BodyId, Done, SocketConnection, SocketRequest, SocketSecurity};
use hognose_wire::socket::{self, Connect, Security, StartTls};
use hognose_wire::{Body, Payload, StreamId};
use pyo3::Python;

use crate::cell::Cell;
use crate::host::{LOST, host_error};
use crate::link::{Content, Link, OwnedError};

/// Makes a connection; the answer goes to `done`.
pub(crate) fn connect(
    context: Context,
    cell: &Rc<Cell>,
    link: Rc<Link>,
    request: &SocketRequest,
    done: Done<SocketConnection>,
) {
    let security = match request.security {
        SocketSecurity::Off => Security::Off,
        SocketSecurity::On => Security::On,
        SocketSecurity::StartTls => Security::StartTls,
    };
    let body = written(request.writes);
    let connect = Connect { host: &request.host, port: request.port, security, body };
    let bytes = postcard::to_allocvec(&connect).expect("invariant: an address is plain data");
    call(context, cell, link, "connect", &bytes, done);
}

/// Goes on with TLS; the answer goes to `done`.
pub(crate) fn start_tls(
    context: Context,
    cell: &Rc<Cell>,
    link: Rc<Link>,
    (socket, host, writes): (u32, &str, BodyId),
    done: Done<SocketConnection>,
) {
    let start = StartTls { socket, host, body: written(writes) };
    let bytes = postcard::to_allocvec(&start).expect("invariant: a name is plain data");
    call(context, cell, link, "startTls", &bytes, done);
}

fn written(writes: BodyId) -> Body<'static> {
    Body::Stream { stream: StreamId(writes.0), length: None }
}

fn call(
    context: Context,
    cell: &Rc<Cell>,
    link: Rc<Link>,
    method: &str,
    bytes: &[u8],
    done: Done<SocketConnection>,
) {
    let invocation = Python::attach(|py| cell.invocation(py));
    let answered = Rc::clone(&link);
    let done = Rc::new(RefCell::new(Some(done)));
    let waiting = Rc::clone(&done);
    let reply = move |_py: Python<'_>, result: Result<Payload<'_>, OwnedError>| {
        let connection = result.and_then(|payload| read(&answered, &payload, invocation));
        if let Some(done) = waiting.take() {
            done(context, connection.map_err(|error| host_error(&error)));
        }
    };
    let payload = Payload { bytes: Body::Inline(bytes), caps: Vec::new(), bodies: Vec::new() };
    if let Err(error) = link.call(invocation, cell.outbound(), method, payload, reply)
        && let Some(done) = done.take()
    {
        done(context, Err(host_error(&error)));
    }
}

fn read(
    link: &Link,
    payload: &Payload<'_>,
    invocation: Option<hognose_wire::InvocationId>,
) -> Result<SocketConnection, OwnedError> {
    let lost = || OwnedError::error(LOST);
    let Body::Inline(bytes) = payload.bytes else { return Err(lost()) };
    let connected = socket::read_connected(bytes).map_err(|_| lost())?;
    let Content::Stream { stream, .. } = link.accept(connected.body, invocation).map_err(|_| lost())? else {
        return Err(lost());
    };
    Ok(SocketConnection {
        socket: connected.socket,
        local_address: connected.local_address.to_owned(),
        remote_address: connected.remote_address.to_owned(),
        reads: BodyId(stream.0),
    })
}
