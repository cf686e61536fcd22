//! The modules that Cloudflare's runtime offers beside `js`: `_pyodide_entrypoint_helper` and
//! `_cloudflare_compat_flags` for the SDK, `cloudflare:workers` for everyone.

use std::collections::BTreeMap;
use std::rc::Rc;

use hognose_engine::{ErrorKind, Result, Thrown, Value};
use hognose_wire::InvocationId;
use hognose_wire::control::{Export, ExportKind, Worker};
use pyo3::prelude::*;

use crate::cell::Cell;
use crate::host::GLOBAL_SCOPE;
use crate::modules::Modules;
use crate::objects;
use crate::rpc::Rpc;

/// The flag that a Worker in Python has.
const PYTHON_FLAG: &str = "python_workers";
/// Each asks for a CPython newer than 3.12.
const NEWER_PYTHON_FLAGS: [&str; 4] =
    ["python_workers_20250116", "python_workers_20260610", "python_workers_20260817", "python_workers_314"];
/// The flag modules' name, as Cloudflare's.
const FLAGS_MODULE: &str = "_cloudflare_compat_flags";
const HELPER_MODULE: &str = "_pyodide_entrypoint_helper";
/// Puts `process`, `Buffer` and their like on the global object.
const NODE_FLAG: &str = "nodejs_compat";
/// Puts Node.js's timers in the place of the web's.
const NODE_TIMERS_FLAG: &str = "enable_nodejs_global_timers";
/// Leaves the `env` that modules can import empty: only handlers are given what is in it.
const HIDDEN_ENV_FLAG: &str = "disallow_importable_env";

/// Prepares what does not depend on a Worker: the SDK is imported in the base, before any Worker is known. The modules
/// are the very objects that a Worker's `env` and flags go into later.
pub(crate) fn install(py: Python<'_>, cell: &Rc<Cell>) -> PyResult<()> {
    let made = make(cell).map_err(|thrown| hognose_ffi::raise(py, thrown))?;
    let proxy =
        hognose_ffi::to_python(py, &made.get("helper").map_err(|thrown| hognose_ffi::raise(py, thrown))?)?;
    py.import("_pyodide._importhook")?.call_method1("register_js_module", (HELPER_MODULE, proxy))?;
    let flags = PyModule::new(py, FLAGS_MODULE)?;
    // The SDK reads this one without a default.
    flags.setattr("python_workflows_implicit_dependencies", false)?;
    py.import("sys")?.getattr("modules")?.set_item(FLAGS_MODULE, flags)?;
    cell.set_runtime(made);
    Ok(())
}

/// Sets the flags of the Worker that this zygote is for. Code that was written for CPython 3.12 knows no `jsnull`.
pub(crate) fn set_flags(py: Python<'_>, flags: &BTreeMap<String, bool>) -> PyResult<()> {
    let on = |name: &str| flags.get(name).copied().unwrap_or(false);
    hognose_ffi::read_null_as_none(on(PYTHON_FLAG) && !NEWER_PYTHON_FLAGS.into_iter().any(on));
    let module = py.import(FLAGS_MODULE)?;
    flags.iter().try_for_each(|(name, on)| module.setattr(name.as_str(), *on))
}

/// Makes Node.js's modules and globals available, as far as the Worker's flags want them.
pub(crate) fn prepare_modules(cell: &Rc<Cell>, worker: &Worker, env: &Value) -> Result<()> {
    let Worker { module_root, module_rules, flags, .. } = worker;
    let modules = Modules::of_worker(Rc::downgrade(cell), module_root, module_rules.clone());
    cell.context.set_module_loader(modules);
    let is_on = |flag| flags.get(flag).copied().unwrap_or(false);
    if is_on(NODE_FLAG) {
        let has_timers = cell.context.boolean(is_on(NODE_TIMERS_FLAG));
        cell.runtime().get("defineNodeGlobals")?.call_function(&[env.clone(), has_timers])?;
    }
    Ok(())
}

/// Lets `cloudflare:workers` show the Worker's `env`, unless it does not want that, and gives the function that makes an
/// invocation's `ctx`.
pub(crate) fn bind_env(py: Python<'_>, cell: &Cell, worker: &Worker, env: &Value) -> PyResult<Value> {
    let bind = || {
        let runtime = cell.runtime();
        if !worker.flags.get(HIDDEN_ENV_FLAG).copied().unwrap_or(false) {
            runtime.get("workersModule")?.set("env", env)?;
        }
        runtime.get("makeContext")
    };
    bind().map_err(|thrown| hognose_ffi::raise(py, thrown))
}

/// Fills `ctx.exports` with what the Worker exports and other Workers could call, and its classes of Durable Objects.
pub(crate) fn bind_exports(cell: &Cell, worker: &Worker, exports: &[Export]) -> Result<()> {
    let Some(first) = worker.loopback else { return Ok(()) };
    let context = cell.context;
    let mut entries = Vec::new();
    for (export, cap) in exports.iter().zip(first.0..) {
        let kept = worker.classes.iter().find(|(class, _)| *class == export.name);
        let kind = match export.kind {
            ExportKind::Entrypoint | ExportKind::Handlers => "service",
            ExportKind::DurableObject => "object",
            ExportKind::Workflow => continue,
        };
        let key = kept.map_or_else(|| Ok(context.undefined()), |(_, key)| context.string(key))?;
        let entry = [context.string(&export.name)?, context.number(cap), context.string(kind)?, key];
        entries.push(context.array(&entry)?);
    }
    let namespace = objects::namespace_class(cell)?;
    let runtime = cell.runtime();
    let arguments = [context.array(&entries)?, namespace, runtime.get("facets")?];
    runtime.get("bindExports")?.call_function(&arguments).map(drop)
}

fn make(cell: &Rc<Cell>) -> Result<Value> {
    let context = cell.context;
    let rpc = Rpc::install(context)?;
    let natives = context.object()?;
    natives.define_method("waitUntil", 2, |context, _this, arguments| {
        let invocation = arguments[0].as_f64().map(|number| InvocationId(number as u32));
        if let (Some(invocation), Some(isolate)) =
            (invocation, Cell::current().and_then(|cell| cell.isolate()))
        {
            isolate.wait_until(invocation, &arguments[1])?;
        }
        Ok(context.undefined())
    })?;
    natives.define_method("currentInvocation", 0, |context, _this, _arguments| {
        let cell = Cell::current().expect("invariant: natives run in a cell");
        if cell.link().is_none() {
            return Err(Thrown::new(context, ErrorKind::Error, GLOBAL_SCOPE));
        }
        let invocation = Python::attach(|py| cell.invocation(py));
        Ok(invocation.map_or(context.undefined(), |invocation| context.number(invocation.0)))
    })?;
    natives.define_method("importNow", 1, |context, _this, arguments| {
        context.import_now(&arguments[0].to_js_string()?)
    })?;
    let file = context.eval(include_str!("../js/context.js"), "hognose:context")?;
    let runtime = file.call_function(&[natives, rpc.library()])?;
    objects::make_runtime(context, &cell.web(), &rpc, &runtime)?;
    cell.set_rpc(rpc);
    let workers = runtime.get("makeWorkersModule")?.call_function(&[context.object()?])?;
    let helper = runtime.get("makeEntrypointHelper")?.call_function(std::slice::from_ref(&workers))?;
    runtime.set("workersModule", &workers)?;
    runtime.set("helper", &helper)?;
    Ok(runtime)
}
