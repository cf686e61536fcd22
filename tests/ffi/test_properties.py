"""Properties of PyProxies: attributes, items, what the prototype gives, and what JavaScript defines itself."""

import pytest


def run_on(run_js, body, *values):
    """Runs a strict JavaScript function body on `x` (and `y`)."""
    return run_js(f"((x, y) => {{ 'use strict'; {body} }})")(*values)


def refused(run_js, body, *values):
    """The message of the TypeError that the body throws."""
    return run_on(run_js, f"try {{ {body} }} catch (e) {{ return `${{e.name}}: ${{e.message}}`; }}", *values)


class Thing:
    pass


class Sized:
    def __len__(self):
        return 9


def test_functions_show_no_properties_of_javascript_functions(run_js):
    names = "['name', 'length', 'caller', 'arguments', 'prototype']"
    assert list(run_on(run_js, f"return {names}.map((n) => x[n])", lambda: 1)) == [None] * 5
    assert list(run_on(run_js, f"return {names}.filter((n) => n in x)", lambda: 1)) == ["prototype"]
    assert list(run_on(run_js, f"return {names}.filter((n) => n in x)", Thing())) == []


def test_names_of_function_properties_are_attributes(run_js):
    class Named:
        pass

    run_on(run_js, "x.prototype = 1; x.name = 2; x.length = 3;", Named)
    assert (Named.prototype, Named.name, Named.length) == (1, 2, 3)
    run_on(run_js, "delete x.name;", Named)
    assert not hasattr(Named, "name")
    assert refused(run_js, "delete x.prototype", Named).startswith("TypeError: 'deleteProperty' on proxy")


def test_members_of_the_prototype_are_read_only(run_js):
    sized = Sized()
    message = refused(run_js, "x.length = 10", sized)
    assert message.startswith("TypeError")
    assert run_on(run_js, "delete x.length; return x.length", sized) == 9


def test_a_dollar_means_python(run_js):
    class Getter:
        get = "python's"

        def __getitem__(self, key):
            return key

    assert list(run_on(run_js, "return [x.get('k'), x.$get]", Getter())) == ["k", "python's"]


def test_javascript_may_define_accessors(run_js):
    thing = Thing()
    body = """
        Object.defineProperty(x, "a", { get() { return this.$a + 1; }, set(v) { this.$a = v; } });
        x.a = 4;
        return [x.a, Object.getOwnPropertyDescriptor(x, "a").enumerable];
    """
    assert list(run_on(run_js, body, thing)) == [5, False]
    assert thing.a == 4
    body = 'Object.defineProperty(x, "b", { get() { return 1; } }); x.b = 2;'
    assert refused(run_js, body, Thing()).startswith("TypeError")


def test_javascript_may_define_constants(run_js):
    define = 'Object.defineProperty(x, "c", { value: 9, configurable: y, writable: y });'
    assert list(run_on(run_js, define + "x.c = 10; const c = x.c; delete x.c; return [c, x.c];", {}, True)) == [10, None]
    assert refused(run_js, define + "x.c = 10;", {}, False).endswith("trap returned falsish for property 'c'")
    assert refused(run_js, define + "delete x.c;", {}, False).endswith("trap returned falsish for property 'c'")


def test_javascript_may_set_symbols(run_js):
    assert run_on(run_js, "const s = Symbol(); x[s] = 3; return [x[s], s in x, x.copy()[s]]", Thing()).to_py() == [3, True, None]


def test_attributes_are_not_walked_over(run_js):
    thing = Thing()
    thing.a = 1
    assert list(run_js("(x) => [Object.keys(x).length, JSON.stringify({...x})]")(thing)) == [0, "{}"]
    assert "a" in run_js("(x) => Reflect.ownKeys(x)")(thing)


def test_dict_items_are_properties(run_js):
    values = {"a": 1, 2: "two", "3": "three", "items": "hidden"}
    assert list(run_on(run_js, "return [x.a, x[2], x[3], typeof x.items]", values)) == [1, "two", "three", "function"]
    assert sorted(run_on(run_js, "return Object.keys(x)", values)) == ["2", "3", "a"]
    run_on(run_js, "x[2] = 'new'; x[4] = 'four'; x.b = true; delete x.a;", values)
    assert values == {2: "new", "3": "three", "items": "hidden", 4: "four", "b": True}
    assert "could not delete" in refused(run_js, "delete x.missing", values)
    assert run_js("(x) => delete x.missing")(values) is False


def test_sequence_items_are_properties(run_js):
    values = [1, 2]
    assert list(run_on(run_js, "return [x[0], x[5], 1 in x, 2 in x]", values)) == [1, None, True, False]
    assert {"0", "1", "length"} <= set(run_on(run_js, "return Reflect.ownKeys(x)", values))
    assert refused(run_js, "x[5] = 1", values).endswith("property '5'")
    assert refused(run_js, "delete x[5]", values).startswith("TypeError")
    run_on(run_js, "x[0] = 7; delete x[1]", values)
    assert values == [7]


def test_missing_attributes_cannot_be_deleted(run_js):
    with pytest.raises(AttributeError):
        run_on(run_js, "delete x.missing", Thing())


def test_apply_takes_what_function_apply_takes(run_js):
    def count(*values):
        return len(values)

    lists = "[undefined, null, {}, {0: 1, length: 2}, [1, 2, 3], {*[Symbol.iterator]() { yield 1; }}]"
    assert list(run_on(run_js, f"return {lists}.map((l) => x.apply(null, l))", count)) == [0, 0, 0, 2, 3, 0]
    assert refused(run_js, "x.apply(null, 'abc')", count).startswith("TypeError")


def test_json_views_go_home_as_their_objects(run_js):
    values = {"a": {"b": [1]}}
    assert run_on(run_js, "return x.asJsJson()", values) is values
    assert run_on(run_js, "return x.asJsJson().a", values) is values["a"]
    assert run_on(run_js, "return JSON.stringify(x.asJsJson())", values) == '{"a":{"b":[1]}}'


def test_debug_mode_tells_what_was_destroyed(run_js):
    from pyodide.ffi import JsException
    from pyodide_js import setDebug

    class Shy:
        def __repr__(self):
            raise ValueError

    keep = run_js("(x) => { globalThis.lent = x; }")
    before = setDebug(True)
    try:
        keep([1])
        with pytest.raises(JsException, match=r'The object was of type "list" and had repr "\[1\]"'):
            run_js("lent.length")
        keep(Shy())
        with pytest.raises(JsException, match='of type "Shy" and an error was raised when'):
            run_js("lent.x")
    finally:
        assert setDebug(before) is True
    keep([1])
    with pytest.raises(JsException, match=r"use `pyodide.setDebug\(true\)`"):
        run_js("lent.length")
    assert run_js("typeof lent.destroy") == "function"
