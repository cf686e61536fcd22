//! The Durable Objects that live in this isolate: their instances, when events reach them, and how they end.
//!
//! An object comes with the first event that names its number. Its instance is made before any event is served, and
//! events wait in order while `blockConcurrencyWhile` runs. Storage answers at once ([`storage`]), so between an
//! operation and its result nothing else of the object runs and no other gate is needed.

mod facets;
mod ids;
mod natives;
mod sockets;
mod storage;

use std::cell::{Cell as Slot, RefCell};
use std::collections::{HashMap, VecDeque};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use hognose_engine::{Result, Thrown, Value};
use hognose_wire::objects::{Entry, Object, ObjectNumber, Operation};
use hognose_wire::{Frame, RemoteError};
use pyo3::prelude::*;

use crate::cell::Cell;
use crate::link::OwnedError;

pub(crate) use ids::Target;
pub(crate) use natives::{make_runtime, namespace_class};
pub(crate) use storage::Storage;

/// What every kind of storage takes as a key, in bytes, and as a value.
const KEY_BYTES: usize = 2048;
const VALUE_BYTES: usize = 64 << 10;

/// An event that waits until its object takes it.
type Waiting = Box<dyn FnOnce(Python<'_>)>;

/// An instance of a class.
pub(crate) enum Instance {
    /// Of a Python class.
    Python(Py<PyAny>),
    /// Of a JavaScript class.
    JavaScript(Value),
}

/// A live object.
pub(crate) struct LiveObject {
    pub(crate) number: ObjectNumber,
    pub(crate) class: String,
    digits: String,
    name: Option<String>,
    sql: bool,
    instance: RefCell<Option<Rc<Instance>>>,
    /// What makes the arguments of a handler of what has come on one of its sockets.
    receive: RefCell<Option<Value>>,
    /// How many `blockConcurrencyWhile` are under way.
    blocks: Slot<u32>,
    waiting: RefCell<VecDeque<Waiting>>,
    ended: Slot<bool>,
}

/// See the module.
pub(crate) struct Objects {
    pub(crate) storage: Storage,
    live: RefCell<HashMap<ObjectNumber, Rc<LiveObject>>>,
}

impl LiveObject {
    /// Whether it takes events.
    fn is_open(&self) -> bool {
        self.blocks.get() == 0 && self.waiting.borrow().is_empty()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(crate) fn instance(&self) -> Option<Rc<Instance>> {
        self.instance.borrow().clone()
    }

    pub(crate) fn set_instance(&self, instance: Instance) {
        self.instance.replace(Some(Rc::new(instance)));
    }

    /// `ctx`, as JavaScript has it; `props` is JSON of an object.
    pub(crate) fn make_state(&self, cell: &Cell, props: Option<&str>) -> Result<Value> {
        let context = cell.context;
        let name =
            self.name.as_deref().map_or_else(|| Ok(context.undefined()), |name| context.string(name))?;
        let props = match props.filter(|json| !json.is_empty()) {
            Some(json) => context.json_parse(json, "props")?,
            None => context.object()?,
        };
        let sql = context.boolean(self.sql);
        let arguments = [context.number(self.number.0), context.string(&self.digits)?, name, sql, props];
        let made = cell.runtime().get("makeState")?.call_function(&arguments)?;
        self.receive.replace(Some(made.get("receive")?));
        made.get("state")
    }

    /// The name of the handler for what has come on a socket, and its arguments as an array.
    pub(crate) fn receive(&self, message: &Value) -> Result<(String, Value)> {
        let receive = self.receive.borrow().clone().expect("invariant: an instance has its state");
        match &receive.call_function(std::slice::from_ref(message))?.elements()?[..] {
            [handler, arguments] => Ok((handler.to_js_string()?, arguments.clone())),
            _ => Err(Thrown::type_error(message.context(), "a handler is told by a name and arguments")),
        }
    }

    /// Runs what an event is to do: now, or once those before it have begun and nothing blocks it.
    pub(crate) fn run_in_turn(self: &Rc<Self>, py: Python<'_>, event: impl FnOnce(Python<'_>) + 'static) {
        if self.is_open() {
            return event(py);
        }
        self.waiting.borrow_mut().push_back(Box::new(event));
    }

    pub(super) fn block(&self) {
        self.blocks.set(self.blocks.get() + 1);
    }

    /// One block fewer; what waits begins, one at each turn, for the first may block again.
    pub(super) fn unblock(self: &Rc<Self>, cell: &Cell) {
        self.blocks.set(self.blocks.get().saturating_sub(1));
        if self.blocks.get() == 0 && !self.waiting.borrow().is_empty() {
            let object = Rc::clone(self);
            cell.event_loop.post(move |py| object.run_next(py));
        }
    }

    fn run_next(self: &Rc<Self>, py: Python<'_>) {
        if self.blocks.get() > 0 {
            return;
        }
        let next = self.waiting.borrow_mut().pop_front();
        let Some(next) = next else { return };
        next(py);
        if let Some(cell) = Cell::current().filter(|_| self.blocks.get() == 0) {
            let object = Rc::clone(self);
            cell.event_loop.post(move |py| object.run_next(py));
        }
    }
}

impl Objects {
    pub(crate) fn new(synchronous: UnixStream) -> Self {
        Self { storage: Storage::new(synchronous), live: RefCell::default() }
    }

    /// The object that an event is for, known from now on.
    pub(crate) fn of_event(&self, object: &Object<'_>, class: &str) -> Rc<LiveObject> {
        let mut live = self.live.borrow_mut();
        let known = live.entry(object.number).or_insert_with(|| {
            Rc::new(LiveObject {
                number: object.number,
                class: class.to_owned(),
                digits: object.id.digits.to_owned(),
                name: object.id.name.map(str::to_owned),
                sql: object.sql,
                instance: RefCell::default(),
                receive: RefCell::default(),
                blocks: Slot::default(),
                waiting: RefCell::default(),
                ended: Slot::default(),
            })
        });
        Rc::clone(known)
    }

    /// A live object.
    pub(crate) fn get(&self, number: ObjectNumber) -> Option<Rc<LiveObject>> {
        self.live.borrow().get(&number).cloned()
    }

    /// Has something done with an object's storage. Where the object cannot go on after it, it ends.
    pub(super) fn perform<T>(
        &self,
        cell: &Cell,
        number: ObjectNumber,
        operation: Operation<'_>,
        read: impl FnOnce(hognose_wire::objects::Answer<'_>) -> T,
    ) -> std::result::Result<T, OwnedError> {
        let done = self.storage.perform(number, operation, read);
        if let Some(link) = cell.link() {
            link.depend_on(self.storage.last_write());
        }
        done.map_err(|(error, reset)| {
            if reset {
                self.reset(cell, number, &error);
            }
            error
        })
    }

    /// Stores a value. Where it is so little that no kind of storage refuses it, that is not waited for.
    pub(super) fn put(
        &self,
        cell: &Cell,
        number: ObjectNumber,
        entries: Vec<Entry<'_>>,
    ) -> std::result::Result<(), OwnedError> {
        let is_little = |entry: &Entry<'_>| entry.key.len() <= KEY_BYTES && entry.value.len() <= VALUE_BYTES;
        if entries.len() != 1 || !entries.iter().all(is_little) {
            return self.perform(cell, number, Operation::Put(entries), |_| ());
        }
        self.storage.post(number, Operation::Post(entries));
        if let Some(link) = cell.link() {
            link.depend_on(self.storage.last_write());
        }
        Ok(())
    }

    /// Whether anything that was written waits for the commit at the end of the turn.
    pub(crate) fn is_uncommitted(&self) -> bool {
        self.storage.is_uncommitted()
    }

    /// Commits what was written, if anything was. An object whose writes are lost is ended by the supervisor.
    pub(crate) fn commit(&self, cell: &Cell) {
        if !self.storage.is_uncommitted() {
            return;
        }
        self.storage.commit();
        if let Some(link) = cell.link() {
            link.depend_on(self.storage.last_write());
        }
    }

    /// An object cannot go on: the supervisor is told, and fails what it was given.
    pub(super) fn reset(&self, cell: &Cell, number: ObjectNumber, error: &OwnedError) {
        if self.get(number).is_none_or(|object| object.has_ended()) {
            return;
        }
        if let Some(link) = cell.link() {
            let tell = |error: RemoteError<'_>| link.send(Frame::ResetObject { object: number, error });
            error.clone().with_remote(tell);
        }
        self.end(cell, number, error);
    }

    /// Lets an object go: nothing that it still does reaches anybody.
    pub(crate) fn end(&self, cell: &Cell, number: ObjectNumber, error: &OwnedError) {
        let Some(object) = self.live.borrow_mut().remove(&number) else { return };
        object.ended.set(true);
        let waiting = object.waiting.take();
        let (instance, receive) = (object.instance.take(), object.receive.take());
        drop(waiting);
        if let Some(isolate) = cell.isolate() {
            isolate.give_up_object(number, error);
        }
        drop((instance, receive));
    }
}
