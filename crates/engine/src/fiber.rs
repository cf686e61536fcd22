//! Rust code that can be left in the middle: a library that calls back and cannot wait runs on a stack of its own, and
//! its callbacks *pause* until JavaScript, on the stack below, has decided what they return.
//!
//! JavaScript never runs inside of a fiber: QuickJS measures the stack it was started on.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::ptr;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

thread_local! {
    /// The place of the fiber that runs just now; null outside of any.
    static RUNNING: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// A computation that takes `Input` each time it goes on, gives `Output` each time it pauses, and ends with `Result`.
///
/// Dropped in the middle, it is unwound; owners that can should let it come to its end instead.
pub struct Fiber<Input: 'static, Output: 'static, Result: 'static> {
    coroutine: Coroutine<Input, Output, Result>,
    place: Rc<Place<Input, Output>>,
}

/// Where the fiber's own handle to its stack is found. Its address is what tells one fiber from another.
struct Place<Input, Output>(Cell<*const Yielder<Input, Output>>);

/// What a fiber's code pauses with. Any callback may own a clone.
pub struct Pause<Input, Output>(Rc<Place<Input, Output>>);

/// How far a fiber came.
#[derive(Debug)]
pub enum Step<Output, Result> {
    /// It waits for another input.
    Paused(Output),
    /// It is over.
    Ended(Result),
}

impl<Input, Output, Result> Fiber<Input, Output, Result> {
    /// A fiber that has not begun. `body` gets the first input.
    ///
    /// # Errors
    /// What the system says where it has no memory for a stack of `stack_bytes`.
    pub fn new(
        stack_bytes: usize,
        body: impl FnOnce(Pause<Input, Output>, Input) -> Result + 'static,
    ) -> io::Result<Self> {
        let place = Rc::new(Place(Cell::new(ptr::null())));
        let pause = Pause(Rc::clone(&place));
        let stack = DefaultStack::new(stack_bytes)?;
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<Input, Output>, input| {
            pause.0.0.set(yielder);
            body(pause, input)
        });
        Ok(Self { coroutine, place })
    }

    /// Runs it until it pauses or ends.
    ///
    /// # Panics
    /// If it has ended before.
    pub fn resume(&mut self, input: Input) -> Step<Output, Result> {
        let below = RUNNING.replace(self.place.identity());
        let result = self.coroutine.resume(input);
        RUNNING.set(below);
        match result {
            CoroutineResult::Yield(output) => Step::Paused(output),
            CoroutineResult::Return(result) => Step::Ended(result),
        }
    }
}

impl<Input, Output> Place<Input, Output> {
    fn identity(&self) -> *const () {
        ptr::from_ref(self).cast()
    }
}

impl<Input, Output> Pause<Input, Output> {
    /// Leaves the fiber until it is resumed, and gives what it is resumed with.
    ///
    /// # Panics
    /// If it is called outside of the fiber that it belongs to.
    pub fn wait(&self, output: Output) -> Input {
        assert!(RUNNING.get() == self.0.identity(), "invariant: only a running fiber pauses");
        // SAFETY: this fiber runs, so its body has begun, which set the pointer, and has not returned, so the yielder
        // it was given still lives at the bottom of the stack we are on.
        unsafe { &*self.0.0.get() }.suspend(output)
    }
}

impl<Input, Output> Clone for Pause<Input, Output> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<Input, Output> fmt::Debug for Pause<Input, Output> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pause")
    }
}

impl<Input, Output, Result> fmt::Debug for Fiber<Input, Output, Result> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fiber").field("ended", &self.coroutine.done()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK_BYTES: usize = 64 * 1024;

    #[test]
    fn a_fiber_pauses_and_goes_on() {
        let mut fiber = Fiber::new(STACK_BYTES, |pause, first: u32| {
            let nested: Box<dyn Fn(u32) -> u32> = {
                let pause = pause.clone();
                Box::new(move |output| pause.wait(output))
            };
            first + nested(first + 1)
        })
        .expect("memory for a stack");
        assert!(matches!(fiber.resume(1), Step::Paused(2)));
        assert!(matches!(fiber.resume(10), Step::Ended(11)));
    }

    #[test]
    fn fibers_run_inside_of_each_other() {
        let mut outer = Fiber::new(STACK_BYTES, |pause, ()| {
            let mut inner = Fiber::new(STACK_BYTES, |pause, ()| pause.wait("inner")).expect("memory");
            assert!(matches!(inner.resume(()), Step::Paused("inner")));
            pause.wait("outer");
            assert!(matches!(inner.resume(()), Step::Ended(())));
        })
        .expect("memory for a stack");
        assert!(matches!(outer.resume(()), Step::Paused("outer")));
        assert!(matches!(outer.resume(()), Step::Ended(())));
    }

    #[test]
    #[should_panic(expected = "only a running fiber pauses")]
    fn nobody_else_pauses_a_fiber() {
        let kept: Rc<Cell<Option<Pause<(), ()>>>> = Rc::default();
        let given = Rc::clone(&kept);
        let mut fiber = Fiber::new(STACK_BYTES, move |pause, ()| {
            given.set(Some(pause.clone()));
            pause.wait(());
        })
        .expect("memory for a stack");
        fiber.resume(());
        kept.take().expect("the fiber has begun").wait(());
    }
}
