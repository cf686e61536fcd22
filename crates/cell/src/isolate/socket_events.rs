//! Events on the hibernating WebSockets of Durable Objects. What has come is read whole before the object's turn; which
//! socket of the instance's it came on is found when the turn has come, for the instance may only then be made.

use std::rc::Rc;

use hognose_engine::{Result as JsResult, Value};
use hognose_wire::object_sockets::SocketNumber;
use hognose_wire::{InvocationId, MessageKind, SocketEvent, Violation};
use pyo3::prelude::*;

use super::answers::with_text;
use super::{Isolate, Task};
use crate::cell::Entrypoints;
use crate::host;
use crate::link::OwnedError;
use crate::objects::Instance;

/// What such a task is called until its handler's name is known.
pub(super) const SOCKET_EVENT: &str = "webSocket";

/// The kinds of `js/websocket/ends.js` in the web platform.
const CLOSE: u32 = 2;
const FAILED: u32 = 3;

impl Isolate {
    pub(super) fn take_socket_event(
        self: &Rc<Self>,
        invocation: InvocationId,
        socket: SocketNumber,
        event: SocketEvent<'_>,
    ) -> Result<(), Violation> {
        let context = self.cell.context;
        let made = match event {
            SocketEvent::Message { kind, bytes } => {
                let (isolate, link) = (Rc::clone(self), self.link());
                let content = link.accept(bytes, Some(invocation))?;
                let begin = move |py: Python<'_>, content: Result<Vec<u8>, OwnedError>| match content {
                    Ok(content) => {
                        let made = isolate.message(kind, content);
                        isolate.start_on_socket(invocation, socket, made);
                    }
                    Err(error) => isolate.fail(py, invocation, error),
                };
                Python::attach(|py| link.read_all(py, content, begin));
                return Ok(());
            }
            SocketEvent::Close { code, reason, was_clean } => (|| {
                let data = [context.number(code), context.string(reason)?, context.boolean(was_clean)];
                Ok((CLOSE, context.array(&data)?))
            })(),
            SocketEvent::Error(error) => context.string(error.message).map(|why| (FAILED, why)),
        };
        self.start_on_socket(invocation, socket, made);
        Ok(())
    }

    fn message(&self, kind: MessageKind, content: Vec<u8>) -> JsResult<(u32, Value)> {
        let context = self.cell.context;
        match kind {
            // The supervisor has seen that it is UTF-8.
            MessageKind::Text => Ok((0, context.string(&String::from_utf8_lossy(&content))?)),
            MessageKind::Binary => Ok((1, context.array_buffer(content)?)),
        }
    }

    fn start_on_socket(
        self: &Rc<Self>,
        invocation: InvocationId,
        socket: SocketNumber,
        made: JsResult<(u32, Value)>,
    ) {
        let context = self.cell.context;
        let message = made
            .and_then(|(kind, data)| context.array(&[context.number(socket.0), context.number(kind), data]));
        match message {
            Ok(message) => self.start(invocation, None, Task::Handler(SOCKET_EVENT, message)),
            Err(thrown) => Python::attach(|py| self.fail(py, invocation, host::owned_error(&thrown))),
        }
    }

    /// Has the instance handle what has come.
    pub(super) fn call_on_socket(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        instance: &Instance,
        message: &Value,
    ) -> PyResult<()> {
        let Some(object) = self.object_of(invocation) else { return Ok(()) };
        let (event, arguments) = match object.receive(message) {
            Ok(received) => received,
            Err(thrown) => {
                self.fail(py, invocation, with_text(&thrown));
                return Ok(());
            }
        };
        match (instance, &self.worker.entrypoints) {
            (Instance::Python(instance), Entrypoints::Python { handlers, env }) => {
                let handler = handlers.bind(py).call_method1("socket_handler", (instance, &event))?.unbind();
                self.call_python(py, invocation, handler, &arguments, env.bind(py))
            }
            (Instance::JavaScript(instance), Entrypoints::JavaScript(main)) => {
                let called = main.serve_socket(&event, instance, &arguments);
                let followed = called.and_then(|result| self.follow_javascript(invocation, &result));
                if let Err(thrown) = followed {
                    self.fail(py, invocation, with_text(&thrown));
                }
                Ok(())
            }
            _ => unreachable!("invariant: an instance is of its Worker's language"),
        }
    }
}
