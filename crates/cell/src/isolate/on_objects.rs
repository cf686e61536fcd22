//! Events for Durable Objects: making the instance, waiting for its turn, calling it; and its alarms.

use std::rc::Rc;

use hognose_engine::{Result as JsResult, Value};
use hognose_wire::objects::{Answer, ObjectNumber, Operation};
use hognose_wire::{InvocationId, LogLevel, Outcome};
use pyo3::prelude::*;

use super::answers::with_text;
use super::socket_events::SOCKET_EVENT;
use super::{Isolate, Task};
use crate::cell::Entrypoints;
use crate::host;
use crate::link::OwnedError;
use crate::objects::{Instance, LiveObject};

/// How often an alarm is tried again whose handler fails.
const ALARM_RETRIES_MAX: u32 = 6;

impl Isolate {
    /// The object that an invocation is for.
    pub(super) fn object_of(&self, invocation: InvocationId) -> Option<Rc<LiveObject>> {
        self.invocations.borrow().get(&invocation).and_then(|entry| entry.object.clone())
    }

    /// Serves an event once it is its turn, by the instance that is made for the first one.
    pub(super) fn start_on_object(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        object: &Rc<LiveObject>,
        task: Task,
    ) {
        if object.has_ended() {
            return;
        }
        if object.instance().is_none()
            && let Err(error) = self.cell.serve(invocation, || self.make_instance(py, invocation, object))
        {
            self.fail(py, invocation, error.clone());
            return self.objects.reset(&self.cell, object.number, &error);
        }
        let (isolate, served) = (Rc::clone(self), Rc::clone(object));
        object.run_in_turn(py, move |py| {
            if let Some(instance) = served.instance() {
                isolate.begin(py, invocation, |py| isolate.call_object(py, invocation, &instance, &task));
            }
        });
    }

    fn make_instance(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        object: &Rc<LiveObject>,
    ) -> Result<(), OwnedError> {
        let of_javascript = |thrown| with_text(&thrown);
        let props = self.invocations.borrow().get(&invocation).and_then(|entry| entry.props.clone());
        let state = object.make_state(&self.cell, props.as_deref()).map_err(of_javascript)?;
        let instance = match &self.worker.entrypoints {
            Entrypoints::JavaScript(main) => {
                Instance::JavaScript(main.instance(&object.class, &state).map_err(of_javascript)?)
            }
            Entrypoints::Python { handlers, env } => {
                let made = (|| {
                    let context = self.cell.python.context_of(py, invocation)?;
                    let state = hognose_ffi::to_python(py, &state)?;
                    let make = handlers.bind(py).getattr("make_object")?;
                    context.call_method1("run", (make, &object.class, state, env.bind(py))).map(Bound::unbind)
                })();
                Instance::Python(made.map_err(|error| self.described(py, &error))?)
            }
        };
        object.set_instance(instance);
        Ok(())
    }

    fn call_object(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        instance: &Instance,
        task: &Task,
    ) -> PyResult<()> {
        if let Task::Handler(SOCKET_EVENT, message) = task {
            return self.call_on_socket(py, invocation, instance, message);
        }
        match (instance, &self.worker.entrypoints) {
            (Instance::Python(instance), Entrypoints::Python { handlers, env }) => {
                let (name, argument) = match task {
                    Task::Handler(event, argument) => (("object_handler", *event, false), argument),
                    Task::Method(call, arguments) => {
                        let reached = call.path.first().unwrap_or(&call.method).as_str();
                        let nested = call.read || !call.path.is_empty();
                        (("object_method", reached, nested), arguments)
                    }
                };
                let (find, name, nested) = name;
                let handler = handlers.bind(py).call_method1(find, (instance, name, nested))?.unbind();
                self.call_python(py, invocation, handler, argument, env.bind(py))
            }
            (Instance::JavaScript(instance), Entrypoints::JavaScript(main)) => {
                let called = match task {
                    Task::Handler(event, argument) => main.serve_object(event, instance, argument),
                    Task::Method(call, arguments) => {
                        self.cell.rpc().dispatch_to_object(instance, call, arguments)
                    }
                };
                let followed = called.and_then(|result: Value| self.follow_javascript(invocation, &result));
                if let Err(thrown) = followed {
                    self.fail(py, invocation, with_text(&thrown));
                }
                Ok(())
            }
            _ => unreachable!("invariant: an instance is of its Worker's language"),
        }
    }

    /// Handles an alarm, unless it was set to another time or removed since.
    pub(super) fn ring(
        self: &Rc<Self>,
        py: Python<'_>,
        (invocation, entrypoint): (InvocationId, Option<String>),
        retry_count: u32,
        due_ms: f64,
    ) {
        let Some(object) = self.object_of(invocation) else { return };
        let taken =
            self.objects.perform(&self.cell, object.number, Operation::TakeAlarm { due_ms }, |answer| {
                matches!(answer, Answer::Count(1))
            });
        match taken {
            Ok(true) => {}
            Ok(false) => return self.complete(invocation, Outcome::Done),
            Err(error) => return self.fail(py, invocation, error),
        }
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.alarm = Some(retry_count);
        }
        match self.alarm_info(retry_count, due_ms) {
            Ok(info) => self.start(invocation, entrypoint, Task::Handler("alarm", info)),
            Err(thrown) => self.fail(py, invocation, host::owned_error(&thrown)),
        }
    }

    fn alarm_info(&self, retry_count: u32, due_ms: f64) -> JsResult<Value> {
        let context = self.cell.context;
        let arguments = [context.number(retry_count), context.number(due_ms)];
        self.cell.runtime().get("makeAlarmInfo")?.call_function(&arguments)
    }

    /// An alarm that was handled is over; one that failed is tried again, but not for ever.
    pub(super) fn settle_alarm(&self, invocation: InvocationId, failed: bool) {
        let alarm = self.invocations.borrow_mut().get_mut(&invocation).and_then(|entry| entry.alarm.take());
        let (Some(retries), Some(object)) = (alarm, self.object_of(invocation)) else { return };
        if object.has_ended() {
            return;
        }
        let operation =
            if failed && retries < ALARM_RETRIES_MAX { Operation::LeaveAlarm } else { Operation::EndAlarm };
        let done = self.objects.perform(&self.cell, object.number, operation, |_| ());
        if let Err(error) = done {
            Python::attach(|py| self.cell.log(py, LogLevel::Error, &error.message));
        }
    }

    /// An object has ended: its invocations are over, whatever still runs.
    pub(crate) fn give_up_object(self: &Rc<Self>, number: ObjectNumber, error: &OwnedError) {
        let of_object = |object: &Rc<LiveObject>| object.number == number;
        let given_up: Vec<InvocationId> = self
            .invocations
            .borrow()
            .iter()
            .filter(|(_, entry)| entry.object.as_ref().is_some_and(of_object))
            .map(|(id, _)| *id)
            .collect();
        for invocation in given_up {
            if !self.is_completed(invocation) {
                error.clone().with_remote(|error| self.complete(invocation, Outcome::Error(error)));
            }
            if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
                entry.waits = 0;
            }
            self.cell.rpc().break_exports(invocation);
            self.settle_if_over(invocation);
        }
    }
}
