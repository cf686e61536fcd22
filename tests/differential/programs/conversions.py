"""What crosses by itself, and what `to_js` and `to_py` make of it."""

from collections import OrderedDict, UserDict, namedtuple
from enum import IntEnum

import js
from pyodide.code import run_js
from pyodide.ffi import jsnull, to_js

show = run_js("""
(function show(value) {
  if (Array.isArray(value)) return `[${value.map(show)}]`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${[...value]})`;
  if (value instanceof Map || value instanceof Set) return `${value.constructor.name}(${[...value].map(show)})`;
  if (typeof value === "object" && value !== null) return `{${Object.entries(value).map(show)}}`;
  return `${typeof value} ${String(value)}`;
})
""")


def error(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except Exception as raised:
        return f"{type(raised).__name__}: {raised}", raised.__cause__ and f"{type(raised.__cause__).__name__}"


class Color(IntEnum):
    RED = 1


class Text(str):
    pass


def numbers_to_javascript():
    for value in (0, -1, 1.5, 2**31, 2**53 - 2, 2**53 - 1, -(2**53) + 1, 2**53, 10**30, float("nan"), -0.0, True, Color.RED):
        yield show(value)


def numbers_to_python():
    for source in ("1", "1.0", "-0", "2**31", "2**53 - 1", "2**53", "1e300", "NaN", "1n", "2n ** 70n", "-5n"):
        value = run_js(source)
        yield type(value).__name__, value


def strings_both_ways():
    same = run_js("(x) => x")
    for value in ("", "é", "\0", "😀", "\ud83d", "\ude00x", Text("sub")):
        yield same(value), type(same(value)).__name__, js.String.new(value).length


def nothing_is_of_two_kinds():
    yield run_js("null"), run_js("undefined"), show(None), show(jsnull)
    yield bool(jsnull), jsnull == None, type(jsnull).__name__, run_js("[null, undefined]").to_py()  # noqa: E711


def containers_are_proxied():
    kind = run_js("(x) => [x instanceof pyodide.ffi.PyProxy, typeof x, x.type]")
    for value in ([], (), {}, set(), b"", object, len, range(2), lambda: 0):
        yield kind(value).to_py()


def to_js_of_containers():
    for value in ([1, "a", None], (1, [2]), {"a": 1, "b": {"c": [2]}}, {1, 2}, [[], {}], {"x": (1, {3})}):
        yield show(to_js(value))


def to_js_of_dicts_with_converters():
    value = {"a": 1, "b": {"c": 2}}
    for converter in (js.Object.fromEntries, js.Map.new, js.Array.from_):
        yield show(to_js(value, dict_converter=converter))
    for kind in (OrderedDict, dict):
        yield show(to_js(kind(value)))
    yield to_js(UserDict(value)).type


def to_js_of_dict_keys():
    for key in (1, "1", True, None, 1.5, 2**60):
        yield show(to_js({key: "v"}))
    yield error(to_js, {(1, 2): 3})
    yield error(to_js, {frozenset(): 3})
    yield error(to_js, {(1, 2)})


def to_js_to_a_depth():
    value = [[1], [[2]], {"a": [3]}]
    for depth in range(4):
        converted = to_js(value, depth=depth)
        yield type(converted).__name__, converted.to_py() if depth > 2 else None


def to_js_with_a_default_converter():
    Point = namedtuple("Point", "x y")

    class Thing:
        def __init__(self, inner):
            self.inner = inner

    def convert(value, convert, cache):
        result = js.Array.new()
        cache(value, result)
        result.push("thing")
        result.push(convert(value.inner))
        return result

    thing = Thing([Point(1, 2)])
    yield show(to_js([thing, 1], default_converter=convert))
    thing.inner = thing
    yield to_js(thing, default_converter=convert).length
    yield error(to_js, thing, default_converter=lambda *_: 1 / 0)


def to_js_with_an_eager_converter():
    def convert(value, convert, cache):
        if isinstance(value, tuple):
            return js.Set.new(convert(list(value)))
        return convert(value)

    yield show(to_js([(1, 2), [3]], eager_converter=convert))


def to_js_without_proxies():
    yield error(to_js, [object()], create_pyproxies=False)
    proxies = js.Array.new()
    to_js([object(), [object()]], pyproxies=proxies)
    yield len(proxies)
    yield error(to_js, [object()], pyproxies=[])


def to_js_keeps_cycles_and_shares():
    value = [1]
    value.append(value)
    yield run_js("(x) => x[1] === x")(to_js(value))
    inner = {"a": 1}
    yield run_js("(x) => x[0] === x[1]")(to_js([inner, inner]))


def to_py_of_containers():
    for source in ("[1, [2, null]]", "({a: 1, b: {c: [2]}})", "new Map([['a', 1], [2, {x: 3}]])", "new Set([1, 2])", "[undefined]"):
        yield run_js(source).to_py()


def to_py_of_what_is_no_container():
    for source in ("new Date(0)", "/x/", "(() => 0)", "new (class A { x = 1 })", "Object.create(null)"):
        yield type(run_js(source).to_py()).__name__


def to_py_to_a_depth():
    for depth in range(4):
        value = run_js("[[1, [2]], {a: [3]}]").to_py(depth=depth)
        yield type(value).__name__, [type(item).__name__ for item in value]


def to_py_with_a_default_converter():
    def convert(value, convert, cache):
        if value.constructor.name == "Pair":
            result = []
            cache(value, result)
            result.extend([convert(value.first), convert(value.second)])
            return result
        return value

    pair = run_js("class Pair { constructor(a, b) { this.first = a; this.second = b; } } globalThis.Pair = Pair; new Pair(1, [new Pair(2, 3)])")
    yield pair.to_py(default_converter=convert)
    pair.second = pair
    value = pair.to_py(default_converter=convert)
    yield value[0], value[1] is value


def to_py_of_keys_that_python_cannot_have():
    yield error(run_js("new Map([[[1], 2]])").to_py)
    yield error(run_js("new Set([[1]])").to_py)
    yield error(run_js("new Map([[1, 'a'], [true, 'b']])").to_py)
    yield error(run_js("new Set([0, false])").to_py)


def to_py_keeps_cycles():
    value = run_js("const cycle = {a: []}; cycle.a.push(cycle); cycle").to_py()
    yield value["a"][0] is value
