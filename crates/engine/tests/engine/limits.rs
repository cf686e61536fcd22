//! Memory, stack and time run out in an orderly way.
#![expect(unsafe_code, reason = "saying where a stack ends is a promise")]

use std::cell::Cell;
use std::rc::Rc;

use hognose_engine::{Runtime, RuntimeOptions, StartError};

use crate::start;

#[test]
fn endless_recursion_is_a_range_error() {
    let context = start();
    let caught = context.eval("const f = () => f(); try { f() } catch (e) { `${e}` }", "deep.js").unwrap();
    assert_eq!(caught.as_string().unwrap(), "RangeError: Maximum call stack size exceeded");
}

#[test]
fn recursion_through_rust_is_a_range_error_too() {
    let context = start();
    let bounce =
        context.function("bounce", 0, |context, this, _| context.global().get("bounce")?.call(this, &[]));
    context.global().set("bounce", &bounce.unwrap()).unwrap();
    let thrown = context.eval("bounce()", "bounce.js").unwrap_err();
    assert!(thrown.to_string().contains("Maximum call stack size exceeded"), "{thrown}");
}

#[test]
fn less_stack_is_less_depth() {
    let context = start();
    let depth = || {
        context.eval(
            "(() => { let n = 0; const f = () => { n++; f() }; try { f() } catch {} return n })()",
            "d.js",
        )
    };
    let deep = depth().unwrap().as_i32().unwrap();
    let here = &raw const deep as usize;
    // SAFETY: a test thread has two megabytes of stack, most of them below this frame.
    unsafe { context.set_stack(here - (128 << 10)) };
    let shallow = depth().unwrap().as_i32().unwrap();
    assert!(shallow > 0 && shallow < deep / 2, "{shallow} of {deep}");
    // SAFETY: as above.
    unsafe { context.set_stack(here) };
    assert!(context.eval("(() => 1)()", "none.js").is_err(), "no stack is left");
}

#[test]
fn an_interrupt_ends_what_never_ends() {
    let context = start();
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    context.set_interrupt_handler(move || {
        count.set(count.get() + 1);
        count.get() > 10
    });
    let thrown = context.eval("while (true) { try { while (true) {} } catch {} }", "loop.js").unwrap_err();
    assert!(thrown.is_uncatchable());
    assert_eq!(asked.get(), 11);
}

#[test]
fn an_interrupt_passes_through_closures() {
    let context = start();
    context.set_interrupt_handler(|| true);
    let run =
        context.function("run", 0, |context, _, _| context.eval("while (true) {}", "inner.js")).unwrap();
    context.global().set("run", &run).unwrap();
    assert!(context.eval("try { run() } catch { 'caught' }", "outer.js").unwrap_err().is_uncatchable());
}

#[test]
fn a_panicking_interrupt_handler_interrupts() {
    let context = start();
    context.set_interrupt_handler(|| panic!("no idea"));
    assert!(context.eval("while (true) {}", "loop.js").unwrap_err().is_uncatchable());
}

#[test]
fn memory_ends_at_the_limit() {
    let context = start();
    let used = context.memory_usage().allocated_bytes as usize;
    context.set_memory_limit(Some(used + (4 << 20)));
    assert!(context.eval("new ArrayBuffer(1 << 20).byteLength", "fits.js").is_ok());
    assert!(context.eval("new ArrayBuffer(4 << 20).byteLength", "large.js").unwrap_err().is_out_of_memory());
    assert!(
        context
            .eval("const hoard = []; for (;;) hoard.push(hoard.slice())", "fill.js")
            .unwrap_err()
            .is_out_of_memory()
    );
    context.set_memory_limit(None);
    assert_eq!(
        context.eval("new ArrayBuffer(4 << 20).byteLength", "again.js").unwrap().as_i32(),
        Some(4 << 20)
    );
}

#[test]
fn a_limit_too_small_to_start_is_an_error() {
    let options = RuntimeOptions { memory_limit_bytes: Some(10_000), ..RuntimeOptions::default() };
    assert_eq!(Runtime::new(options).unwrap_err(), StartError::OutOfMemory);
    assert!(Runtime::new(RuntimeOptions::default()).is_ok(), "a failed start leaves nothing behind");
}
