//! Promises, jobs, and those who watch them.

use std::cell::RefCell;
use std::rc::Rc;

use hognose_engine::{PromiseEvent, PromiseState, Thrown};

use crate::{objects, run_jobs, start};

#[test]
fn a_deferred_is_settled_once() {
    let context = start();
    let deferred = context.deferred().unwrap();
    assert_eq!(deferred.promise.promise_state(), Some(PromiseState::Pending));
    assert!(deferred.promise.promise_result().is_none());
    deferred.resolve(&context.number(1)).unwrap();
    deferred.reject(&context.number(2)).unwrap();
    assert_eq!(deferred.promise.promise_state(), Some(PromiseState::Fulfilled));
    assert_eq!(deferred.promise.promise_result().unwrap().as_i32(), Some(1));
    assert_eq!(context.number(1).promise_state(), None);
}

#[test]
fn reactions_run_as_jobs_and_chain() {
    let context = start();
    let deferred = context.deferred().unwrap();
    let doubled = deferred.promise.then(
        |context, value| Ok(context.number(value.to_number()? * 2.0)),
        |_, reason| Err(Thrown(reason.clone())),
    );
    let failed = doubled.unwrap().then(
        |context, value| Err(Thrown::range_error(context, &format!("{} is too much", value.to_js_string()?))),
        |context, _| Ok(context.undefined()),
    );
    let recovered = failed.unwrap().then(
        |context, _| Ok(context.undefined()),
        |context, reason| context.string(&Thrown(reason.clone()).to_string()),
    );
    deferred.resolve(&context.number(21)).unwrap();
    let recovered = recovered.unwrap();
    assert_eq!(recovered.promise_state(), Some(PromiseState::Pending));
    run_jobs(context);
    assert_eq!(recovered.promise_result().unwrap().as_string().unwrap(), "RangeError: 42 is too much");
}

#[test]
fn jobs_are_bounded() {
    let context = start();
    context.eval("let n = 0; (async () => { for (;;) { await 0; n++ } })()", "forever.js").unwrap();
    assert_eq!(context.execute_jobs(0).unwrap(), 0);
    assert_eq!(context.execute_jobs(10).unwrap(), 10);
    assert!(context.has_jobs());
    assert_eq!(context.eval("n", "n.js").unwrap().as_i32(), Some(10));
}

#[test]
fn a_job_that_throws_leaves_the_others() {
    let context = start();
    context
        .eval(
            "queueMicrotask(() => { throw new Error('mine') }); queueMicrotask(() => { globalThis.ran = 1 })",
            "q.js",
        )
        .unwrap();
    assert_eq!(context.execute_jobs(10).unwrap_err().to_string(), "Error: mine");
    assert_eq!(context.execute_jobs(10).unwrap(), 1);
    assert!(!context.has_jobs());
}

#[test]
fn thenables_are_followed() {
    let context = start();
    let thenable = context.eval("({ then(resolve) { resolve('followed') } })", "t.js").unwrap();
    let promise = context.resolved_promise(&thenable).unwrap();
    run_jobs(context);
    assert_eq!(promise.promise_result().unwrap().as_string().unwrap(), "followed");
    assert!(context.resolved_promise(&promise).unwrap().strict_equals(&promise));
}

#[test]
fn unhandled_rejections_are_told_and_taken_back() {
    let context = start();
    let told = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&told);
    context.set_promise_rejection_tracker(move |_, promise, reason, handled| {
        assert!(promise.is_promise());
        log.borrow_mut().push((reason.to_js_string().unwrap(), handled));
    });
    let promise = context.rejected_promise(&context.string("why").unwrap()).unwrap();
    assert_eq!(*told.borrow(), [("why".to_owned(), false)]);
    promise.then(|_, value| Ok(value.clone()), |context, _| Ok(context.undefined())).unwrap();
    assert_eq!(told.borrow().last(), Some(&("why".to_owned(), true)));
    let quiet = context.deferred().unwrap();
    quiet.promise.mark_handled();
    quiet.reject(&context.null()).unwrap();
    assert_eq!(told.borrow().len(), 2);
}

#[test]
fn the_hook_sees_promises_come_and_resolve() {
    let context = start();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    context.set_promise_hook(move |_, event, _, parent| log.borrow_mut().push((event, parent.is_promise())));
    context.eval("Promise.resolve(1).then(() => 2); 0", "hook.js").unwrap();
    run_jobs(context);
    let (created, resolved) = (PromiseEvent::Created, PromiseEvent::Resolved);
    assert_eq!(seen.take(), [(created, false), (resolved, false), (created, true), (resolved, false)]);
    context.eval("Promise.resolve({ then(resolve) { resolve() } }); 0", "thenable.js").unwrap();
    run_jobs(context);
    let (before, after) = (PromiseEvent::BeforeThenable, PromiseEvent::AfterThenable);
    assert_eq!(
        seen.take().iter().map(|(event, _)| *event).collect::<Vec<_>>(),
        [created, before, resolved, after]
    );
}

#[test]
fn settled_promises_leave_nothing() {
    let context = start();
    let round = || {
        let deferred = context.deferred().unwrap();
        let captured = deferred.promise.clone();
        deferred.promise.then(move |_, _| Ok(captured), |context, _| Ok(context.null())).unwrap();
        deferred.resolve(&context.null()).unwrap();
        run_jobs(context);
    };
    round();
    let before = objects(context);
    for _ in 0..100 {
        round();
    }
    assert_eq!(objects(context), before);
}
