import sys

import pytest


def test_values_cross_and_come_back(run_js):
    identity = run_js("(x) => x")
    for value in [None, True, False, 0, -1, 2**31, 2**53, -(2**70), 1.5, "", "abc", "é", "漢字", "😀", "\ud800", "a" * 5000]:
        assert identity(value) == value
        assert isinstance(identity(value), type(value))


def test_numbers_are_big_from_the_largest_safe_integer_on(run_js):
    type_of = run_js("(x) => typeof x")
    largest = 2**53 - 1
    assert [type_of(x) for x in (largest - 1, largest, -largest + 1, -largest)] == ["number", "bigint", "number", "bigint"]
    assert type(run_js("2**53 - 1")) is int
    assert type(run_js("2**53")) is float
    assert type(run_js("-0")) is int


def test_python_object_keeps_its_identity(run_js):
    thing = object()
    assert run_js("(x) => x")(thing) is thing


def test_attributes_follow_the_object(run_js):
    o = run_js("({a: 1, from: 2, u: undefined, f() { return this.a; }})")
    assert (o.a, o.from_, o.u, o.f()) == (1, 2, None, 1)
    o.a = 5
    assert o.f() == 5
    del o.a
    with pytest.raises(AttributeError):
        o.a
    assert {"from_", "f", "u"} <= set(dir(o))


def test_keyword_arguments_become_one_object(run_js):
    assert run_js("(...a) => JSON.stringify(a)")(1, b=2, c="x") == '[1,{"b":2,"c":"x"}]'


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 40])
def test_calls_take_any_number_of_arguments(run_js, count):
    values = list(range(count))
    assert run_js("(...a) => a")(*values).to_py() == values
    assert run_js("(f, n) => f(...Array(n).keys())")(lambda *a: len(a), count) == count


def test_lent_proxies_end_with_the_call(run_js):
    from pyodide.ffi import JsException

    keep = run_js("(x) => { globalThis.kept = x; }")
    keep([1])
    with pytest.raises(JsException, match="automatically destroyed at the end of a function call"):
        run_js("kept.length")


def test_created_proxy_survives_until_destroyed(run_js):
    from pyodide.ffi import JsException, create_proxy

    proxy = create_proxy([1, 2])
    run_js("(x) => { globalThis.kept = x; }")(proxy)
    assert run_js("kept.length") == 2
    assert proxy.unwrap() == [1, 2]
    proxy.destroy()
    proxy.destroy()
    with pytest.raises(JsException, match="Object has already been destroyed"):
        run_js("kept.length")


def test_once_callable_runs_once(run_js):
    from pyodide.ffi import JsException, create_once_callable

    once = create_once_callable(lambda x: x + 1)
    assert once(1) == 2
    with pytest.raises(JsException, match="OnceProxy can only be called once"):
        once(1)
    with pytest.raises(JsException, match="OnceProxy has already been destroyed"):
        once.destroy()


def test_errors_go_home(run_js):
    error = KeyError("k")

    def fail():
        raise error

    with pytest.raises(KeyError) as caught:
        run_js("(f) => f()")(fail)
    assert caught.value is error


def test_python_errors_show_their_traceback(run_js):
    def fail():
        raise ValueError("deep")

    name, kind, message = run_js("(f) => { try { f() } catch (e) { return [e.name, e.type, e.message] } }")(fail)
    assert (name, kind) == ("PythonError", "ValueError")
    assert "in fail" in message and message.endswith("ValueError: deep\n")


def test_javascript_errors_are_exceptions(run_js):
    from pyodide.ffi import JsException

    with pytest.raises(JsException) as caught:
        run_js("(() => { throw new RangeError('far'); })()")
    assert (caught.value.name, caught.value.message, str(caught.value)) == ("RangeError", "far", "RangeError: far")
    with pytest.raises(JsException, match="A value of type number with tag"):
        run_js("(() => { throw 5; })()")


def test_promises_are_awaited(run, run_js):
    async def main():
        assert await run_js("Promise.resolve(7)") == 7
        return await run_js("(async (f) => [await f(1), 2])")(double)

    async def double(x):
        return x * 2

    assert run(main()).to_py() == [2, 2]


def test_rejections_raise(run, run_js):
    from pyodide.ffi import JsException

    async def main():
        with pytest.raises(JsException, match="no"):
            await run_js("Promise.reject(new Error('no'))")

    run(main())


def test_async_iteration(run, run_js):
    async def main():
        return [x async for x in run_js("(async function*() { yield 1; yield 2; })()")]

    assert run(main()) == [1, 2]


def test_python_async_generator_in_javascript(run, run_js):
    async def numbers():
        yield 1
        yield 2

    async def main():
        return await run_js("async (g) => { const out = []; for await (const x of g) out.push(x); return out; }")(numbers())

    assert run(main()).to_py() == [1, 2]


