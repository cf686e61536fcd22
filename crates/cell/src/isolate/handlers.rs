//! Calling what serves an event, in Python or JavaScript, and waiting for what it gives.

use std::rc::Rc;

use hognose_engine::{Result as JsResult, Thrown, Value};
use hognose_web::NO_RESPONSE;
use hognose_wire::InvocationId;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use super::answers::with_text;
use super::{Isolate, Task};
use crate::cell::{Cell, Entrypoints};
use crate::javascript::MainModule;
use crate::link::OwnedError;

impl Isolate {
    /// Runs a handler on a runner at the next turn.
    pub(super) fn start(self: &Rc<Self>, invocation: InvocationId, entrypoint: Option<String>, task: Task) {
        let isolate = Rc::clone(self);
        let object = self.object_of(invocation);
        self.cell.event_loop.post(move |py| match object {
            Some(object) => isolate.start_on_object(py, invocation, &object, task),
            None => {
                isolate.begin(py, invocation, |py| isolate.call_handler(py, invocation, entrypoint, &task));
            }
        });
    }

    /// Runs what begins an invocation, and on its behalf.
    pub(super) fn begin(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        work: impl FnOnce(Python<'_>) -> PyResult<()>,
    ) {
        let begun = self.cell.serve(invocation, || work(py));
        if let Err(error) = begun {
            self.raised(py, invocation, &error);
        }
    }

    fn call_handler(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        entrypoint: Option<String>,
        task: &Task,
    ) -> PyResult<()> {
        match &self.worker.entrypoints {
            Entrypoints::Python { handlers, env } => {
                let (handler, argument) = match task {
                    Task::Handler(event, argument) => {
                        (self.handler(handlers.bind(py), event, entrypoint)?, argument)
                    }
                    Task::Method(call, arguments) => {
                        let reached = (entrypoint.as_deref(), &call.path, &call.method, call.read);
                        (handlers.bind(py).call_method1("method", reached)?.unbind(), arguments)
                    }
                };
                self.call_python(py, invocation, handler, argument, env.bind(py))
            }
            Entrypoints::JavaScript(main) => {
                if let Err(thrown) = self.call_javascript(invocation, main, entrypoint, task) {
                    self.fail(py, invocation, with_text(&thrown));
                }
                Ok(())
            }
        }
    }

    /// Calls a JavaScript handler; what it returns, or a promise of it becomes, is the answer.
    fn call_javascript(
        self: &Rc<Self>,
        invocation: InvocationId,
        main: &MainModule,
        entrypoint: Option<String>,
        task: &Task,
    ) -> JsResult<()> {
        let execution = self.make_context(invocation)?;
        let result = match task {
            Task::Handler(event, argument) => {
                main.serve(event, entrypoint.as_deref(), argument, &execution)?
            }
            Task::Method(call, arguments) => {
                let target = main.target(entrypoint.as_deref(), &execution)?;
                self.cell.rpc().dispatch(&target, call, arguments)?
            }
        };
        self.follow_javascript(invocation, &result)
    }

    /// What a handler returned, or a promise of it becomes, is the answer.
    pub(super) fn follow_javascript(
        self: &Rc<Self>,
        invocation: InvocationId,
        result: &Value,
    ) -> JsResult<()> {
        let (fulfilled, rejected) = (Rc::clone(self), Rc::clone(self));
        let promise = self.cell.context.resolved_promise(result)?;
        promise.then(
            move |context, value| {
                if let Err(thrown) = fulfilled.cell.serve(invocation, || fulfilled.answer(invocation, value))
                {
                    Python::attach(|py| fulfilled.fail(py, invocation, with_text(&thrown)));
                }
                Ok(context.undefined())
            },
            move |context, reason| {
                let error = with_text(&Thrown(reason.clone()));
                Python::attach(|py| rejected.fail(py, invocation, error));
                Ok(context.undefined())
            },
        )?;
        Ok(())
    }

    pub(super) fn call_python(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        handler: Py<PyAny>,
        argument: &Value,
        env: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let context = self.cell.python.context_of(py, invocation)?;
        let argument = hognose_ffi::to_python(py, argument)?;
        let execution = self.make_context(invocation).map_err(|thrown| hognose_ffi::raise(py, thrown))?;
        let execution = hognose_ffi::to_python(py, &execution)?;
        let result = context.call_method1(intern!(py, "run"), (handler, argument, env, execution))?;
        let Some(task) = self.cell.python.start_task(&result, &context)? else {
            self.finished(py, invocation, Ok(result));
            return Ok(());
        };
        if task.call_method0(intern!(py, "done"))?.is_truthy()? {
            self.finished(py, invocation, task.call_method0(intern!(py, "result")));
            return Ok(());
        }
        let callback = PyCFunction::new_closure(py, None, None, move |arguments, _keywords| {
            let isolate = Cell::current().and_then(|cell| cell.isolate());
            let result = arguments.get_item(0).and_then(|task| task.call_method0("result"));
            if let Some(isolate) = isolate {
                isolate.finished(arguments.py(), invocation, result);
            }
        })?;
        task.call_method1("add_done_callback", (callback,))?;
        if let Some(entry) = self.invocations.borrow_mut().get_mut(&invocation) {
            entry.task = Some(task.unbind());
        }
        Ok(())
    }

    fn handler(
        &self,
        handlers: &Bound<'_, PyAny>,
        event: &'static str,
        entrypoint: Option<String>,
    ) -> PyResult<Py<PyAny>> {
        let py = handlers.py();
        let key = (event, entrypoint);
        if let Some(handler) = self.handlers.borrow().get(&key) {
            return Ok(handler.clone_ref(py));
        }
        let handler = handlers.call_method1("handler", (event, key.1.as_deref()))?.unbind();
        self.handlers.borrow_mut().insert(key, handler.clone_ref(py));
        Ok(handler)
    }

    fn make_context(&self, invocation: InvocationId) -> JsResult<Value> {
        let context = self.cell.context;
        let props = self.invocations.borrow().get(&invocation).and_then(|entry| entry.props.clone());
        let props = match props {
            Some(json) => context.json_parse(&json, "props")?,
            None => context.object()?,
        };
        self.worker.make_context.call_function(&[context.number(invocation.0), props])
    }

    fn finished(
        self: &Rc<Self>,
        py: Python<'_>,
        invocation: InvocationId,
        result: PyResult<Bound<'_, PyAny>>,
    ) {
        let answered = result.and_then(|result| {
            let result = unwrap_response(result)?;
            let value = hognose_ffi::to_js(py, &result)?;
            Ok((self.cell.serve(invocation, || self.answer(invocation, &value)), result))
        });
        match answered {
            Ok((Ok(()), _)) => {}
            Ok((Err(thrown), result)) => self.fail(py, invocation, unfit(&thrown, &result)),
            Err(error) => self.raised(py, invocation, &error),
        }
    }
}

/// SDK objects wrap a JavaScript one. What is JavaScript's already may have any property that it is asked for: a stub has.
fn unwrap_response(result: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if hognose_ffi::is_js_proxy(&result) {
        return Ok(result);
    }
    match result.getattr_opt(intern!(result.py(), "js_response"))? {
        Some(response) => Ok(response),
        None => Ok(result),
    }
}

/// Why a handler's result is no answer; with what it was, for its author, if it was no response at all.
fn unfit(thrown: &Thrown, result: &Bound<'_, PyAny>) -> OwnedError {
    let error = with_text(thrown);
    if error.message != NO_RESPONSE {
        return error;
    }
    let kind = result.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    let stack = format!(
        "{}: {}\nThe handler returned an object of the type `{kind}`; it must return a Response.",
        error.name, error.message
    );
    OwnedError { stack, ..error }
}
