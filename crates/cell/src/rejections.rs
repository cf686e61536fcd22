//! Promises that were rejected and that nobody handles. QuickJS says so at once, when a handler may still be attached by
//! the code that runs; they are reported once that code has ended, before the event loop waits.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{Context, Result, Value};
use hognose_web::Web;

/// What is to be reported.
#[derive(Debug, Default)]
pub(crate) struct Rejections(RefCell<Vec<Rejection>>);

#[derive(Debug)]
struct Rejection {
    promise: Value,
    reason: Value,
    /// Reported before, and handled since.
    handled: bool,
}

impl Rejections {
    /// Begins to note rejections.
    pub(crate) fn track(context: Context) -> Rc<Self> {
        let rejections = Rc::new(Self::default());
        let noted = Rc::clone(&rejections);
        context.set_promise_rejection_tracker(move |_context, promise, reason, handled| {
            noted.note(promise, reason, handled);
        });
        rejections
    }

    /// Tells the web platform, which tells listeners and the log.
    pub(crate) fn report(&self, web: &Web) -> Result<()> {
        // What a listener rejects is reported next time.
        for Rejection { promise, reason, handled } in self.0.take() {
            if handled {
                web.report_handled_rejection(&promise, &reason)?;
            } else {
                web.report_unhandled_rejection(&promise, &reason)?;
            }
        }
        Ok(())
    }

    fn note(&self, promise: &Value, reason: &Value, handled: bool) {
        let mut rejections = self.0.borrow_mut();
        let noted = rejections.iter().position(|rejection| rejection.promise.strict_equals(promise));
        let settled = noted.filter(|_| handled).map(|index| rejections.remove(index));
        if settled.is_none() {
            rejections.push(Rejection { promise: promise.clone(), reason: reason.clone(), handled });
        }
        // What a value's end sets off must find the list free.
        drop(rejections);
        drop(settled);
    }
}