def test_deep_conversion_keeps_cycles(run_js):
    from pyodide.ffi import to_js

    value = [1, {"a": b"xy", "b": {2, 3}}]
    value.append(value)
    made = to_js(value)
    assert made[2] == made
    back = made.to_py()
    assert back[2] is back
    assert back[1]["b"] == {2, 3} and bytes(back[1]["a"]) == b"xy"


def test_dict_converter(run_js):
    import js
    from pyodide.ffi import to_js

    made = to_js({"a": {"b": 1}}, dict_converter=js.Object.fromEntries)
    assert js.JSON.stringify(made) == '{"a":{"b":1}}'


def test_default_converter_recurses(run_js):
    from pyodide.ffi import to_js

    class Pair:
        def __init__(self, left, right):
            self.left, self.right = left, right

    def convert_pair(value, convert, cache):
        return to_js([convert(value.left), convert(value.right)])

    assert to_js([Pair(1, [2])], default_converter=convert_pair).to_py() == [[1, [2]]]


def test_arrays_behave_like_lists(run_js):
    array = run_js("[1, 2, 3, 4]")
    assert (array[0], array[-1], len(array), list(array[1:3]), list(array[::2])) == (1, 4, 4, [2, 3], [1, 3])
    with pytest.raises(IndexError):
        array[4]
    array.append(5)
    array.extend([6])
    array[1:3] = [9]
    del array[0]
    assert (array.pop(), array.index(9), array.count(9), list(reversed(array))) == (6, 0, 1, [5, 4, 9])
    assert list(array + [1]) == [9, 4, 5, 1]


def test_maps_are_mappings(run_js):
    from collections.abc import MutableMapping

    mapping = run_js("new Map([['a', 1]])")
    assert isinstance(mapping, MutableMapping)
    mapping["b"] = 2
    assert dict(mapping) == {"a": 1, "b": 2}
    assert (mapping.get("c", 3), mapping.pop("a"), "a" in mapping, list(mapping.items())) == (3, 1, False, [("b", 2)])
    with pytest.raises(KeyError):
        mapping["c"]


def test_buffers_share_or_copy(run_js):
    data = bytearray(b"abcd")
    run_js("(b) => { const v = b.getBuffer(); v.data[0] = 65; v.release(); }")(data)
    assert data == b"Abcd"
    array = run_js("new Uint16Array([1, 2])")
    assert array.to_bytes() == b"\x01\x00\x02\x00"
    assert array.to_py().format == "H"
    array.assign(memoryview(b"\x05\x00\x06\x00").cast("H"))
    assert list(array) == [5, 6]
    with pytest.raises(ValueError):
        array.assign(b"123")


def test_proxies_follow_attributes(run_js):
    class Thing:
        x = 1

        def add(self, y):
            return self.x + y

    thing = Thing()
    assert run_js("(t) => [t.x, t.add(2), t.missing === undefined, t.add === t.add, 'x' in t]")(thing).to_py() == [1, 3, True, True, True]
    run_js("(t) => { t.x = 9; t.y = 'new'; }")(thing)
    assert (thing.x, thing.y) == (9, "new")


def test_lists_look_like_arrays(run_js):
    values = run_js("(l) => [l.length, l[0], l.map(x => x * 2).join(), JSON.stringify(l), l.includes(2)]")([1, 2])
    assert list(values) == [2, 1, "2,4", "[1,2]", True]
    target = [3, 1]
    run_js("(l) => { l.push(2); l.sort(); l.splice(0, 1); }")(target)
    assert target == [2, 3]


def test_callables_take_keywords(run_js):
    assert run_js("(f) => f.callKwargs(1, {b: 2})")(lambda a, b: (a, b)) == (1, 2)
    assert run_js("(f) => f.callRelaxed(1, 2, 3)")(lambda a: a) == 1
    assert run_js("(f) => { const o = {m: f.captureThis(), v: 4}; return o.m(); }")(lambda this: this.v) == 4


def test_import_from_javascript(run_js):
    run_js("globalThis.box = {inner: {value: 3}}")
    from js import box
    from js.box import inner

    assert box.inner.value == inner.value == 3
    with pytest.raises(ImportError):
        from js import no_such_thing


def test_recursion_without_bytecode_between_ends_in_an_error(run_js, monkeypatch):
    from pyodide.ffi import JsException, create_proxy

    def again():
        return proxy()

    class Mirror:
        def __getattr__(self, name):
            return mirrored.anything

    proxy, mirrored = create_proxy(again), create_proxy(Mirror())
    # The stack is what shall end this, and each crossing of the error formats a traceback of the whole way down.
    monkeypatch.setattr("traceback.format_exception", lambda error: ["too deep"])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises((RecursionError, JsException)):
            again()
        with pytest.raises((RecursionError, JsException)):
            mirrored.anything
    finally:
        sys.setrecursionlimit(limit)
    assert run_js("1 + 1") == 2
