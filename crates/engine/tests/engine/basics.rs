//! Values, properties, calls.

use hognose_engine::{KeyFilter, Runtime, RuntimeOptions, StartError, Thrown, TypeOf};

use crate::start;

#[test]
fn a_script_returns_its_last_value() {
    let context = start();
    assert_eq!(context.eval("6 * 7", "sum.js").unwrap().as_i32(), Some(42));
}

#[test]
fn a_thread_has_one_runtime() {
    let context = start();
    assert_eq!(Runtime::new(RuntimeOptions::default()).unwrap_err(), StartError::AlreadyStarted);
    assert_eq!(hognose_engine::Context::current(), Some(context));
}

#[test]
fn kinds_are_told_apart() {
    let context = start();
    let kinds = [
        ("undefined", TypeOf::Undefined),
        ("null", TypeOf::Null),
        ("true", TypeOf::Boolean),
        ("1.5", TypeOf::Number),
        ("1n", TypeOf::BigInt),
        ("2n ** 80n", TypeOf::BigInt),
        ("'text'", TypeOf::String),
        ("'a' + 'b'.repeat(9000)", TypeOf::String),
        ("Symbol()", TypeOf::Symbol),
        ("(() => 1)", TypeOf::Function),
        ("({})", TypeOf::Object),
    ];
    for (source, kind) in kinds {
        assert_eq!(context.eval(source, "kind.js").unwrap().type_of(), kind, "{source}");
    }
}

#[test]
fn a_closure_calls_javascript_that_calls_the_closure() {
    let context = start();
    let countdown = context
        .function("countdown", 1, |context, this, arguments| {
            let left = arguments[0].as_i32().unwrap();
            if left == 0 {
                return context.string("done");
            }
            context.global().get("again")?.call(this, &[context.number(left - 1)])
        })
        .unwrap();
    context.global().set("countdown", &countdown).unwrap();
    context.eval("globalThis.again = left => countdown(left)", "again.js").unwrap();
    assert_eq!(countdown.call_function(&[context.number(20)]).unwrap().as_string().unwrap(), "done");
}

#[test]
fn exceptions_cross_both_ways() {
    let context = start();
    let thrown = context.eval("throw new RangeError('too far')", "far.js").unwrap_err();
    assert_eq!(thrown.to_string(), "RangeError: too far");
    let refuse =
        context.function("refuse", 0, |context, _, _| Err(Thrown::type_error(context, "no"))).unwrap();
    context.global().set("refuse", &refuse).unwrap();
    let caught = context.eval("try { refuse() } catch (e) { e instanceof TypeError && e.message }", "try.js");
    assert_eq!(caught.unwrap().as_string().unwrap(), "no");
}

#[test]
fn keys_come_in_order() {
    let context = start();
    let object = context.eval("({b: 1, 2: 0, a: 1, [Symbol.iterator]: 1})", "keys.js").unwrap();
    let names = |filter| -> Vec<String> {
        object.own_keys(filter).unwrap().iter().map(|key| key.to_name().unwrap()).collect()
    };
    assert_eq!(names(KeyFilter::EnumerableStrings), ["2", "b", "a"]);
    assert_eq!(names(KeyFilter::All), ["2", "b", "a", "Symbol.iterator"]);
}
