//! JavaScript objects that carry Rust data.
//!
//! An instance owns its data and drops it when it is collected. The data may own [`Value`]s: what its `trace` shows to
//! the garbage collector can be part of cycles and still be collected.

use std::any::TypeId;
use std::ffi::{CString, c_void};
use std::marker::PhantomData;
use std::ptr;

use crate::runtime::State;
use crate::{Context, Result, Thrown, Value, raw};

/// Data for [`Context::new_instance`]. Its `Drop` runs inside the garbage collector, so it may drop values but must not
/// run JavaScript.
pub trait NativeClass: 'static {
    /// The class's name inside QuickJS, in ASCII. Scripts see the prototype's `constructor.name` instead.
    const NAME: &'static str;

    /// Marks the [`Value`]s the data owns, and does nothing else. What is not marked, because its `RefCell` is borrowed
    /// just now, say, only stays alive a while longer.
    fn trace(&self, tracer: &mut Tracer<'_>) {
        let _ = tracer;
    }
}

/// Collects what a [`NativeClass`] owns.
#[derive(Debug)]
pub struct Tracer<'collection> {
    pub(crate) runtime: *mut raw::JSRuntime,
    pub(crate) mark: raw::JS_MarkFunc,
    pub(crate) collection: PhantomData<&'collection ()>,
}

impl Tracer<'_> {
    /// Says that the data owns this reference.
    ///
    /// # Safety
    ///
    /// The data must own it, and name it once: the collector subtracts what it is told from the count.
    pub unsafe fn mark(&mut self, value: &Value) {
        // SAFETY: the tracer only exists inside of QuickJS's own call for marks.
        unsafe { raw::JS_MarkValue(self.runtime, value.as_raw(), self.mark) };
    }
}

impl Context {
    /// A new object that owns the data, with the prototype of plain objects.
    pub fn new_instance<T: NativeClass>(self, data: T) -> Result<Value> {
        let prototype = self.object()?.prototype()?;
        self.new_instance_with(&prototype, data)
    }

    /// A new object that owns the data, with the given prototype, an object or `null`.
    pub fn new_instance_with<T: NativeClass>(self, prototype: &Value, data: T) -> Result<Value> {
        let (class, prototype) = (self.class_id::<T>()?, prototype.as_raw());
        // SAFETY: the crate's invariant; the prototype is borrowed, the class registered.
        let instance = unsafe { self.own(raw::JS_NewObjectProtoClass(self.as_ptr(), prototype, class))? };
        let data = Box::into_raw(Box::new(data)).cast::<c_void>();
        // SAFETY: the object is of this class, whose finalizer frees a boxed `T`.
        unsafe { raw::JS_SetOpaque(instance.as_raw(), data) };
        Ok(instance)
    }

    fn class_id<T: NativeClass>(self) -> Result<raw::JSClassID> {
        match registered::<T>(self.state()) {
            Some(class) => Ok(class),
            None => self.register::<T>(),
        }
    }

    fn register<T: NativeClass>(self) -> Result<raw::JSClassID> {
        let name = CString::new(T::NAME).expect("invariant: a class name is ASCII without zero bytes");
        let definition = raw::JSClassDef {
            class_name: name.as_ptr(),
            finalizer: Some(finalize::<T>),
            gc_mark: Some(mark::<T>),
            call: None,
            exotic: ptr::null_mut(),
        };
        let mut class = raw::JS_INVALID_CLASS_ID;
        // SAFETY: the crate's invariant; the definition is copied.
        let code = unsafe {
            raw::JS_NewClassID(self.runtime_ptr(), &raw mut class);
            raw::JS_NewClass(self.runtime_ptr(), class, &raw const definition)
        };
        if code < 0 {
            return Err(Thrown(self.null()));
        }
        self.state().classes.borrow_mut().push((TypeId::of::<T>(), class));
        Ok(class)
    }
}

impl Value {
    /// The data of an object that [`Context::new_instance`] made with this type; `None` for any other value.
    pub fn borrow_data<T: NativeClass>(&self) -> Option<&T> {
        let class = registered::<T>(self.context().state())?;
        // SAFETY: only `new_instance::<T>` makes objects of this class. Its data lives as long as the object, which
        // `self` keeps alive.
        unsafe { raw::JS_GetOpaque(self.as_raw(), class).cast::<T>().as_ref() }
    }
}

fn registered<T: 'static>(state: &State) -> Option<raw::JSClassID> {
    let wanted = TypeId::of::<T>();
    state.classes.borrow().iter().find(|(known, _)| *known == wanted).map(|(_, class)| *class)
}

unsafe extern "C" fn finalize<T: NativeClass>(_: *mut raw::JSRuntime, object: raw::JSValue) {
    // SAFETY: QuickJS passes an object of the class this function was registered for, once. The pointer is cleared
    // first: dropping the data may meet another dying object that still refers to this one.
    unsafe {
        let data = opaque::<T>(object);
        raw::JS_SetOpaque(object, ptr::null_mut());
        if !data.is_null() {
            drop(Box::from_raw(data));
        }
    }
}

unsafe extern "C" fn mark<T: NativeClass>(
    runtime: *mut raw::JSRuntime,
    object: raw::JSValue,
    mark: raw::JS_MarkFunc,
) {
    // SAFETY: QuickJS passes an object of the class this function was registered for.
    if let Some(data) = unsafe { opaque::<T>(object).as_ref() } {
        data.trace(&mut Tracer { runtime, mark, collection: PhantomData });
    }
}

/// # Safety
///
/// The object must be of the class registered for `T`. The result is null before its data is set.
unsafe fn opaque<T>(object: raw::JSValue) -> *mut T {
    let mut class = raw::JS_INVALID_CLASS_ID;
    // SAFETY: the caller's promise.
    unsafe { raw::JS_GetAnyOpaque(object, &raw mut class).cast() }
}
