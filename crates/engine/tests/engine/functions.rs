//! Rust closures called from JavaScript: arguments, exceptions, panics, their end.

use std::cell::Cell;
use std::rc::Rc;

use hognose_engine::{Attributes, ErrorKind, Thrown};

use crate::{objects, start};

#[test]
fn any_number_of_arguments_arrives() {
    let context = start();
    let sum = context
        .function("sum", 2, |context, _, arguments| {
            Ok(context.number(arguments.iter().filter_map(hognose_engine::Value::as_f64).sum::<f64>()))
        })
        .unwrap();
    for count in [0, 1, 2, 7, 8, 9, 100] {
        let arguments: Vec<_> = (0..count).map(|index| context.number(index)).collect();
        let total = sum.call_function(&arguments).unwrap();
        assert_eq!(total.as_i32(), Some((0..count).sum()), "{count} arguments");
    }
    assert_eq!(sum.get("length").unwrap().as_i32(), Some(2));
    assert_eq!(sum.get("name").unwrap().as_string().unwrap(), "sum");
}

#[test]
fn a_panic_becomes_an_internal_error() {
    let context = start();
    let fail = context.function("fail", 0, |_, _, _| panic!("out of {}", "luck")).unwrap();
    let thrown = fail.call_function(&[]).unwrap_err();
    assert_eq!(thrown.to_string(), "InternalError: native code panicked: out of luck");
    assert_eq!(context.eval("1 + 1", "alive.js").unwrap().as_i32(), Some(2));
}

#[test]
fn a_panic_inside_nested_calls_unwinds_through_both_engines_as_an_exception() {
    let context = start();
    let inner = context.function("inner", 0, |_, _, _| panic!("deep")).unwrap();
    context.global().set("inner", &inner).unwrap();
    context
        .eval("globalThis.middle = () => { try { inner() } finally { globalThis.ran = true } }", "m.js")
        .unwrap();
    let outer = context
        .function("outer", 0, |context, this, _| context.global().get("middle")?.call(this, &[]))
        .unwrap();
    assert!(outer.call_function(&[]).unwrap_err().to_string().ends_with("deep"));
    assert_eq!(context.global().get("ran").unwrap().as_bool(), Some(true));
}

#[test]
fn a_closure_is_dropped_with_its_function() {
    let context = start();
    let captured = Rc::new(());
    let kept = Rc::clone(&captured);
    let function =
        context.function("f", 0, move |context, _, _| Ok(context.number(Rc::strong_count(&kept) as f64)));
    let function = function.unwrap();
    assert_eq!(function.call_function(&[]).unwrap().as_i32(), Some(2));
    drop(function);
    assert_eq!(Rc::strong_count(&captured), 1);
}

#[test]
fn nothing_is_left_behind_by_calls() {
    let context = start();
    let echo = context.function("echo", 1, |_, _, arguments| Ok(arguments[0].clone())).unwrap();
    context.global().set("echo", &echo).unwrap();
    let round = || {
        let object = context.object().unwrap();
        object
            .set("list", &context.array(&[context.string("x").unwrap(), context.number(1)]).unwrap())
            .unwrap();
        let answer = context.eval("echo", "e.js").unwrap().call_function(&[object]).unwrap();
        drop(answer.get("list").unwrap().elements().unwrap());
        drop(context.eval("(() => { throw new Error('gone') })()", "e.js").unwrap_err().stack());
        drop(echo.call_method("missing", &[]).unwrap_err());
    };
    round();
    let before = (objects(context), context.memory_usage());
    for _ in 0..100 {
        round();
    }
    assert_eq!((objects(context), context.memory_usage()), before);
}

#[test]
fn errors_carry_long_messages_whole() {
    let context = start();
    let message = "é".repeat(1000);
    let thrown = Thrown::new(context, ErrorKind::RangeError, &message);
    assert_eq!(thrown.to_string(), format!("RangeError: {message}"));
    assert!(thrown.0.instance_of(&context.global().get("RangeError").unwrap()).unwrap());
    assert_eq!(Thrown::named(context, "QuotaError", "full").to_string(), "QuotaError: full");
    assert_eq!(Thrown::dom_exception(context, "AbortError", "stop").to_string(), "AbortError: stop");
}

#[test]
fn a_stack_names_the_line() {
    let context = start();
    let thrown = context.eval("function f() {\n  null.x\n}\nf()", "app.js").unwrap_err();
    assert!(thrown.stack().unwrap().contains("app.js:2"), "{:?}", thrown.stack());
}

#[test]
fn math_random_asks_the_host() {
    let context = start();
    let draws = Cell::new(0.0);
    context
        .set_random(move || {
            draws.set(draws.get() + 0.125);
            draws.get()
        })
        .unwrap();
    let drawn =
        context.eval("[Math.random(), Math.random(), Math.random.length, Math.random.name].join()", "r.js");
    assert_eq!(drawn.unwrap().as_string().unwrap(), "0.125,0.25,0,random");
    assert_eq!(context.eval("Object.keys(Math).length", "r.js").unwrap().as_i32(), Some(0));
}

#[test]
fn attributes_are_those_asked_for() {
    let context = start();
    let object = context.object().unwrap();
    object.define_with("fixed", &context.number(1), Attributes::default()).unwrap();
    object
        .define_getter("twice", |context, this| Ok(context.number(this.get("fixed")?.to_number()? * 2.0)))
        .unwrap();
    assert_eq!(object.get("twice").unwrap().as_i32(), Some(2));
    assert!(object.set("fixed", &context.number(2)).unwrap_err().to_string().starts_with("TypeError"));
    assert!(object.define("fixed", &context.number(2)).is_err());
    assert!(!object.delete("fixed").unwrap());
    assert!(
        object.has_own("twice").unwrap()
            && object.has("toString").unwrap()
            && !object.has_own("toString").unwrap()
    );
}

#[test]
fn a_compiled_script_runs_again_and_again() {
    let context = start();
    let bytecode =
        context.compile_script("globalThis.runs = (globalThis.runs ?? 0) + 1", "count.js").unwrap();
    for run in 1..=3 {
        assert_eq!(context.eval_bytecode(&bytecode).unwrap().as_i32(), Some(run));
    }
    assert!(context.compile_script("(", "broken.js").unwrap_err().to_string().starts_with("SyntaxError"));
}

#[test]
fn names_with_a_zero_character_are_refused() {
    let context = start();
    assert!(context.function("a\0b", 0, |context, _, _| Ok(context.null())).is_err());
    assert!(context.eval("1", "a\0b").unwrap_err().to_string().starts_with("TypeError"));
}
