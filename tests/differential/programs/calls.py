"""Calling both ways: arguments, keywords, `this`, lifetimes."""

import functools

import js
from pyodide.code import find_imports, relaxed_call, relaxed_wrap, run_js, should_quiet, eval_code
from pyodide.ffi import create_once_callable, create_proxy, destroy_proxies, register_js_module, unregister_js_module


def error(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except Exception as raised:
        return f"{type(raised).__name__}: {str(raised).splitlines()[0]}"


def keyword_arguments_become_an_object():
    show = run_js("(...a) => JSON.stringify(a)")
    yield show(), show(1, b=2), show(b="x"), show(1, 2, class_=3)


def this_is_the_object_a_function_was_read_from():
    thing = run_js("({n: 3, f() { return this?.n; }})")
    f = thing.f
    yield f(), thing.f(), run_js("() => typeof this")()


def constructors():
    yield js.Array.new(3).length, js.Map.new([["a", 1]]).get("a"), js.Date.new(0).toISOString()
    Point = run_js("(class { constructor(o) { this.x = o.x; } })")
    yield Point.new(x=4).x


def what_is_no_function():
    yield error(run_js("({})")), error(lambda: run_js("({a: 1})").a())


def arguments_end_with_the_call():
    keep = run_js("(x) => { globalThis.kept = x; }")
    keep([1])
    yield error(run_js("() => kept.length"))
    keep(create_proxy([1, 2]))
    yield run_js("() => kept.length")()
    keep_copy = run_js("(x) => { globalThis.kept = x.copy(); }")
    keep_copy([1, 2, 3])
    yield run_js("() => kept.length")()
    run_js("kept.destroy()")
    yield error(run_js("() => kept.length"))


def attributes_end_with_their_proxy():
    yield error(run_js("(x) => { const a = x.attribute; x.destroy(); return a.length; }"), create_proxy(type("T", (), {"attribute": [1]})()))


def results_are_proxied_or_converted():
    call = run_js("(f, ...a) => { const r = f(...a); return [typeof r, r?.type ?? String(r)]; }")
    for result in (None, 1, "a", [1], {}, 2**60):
        yield call(lambda result=result: result).to_py()


def javascript_calls_python_with_too_much():
    call = run_js("(f, ...a) => f(...a)")
    yield error(call, lambda: 1, 2), call(lambda *a: a, 1, 2), call(relaxed_wrap(lambda a: a), 1, 2), relaxed_call(lambda a, b=2: (a, b), 1, 3, 4, c=5)


def keyword_calls_from_javascript():
    def f(*args, **kwargs):
        return f"{args} {kwargs}"

    yield run_js("(f) => f.callKwargs(1, {a: 2})")(f), run_js("(f) => f.callKwargs({a: 2})")(f)
    yield error(run_js("(f) => f.callKwargs()"), f), error(run_js("(f) => f.callKwargs(1)"), f)
    yield run_js("(f) => f.callRelaxed(1, 2)")(lambda a: a), run_js("(f) => f.callWithOptions({kwargs: true}, 1, {z: 3})")(f)


def this_captured():
    f = create_proxy(lambda this, x: (this.n, x), capture_this=True)
    yield run_js("(f) => ({n: 4, f}).f(5)")(f)
    yield run_js("(f) => ({n: 4, f: f.captureThis()}).f(6)")(lambda this, x: (this.n, x))
    yield run_js("(f) => f.bind(1, 2)(3)")(lambda *a: a), run_js("(f) => [f.apply(null, [1, 2]), f.call(null, 3)]")(lambda *a: sum(a)).to_py()


def once_callables():
    f = create_once_callable(lambda x: x + 1)
    yield f(1), error(f, 1)
    g = create_once_callable(lambda: 0)
    g.destroy()
    yield error(g), error(g.destroy)


def double_proxies():
    value = [1]
    proxy = create_proxy(value)
    yield type(proxy).__name__, proxy.unwrap() is value, proxy.length, run_js("(x) => x")(proxy).unwrap() is value
    proxy.destroy()
    yield error(lambda: proxy.length)
    plain = create_proxy(value, roundtrip=False)
    yield run_js("(x) => x")(plain) is value
    plain.destroy()


def destroying_many():
    proxies = js.Array.new()
    proxies.push(create_proxy([]))
    yield destroy_proxies(proxies), error(destroy_proxies, []), error(destroy_proxies, run_js("({})"))


def callbacks_keep_identity():
    same = run_js("(x) => x")
    thing = object()
    yield same(thing) is thing, same(len) is len, run_js("(a, b) => a === b")(same, same)


def modules_of_javascript():
    register_js_module("made_up", run_js("({a: 1, inner: {b: 2}})"))
    import made_up
    from made_up.inner import b

    yield made_up.a, b, error(lambda: __import__("made_up.none")), error(lambda: exec("from made_up import none"))
    unregister_js_module("made_up")
    yield error(unregister_js_module, "made_up"), error(register_js_module, 1, js.Object.new()), error(register_js_module, "x", 1)


def code_helpers():
    yield find_imports("import a.b, c\nfrom d.e import f\n"), should_quiet("1;"), should_quiet("1 # ;"), eval_code("x = 3\nx + 1", {})
    yield eval_code("x = 1;", {}), eval_code("y = 5", {}, return_mode="last_expr_or_assign"), eval_code("1", {}, return_mode="none"), error(run_js, 1)


def partial_functions_and_methods():
    call = run_js("(f, ...a) => f(...a)")
    yield call(functools.partial(max, 5), 3), call([3, 1].index, 1), call(str.upper, "a"), call(type("C", (), {"__call__": lambda self, x: x})(), 8)
