"""Explicit conversion in both directions: what each option does, and what each mistake says."""

import array
import sys

import pytest

# A dict becomes a plain object there, whose keys can be anything that has a name.
V314 = sys.version_info >= (3, 14)


def shown(run_js, value):
    return run_js("(x) => Object.prototype.toString.call(x).slice(8, -1)")(value)


def test_to_js_gives_immutables_back():
    import js
    from pyodide.ffi import to_js

    for value in [None, True, 1, 1.5, "text", js.Object]:
        assert to_js(value) is value


def test_containers_and_buffers_by_class(run_js):
    from pyodide.ffi import JsDoubleProxy, to_js

    expected = {
        "Array": [[1], (1,)],
        "Set": [{1}],
        "Uint8Array": [b"x", bytearray(b"x"), memoryview(b"x"), array.array("B", [1])],
        "Int8Array": [array.array("b", [1])],
        "Int16Array": [array.array("h", [1])],
        "Uint32Array": [array.array("I", [1])],
        "BigInt64Array": [array.array("q", [1]), array.array("l", [1])],
        "Float32Array": [array.array("f", [1])],
        "Float64Array": [array.array("d", [1])],
    }
    for name, values in expected.items():
        for value in values:
            assert shown(run_js, to_js(value)) == name
    for value in [frozenset([1]), object(), len]:
        proxied = to_js(value)
        assert isinstance(proxied, JsDoubleProxy) and proxied.unwrap() is value
        proxied.destroy()


def test_dimensions_become_nested_arrays(run_js):
    from pyodide.ffi import to_js

    grid = memoryview(bytes(range(6))).cast("B", [2, 3])
    assert run_js("(x) => JSON.stringify(x.map((row) => [...row]))")(to_js(grid)) == "[[0,1,2],[3,4,5]]"


def test_depth_counts_levels(run_js):
    from pyodide.ffi import JsDoubleProxy, to_js

    nested = [[[1]]]
    assert isinstance(to_js(nested, depth=0), JsDoubleProxy)
    one = to_js(nested, depth=1)
    assert one[0] is nested[0]
    two = to_js(nested, depth=2)
    assert two[0][0] is nested[0][0]
    back = run_js("[[[1]]]")
    assert back.to_py(depth=0) is back or back.to_py(depth=0) == back
    assert isinstance(back.to_py(depth=1), list) and not isinstance(back.to_py(depth=1)[0], list)


def test_made_proxies_are_collected(run_js):
    from pyodide.ffi import destroy_proxies, to_js

    collected = run_js("[]")
    made = to_js([object(), [object()]], pyproxies=collected)
    assert len(collected) == 2
    destroy_proxies(collected)
    assert run_js("(x) => { try { x[0].foo; } catch (e) { return e.message; } }")(made).startswith("Object has already")
    with pytest.raises(TypeError, match="Expected a JsArray for the pyproxies argument"):
        to_js([], pyproxies=[])
    with pytest.raises(TypeError, match="Expected a JsProxy for the argument"):
        destroy_proxies([])
    with pytest.raises(TypeError, match="Expected a Js Array for the pyproxies argument"):
        destroy_proxies(run_js("({})"))


def test_keys_must_be_immutable(run_js):
    from pyodide.ffi import ConversionError, to_js

    with pytest.raises(ConversionError, match=r"Cannot use \(1, 2\) as a key for a Javascript Set"):
        to_js({(1, 2)})
    if not V314:
        with pytest.raises(ConversionError, match=r"Cannot use \(1, 2\) as a key for a Javascript Map"):
            to_js({(1, 2): 3})


def test_keys_must_differ_in_python(run_js):
    for source, number, boolean in [("[[1, 0], [true, 0]]", 1, "true"), ("[[0, 0], [false, 0]]", 0, "false")]:
        with pytest.raises(Exception, match=f"Map into Python since it contains both {number} and {boolean} as keys"):
            run_js(f"new Map({source})").to_py()
    with pytest.raises(Exception, match="Cannot use key of type Array as a key to a Python dict"):
        run_js("new Map([[[1], 2]])").to_py()
    with pytest.raises(Exception, match="Cannot use key of type Object as a key to a Python set"):
        run_js("new Set([{}])").to_py()


def test_eager_converters_come_first(run_js):
    from pyodide.ffi import to_js

    seen = []

    def eager(value, convert, cache):
        seen.append(value)
        return "replaced" if value == [1] else convert(value)

    assert list(to_js([[1], [2, "x"]], eager_converter=eager)[1]) == [2, "x"]
    assert seen == [[[1], [2, "x"]], [1], [2, "x"]]


def test_converters_may_fail_and_may_remember(run_js):
    from pyodide.ffi import ConversionError, to_js

    class Node:
        def __init__(self):
            self.next = None

    def convert_node(value, convert, cache):
        result = run_js("({})")
        cache(value, result)
        result.next = convert(value.next)
        return result

    first, second = Node(), Node()
    first.next, second.next = second, first
    made = to_js(first, default_converter=convert_node)
    assert made.next.next == made

    def fail(value, convert, cache):
        raise LookupError("converter")

    with pytest.raises(ConversionError, match="Conversion from python to javascript failed") as caught:
        to_js([Node()], default_converter=fail)
    assert isinstance(caught.value.__cause__, LookupError)


