//! Running source text: scripts, scripts as bytecode, and modules.

use std::ffi::c_int;
use std::{ptr, slice};

use crate::context::zero_terminated;
use crate::{Atom, Context, Result, Value, raw};

/// A compiled script. Read back only by the same version of QuickJS.
#[derive(Clone, Debug)]
pub struct Bytecode(Vec<u8>);

impl Bytecode {
    /// Takes bytes that [`as_bytes`](Self::as_bytes) gave earlier, perhaps in another process.
    ///
    /// # Safety
    ///
    /// They must be those bytes, unchanged, from the same build of QuickJS: it does not check what it loads.
    pub const unsafe fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Context {
    /// Runs a script in the global scope and returns the value of its last statement.
    pub fn eval(self, source: &str, filename: &str) -> Result<Value> {
        self.eval_with(source, filename, raw::JS_EVAL_TYPE_GLOBAL)
    }

    /// Runs a module, known under its name from then on. The promise settles when its top-level code has ended; errors
    /// of its syntax, and those of finding its imports, are thrown at once.
    pub fn eval_module(self, source: &str, name: &str) -> Result<Value> {
        let module = self.importing(|| self.compile_module(source, name))?;
        // SAFETY: the crate's invariant; the call takes over the reference.
        unsafe { self.own(raw::JS_EvalFunction(self.as_ptr(), module.into_raw())) }
    }

    /// Compiles a script. What it throws is syntax errors.
    pub fn compile_script(self, source: &str, filename: &str) -> Result<Bytecode> {
        let flags = raw::JS_EVAL_TYPE_GLOBAL | raw::JS_EVAL_FLAG_COMPILE_ONLY;
        self.serialize(&self.eval_with(source, filename, flags)?)
    }

    /// Runs a compiled script, as [`eval`](Self::eval) would have.
    pub fn eval_bytecode(self, bytecode: &Bytecode) -> Result<Value> {
        let Bytecode(bytes) = bytecode;
        let (length, flags) = (bytes.len() as raw::size_t, raw::JS_READ_OBJ_BYTECODE as c_int);
        // SAFETY: the crate's invariant; `Bytecode` holds only what a compile wrote. Running takes the function over.
        unsafe {
            let function = self.own(raw::JS_ReadObject(self.as_ptr(), bytes.as_ptr(), length, flags))?;
            self.own(raw::JS_EvalFunction(self.as_ptr(), function.into_raw()))
        }
    }

    /// Compiles a module and finds its imports. QuickJS keeps the module for good under its name.
    pub(crate) fn compile_module(self, source: &str, name: &str) -> Result<Value> {
        let flags = raw::JS_EVAL_TYPE_MODULE | raw::JS_EVAL_FLAG_COMPILE_ONLY;
        let module = self.eval_with(source, name, flags)?;
        self.set_import_meta(&module)?;
        Ok(module)
    }

    fn eval_with(self, source: &str, filename: &str, flags: u32) -> Result<Value> {
        let filename = self.c_string(filename)?;
        let (bytes, length) = (zero_terminated(source), source.len() as raw::size_t);
        // SAFETY: the crate's invariant; the source is followed by the zero byte the parser wants beyond its length.
        unsafe {
            let (source, filename) = (bytes.as_ptr().cast(), filename.as_ptr());
            self.own(raw::JS_Eval(self.as_ptr(), source, length, filename, flags as c_int))
        }
    }

    fn serialize(self, function: &Value) -> Result<Bytecode> {
        let (mut length, flags): (raw::size_t, _) = (0, raw::JS_WRITE_OBJ_BYTECODE as c_int);
        // SAFETY: the crate's invariant; the bytes returned are ours, copied, and freed as they were allocated.
        unsafe {
            let start = raw::JS_WriteObject(self.as_ptr(), &raw mut length, function.as_raw(), flags);
            if start.is_null() {
                return Err(self.pending_exception());
            }
            let bytecode = Bytecode(slice::from_raw_parts(ptr::from_ref(&*start), length as usize).to_vec());
            raw::js_free(self.as_ptr(), start.cast());
            Ok(bytecode)
        }
    }

    /// Gives a compiled module its `import.meta.url`: the name it is known by.
    fn set_import_meta(self, module: &Value) -> Result<()> {
        // SAFETY: the crate's invariant; a module's value is a pointer to its definition.
        let (meta, name) = unsafe {
            let definition = raw::JS_VALUE_GET_PTR(module.as_raw()).cast();
            let meta = self.own(raw::JS_GetImportMeta(self.as_ptr(), definition))?;
            (meta, Atom::from_raw(self, raw::JS_GetModuleName(self.as_ptr(), definition)))
        };
        meta.define("url", &name.to_value()?)
    }
}
