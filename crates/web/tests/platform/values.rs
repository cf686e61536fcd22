//! How values are copied and shown.

use hognose_web::LogLevel;

use crate::harness::{Platform, check};

#[test]
fn structured_clone_copies_graphs() {
    check(&[
        (
            "const a = { n: 1, d: new Date(5), r: /x/gi, m: new Map([[1, new Set([2])]]), b: 1n, u: undefined }; a.self = a; const c = structuredClone(a); return [c !== a, c.self === c, c.d.getTime(), String(c.r), c.m.get(1).has(2), typeof c.b, 'u' in c]",
            "true,true,5,/x/gi,true,bigint,true",
        ),
        (
            "const shared = [1]; const c = structuredClone([shared, shared]); return c[0] === c[1] && c[0] !== shared",
            "true",
        ),
        (
            "const b = new ArrayBuffer(4); const c = structuredClone({ v: new Uint16Array(b, 2), b }); return [c.v.buffer === c.b, c.v.byteOffset, c.v.length, b.byteLength]",
            "true,2,1,4",
        ),
        (
            "const b = new ArrayBuffer(4); const c = structuredClone(b, { transfer: [b] }); return [b.byteLength, c.byteLength]",
            "0,4",
        ),
        (
            "const e = structuredClone(new TypeError('m', { cause: 1 })); return [e instanceof TypeError, e.message, e.cause]",
            "true,m,1",
        ),
        ("const c = structuredClone([1, , 3]); return [c.length, 1 in c]", "3,false"),
        ("const f = structuredClone(new File(['x'], 'n')); return [f.name, await f.text()]", "n,x"),
        ("class A { x = 1 } const c = structuredClone(new A()); return [c instanceof A, c.x]", "false,1"),
        ("return structuredClone(new Headers({ a: 1 })).get('a')", "1"),
        ("structuredClone(Symbol('s'))", "DataCloneError: Symbol(s) could not be cloned."),
        ("structuredClone({ f() {} })", "DataCloneError: f() {} could not be cloned."),
        (
            "structuredClone(new AbortController())",
            "DataCloneError: Could not serialize object of type \"AbortController\". This type does not support serialization.",
        ),
        ("structuredClone(Promise.resolve())", "DataCloneError: #<Promise> could not be cloned."),
        ("structuredClone(1, { transfer: [{}] })", "DataCloneError: #<Object> could not be transferred."),
        (
            "structuredClone()",
            "TypeError: Failed to execute 'structuredClone' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'any'.",
        ),
    ]);
}

/// What `console.log(expression)` writes.
fn shown(platform: &Platform, arguments: &str) -> String {
    platform.outside.log.borrow_mut().clear();
    let outcome = platform.run(&format!("console.log({arguments})"));
    assert_eq!(outcome, "undefined", "{arguments}");
    platform.outside.log.borrow()[0].1.clone()
}

#[test]
fn values_are_shown_as_in_node() {
    let platform = Platform::start();
    let cases = [
        ("'a', 1, true, null, undefined, -0, 1n, Symbol('s')", "a 1 true null undefined -0 1n Symbol(s)"),
        ("{ a: 1, 'b-c': 'x', [Symbol('s')]: [1, 'y'] }", "{ a: 1, 'b-c': 'x', [Symbol(s)]: [ 1, 'y' ] }"),
        ("{}, [], new Map(), new Set()", "{} [] Map(0) {} Set(0) {}"),
        ("new Map([['a', { b: 1 }]]), new Set([1])", "Map(1) { 'a' => { b: 1 } } Set(1) { 1 }"),
        ("[1, , , 4]", "[ 1, <2 empty items>, 4 ]"),
        ("new Uint8Array([1, 2])", "Uint8Array(2) [ 1, 2 ]"),
        (
            "() => 1, function named() {}, class A {}, class extends Array {}",
            "[Function (anonymous)] [Function: named] [class A] [class (anonymous)]",
        ),
        ("new (class Point { x = 1 })()", "Point { x: 1 }"),
        (
            "Object.create(null), Object.assign(Object.create(null), { a: 1 })",
            "[Object: null prototype] {} [Object: null prototype] { a: 1 }",
        ),
        ("(() => { const a = {}; a.self = a; return a })()", "{ self: [Circular *1] }"),
        (
            "{ get a() { throw 1 }, set b(x) {}, get c() { return 1 }, set c(x) {} }",
            "{ a: [Getter], b: [Setter], c: [Getter/Setter] }",
        ),
        ("new Date(0), new Date(NaN), /x/g", "1970-01-01T00:00:00.000Z Invalid Date /x/g"),
        ("'it\\'s', ['it\\'s', 'a\\nb']", "it's [ \"it's\", 'a\\nb' ]"),
        ("new Headers({ b: 1, a: 2 })", "Headers(2) { 'a' => '2', 'b' => '1' }"),
        ("{ a: { b: { c: { d: { e: { f: 1 } } } } } }", "{ a: { b: { c: { d: { e: [Object] } } } } }"),
        ("Object('s'), Object(1)", "[String: 's'] [Number: 1]"),
        (
            "'%s is %d of %i, %f, %j %o %% %c|', 'x', '4.5', '7.9', '1.5', { a: 1 }, [1], 'css', 'rest'",
            "x is 4.5 of 7, 1.5, {\"a\":1} [ 1 ] % | rest",
        ),
        ("'100%', 5", "100% 5"),
        ("'%s'", "%s"),
        ("[{ [Symbol.toStringTag]: 'PyProxy', toString: () => '<repr>' }]", "[ <repr> ]"),
        ("new Proxy({ a: 1 }, {})", "{ a: 1 }"),
    ];
    for (arguments, expected) in cases {
        assert_eq!(shown(&platform, arguments), expected, "{arguments}");
    }
}

