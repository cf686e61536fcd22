"""JsProxy, row by row: names, calls, containers, views."""

from collections.abc import Mapping, MutableMapping, MutableSequence

import pytest


def test_no_proxy_without_an_object():
    from pyodide.ffi import JsProxy

    with pytest.raises(TypeError, match="JsProxy cannot be instantiated"):
        JsProxy()


def test_reserved_words_lose_an_underscore(run_js):
    o = run_js("({ from: 1, from_: 2, async: 3 })")
    assert (o.from_, o.from__, o.async_, getattr(o, "from")) == (1, 2, 3, 1)
    o.class_ = 4
    assert run_js("(o) => o.class")(o) == 4
    del o.class_
    assert not run_js("(o) => 'class' in o")(o)
    assert {"from_", "from__", "async_"} <= set(dir(o))


def test_proxies_compare_by_identity_and_are_not_hashable(run_js):
    one, same, other = run_js("(() => { const a = {}; return [a, a, {}]; })()")
    assert one == same != other and one.js_id == same.js_id != other.js_id
    assert (one == 1) is False and (one != 1) is True
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    with pytest.raises(TypeError, match="not supported between"):
        one < 1  # noqa: B015
    early, late = run_js("[new Date(1), new Date(2)]")
    assert early < late and late >= early


def test_empty_things_are_false(run_js):
    empty = "[], new Map(), new Set(), new Uint8Array(0), new ArrayBuffer(0)"
    full = "[0], new Map([[1, 2]]), {}, () => 0, new Uint8Array(1), { size: 1 }"
    assert not any(run_js(f"[{empty}]"))
    assert all(run_js(f"[{full}]"))


def test_lengths_must_be_lengths(run_js):
    for value, error in [("-1", ValueError), ("2 ** 40", OverflowError), ("'x'", TypeError)]:
        with pytest.raises(error):
            len(run_js(f"({{ length: {value} }})"))
    assert len(run_js("({ size: 3, length: 'x' })")) == 3


def test_what_is_missing_says_what_python_says(run_js):
    o = run_js("({ f: 1, get() {}, has() { return false; }, delete() { return false; }, set() {} })")
    with pytest.raises(AttributeError, match="missing"):
        o.missing
    with pytest.raises(TypeError, match="is not subscriptable"):
        run_js("({})")["x"]
    with pytest.raises(KeyError, match="k"):
        o["k"]
    with pytest.raises(KeyError):
        del o["k"]
    with pytest.raises(TypeError, match="not callable"):
        o()


def test_arrays_hide_keys(run_js):
    with pytest.raises(AttributeError):
        run_js("[1]").keys
    assert "keys" not in dir(run_js("[1]"))


def test_abstract_classes(run_js):
    assert isinstance(run_js("[1]"), MutableSequence)
    assert isinstance(run_js("new Map()"), MutableMapping)
    getter = run_js("({ get(k) { return k; }, size: 1, [Symbol.iterator]() { return [1][Symbol.iterator](); } })")
    assert isinstance(getter, Mapping) and not isinstance(getter, MutableMapping)
    assert not isinstance(run_js("({})"), Mapping)


def test_map_methods(run_js):
    mapping = run_js("new Map([['a', 1], ['b', 2]])")
    assert mapping.setdefault("c", 3) == 3 and mapping.setdefault("a", 9) == 1
    mapping.update({"d": 4}, e=5)
    assert list(mapping) == ["a", "b", "c", "d", "e"] and "a" in mapping.keys()
    assert mapping.popitem() == ("a", 1)
    assert mapping.pop("z", None) is None
    with pytest.raises(KeyError):
        mapping.pop("z")
    mapping.clear()
    assert len(mapping) == 0
    with pytest.raises(KeyError):
        mapping.popitem()


def test_array_errors_are_those_of_lists(run_js):
    a = run_js("[1, 2]")
    for operation, error, message in [
        (lambda: a["x"], TypeError, "list indices must be integers or slices, not str"),
        (lambda: a[2], IndexError, "2"),
        (lambda: a[-3], IndexError, "list index out of range"),
        (lambda: a.__setitem__(2, 0), IndexError, "list assignment index out of range"),
        (lambda: a.remove(9), ValueError, "9 is not in list"),
        (lambda: a.index(9), ValueError, "9 is not in list"),
        (lambda: a.pop(5), IndexError, "pop index out of range"),
        (lambda: run_js("[]").pop(), IndexError, "pop from empty list"),
        (lambda: run_js("[,]")[0], IndexError, "0"),
    ]:
        with pytest.raises(error, match=message):
            operation()


