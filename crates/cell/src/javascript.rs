//! JavaScript Workers: importing the main module, and calling its handlers. Python Workers are bound to such Workers, and
//! a project may be one.

use std::path::Path;

use hognose_engine::{Context, Result, Thrown, Value};
use hognose_wire::control::Worker;

use crate::cell::Cell;
use crate::typescript;

/// Name, kind and methods of something that a main module exports.
pub(crate) type Exported = (String, String, Vec<String>);

/// A JavaScript Worker whose top-level code has run.
pub(crate) struct MainModule {
    context: Context,
    exports: Value,
    serve: Value,
    target: Value,
    instance: Value,
    serve_object: Value,
    serve_socket: Value,
    class_has: Value,
}

/// Whether the main module of this name is JavaScript, or TypeScript that becomes it.
pub(crate) fn is_main(file: &str) -> bool {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("js" | "mjs")) || typescript::is_module(Path::new(file))
}

/// Begins to import a Worker's main module: the promise of its namespace.
pub(crate) fn begin_import(cell: &Cell, worker: &Worker) -> Result<Value> {
    let Worker { module_root: root, main, .. } = worker;
    let namespace = cell.context.import(root, &format!("{root}/{main}"))?;
    namespace.mark_handled();
    Ok(namespace)
}

impl MainModule {
    /// What the namespace of a main module offers.
    pub(crate) fn new(cell: &Cell, namespace: &Value, env: &Value) -> Result<Self> {
        let context = cell.context;
        let classes = cell.runtime().get("workersModule")?;
        let make = context.eval(include_str!("../js/worker.js"), "hognose:worker")?;
        let made = make.call_function(&[namespace.clone(), classes, env.clone()])?;
        Ok(Self {
            context,
            exports: made.get("exports")?,
            serve: made.get("serve")?,
            target: made.get("target")?,
            instance: made.get("instance")?,
            serve_object: made.get("serveObject")?,
            serve_socket: made.get("serveSocket")?,
            class_has: made.get("classHas")?,
        })
    }

    /// Everything that can be called.
    pub(crate) fn exports(&self) -> Result<Vec<Exported>> {
        let exported = self.exports.call_function(&[])?.elements()?;
        exported.iter().map(exported_entry).collect()
    }

    /// What the methods of an entrypoint are called on.
    pub(crate) fn target(&self, entrypoint: Option<&str>, execution: &Value) -> Result<Value> {
        let entrypoint = entrypoint.map_or(Ok(self.context.undefined()), |name| self.context.string(name))?;
        self.target.call_function(&[entrypoint, execution.clone()])
    }

    /// Makes an instance of a class of Durable Objects.
    pub(crate) fn instance(&self, class: &str, state: &Value) -> Result<Value> {
        self.instance.call_function(&[self.context.string(class)?, state.clone()])
    }

    /// Whether the instances of a class have a handler.
    pub(crate) fn class_has(&self, class: &str, handler: &str) -> Result<bool> {
        let asked =
            self.class_has.call_function(&[self.context.string(class)?, self.context.string(handler)?])?;
        Ok(asked.as_bool().unwrap_or_default())
    }

    /// As [`MainModule::serve`], by an instance.
    pub(crate) fn serve_object(&self, event: &str, instance: &Value, argument: &Value) -> Result<Value> {
        let arguments = [self.context.string(event)?, instance.clone(), argument.clone()];
        self.serve_object.call_function(&arguments)
    }

    /// Calls an instance's handler of an event on a socket, if it has one, with all that is in `arguments`.
    pub(crate) fn serve_socket(&self, event: &str, instance: &Value, arguments: &Value) -> Result<Value> {
        let arguments = [self.context.string(event)?, instance.clone(), arguments.clone()];
        self.serve_socket.call_function(&arguments)
    }

    /// Calls the handler of an event, and gives what it returned.
    pub(crate) fn serve(
        &self,
        event: &str,
        entrypoint: Option<&str>,
        argument: &Value,
        execution: &Value,
    ) -> Result<Value> {
        let context = self.context;
        let entrypoint = entrypoint.map_or(Ok(context.undefined()), |name| context.string(name))?;
        self.serve.call_function(&[context.string(event)?, entrypoint, argument.clone(), execution.clone()])
    }
}

fn exported_entry(entry: &Value) -> Result<Exported> {
    let [name, kind, methods] = &entry.elements()?[..] else {
        return Err(Thrown::type_error(entry.context(), "an export is described by three values"));
    };
    let methods = methods.elements()?.iter().map(Value::to_js_string).collect::<Result<_>>()?;
    Ok((name.to_js_string()?, kind.to_js_string()?, methods))
}