#[test]
fn long_values_take_several_lines_and_are_cut() {
    let platform = Platform::start();
    let long = shown(&platform, "{ first: 'a'.repeat(40), second: 'b'.repeat(40) }");
    assert_eq!(long, format!("{{\n  first: '{}',\n  second: '{}'\n}}", "a".repeat(40), "b".repeat(40)));
    assert!(!shown(&platform, "Array(100).fill(1)").contains("more item"));
    assert!(shown(&platform, "Array(101).fill(1)").ends_with("... 1 more item\n]"));
    assert!(shown(&platform, "Array(102).fill(1)").ends_with("... 2 more items\n]"));
    assert!(!shown(&platform, "['x'.repeat(10000)]").contains("more character"));
    assert!(shown(&platform, "['x'.repeat(10001)]").contains("... 1 more character"));
}

#[test]
fn errors_are_shown_with_stack_and_cause() {
    let platform = Platform::start();
    let text = shown(&platform, "new TypeError('outer', { cause: new Error('inner') })");
    assert!(text.starts_with("TypeError: outer\n    at "), "{text}");
    assert!(text.contains("[cause]: Error: inner\n"), "{text}");
    let text = shown(&platform, "Object.assign(new Error('e'), { code: 7 })");
    assert!(text.ends_with("{ code: 7 }") || text.contains("code: 7"), "{text}");
}

#[test]
fn the_console_has_levels_groups_counts_and_timers() {
    let platform = Platform::start();
    platform.run(
        "console.debug(1); console.info(2); console.warn(3); console.error(4); console.assert(true); console.assert(false, 'no %s', 'x');
         console.group('g'); console.log('a\\nb'); console.groupEnd(); console.count(); console.count(); console.countReset(); console.count();
         console.time('t'); await scheduler.wait(5); console.timeEnd('t'); console.timeEnd('t'); console.dir({ a: 1 });",
    );
    let expected = [
        (LogLevel::Debug, "1"),
        (LogLevel::Info, "2"),
        (LogLevel::Warn, "3"),
        (LogLevel::Error, "4"),
        (LogLevel::Error, "Assertion failed: no x"),
        (LogLevel::Log, "g"),
        (LogLevel::Log, "  a\n  b"),
        (LogLevel::Info, "default: 1"),
        (LogLevel::Info, "default: 2"),
        (LogLevel::Info, "default: 1"),
        (LogLevel::Info, "t: 5.000ms"),
        (LogLevel::Warn, "Timer 't' does not exist"),
        (LogLevel::Log, "{ a: 1 }"),
    ];
    let log = platform.outside.log.borrow();
    let found: Vec<_> = log.iter().map(|(level, text)| (*level, text.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_table_is_a_box() {
    let platform = Platform::start();
    platform.run("console.table([{ a: 1, b: 'x' }, { a: 2 }, 7])");
    let expected = "\
┌─────────┬───┬─────┬────────┐
│ (index) │ a │ b   │ Values │
├─────────┼───┼─────┼────────┤
│ 0       │ 1 │ 'x' │        │
│ 1       │ 2 │     │        │
│ 2       │   │     │ 7      │
└─────────┴───┴─────┴────────┘";
    assert_eq!(platform.outside.log.borrow()[0].1, expected);
}
