"""What must not go wrong however it is used: recursion, dead proxies, dead buffers, wrong threads, forks, hostile objects."""

import gc
import os
import sys
import threading

import pytest


QUESTIONS = {
    "text": "(x) => x.toString()",
    "attribute": "(x) => x.missing",
    "iterate": "(x) => [...x]",
    "length": "(x) => x.length",
    "get": "(x) => x.get(1)",
    "set": "(x) => x.set(1, 2)",
    "has": "(x) => x.has(1)",
    "call": "(x) => x()",
}


class Mirror:
    """Each operation asks JavaScript, which asks Python again."""

    def __init__(self, run_js):
        self.ask = {name: run_js(question) for name, question in QUESTIONS.items()}

    def __repr__(self):
        return self.ask["text"](self)

    def __getattr__(self, name):
        return self.ask["attribute"](self)

    def __iter__(self):
        return iter(self.ask["iterate"](self))

    def __len__(self):
        return self.ask["length"](self)

    def __getitem__(self, key):
        return self.ask["get"](self)

    def __setitem__(self, key, value):
        self.ask["set"](self)

    def __contains__(self, key):
        return self.ask["has"](self)

    def __call__(self):
        return self.ask["call"](self)


@pytest.mark.parametrize(
    "operation",
    [repr, list, len, lambda m: m.missing, lambda m: m[1], lambda m: m.__setitem__(1, 2), lambda m: 1 in m, lambda m: m()],
)
def test_recursion_from_python_ends_in_an_error(run_js, operation):
    from pyodide.ffi import JsException

    with pytest.raises((RecursionError, JsException)):
        operation(Mirror(run_js))
    assert run_js("1 + 1") == 2


@pytest.mark.parametrize("operation", [lambda o: o.a, str, list])
def test_recursion_from_javascript_ends_in_an_error(run_js, operation):
    from pyodide.ffi import JsException, create_proxy

    body = "({ get a() { return f(this); }, toString() { return f(this); }, [Symbol.iterator]() { return f(this); } })"
    mirror = run_js(f"(f) => ({body})")(create_proxy(operation))
    with pytest.raises((RecursionError, JsException)):
        operation(mirror)
    assert run_js("1 + 1") == 2


def test_structures_deeper_than_the_stack_are_refused(run_js):
    from pyodide.ffi import to_js

    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(RecursionError, match="while converting to JavaScript"):
        to_js(nested)
    with pytest.raises(RecursionError, match="while converting to Python"):
        run_js("(() => { let a = []; for (let i = 0; i < 100000; i++) a = [a]; return a; })()").to_py()


def test_whatever_is_thrown_arrives(run_js):
    from pyodide.ffi import JsException

    thrown = {
        "null": "type object with tag .object Null",
        "undefined": "type undefined",
        "Symbol('s')": "type symbol",
        "({ get message() { throw 1; }, get stack() { throw 2; } })": "tag .object Object",
        "Proxy.revocable(() => 1, {}).proxy": "type function",
    }
    for value, message in thrown.items():
        with pytest.raises(JsException, match=message):
            run_js(f"() => {{ throw {value}; }}")()
    with pytest.raises(JsException, match="revoked"):
        run_js("() => { const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy; }")()
    with pytest.raises(JsException, match="tag .object PyProxy"):
        run_js("(x) => { throw x; }")([1])
    with pytest.raises(JsException, match="tag .object PyProxy"):
        run_js("(x) => { const y = x.copy(); y.destroy(); throw y; }")([1])


def test_objects_whose_getters_throw(run_js):
    from pyodide.ffi import JsException

    names = ["then", "length", "size", "next", "name", "message", "stack", "constructor", "get", "set", "has", "includes"]
    getters = ", ".join(f"get {name}() {{ throw new Error('{name}'); }}" for name in names)
    hostile = run_js(f"({{ {getters}, get [Symbol.iterator]() {{ throw 1; }}, get [Symbol.toStringTag]() {{ throw 2; }} }})")
    for operation in [len, list, bool, repr, lambda o: o.name, lambda o: o.to_py(), lambda o: o["k"]]:
        with pytest.raises((JsException, TypeError)):
            operation(hostile)
    error = run_js("Object.defineProperties(new Error(), { stack: { get() { throw 1; } }, message: { get() { throw 2; } } })")
    with pytest.raises(JsException):
        raise error


