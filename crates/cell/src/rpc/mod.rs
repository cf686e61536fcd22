//! What Workers call of each other, on this side: [`values`] in and out of frames, [`calling`] what others host, and
//! [`hosting`] what others call. What the values are is `js/rpc.js`'s and `js/clone.js`'s business.

mod calling;
mod handing;
mod hosting;
mod values;

use std::cell::RefCell;

use hognose_engine::{Context, Result, Value};
use hognose_wire::{Access, CapId, Exports, Frame, Imports, InvocationId, Violation};
use pyo3::Python;

use self::calling::{call, specialize};
use crate::cell::Cell;

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
    /// Whether it is the function that opens a WebSocket.
    is_socket: bool,
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
        natives.define_method("specialize", 2, |context, _this, arguments| specialize(context, arguments))?;
        natives.define_method("scheduled", 3, |context, _this, arguments| {
            handing::scheduled(context, arguments)
        })?;
        natives.define_method("queue", 2, |context, _this, arguments| handing::queue(context, arguments))?;
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
            cell.web().fetch_through(&arguments[0].to_js_string()?)
        })?;
        let clone = context.eval(include_str!("../../js/clone.js"), "hognose:clone")?;
        let file = context.eval(include_str!("../../js/rpc.js"), "hognose:rpc")?;
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

    /// As [`Rpc::dispatch`], on a Durable Object's instance.
    pub(crate) fn dispatch_to_object(
        &self,
        target: &Value,
        call: &MethodCall,
        arguments: &Value,
    ) -> Result<Value> {
        self.dispatch_by("dispatchToObject", target, call, arguments)
    }

    /// Calls a method of `target`: a promise of what it gives.
    pub(crate) fn dispatch(&self, target: &Value, call: &MethodCall, arguments: &Value) -> Result<Value> {
        self.dispatch_by("dispatch", target, call, arguments)
    }

    fn dispatch_by(&self, how: &str, target: &Value, call: &MethodCall, arguments: &Value) -> Result<Value> {
        let context = self.context;
        let path = call.path.iter().map(|name| context.string(name)).collect::<Result<Vec<_>>>()?;
        let library = self.library();
        library.get(how)?.call(
            &library,
            &[
                target.clone(),
                context.array(&path)?,
                context.string(&call.method)?,
                context.boolean(call.read),
                arguments.clone(),
            ],
        )
    }

    pub(crate) fn release(&self, cell: &Cell, cap: CapId) {
        if let (Some(count), Some(link)) = (self.imports.borrow_mut().forget(cap), cell.link()) {
            link.send(Frame::Release { cap, count });
        }
    }

    /// Holds a WebSocket of the supervisor's.
    pub(crate) fn receive_socket(&self, cap: CapId) -> std::result::Result<(), Violation> {
        self.imports.borrow_mut().receive(cap)
    }

    /// An invocation has done its own: what it held of others is given back.
    pub(crate) fn let_go(&self, invocation: InvocationId) -> Result<()> {
        if self.imports.borrow().is_empty() {
            return Ok(());
        }
        let arguments = [self.context.number(invocation.0), self.context.string(CONTEXT_GONE)?];
        self.get("end")?.call_function(&arguments).map(drop)
    }
}

fn cap_of(value: &Value) -> Option<CapId> {
    value.as_f64().map(|number| CapId(number as u32))
}
