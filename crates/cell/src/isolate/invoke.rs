//! How an event comes in: its frame becomes the objects that the handler is called with.

use std::rc::Rc;

use hognose_engine::{Result as JsResult, Value};
use hognose_wire::{Body, Event, HttpRequest, InvocationId, Payload, Violation};
use pyo3::Python;

use super::invocation::{Invocation, Wants};
use super::{Isolate, Task};
use crate::cell::Cell;
use crate::env::{email, queues, workflows};
use crate::host;
use crate::link::OwnedError;
use crate::objects::LiveObject;
use crate::report::{self, Report};
use crate::rpc::MethodCall;

/// The flag by which the message of an error that ends a workflow is kept.
const KEEPS_MESSAGES: &str = "workflows_preserve_non_retryable_error_message";

impl Isolate {
    pub(super) fn invoke(
        self: &Rc<Self>,
        py: Python<'_>,
        (invocation, props, object): (InvocationId, Option<String>, Option<Rc<LiveObject>>),
        entrypoint: Option<String>,
        event: Event<'_>,
    ) -> Result<(), Violation> {
        if self.invocations.borrow().is_empty() {
            self.charges.skip();
        }
        let wants = match event {
            Event::Fetch(_) => Wants::Response,
            Event::Rpc { .. } => Wants::Value,
            Event::Scheduled { .. } | Event::Other { handler: "email" | "queue", .. } => Wants::Report,
            _ => Wants::Nothing,
        };
        let charged_before_us = self.charges.total_us();
        let begun = Invocation { wants, props, charged_before_us, object, ..Invocation::default() };
        self.invocations.borrow_mut().insert(invocation, begun);
        self.unannounced.borrow_mut().push(invocation);
        match event {
            Event::Fetch(request) => match self.take_request(invocation, request) {
                Ok(request) => self.start(invocation, entrypoint, Task::Handler("fetch", request)),
                Err(error) => self.fail(py, invocation, error),
            },
            Event::Test => match self.cell.context.object() {
                Ok(controller) => self.start(invocation, entrypoint, Task::Handler("test", controller)),
                Err(thrown) => self.fail(py, invocation, host::owned_error(&thrown)),
            },
            Event::Queue { queue, batch } => match self.take_batch(invocation, queue, batch) {
                Ok(batch) => self.start(invocation, entrypoint, Task::Handler("queue", batch)),
                Err(error) => self.fail(py, invocation, error),
            },
            Event::Scheduled { cron, scheduled_time_ms } => {
                let made = report::scheduled(&self.cell, cron, scheduled_time_ms);
                self.start_reported(py, (invocation, entrypoint), "scheduled", made);
            }
            Event::Alarm { retry_count, scheduled_time_ms } => {
                self.ring(py, (invocation, entrypoint), retry_count, scheduled_time_ms);
            }
            Event::Rpc { method, access, args } => {
                let call = MethodCall::new(method, access);
                let (isolate, link) = (Rc::clone(self), self.link());
                self.cell.rpc().unpack(&link, args, Some(invocation), move |arguments| match arguments {
                    Ok(arguments) => isolate.start(invocation, entrypoint, Task::Method(call, arguments)),
                    Err(thrown) => {
                        Python::attach(|py| isolate.fail(py, invocation, host::owned_error(&thrown)));
                    }
                })?;
            }
            Event::WebSocket { socket, event } => self.take_socket_event(invocation, socket, event)?,
            Event::Other { handler: "email", payload } => self.take_email(invocation, entrypoint, payload)?,
            Event::Other { handler: "queue", payload } => {
                self.take_handed_batch(invocation, entrypoint, payload)?;
            }
            Event::Other { handler: "tail", payload } => self.take_traces(invocation, entrypoint, payload)?,
            Event::Other { handler: "run", payload } => self.take_run(invocation, entrypoint, payload)?,
            Event::Other { handler, .. } => {
                let text = format!("this version of hognose does not deliver the event {handler}");
                self.fail(py, invocation, OwnedError::error(&text));
            }
        }
        Ok(())
    }