def test_destroyed_proxies_say_so_whatever_is_asked_of_them(run_js):
    from pyodide.ffi import JsException, create_proxy

    dead = create_proxy([1, 2])
    dead.destroy()
    for operation in [
        lambda: dead.x,
        lambda: setattr(dead, "x", 1),
        lambda: delattr(dead, "x"),
        lambda: dead.length,
        lambda: len(dead),
        lambda: dead[0],
        lambda: list(dead),
        lambda: repr(dead),
        lambda: bool(dead),
        lambda: dir(dead),
        lambda: dead.unwrap(),
        lambda: dead.copy(),
        lambda: dead.toJs(),
        lambda: dead.to_py(),
        lambda: run_js("(x) => x")(dead),
        lambda: run_js("(x) => 'a' in x")(dead),
        lambda: run_js("(x) => Reflect.ownKeys(x)")(dead),
    ]:
        with pytest.raises(JsException, match="Object has already been destroyed"):
            operation()
    assert run_js("(x) => typeof x")(dead) == "object"
    dead.destroy()


def test_detached_buffers(run_js):
    from pyodide.ffi import JsException

    array = run_js("new Uint8Array(4)")
    run_js("(a) => { a.buffer.transfer(); }")(array)
    for operation in [
        array.to_bytes,
        array.to_memoryview,
        array.to_string,
        array.to_py,
        lambda: array.assign(b"abcd"),
        lambda: array.assign_to(bytearray(4)),
    ]:
        with pytest.raises(JsException, match="detached"):
            operation()
    with pytest.raises(IndexError):
        array[0]
    assert len(array) == 0 and not array


def test_buffers_of_python_stay_locked_until_released(run_js):
    from pyodide.ffi import JsException

    data = bytearray(b"abcd")
    lock = run_js("(b) => { globalThis.view = b.getBuffer(); }")
    lock(data)
    with pytest.raises(BufferError):
        data.extend(b"more")
    assert list(run_js("(() => { const d = view.data; view.release(); view.release(); return [d.length, view.data]; })()")) == [0, run_js("null")]
    data.extend(b"more")
    with pytest.raises(JsException, match="Unknown type q"):
        run_js("(b) => b.getBuffer('q')")(data)
    with pytest.raises(JsException, match="alignment"):
        run_js("(b) => b.getBuffer('f64')")(bytearray(9))
    data.extend(b"more")


def in_thread(function):
    """What `function` raises or gives in a thread of its own."""
    outcome = []

    def work():
        try:
            outcome.append(function())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    return outcome[0]


def test_proxies_may_die_in_other_threads(run_js):
    boxes = [[run_js("({ a: [1] })") for _ in range(100)]]
    in_thread(boxes.clear)
    assert run_js("1") == 1


def test_proxies_survive_a_fork(run_js):
    from pyodide.ffi import JsException, to_js

    kept = run_js("({ a: 1, f: () => { throw new Error('child'); } })")
    child = os.fork()
    if child == 0:
        try:
            kept.f()
        except JsException as error:
            right = error.message == "child" and kept.a == 1 and len(to_js([1, 2])) == 2
            os._exit(0 if right else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_finalizers_may_use_javascript_and_raise(run_js, monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reported.append(type(report.exc_value)))

    class Dying:
        def __del__(self):
            run_js("(x) => x.length")([1])
            raise ValueError

    run_js("(x) => { globalThis.kept = x.copy(); }")(Dying())
    assert reported == []
    run_js("kept = undefined")
    gc.collect()
    assert reported == [ValueError]