def test_array_operators(run_js):
    a = run_js("[1, 2]")
    same = a
    a += [3]
    a *= 2
    assert a == same and list(a) == [1, 2, 3, 1, 2, 3]
    assert list(a[4:] * 2) == [2, 3, 2, 3] and list(a + run_js("[9]"))[-1] == 9
    a.insert(-1, "x")
    a.reverse()
    del a[1:5]
    assert list(a) == [3, 2, 1]
    thing = [1]
    a.append(thing)
    assert a[3] is thing and a.index([1]) == 3 and a.count([1]) == 1


def test_typed_arrays_have_no_slices(run_js):
    a = run_js("new Uint8Array([1, 2, 1])")
    a[-1] = 7
    assert (list(a), a.index(7), a.count(1), list(reversed(a))) == ([1, 2, 7], 2, 1, [7, 2, 1])
    with pytest.raises(NotImplementedError):
        a[1:]
    with pytest.raises(TypeError, match="doesn't support item deletion"):
        del a[0]


def test_functions_of_a_class_are_methods(run_js):
    class Counter:
        value = 3
        add = run_js("(function (n) { return this.value + n; })")

    assert Counter().add(4) == 7


def test_lifetimes_of_arguments(run, run_js):
    later = run_js("async (x) => { await null; return x.length; }")
    generator = run_js("(function* (x) { yield x.length; yield x.length; })")

    async def main():
        return await later([1, 2])

    assert run(main()) == 2
    assert list(generator([1])) == [1, 1]


def test_object_maps(run_js):
    view = run_js("({ a: 1, b: { c: 2 } })").as_py_json()
    assert (view["a"], view["b"]["c"], "a" in view, len(view), sorted(view)) == (1, 2, True, 2, ["a", "b"])
    view["d"] = 4
    del view["a"]
    assert dict(view.items())["d"] == 4
    with pytest.raises(KeyError):
        view["toString"]
    with pytest.raises(KeyError):
        del view["a"]
    with pytest.raises(TypeError, match="Can only assign keys of type string to JavaScript object map"):
        view[1] = 2
    assert [item["x"] for item in run_js("[{ x: 1 }, { x: 2 }]").as_py_json()] == [1, 2]
    for value in ["() => 1", "new Error()", "new Uint8Array(1)"]:
        assert not hasattr(run_js(f"({value})"), "as_py_json")


def test_exceptions_can_be_made_and_pickled(run_js):
    import pickle

    from pyodide.ffi import JsException

    error = JsException("TypeError", "text", "the stack")
    assert (error.name, error.message, error.stack, str(error)) == ("TypeError", "text", "the stack", "TypeError: text")
    assert run_js("(e) => e instanceof TypeError")(error) and error.js_error is error
    assert JsException("Odd", "m", "s").name == "Odd"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message) == (type(error), "text")
    with pytest.raises(TypeError):
        JsException("TypeError", 5)


def test_modules_can_be_registered(run_js):
    from pyodide.ffi import register_js_module, unregister_js_module

    register_js_module("made_here", run_js("({ a: 1, inner: { b: 2 } })"))
    from made_here import a
    from made_here.inner import b

    assert (a, b) == (1, 2)
    unregister_js_module("made_here")
    with pytest.raises(ValueError, match="Cannot unregister 'made_here'"):
        unregister_js_module("made_here")
    with pytest.raises(TypeError, match="must be a str"):
        register_js_module(1, run_js("({})"))
    with pytest.raises(TypeError, match="must be a JsProxy"):
        register_js_module("x", 1)


def test_promise_handlers(run, run_js):
    async def main():
        resolved = run_js("({ p: Promise.resolve(2) })").p
        rejected = run_js("({ p: Promise.reject(new Error('no')) })").p
        assert await resolved.then(lambda value: value + 1) == 3
        assert await rejected.catch(lambda error: error.message) == "no"
        assert await resolved.finally_(lambda: None) == 2

    run(main())


def test_iteration_over_arrays_follows_them(run_js):
    array = run_js("[1, , { a: 2 }]")
    iterator = iter(array)
    assert next(iterator) == 1 and next(iterator) is None
    array.append(4)
    assert next(iterator).a == 2 and next(iterator) == 4
    assert list(iterator) == []
    array.append(5)
    assert list(iterator) == []


def test_iteration_over_arrays_may_be_redefined(run_js):
    array = run_js("Object.assign([1, 2], { *[Symbol.iterator]() { yield 'other'; } })")
    assert list(array) == ["other"]
    change = "const p = Object.getPrototypeOf([].values()); globalThis.next = p.next; p.next = () => ({ done: true })"
    run_js(f"(() => {{ {change} }})()")
    try:
        assert list(run_js("[1]")) == []
    finally:
        run_js("Object.getPrototypeOf([].values()).next = next")
    assert list(run_js("[1]")) == [1]
