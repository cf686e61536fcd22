//! Where `import` finds modules: a host's loader names them and says what they are.
//!
//! QuickJS has a flaw: when an import fails, it frees the importing module, although modules loaded on the way may point
//! to it by then (they do in cycles). So inside of an import that is under way nothing fails. What the loader cannot find
//! becomes a module that throws the loader's error when it is run, and the error is thrown where the import began.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use crate::{Context, PromiseState, Result, Thrown, Value, raw};

/// Finds modules for `import` statements and `import()`.
pub trait ModuleLoader {
    /// The name under which the module is known that `specifier` means inside the module called `base`. Modules of
    /// the same name are the same module.
    fn resolve(&self, context: Context, base: &str, specifier: &str) -> Result<String>;

    /// The module of that name; called once per name, unless it fails. `attributes` is the object after
    /// `with`, or `undefined`.
    fn load(&self, context: Context, name: &str, attributes: &Value) -> Result<ModuleSource>;
}

/// What a module is made from.
#[derive(Clone, Debug)]
pub enum ModuleSource {
    /// Source text.
    JavaScript(String),
    /// No code: the names it exports, and their values. `default` is a name like others.
    Synthetic(Vec<(String, Value)>),
}

/// The import under way.
#[derive(Default)]
pub(crate) struct Imports {
    under_way: Cell<bool>,
    /// The first thing that failed inside.
    failure: RefCell<Option<Thrown>>,
    /// The last import that the loader has no name for: the name it got instead, and why.
    unresolved: RefCell<Option<(String, Thrown)>>,
}

impl Context {
    /// Sets where imports are found. Without this, every import throws.
    pub fn set_module_loader(self, loader: impl ModuleLoader + 'static) {
        self.state().module_loader.replace(Some(Rc::new(loader)));
        // SAFETY: the crate's invariant; the callbacks find the loader through the runtime's state.
        unsafe {
            let (runtime, opaque) = (self.runtime_ptr(), ptr::null_mut());
            raw::JS_SetModuleLoaderFunc2(runtime, Some(resolve), Some(load), Some(accept_attributes), opaque);
        }
    }

    /// `import(specifier)`, as if written in the module called `base`: the promise of its namespace.
    pub fn import(self, base: &str, specifier: &str) -> Result<Value> {
        let (base, specifier) = (self.c_string(base)?, self.c_string(specifier)?);
        // SAFETY: the crate's invariant; both names are copied.
        unsafe { self.own(raw::JS_LoadModule(self.as_ptr(), base.as_ptr(), specifier.as_ptr())) }
    }

    /// The namespace of the module that `specifier` means, run now if it was not before. For modules without top-level
    /// `await`: what such a module's code throws is thrown. An import under way hears nothing of a failure, since whoever
    /// asks may do without the module.
    pub fn import_now(self, specifier: &str) -> Result<Value> {
        let imports = &self.state().imports;
        let (under_way, failure) = (imports.under_way.replace(false), imports.failure.take());
        let imported = self.import_apart(specifier);
        imports.under_way.set(under_way);
        imports.failure.replace(failure);
        imported
    }

    fn import_apart(self, specifier: &str) -> Result<Value> {
        let quoted = self.json_stringify(&self.string(specifier)?)?.unwrap_or_default();
        let source = format!("export * as found from {quoted};");
        let module = self.importing(|| self.compile_module(&source, &format!("import of {specifier}")))?;
        // SAFETY: the crate's invariant; a module's value is a pointer to its definition, which the context keeps.
        let (definition, run) = unsafe {
            let definition = raw::JS_VALUE_GET_PTR(module.as_raw()).cast();
            (definition, self.own(raw::JS_EvalFunction(self.as_ptr(), module.into_raw()))?)
        };
        if let (Some(PromiseState::Rejected), Some(reason)) = (run.promise_state(), run.promise_result()) {
            run.mark_handled();
            return Err(Thrown(reason));
        }
        // SAFETY: as above.
        let namespace = unsafe { self.own(raw::JS_GetModuleNamespace(self.as_ptr(), definition))? };
        namespace.get("found")
    }

