//! The cycle collector, and how another heap takes part in it.
//!
//! QuickJS counts references, and finds cycles by trial deletion. It subtracts every reference that one object holds to
//! another from the counts; what has a count left is held from outside, and it adds back the references of these objects,
//! of those that they reach, and so on; what nobody reached is freed. It learns the references of a
//! [`NativeClass`](crate::NativeClass) by calling its `trace` twice: once to subtract, once to restore ([`Phase`]).
//!
//! A cycle that leads through another heap looks held from outside. A [`Partner`] describes that heap while a collection
//! runs: which values its objects own, and, as the restoring goes on, which of them turn out to be reached. It has the last
//! word before anything is freed, and can bring back what it names.
//!
//! QuickJS has no hook for "all is restored that can be". But it goes through its list of objects in order and appends
//! those that become reached, so two objects of ours, the *turnstiles*, find out: whichever is visited looks whether anything
//! but the other follows, and if so sends the other to the end of the list, by subtracting and restoring its one reference.
//! For this the layer knows one thing of QuickJS's memory, that an object begins with its link in that list; a new runtime
//! checks that it does.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::runtime::State;
use crate::{Context, NativeClass, Tracer, Value, raw};

/// A heap of other objects that own JavaScript values, and are owned by JavaScript objects, during one collection.
///
/// The methods are called in the order in which they are written here, once each, from inside the collector: they must
/// not run JavaScript or make or drop a value. Between the last two the objects of native classes that JavaScript has
/// reached are asked to trace their references, and may mark what the partner owns and they reach.
pub trait Partner {
    /// Marks every value that an object of this heap owns.
    fn subtract(&self, tracer: &mut Tracer<'_>);

    /// Marks the values owned by what lives without JavaScript's help.
    fn restore_roots(&self, tracer: &mut Tracer<'_>);

    /// Everything alive has been reached. Marks the other values that were subtracted, and what is to survive although it is
    /// garbage: an additional reference to such an object then belongs to the partner.
    fn restore_rest(&self, tracer: &mut Tracer<'_>);
}

/// What a collection wants to know an object's references for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// To take them from the counts.
    Subtract,
    /// To add them again: the object is alive, or nothing is.
    Restore,
}

/// The beginning of each object that the collector knows, as QuickJS lays it out.
#[repr(C)]
struct Link {
    previous: *mut Link,
    next: *mut Link,
}

/// What the layer knows of the collector.
#[derive(Default)]
pub(crate) struct Collector {
    turnstiles: Cell<[Option<NonNull<Link>>; 2]>,
    /// Where the list of all objects begins and ends.
    list: Cell<Option<NonNull<Link>>>,
    /// The function by which QuickJS subtracts.
    subtract: Cell<raw::JS_MarkFunc>,
    collections: Cell<u64>,
    partner: Cell<Option<NonNull<dyn Partner>>>,
    progress: Cell<Progress>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Subtracting,
    Restoring,
    Done,
}

impl Context {
    /// Collects cycles together with another heap.
    pub fn run_gc_with(self, partner: &dyn Partner) {
        let collector = &self.state().collector;
        // SAFETY: only the lifetime is dropped; the pointer is forgotten before this function returns.
        let partner = unsafe { std::mem::transmute::<&dyn Partner, &'static dyn Partner>(partner) };
        collector.progress.set(Progress::Subtracting);
        collector.partner.set(Some(NonNull::from(partner)));
        self.run_gc();
        collector.partner.set(None);
        assert!(collector.progress.get() == Progress::Done, "invariant: a collection visits the turnstiles");
    }

    /// How often cycles have been collected, on whosever initiative.
    pub fn collections(self) -> u64 {
        self.state().collector.collections.get()
    }
}

impl<'collection> Tracer<'collection> {
    /// The tracer for a class that was registered through [`raw`].
    ///
    /// # Safety
    ///
    /// The arguments are those of QuickJS's call for marks, which goes on.
    pub const unsafe fn from_raw(runtime: *mut raw::JSRuntime, mark: raw::JS_MarkFunc) -> Self {
        Self { runtime, mark, collection: PhantomData }
    }

    /// Says that the data owns this reference, as [`mark`](Self::mark) does.
    ///
    /// # Safety
    ///
    /// As for `mark`, and the value is alive.
    pub unsafe fn mark_raw(&mut self, value: raw::JSValue) {
        // SAFETY: the tracer only exists inside of QuickJS's own call for marks.
        unsafe { raw::JS_MarkValue(self.runtime, value, self.mark) };
    }

    /// What the references are wanted for.
    pub fn phase(&self) -> Phase {
        let subtract = self.collector().subtract.get().map(|function| function as usize);
        if self.mark.map(|function| function as usize) == subtract { Phase::Subtract } else { Phase::Restore }
    }

    fn collector(&self) -> &'collection Collector {
        // SAFETY: QuickJS passed a runtime of this layer.
        unsafe { &State::of(self.runtime).collector }
    }
}

/// One of the two objects by which a collection is watched: the first or the second.
struct Turnstile(usize);

impl NativeClass for Turnstile {
    const NAME: &'static str = "Turnstile";

    fn trace(&self, tracer: &mut Tracer<'_>) {
        let collector = tracer.collector();
        // The turnstiles are older than everything else that asks, so the first question of all is theirs.
        if collector.subtract.get().is_none() {
            collector.subtract.set(tracer.mark);
        }
        let phase = tracer.phase();
        if phase == Phase::Subtract && self.0 == 0 {
            collector.collections.set(collector.collections.get() + 1);
        }
        if let Some(partner) = collector.partner.get() {
            // SAFETY: `run_gc_with` keeps the partner for as long as it is named here.
            collector.pass(self.0, phase, unsafe { partner.as_ref() }, tracer);
        }
    }
}

impl Collector {
    /// Puts up the turnstiles, once, in a fresh context. `None` if memory does not suffice.
    ///
    /// # Panics
    ///
    /// If this QuickJS keeps its list of objects in another way.
    pub(crate) fn prepare(context: Context) -> Option<()> {
        let collector = &context.state().collector;
        let null = context.null();
        let first = link(context.new_instance_with(&null, Turnstile(0)).ok()?);
        let second = link(context.new_instance_with(&null, Turnstile(1)).ok()?);
        // SAFETY: both objects live for ever, and every object has room for a link.
        let (chained, list) = unsafe {
            (
                (*first.as_ptr()).next == second.as_ptr() && (*second.as_ptr()).previous == first.as_ptr(),
                (*second.as_ptr()).next,
            )
        };
        assert!(chained, "invariant: the pinned QuickJS links each object to the one made before it");
        collector.turnstiles.set([Some(first), Some(second)]);
        collector.list.set(NonNull::new(list));
        Some(())
    }

    /// The collection has come to a turnstile.
    fn pass(&self, turnstile: usize, phase: Phase, partner: &dyn Partner, tracer: &mut Tracer<'_>) {
        match (phase, self.progress.get()) {
            (Phase::Subtract, _) if turnstile == 0 => partner.subtract(tracer),
            (Phase::Subtract, _) | (Phase::Restore, Progress::Done) => {}
            (Phase::Restore, Progress::Subtracting) => {
                self.progress.set(Progress::Restoring);
                partner.restore_roots(tracer);
                self.look_ahead(turnstile, partner, tracer);
            }
            (Phase::Restore, Progress::Restoring) => self.look_ahead(turnstile, partner, tracer),
        }
    }

    fn look_ahead(&self, turnstile: usize, partner: &dyn Partner, tracer: &mut Tracer<'_>) {
        let turnstiles = self.turnstiles.get();
        let (Some(here), Some(other)) = (turnstiles[turnstile], turnstiles[1 - turnstile]) else { return };
        if self.is_last(here, other) {
            self.progress.set(Progress::Done);
            partner.restore_rest(tracer);
        } else {
            self.send_to_end(other, tracer);
        }
    }

    /// Whether nothing follows a turnstile in the list, except perhaps the other one.
    fn is_last(&self, here: NonNull<Link>, other: NonNull<Link>) -> bool {
        let end = self.list.get().map_or(ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: the turnstiles live for ever; the list is not changed meanwhile.
        unsafe {
            let next = (*here.as_ptr()).next;
            next == end || (next == other.as_ptr() && (*next).next == end)
        }
    }

    /// Takes a turnstile's one reference away and gives it back, upon which QuickJS appends it as newly reached.
    fn send_to_end(&self, turnstile: NonNull<Link>, tracer: &Tracer<'_>) {
        let object = turnstile.as_ptr().cast::<raw::JSGCObjectHeader>();
        if let (Some(subtract), Some(restore)) = (self.subtract.get(), tracer.mark) {
            // SAFETY: both are QuickJS's own functions, called during the collection that passed them to us.
            unsafe {
                subtract(tracer.runtime, object);
                restore(tracer.runtime, object);
            }
        }
    }
}

/// The link of an object, which lives for ever from here on.
fn link(object: Value) -> NonNull<Link> {
    // SAFETY: an object's value is a pointer.
    let pointer = unsafe { raw::JS_VALUE_GET_PTR(object.into_raw()) };
    NonNull::new(pointer.cast()).expect("invariant: an object is somewhere")
}