    fn take_request(&self, invocation: InvocationId, request: HttpRequest<'_>) -> Result<Value, OwnedError> {
        let link = self.link();
        let body = link
            .accept(request.body, Some(invocation))
            .map_err(|violation| OwnedError::error(&violation.to_string()))?;
        let asks_for_socket = (request.headers.iter())
            .any(|(name, value)| *name == "upgrade" && value.eq_ignore_ascii_case(b"websocket"));
        let value = self
            .cell
            .web()
            .incoming_request(host::request_head(&request, body))
            .map_err(|thrown| host::owned_error(&thrown))?;
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.request = Some(value.clone());
            entry.asks_for_socket = asks_for_socket;
        }
        Ok(value)
    }

    /// Runs the handler of an event that it decides something about.
    fn start_reported(
        self: &Rc<Self>,
        py: Python<'_>,
        (invocation, entrypoint): (InvocationId, Option<String>),
        event: &'static str,
        made: JsResult<(Value, Report)>,
    ) {
        match made {
            Ok((controller, report)) => {
                if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
                    entry.report = Some(report);
                }
                self.start(invocation, entrypoint, Task::Handler(event, controller));
            }
            Err(thrown) => self.fail(py, invocation, host::owned_error(&thrown)),
        }
    }

    /// Has a message handled, once all of it has come.
    fn take_email(
        self: &Rc<Self>,
        invocation: InvocationId,
        entrypoint: Option<String>,
        payload: Payload<'_>,
    ) -> Result<(), Violation> {
        let (isolate, link) = (Rc::clone(self), self.link());
        let Body::Inline(delivery) = payload.bytes else { return Ok(()) };
        let delivery = delivery.to_vec();
        let message = payload.bodies.into_iter().next().unwrap_or_default();
        let message = link.accept(message, Some(invocation))?;
        let begin = move |py: Python<'_>, message: Result<Vec<u8>, OwnedError>| match message {
            Ok(message) => {
                let made = email::open(&isolate.cell, &delivery, message);
                isolate.start_reported(py, (invocation, entrypoint), "email", made);
            }
            Err(error) => isolate.fail(py, invocation, error),
        };
        Python::attach(|py| link.read_all(py, message, begin));
        Ok(())
    }

    /// Has messages handled that another Worker hands over by its binding.
    fn take_handed_batch(
        self: &Rc<Self>,
        invocation: InvocationId,
        entrypoint: Option<String>,
        payload: Payload<'_>,
    ) -> Result<(), Violation> {
        let (isolate, link) = (Rc::clone(self), self.link());
        self.cell.rpc().unpack(&link, payload, Some(invocation), move |values| {
            let made = values.and_then(|values| queues::open_handed(&isolate.cell, &values));
            Python::attach(|py| isolate.start_reported(py, (invocation, entrypoint), "queue", made));
        })
    }

    /// Has traces of other Workers' invocations handled, once all of them have come.
    fn take_traces(
        self: &Rc<Self>,
        invocation: InvocationId,
        entrypoint: Option<String>,
        payload: Payload<'_>,
    ) -> Result<(), Violation> {
        self.start_once_read((invocation, entrypoint), "tail", payload, |cell, traces| {
            report::traces(cell, &String::from_utf8_lossy(traces))
        })
    }

    /// Begins the run of a workflow's instance.
    fn take_run(
        self: &Rc<Self>,
        invocation: InvocationId,
        entrypoint: Option<String>,
        start: Payload<'_>,
    ) -> Result<(), Violation> {
        let keeps = self.worker.plan.flags.get(KEEPS_MESSAGES).copied().unwrap_or(false);
        self.start_once_read((invocation, entrypoint), "run", start, move |cell, start| {
            workflows::make_run(cell, start, invocation, keeps)
        })
    }

    /// Runs a handler with what `make` makes of a payload, once all of it has come.
    fn start_once_read(
        self: &Rc<Self>,
        (invocation, entrypoint): (InvocationId, Option<String>),
        handler: &'static str,
        payload: Payload<'_>,
        make: impl FnOnce(&Rc<Cell>, &[u8]) -> JsResult<Value> + 'static,
    ) -> Result<(), Violation> {
        let (isolate, link) = (Rc::clone(self), self.link());
        let payload = link.accept(payload.bytes, Some(invocation))?;
        let begin = move |py: Python<'_>, payload: Result<Vec<u8>, OwnedError>| {
            let made = payload.and_then(|payload| {
                make(&isolate.cell, &payload).map_err(|thrown| host::owned_error(&thrown))
            });
            match made {
                Ok(argument) => isolate.start(invocation, entrypoint, Task::Handler(handler, argument)),
                Err(error) => isolate.fail(py, invocation, error),
            }
        };
        Python::attach(|py| link.read_all(py, payload, begin));
        Ok(())
    }

    fn take_batch(
        &self,
        invocation: InvocationId,
        queue: &str,
        batch: Payload<'_>,
    ) -> Result<Value, OwnedError> {
        let Body::Inline(bytes) = batch.bytes else {
            return Err(OwnedError::error("the batch has not the form that was agreed on"));
        };
        let opened = queues::open(&self.cell, queue, bytes);
        let (controller, batch) = opened.map_err(|thrown| host::owned_error(&thrown))?;
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.batch = Some(batch);
        }
        Ok(controller)
    }
}