    /// Makes a module of what the loader found. The definition returned belongs to the context.
    fn define_module(self, name: &str, source: ModuleSource) -> Result<*mut raw::JSModuleDef> {
        match source {
            ModuleSource::JavaScript(source) => {
                let module = self.compile_module(&source, name)?;
                // SAFETY: a module's value is a pointer to its definition, to which the context holds a reference.
                Ok(unsafe { raw::JS_VALUE_GET_PTR(module.as_raw()) }.cast())
            }
            ModuleSource::Synthetic(exports) => self.synthetic_module(name, &exports),
        }
    }

    fn synthetic_module(self, name: &str, exports: &[(String, Value)]) -> Result<*mut raw::JSModuleDef> {
        let module_name = self.c_string(name)?;
        // SAFETY: the crate's invariant; the name is copied.
        let module =
            unsafe { raw::JS_NewCModule(self.as_ptr(), module_name.as_ptr(), Some(fill_synthetic_module)) };
        if module.is_null() {
            return Err(self.pending_exception());
        }
        let mut pairs = Vec::with_capacity(exports.len() * 2);
        for (name, value) in exports {
            let export = self.c_string(name)?;
            // SAFETY: the module was made above and is not linked yet; the name is copied.
            self.answer(unsafe { raw::JS_AddModuleExport(self.as_ptr(), module, export.as_ptr()) })?;
            pairs.extend([self.string(name)?, value.clone()]);
        }
        let pairs = self.array(&pairs)?.into_raw();
        // SAFETY: the module is ours; the call takes over the array.
        self.answer(unsafe { raw::JS_SetModulePrivateValue(self.as_ptr(), module, pairs) })?;
        Ok(module)
    }

    /// A module that throws when it is run.
    fn failed_module(self, name: &str, thrown: Thrown) -> Result<*mut raw::JSModuleDef> {
        let name = self.c_string(name)?;
        // SAFETY: the crate's invariant; the name is copied. The second call takes over the value.
        unsafe {
            let module = raw::JS_NewCModule(self.as_ptr(), name.as_ptr(), Some(throw_from_module));
            if module.is_null() {
                return Err(self.pending_exception());
            }
            self.answer(raw::JS_SetModulePrivateValue(self.as_ptr(), module, thrown.0.into_raw()))?;
            Ok(module)
        }
    }

    /// Runs what may import. Begins an import, or is part of one under way; the beginning throws what failed inside.
    pub(crate) fn importing<T>(self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let imports = &self.state().imports;
        let under_way = imports.under_way.replace(true);
        let result = body();
        imports.under_way.set(under_way);
        if under_way {
            return result;
        }
        let failure = imports.failure.take();
        failure.map_or(result, Err)
    }

    /// Asks the loader; a panic of its is an exception.
    fn ask_loader<T>(self, question: impl FnOnce(&dyn ModuleLoader) -> Result<T>) -> Result<T> {
        let loader = self.state().module_loader.borrow().clone();
        let loader = loader.ok_or_else(|| Thrown::type_error(self, "there is no module loader"))?;
        self.attempt(|| question(&*loader)).ok_or_else(|| self.pending_exception())
    }

    /// The loader's name for an import, or inside of another a name for the failure to find one.
    fn resolve_import(self, base: &str, specifier: &str) -> Result<CString> {
        let imports = &self.state().imports;
        let resolved = self.ask_loader(|loader| loader.resolve(self, base, specifier));
        match resolved.and_then(|name| self.c_string(&name)) {
            Err(thrown) if imports.under_way.get() => {
                let name = format!("{specifier} (unresolved in {base})");
                imports.unresolved.replace(Some((name.clone(), thrown)));
                self.c_string(&name)
            }
            resolved => resolved,
        }
    }

    /// The module of a name, or inside of another import one that stands for the failure to make it.
    fn load_import(self, name: &str, attributes: &Value) -> Result<*mut raw::JSModuleDef> {
        let imports = &self.state().imports;
        let part_of_another = imports.under_way.get();
        let found = self.importing(|| {
            let source = match imports.unresolved.take() {
                Some((unresolved, thrown)) if unresolved == name => Err(thrown),
                _ => self.ask_loader(|loader| loader.load(self, name, attributes)),
            };
            self.define_module(name, source?)
        });
        match found {
            Err(thrown) if part_of_another => {
                imports.failure.borrow_mut().get_or_insert_with(|| thrown.clone());
                self.failed_module(name, thrown)
            }
            found => found,
        }
    }

