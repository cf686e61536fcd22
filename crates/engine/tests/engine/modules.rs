//! Imports through a loader.

use std::collections::HashMap;

use hognose_engine::{Context, ModuleLoader, ModuleSource, PromiseState, Result, Thrown, Value};

use crate::{run_jobs, start};

/// Modules by name, and synthetic ones that export their own name as `default`.
struct Table(HashMap<&'static str, &'static str>);

impl ModuleLoader for Table {
    fn resolve(&self, _: Context, base: &str, specifier: &str) -> Result<String> {
        let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(specifier.strip_prefix("./").map_or(specifier.to_owned(), |file| format!("{folder}/{file}")))
    }

    fn load(&self, context: Context, name: &str, attributes: &Value) -> Result<ModuleSource> {
        if attributes.is_object() {
            let kind = attributes.get("type")?.to_js_string()?;
            return Ok(ModuleSource::Synthetic(vec![("default".to_owned(), context.string(&kind)?)]));
        }
        match self.0.get(name) {
            Some(source) => Ok(ModuleSource::JavaScript((*source).to_owned())),
            None => Err(Thrown::type_error(context, &format!("no module {name}"))),
        }
    }
}

fn start_with(modules: &[(&'static str, &'static str)]) -> Context {
    let context = start();
    context.set_module_loader(Table(modules.iter().copied().collect()));
    context
}

/// What the promise of an import came to.
fn settle(context: Context, promise: Result<Value>) -> Result<Value> {
    let promise = promise?;
    run_jobs(context);
    let result = promise.promise_result().expect("the import has ended");
    match promise.promise_state() {
        Some(PromiseState::Fulfilled) => Ok(result),
        _ => Err(Thrown(result)),
    }
}

#[test]
fn a_module_imports_relative_to_itself() {
    let context = start_with(&[
        (
            "app/main.js",
            "import { half } from './lib.js'; export const whole = half * 2, url = import.meta.url",
        ),
        ("app/lib.js", "export const half = await Promise.resolve(21)"),
    ]);
    let namespace = settle(context, context.import("", "app/main.js")).unwrap();
    assert_eq!(namespace.get("whole").unwrap().as_i32(), Some(42));
    assert_eq!(namespace.get("url").unwrap().as_string().unwrap(), "app/main.js");
}

#[test]
fn import_expressions_ask_the_loader() {
    let context = start_with(&[("answer.js", "export default 42")]);
    let script = "import('answer.js').then(m => { globalThis.answer = m.default })";
    settle(context, context.eval(script, "script.js")).unwrap();
    assert_eq!(context.global().get("answer").unwrap().as_i32(), Some(42));
}

#[test]
fn attributes_reach_the_loader() {
    let context = start_with(&[]);
    let source = "import kind from 'data' with { type: 'json' }; globalThis.kind = kind";
    settle(context, context.eval_module(source, "main.js")).unwrap();
    assert_eq!(context.global().get("kind").unwrap().as_string().unwrap(), "json");
}

#[test]
fn a_module_that_failed_to_load_fails_again() {
    let context = start_with(&[
        ("top.js", "import './middle.js'"),
        ("/middle.js", "import 'missing.js'"),
        ("other.js", "import './middle.js'"),
    ]);
    for name in ["top.js", "top.js", "/middle.js", "other.js", "top.js"] {
        let thrown = settle(context, context.import("", name)).unwrap_err();
        assert_eq!(thrown.to_string(), "TypeError: no module missing.js", "{name}");
    }
    assert_eq!(context.eval("1 + 1", "alive.js").unwrap().as_i32(), Some(2));
}