def test_objects_become_dicts_if_they_are_plain(run_js):
    assert run_js("({ a: 1, b: { c: null } })").to_py()["a"] == 1
    assert run_js("Object.create(null, { a: { value: 1, enumerable: true } })").to_py() == {"a": 1}
    instance = run_js("new (class Point { x = 1 })()")
    assert instance.to_py() == instance
    assert instance.to_py(default_converter=lambda value, convert, cache: value.x) == 1


def test_buffers_become_memoryviews_of_copies(run_js):
    formats = {"Uint8Array": "B", "Int16Array": "h", "Float32Array": "f", "BigInt64Array": "q", "BigUint64Array": "Q"}
    for name, code in formats.items():
        assert run_js(f"new {name}(2)").to_py().format == code
    source = run_js("new Uint8Array([1, 2, 3, 4]).subarray(1, 3)")
    copy = source.to_py()
    source[0] = 9
    assert bytes(copy) == b"\x02\x03"
    assert run_js("new ArrayBuffer(2)").to_py().format == "B"


def test_assignments_compare_sizes_and_formats(run_js):
    target = run_js("new Uint16Array(2)")
    with pytest.raises(ValueError, match="cannot assign to TypedArray of length 6 from buffer of length 4"):
        target.assign(bytes(6))
    with pytest.raises(ValueError, match="cannot assign from TypedArray of length 4 to buffer of length 6"):
        target.assign_to(bytearray(6))
    with pytest.raises(ValueError, match="TypedArray and memorybuffer have incompatible formats"):
        target.assign(bytes(4))
    with pytest.raises(ValueError, match="Failed to decode Javascript TypedArray as utf8"):
        run_js("new Uint8Array([255])").to_string()
    assert run_js("new Uint8Array([228])").to_string("latin1") == "ä"


def test_weak_references_do_not_hold(run_js):
    import js

    js.held = run_js("({ a: 1 })")
    weak = js.held.to_weakref()
    assert weak.deref().a == 1
    del js.held
    assert weak.deref() is None


def test_from_entries_keeps_what_it_means(run_js):
    import js
    from pyodide.ffi import to_js

    value = {"a": 1, 2: "two", None: 3, "__proto__": 4, "toString": 5}
    value["self"] = value
    made = to_js(value, dict_converter=js.Object.fromEntries)
    assert set(made.object_keys()) == {"2", "a", "undefined", "__proto__", "toString", "self"}
    assert made.self == made and made.toString == 5
    assert run_js("(x) => Object.getPrototypeOf(x) === Object.prototype")(made)


def test_rows_of_other_layouts_are_copied(run_js):
    from pyodide.ffi import to_js

    every_other = memoryview(bytes(range(6)))[::2]
    assert list(to_js(every_other)) == [0, 2, 4]
    backwards = memoryview(array.array("h", [1, 2, 3]))[::-1]
    assert list(to_js(backwards)) == [3, 2, 1]
    assert len(to_js(b"")) == 0
    assert to_js(bytes(1 << 20)).length == 1 << 20


def test_strings_come_back_in_every_width(run_js):
    """Also where JavaScript keeps a string wide although it need not be, and around surrogates that lack their other half."""
    texts = ["", "a", "ä", "aä", "Ā", "aĀ", "\uffff", "🐍", "a🐍", "🐍🐍ä", "\ud83d", "\ude00", "\ud83d\ud83d", "\ude00\ud83d"]
    texts += ["\ud83d🐍\ude00", "🐍\ud83d", "\ude00🐍", "x" * 1000 + "🐍", "🐍" * 1000, "Ā" * 1000]
    for text in texts:
        back = run_js("(x) => x")(text)
        assert back == text and back.isascii() == text.isascii() and hash(back) == hash(text), ascii(text)
    assert run_js("'🐍abc'.slice(2)") == "abc"
    assert run_js("'🐍äbc'.slice(2, 4)") == "äb"
    assert run_js("(x) => { let s = ''; for (let i = 0; i < 5000; i++) s += x; return s; }")("🐍") == "🐍" * 5000


def test_what_counts_as_an_object_is_asked_of_each(run_js):
    """`to_py` makes dicts of plain objects only, also where they hide what they are or claim to be something else."""
    for code, expected in [
        ("({a: 1})", {"a": 1}), ("Object.create(null)", {}), ("({constructor: undefined, a: 1})", {"constructor": None, "a": 1}),
        ("({1: 2, from: 3, then: 4})", {"1": 2, "from": 3, "then": 4}), ("Object.create({b: 1})", {}),
    ]:
        assert run_js(code).to_py() == expected, code
    for code in ["new (class A {})()", "({[Symbol.toStringTag]: 'Other'})", "new Date()", "({constructor: class B {}})"]:
        assert not isinstance(run_js(code).to_py(), dict), code
    assert run_js("({[Symbol.toStringTag]: 'Map', entries: () => [[1, 2]]})").to_py() == {1: 2}