    /// Sets a synthetic module's exports, kept as an array of name, value, name, value.
    fn export_values(self, module: *mut raw::JSModuleDef) -> Result<()> {
        // SAFETY: QuickJS asks for a module that `synthetic_module` made; the reference returned is ours.
        let pairs = unsafe { self.own(raw::JS_GetModulePrivateValue(self.as_ptr(), module))? };
        for pair in pairs.elements()?.chunks_exact(2) {
            let name = self.c_string(&pair[0].to_js_string()?)?;
            let value = pair[1].clone().into_raw();
            // SAFETY: the module is being linked; the call takes over the value.
            self.answer(unsafe { raw::JS_SetModuleExport(self.as_ptr(), module, name.as_ptr(), value) })?;
        }
        Ok(())
    }

    /// Runs a loader callback's Rust half; what it throws is left for QuickJS to find.
    fn attempt<T>(self, body: impl FnOnce() -> Result<T>) -> Option<T> {
        let mut found = None;
        self.outcome(|| {
            found = Some(body()?);
            Ok(self.undefined())
        });
        found
    }
}

unsafe extern "C" fn resolve(
    context: *mut raw::JSContext,
    base: *const c_char,
    specifier: *const c_char,
    _: *mut c_void,
) -> *mut c_char {
    // SAFETY: QuickJS passes its own context and two strings that live for the call.
    let (context, base, specifier) =
        unsafe { (of_callback(context), CStr::from_ptr(base), CStr::from_ptr(specifier)) };
    let name =
        context.attempt(|| context.resolve_import(&base.to_string_lossy(), &specifier.to_string_lossy()));
    // SAFETY: QuickJS wants a copy made by its own allocator, and null after an exception.
    name.map_or(ptr::null_mut(), |name| unsafe { raw::js_strdup(context.as_ptr(), name.as_ptr()) })
}

unsafe extern "C" fn load(
    context: *mut raw::JSContext,
    name: *const c_char,
    _: *mut c_void,
    attributes: raw::JSValue,
) -> *mut raw::JSModuleDef {
    // SAFETY: QuickJS passes its own context, a string that lives for the call, and a value that is lent.
    let (context, name) = unsafe { (of_callback(context), CStr::from_ptr(name).to_string_lossy()) };
    // SAFETY: as above; the value is counted up.
    let attributes = unsafe { Value::from_borrowed(context, attributes) };
    context.attempt(|| context.load_import(&name, &attributes)).unwrap_or(ptr::null_mut())
}

/// Lets all import attributes through: the loader judges them.
unsafe extern "C" fn accept_attributes(_: *mut raw::JSContext, _: *mut c_void, _: raw::JSValue) -> c_int {
    0
}

unsafe extern "C" fn fill_synthetic_module(
    context: *mut raw::JSContext,
    module: *mut raw::JSModuleDef,
) -> c_int {
    // SAFETY: QuickJS passes its own context.
    let context = unsafe { of_callback(context) };
    if context.attempt(|| context.export_values(module)).is_some() { 0 } else { -1 }
}

unsafe extern "C" fn throw_from_module(context: *mut raw::JSContext, module: *mut raw::JSModuleDef) -> c_int {
    // SAFETY: QuickJS passes its own context, and a module that `failed_module` made; throwing takes over the
    // reference that the private value is returned with.
    unsafe { raw::JS_Throw(context, raw::JS_GetModulePrivateValue(context, module)) };
    -1
}

/// # Safety
///
/// The pointer must be the one QuickJS passed to a callback on this thread.
unsafe fn of_callback(context: *mut raw::JSContext) -> Context {
    // SAFETY: the caller's promise; QuickJS never passes null.
    unsafe { Context::from_ptr(NonNull::new_unchecked(context)) }
}
