//! Marks, measures and who observes them.

use crate::harness::check;

#[test]
fn marks_and_measures_are_kept_in_order() {
    check(&[
        (
            "const p = performance; p.mark('b', { startTime: 2, detail: { x: 1 } }); p.mark('a', { startTime: 1 });
             const m = p.measure('m', 'a', 'b');
             return [m.startTime, m.duration, p.getEntries().map((e) => e.name), p.getEntriesByName('b')[0].detail.x, m.toJSON().entryType]",
            "1,1,a,m,b,1,measure",
        ),
        (
            "performance.clearMarks('a'); const left = performance.getEntriesByType('mark').length;
             performance.clearMarks(); performance.clearMeasures(); return [left, performance.getEntries().length]",
            "1,0",
        ),
        (
            "const m = performance.measure('m', { start: 5, duration: 2, detail: 'why' }); return [m.startTime, m.duration, m.detail]",
            "5,2,why",
        ),
        ("return performance.measure('m', { end: 7, duration: 2 }).startTime", "5"),
        ("return [performance.timeOrigin, performance.mark('x') instanceof PerformanceMark]", "0,true"),
    ]);
}

#[test]
fn mistakes_are_named() {
    check(&[
        ("performance.measure('m', 'missing')", "SyntaxError: The mark 'missing' does not exist."),
        ("performance.mark('m', { startTime: -1 })", "TypeError: The start time of a mark cannot be -1."),
        ("performance.measure('m', {}, 'x')", "SyntaxError: The mark 'x' does not exist."),
        (
            "performance.measure('m', { start: 1, end: 2, duration: 1 })",
            "TypeError: A measure cannot have 'start', 'end' and 'duration'.",
        ),
        ("new PerformanceEntry()", "TypeError: Illegal constructor"),
        (
            "Intl.NumberFormat",
            "Error: Intl.NumberFormat is not there: this version of hognose does not have Intl yet.",
        ),
    ]);
}

#[test]
fn observers_hear_of_what_they_asked_for() {
    check(&[
        (
            "const seen = []; const o = new PerformanceObserver((list) => seen.push(list.getEntries().map((e) => e.name).join('+')));
             o.observe({ entryTypes: ['mark'] }); performance.mark('a'); performance.measure('m'); performance.mark('b');
             await new Promise((resolve) => setTimeout(resolve)); o.disconnect(); performance.mark('c');
             await new Promise((resolve) => setTimeout(resolve)); return seen",
            "a+b",
        ),
        (
            "const o = new PerformanceObserver(() => {}); o.observe({ type: 'mark', buffered: true }); return o.takeRecords().length",
            "3",
        ),
    ]);
}

#[test]
fn a_weak_reference_keeps_its_target_for_the_job() {
    check(&[
        (
            "const ref = new WeakRef({ a: 1 }); return [ref.deref()?.a, String(ref), ref instanceof WeakRef]",
            "1,[object WeakRef],true",
        ),
        (
            "const ref = new WeakRef({}); await new Promise((resolve) => setTimeout(resolve)); return ref.deref()",
            "undefined",
        ),
    ]);
}
