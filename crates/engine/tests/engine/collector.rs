//! Collections in which another heap takes part: here a shelf whose places own values, and tickets that own places.
#![expect(unsafe_code, reason = "saying what one owns is a promise")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hognose_engine::raw::JSValue as RawValue;
use hognose_engine::{Context, NativeClass, Partner, Phase, Tracer, Value};

use crate::{objects, start};

#[derive(Default)]
struct Place {
    value: RefCell<Option<Value>>,
    /// Whether something outside of JavaScript wants the place.
    reserved: Cell<bool>,
    restored: Cell<bool>,
    dead: Cell<bool>,
}

#[derive(Default)]
struct Shelf {
    places: RefCell<Vec<Rc<Place>>>,
    /// What the last collection did not reach.
    dead: RefCell<Vec<Rc<Place>>>,
    /// Whether this collection is one that the shelf takes part in.
    takes_part: Cell<bool>,
}

thread_local! {
    static SHELF: Shelf = Shelf::default();
}

/// A JavaScript object that owns a place.
struct Ticket(Rc<Place>);

impl NativeClass for Ticket {
    const NAME: &'static str = "Ticket";

    fn trace(&self, tracer: &mut Tracer<'_>) {
        if tracer.phase() == Phase::Restore && SHELF.with(|shelf| shelf.takes_part.get()) {
            self.0.restore(tracer);
        }
    }
}

impl Place {
    fn restore(&self, tracer: &mut Tracer<'_>) {
        if !self.restored.replace(true) {
            self.mark(tracer);
        }
    }

    fn mark(&self, tracer: &mut Tracer<'_>) {
        // SAFETY: the place owns its value.
        self.value.borrow().iter().for_each(|value| unsafe { tracer.mark(value) });
    }
}

impl Partner for Shelf {
    fn subtract(&self, tracer: &mut Tracer<'_>) {
        self.places.borrow().iter().for_each(|place| place.mark(tracer));
    }

    fn restore_roots(&self, tracer: &mut Tracer<'_>) {
        self.places
            .borrow()
            .iter()
            .filter(|place| place.reserved.get())
            .for_each(|place| place.restore(tracer));
    }

    fn restore_rest(&self, tracer: &mut Tracer<'_>) {
        let places = self.places.borrow();
        let dead: Vec<_> = places.iter().filter(|place| !place.restored.get()).cloned().collect();
        for place in &dead {
            place.dead.set(true);
            place.restore(tracer);
        }
        self.dead.replace(dead);
    }
}

fn ticket(context: Context, place: &Rc<Place>) -> Value {
    context.new_instance(Ticket(Rc::clone(place))).expect("there is memory for a ticket")
}

/// A place with an object on it, which owns a ticket for `next`.
fn place(context: Context, next: Option<&Rc<Place>>) -> Rc<Place> {
    let place = Rc::new(Place::default());
    place.value.replace(Some(context.object().expect("there is memory for an object")));
    if let Some(next) = next {
        place.lead_to(next);
    }
    SHELF.with(|shelf| shelf.places.borrow_mut().push(Rc::clone(&place)));
    place
}

impl Place {
    fn lead_to(&self, next: &Rc<Place>) {
        let value = self.value.borrow();
        let object = value.as_ref().expect("a place of the tests has an object");
        object.set("ticket", &ticket(object.context(), next)).expect("an ordinary object takes properties");
    }
}

/// Collects, clears the places that nobody reached, and says how many there were.
fn collect(context: Context) -> usize {
    SHELF.with(|shelf| {
        shelf.places.borrow().iter().for_each(|place| place.restored.set(false));
        shelf.takes_part.set(true);
        context.run_gc_with(shelf);
        shelf.takes_part.set(false);
        shelf.places.borrow_mut().retain(|place| !place.dead.get());
        let dead = shelf.dead.take();
        dead.iter().filter_map(|place| place.value.take()).count()
    })
}

/// A ring of places, each of which leads to the next through JavaScript.
fn ring(context: Context, length: usize) -> Rc<Place> {
    let first = place(context, None);
    let last = (1..length).fold(Rc::clone(&first), |next, _| place(context, Some(&next)));
    first.lead_to(&last);
    first
}

#[test]
fn a_cycle_through_both_heaps_lives_as_long_as_it_is_wanted() {
    let context = start();
    let before = objects(context);
    let wanted = ring(context, 3);
    wanted.reserved.set(true);
    ring(context, 4);
    assert_eq!(collect(context), 4);
    assert_eq!(collect(context), 0);
    wanted.reserved.set(false);
    assert_eq!(collect(context), 3);
    assert_eq!(objects(context), before);
}

#[test]
fn long_chains_are_followed_to_their_end() {
    let context = start();
    let wanted = ring(context, 5000);
    wanted.reserved.set(true);
    assert_eq!(collect(context), 0);
    let list = context
        .eval("let list = null; for (let i = 0; i < 20000; i++) list = {list}; list", "list.js")
        .unwrap();
    let end = place(context, None);
    list.set("ticket", &ticket(context, &end)).unwrap();
    drop(list);
    assert_eq!(collect(context), 0);
    context.eval("list = null", "list.js").unwrap();
    assert_eq!(collect(context), 1);
    wanted.reserved.set(false);
    assert_eq!(collect(context), 5000);
}

/// Brings one object back.
struct Rescuer(RawValue);

impl Partner for Rescuer {
    fn subtract(&self, _: &mut Tracer<'_>) {}

    fn restore_roots(&self, _: &mut Tracer<'_>) {}

    fn restore_rest(&self, tracer: &mut Tracer<'_>) {
        // SAFETY: the object is not freed yet; the reference belongs to the test.
        unsafe { tracer.mark_raw(self.0) };
    }
}

#[test]
fn garbage_that_the_partner_names_survives() {
    let context = start();
    let before = objects(context);
    let ring =
        context.eval("(() => { const a = {}; a.b = {a, name: 'ring'}; return a; })()", "r.js").unwrap();
    let garbage = ring.as_raw();
    drop(ring);
    context.run_gc_with(&Rescuer(garbage));
    // SAFETY: this is the reference that the rescuer asked for.
    let ring = unsafe { Value::from_raw(context, garbage) };
    assert_eq!(ring.get("b").unwrap().get("name").unwrap().to_js_string().unwrap(), "ring");
    drop(ring);
    assert_eq!(objects(context), before);
}

#[test]
fn collections_are_counted() {
    let context = start();
    let before = context.collections();
    context.run_gc();
    collect(context);
    assert_eq!(context.collections(), before + 2);
}
