//! Objects that carry Rust data.
#![expect(unsafe_code, reason = "saying what one owns is a promise")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hognose_engine::{NativeClass, Tracer, Value};

use crate::{objects, start};

/// Owns a value, and counts how many of its kind are alive.
struct Holder {
    held: RefCell<Option<Value>>,
    alive: Rc<Cell<i32>>,
}

impl Holder {
    fn new(alive: &Rc<Cell<i32>>) -> Self {
        alive.set(alive.get() + 1);
        Self { held: RefCell::new(None), alive: Rc::clone(alive) }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

impl NativeClass for Holder {
    const NAME: &'static str = "Holder";

    fn trace(&self, tracer: &mut Tracer<'_>) {
        if let Ok(held) = self.held.try_borrow() {
            // SAFETY: the holder owns the value, and holds no other.
            held.iter().for_each(|value| unsafe { tracer.mark(value) });
        }
    }
}

struct Other;

impl NativeClass for Other {
    const NAME: &'static str = "Other";
}

#[test]
fn data_is_found_by_its_type_only() {
    let context = start();
    let alive = Rc::default();
    assert!(context.object().unwrap().borrow_data::<Holder>().is_none());
    let instance = context.new_instance(Holder::new(&alive)).unwrap();
    assert_eq!(instance.borrow_data::<Holder>().unwrap().alive.get(), 1);
    assert!(instance.borrow_data::<Other>().is_none());
    assert!(context.new_instance(Other).unwrap().borrow_data::<Holder>().is_none());
    assert!(context.number(1).borrow_data::<Holder>().is_none());
}

#[test]
fn methods_of_the_prototype_reach_the_data() {
    let context = start();
    let prototype = context.object().unwrap();
    prototype
        .define_method("alive", 0, |context, this, _| {
            let data = this.borrow_data::<Holder>();
            data.map(|holder| context.number(holder.alive.get()))
                .ok_or_else(|| hognose_engine::Thrown::type_error(context, "not a Holder"))
        })
        .unwrap();
    let alive = Rc::default();
    let instance = context.new_instance_with(&prototype, Holder::new(&alive)).unwrap();
    assert_eq!(instance.call_method("alive", &[]).unwrap().as_i32(), Some(1));
    assert!(instance.get("alive").unwrap().call(&prototype, &[]).is_err());
}

#[test]
fn data_is_dropped_with_its_object() {
    let context = start();
    let alive: Rc<Cell<i32>> = Rc::default();
    drop(context.new_instance(Holder::new(&alive)).unwrap());
    assert_eq!(alive.get(), 0);
}

#[test]
fn traced_cycles_are_collected() {
    let context = start();
    let alive: Rc<Cell<i32>> = Rc::default();
    drop(context.new_instance(Holder::new(&alive)).unwrap());
    let before = objects(context);
    for _ in 0..100 {
        let (first, second) = (
            context.new_instance(Holder::new(&alive)).unwrap(),
            context.new_instance(Holder::new(&alive)).unwrap(),
        );
        second.set("first", &first).unwrap();
        first.borrow_data::<Holder>().unwrap().held.replace(Some(second));
    }
    assert_eq!(alive.get(), 200);
    assert_eq!(objects(context), before);
    assert_eq!(alive.get(), 0);
}

#[test]
fn traced_values_live_as_long_as_their_holder() {
    let context = start();
    let alive: Rc<Cell<i32>> = Rc::default();
    let holder = context.new_instance(Holder::new(&alive)).unwrap();
    holder.set("itself", &holder).unwrap();
    holder
        .borrow_data::<Holder>()
        .unwrap()
        .held
        .replace(Some(context.eval("({ answer: 42 })", "h.js").unwrap()));
    context.run_gc();
    let held = holder.borrow_data::<Holder>().unwrap().held.borrow().clone().unwrap();
    assert_eq!(held.get("answer").unwrap().as_i32(), Some(42));
}

#[test]
fn a_thread_keeps_one_extension_of_each_type() {
    let context = start();
    assert!(context.extension::<String>().is_none());
    context.set_extension("first".to_owned());
    context.set_extension(7_u8);
    context.set_extension("second".to_owned());
    assert_eq!(context.extension::<String>().unwrap().as_str(), "second");
    assert_eq!(*context.extension::<u8>().unwrap(), 7);
}
