"""JavaScript objects as Python objects: attributes, items, operators, iteration."""

import collections.abc
import copy
import json

import js
import pyodide.ffi
from pyodide.code import run_js
from pyodide.ffi import to_js


def error(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except Exception as raised:
        return f"{type(raised).__name__}: {raised}"


def attributes_are_read_set_and_deleted():
    thing = run_js("({a: 1, u: undefined, from: 2, f() { return this.a; }, get g() { return this.a + 1; }})")
    yield thing.a, thing.u, thing.from_, thing.f(), thing.g
    thing.a = 5
    thing.class_ = "c"
    yield thing.f(), getattr(thing, "class"), thing.object_keys().to_py()
    del thing.a
    yield hasattr(thing, "a"), error(getattr, thing, "nothing")
    yield error(delattr, run_js("Object.freeze({a: 1})"), "b")


def names_of_an_object():
    thing = run_js("({a: 1, from: 2, 7: 3, 'two words': 4})")
    yield [name for name in dir(thing) if name in ("a", "from", "from_", "7", "two words", "to_py", "typeof")]


def texts_and_truth():
    for source in ("({})", "[]", "[1]", "new Map()", "new Set([1])", "(() => 1)", "new Date(NaN)", "/a/g", "new Uint8Array(0)", "Symbol('s')"):
        thing = run_js(source)
        yield repr(thing), bool(thing), thing.typeof


def kinds_of_objects():
    names = [name for name in dir(pyodide.ffi) if name.startswith("Js") and name not in ("JsNull", "JsFetchResponse")]
    for source in (
        "({})", "[]", "new Map()", "new Set()", "(() => 0)", "Promise.resolve()", "new Error()", "new Uint8Array(1)",
        "new ArrayBuffer(1)", "[].values()", "(function* () {})()", "(async function* () {})()", "({length: 1})",
        "({get() {}, size: 0, [Symbol.iterator]() {}})", "new DataView(new ArrayBuffer(1))", "new URLSearchParams()",
    ):
        thing = run_js(source)
        yield source, [name for name in names if isinstance(getattr(pyodide.ffi, name), type) and isinstance(thing, getattr(pyodide.ffi, name))]


def abstract_classes():
    names = ["Sequence", "MutableSequence", "Mapping", "MutableMapping", "Iterable", "Iterator", "Generator", "Awaitable", "Callable", "Sized", "Container", "Hashable"]
    for source in ("[]", "new Map()", "new Set()", "(() => 0)", "Promise.resolve()", "[].values()", "(function* () {})()", "({})"):
        thing = run_js(source)
        yield source, [name for name in names if isinstance(thing, getattr(collections.abc, name))]


def comparison_and_identity():
    one, other = run_js("[[], []]")
    yield one == one, one == other, one != other, one == [], error(hash, one), one.js_id == one.js_id, one.js_id == other.js_id
    early, late = run_js("[new Date(1), new Date(2)]")
    yield early < late, early > late, error(lambda: early < 3)


def arrays_are_sequences():
    array = run_js("[10, 20, 30, 40]")
    yield array[0], array[-1], array[1:3].to_py(), array[::-1].to_py(), len(array), 20 in array, 5 in array
    array.append(50)
    array.extend([60, 70])
    array.insert(1, 15)
    yield array.to_py(), array.pop(), array.pop(0), array.index(30), array.count(30), (array + [1]).to_py()
    array[1:3] = [1, 2, 3]
    del array[0]
    array.reverse()
    yield array.to_py(), (array * 2).to_py(), list(reversed(array))
    array.remove(1)
    array += [9]
    yield array.to_py()


def arrays_refuse_as_lists_do():
    array = run_js("[1, , 3]")
    yield error(lambda: array[5]), error(lambda: array[1]), error(lambda: array["a"]), error(array.index, 7), error(array.remove, 7)
    yield error(run_js("[]").pop), error(array.pop, 9), error(array.__setitem__, 9, 1), error(array.__delitem__, 9)
    yield error(array.__setitem__, slice(0, 3, 2), [1]), error(lambda: array.keys), error(array.__getitem__, 1.5)


def extended_slices():
    array = js.Array.from_(range(10))
    array[::3] = "abcd"
    yield array.to_py()
    del array[1::2]
    yield array.to_py(), array[10:2].to_py(), array[-3:].to_py(), array[::-2].to_py()


def maps_are_mappings():
    table = run_js("new Map([['a', 1], ['b', 2]])")
    yield table["a"], "b" in table, list(table), len(table), error(lambda: table["none"]), table.get("none"), table.get("none", 7)
    table["c"] = 3
    del table["a"]
    yield error(table.__delitem__, "none"), dict(table), list(table.items()), list(table.keys()), list(table.values())
    yield table.pop("b"), error(table.pop, "b"), table.pop("b", 0), table.setdefault("d", 4), table.popitem()
    table.update({"x": 1}, y=2)
    yield table.to_py()
    table.clear()
    yield len(table)


def sets_have_members():
    members = run_js("new Set([1, 'a'])")
    yield 1 in members, 2 in members, len(members), list(members)


def objects_as_mappings():
    view = run_js("({a: 1, b: {c: [1, {d: 2}]}})").as_py_json()
    yield view["a"], view["b"]["c"][1]["d"], list(view), len(view), "a" in view, error(lambda: view["z"])
    view["n"] = 5
    yield sorted(view.keys()), error(view.__setitem__, 1, 2), view.get("z", 0), list(view["b"]["c"])[0]
    yield error(lambda: run_js("({})")["a"])


def subscripts_need_methods():
    yield error(lambda: run_js("({})")[0]), error(lambda: run_js("(() => 0)")[0]), error(len, run_js("({})")), error(iter, run_js("({})"))
    yield error(len, run_js("({length: -1})")), error(len, run_js("({length: 'x'})")), error(len, run_js("({length: 2 ** 40})"))
    yield run_js("({get: (key) => key + '!', has: () => true, set() {}, delete: () => true})")["k"]


def iterators_and_generators():
    generator = run_js("(function* () { const got = yield 1; yield got; return 'end'; })()")
    yield next(generator), generator.send("sent"), error(next, generator), error(next, generator)
    thrown = run_js("(function* () { try { yield 1; } catch (e) { yield e.name ?? String(e); } finally { yield 'f'; } })()")
    yield next(thrown), thrown.throw(ValueError("v")), next(thrown)
    closed = run_js("(function* () { yield 1; })()")
    next(closed)
    yield closed.close(), error(next, closed)
    stubborn = run_js("(function* () { try { yield 1; } finally { yield 2; } })()")
    next(stubborn)
    yield error(stubborn.close)
    yield error(next, run_js("({next: () => 3})")), error(next, run_js("({next: async () => 3})")), error(next, run_js("({next: () => ({})})"))


def python_iterables_in_javascript():
    collect = run_js("(x) => [...x]")
    yield collect(range(3)).to_py(), collect(x * 2 for x in (1, 2)).to_py(), collect({"a": 1}).to_py(), collect("abc").to_py()


def json_of_nothing():
    yield json.dumps([pyodide.ffi.jsnull, None]), error(json.dumps, run_js("({})"))


def copies_share_the_object():
    thing = run_js("({a: 1})")
    yield error(lambda: copy.copy(thing).a), error(lambda: thing.to_weakref().deref().a)


def string_conversion_of_proxies():
    yield str(to_js([1, [2]])), f"{run_js("({toString: () => 'own'})")}", repr(run_js("({toString() { throw new Error(); }})")), str(run_js("Object.create(null)"))


def numbers_of_arrays_like_lists():
    array = to_js([3, 1, 2])
    yield sorted(array), max(array), sum(array), [*array], dict(enumerate(array)), list(zip(array, "abc"))
