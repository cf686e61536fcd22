//! Imports through a loader.

use std::collections::HashMap;

use hognose_engine::{Context, ModuleLoader, ModuleSource, PromiseState, Result, Thrown, Value};

use crate::{run_jobs, start};

/// Modules by name, and synthetic ones that export their own name as `default`.
struct Table(HashMap<&'static str, &'static str>);

impl ModuleLoader for Table {
    fn resolve(&self, context: Context, base: &str, specifier: &str) -> Result<String> {
        if specifier.contains('#') {
            return Err(Thrown::type_error(context, &format!("no fragments: {specifier}")));
        }
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
        ("named.js", "import { name } from 'absent.js'"),
        ("other.js", "import './middle.js'"),
    ]);
    for name in ["top.js", "top.js", "/middle.js", "other.js", "top.js"] {
        let thrown = settle(context, context.import("", name)).unwrap_err();
        assert_eq!(thrown.to_string(), "TypeError: no module missing.js", "{name}");
    }
    let named = settle(context, context.import("", "named.js")).unwrap_err();
    assert_eq!(named.to_string(), "TypeError: no module absent.js");
    assert_eq!(context.eval("1 + 1", "alive.js").unwrap().as_i32(), Some(2));
}

#[test]
fn a_cycle_with_a_missing_part_can_be_asked_for_again() {
    let context = start_with(&[
        ("/a.js", "import './b.js'; import 'missing.js'; export const a = 1"),
        ("/b.js", "import { a } from './a.js'; export const b = () => a"),
    ]);
    for name in ["/a.js", "/b.js", "/a.js", "/b.js"] {
        let thrown = settle(context, context.import("", name)).unwrap_err();
        assert_eq!(thrown.to_string(), "TypeError: no module missing.js", "{name}");
    }
}

#[test]
fn an_import_without_a_name_fails_where_it_stands() {
    let context = start_with(&[
        ("/a.js", "import './b.js'; import 'c#d'; globalThis.ran = true"),
        ("/b.js", "import './a.js'; export const b = 1"),
    ]);
    for name in ["/a.js", "/b.js", "c#d", "/a.js"] {
        let thrown = settle(context, context.import("", name)).expect_err(name);
        assert_eq!(thrown.to_string(), "TypeError: no fragments: c#d");
    }
    assert!(context.global().get("ran").unwrap().is_undefined());
    assert!(context.eval_module("import 'c#d'", "main.js").unwrap_err().to_string().contains("c#d"));
}

#[test]
fn a_syntax_error_in_an_import_is_thrown_to_the_importer() {
    let context = start_with(&[("broken.js", "export const ="), ("fine.js", "export default 1")]);
    let source = "import('broken.js').catch(error => { globalThis.caught = error })";
    settle(context, context.eval(source, "main.js")).unwrap();
    assert!(Thrown(context.global().get("caught").unwrap()).to_string().starts_with("SyntaxError"));
    let missing = context.eval_module("import { other } from 'fine.js'", "main.js").unwrap_err();
    assert!(missing.to_string().starts_with("SyntaxError"), "{missing}");
}

#[test]
fn without_a_loader_imports_fail() {
    let context = start();
    assert!(context.eval_module("import 'x'", "main.js").is_err());
    assert!(settle(context, context.import("", "x")).is_err());
}
