"""What differs between the versions of Pyodide, each of which belongs to one CPython: all such expectations are here."""

import asyncio
import json
import sys

import pyodide
import pytest

IS_314 = sys.version_info >= (3, 14)
IS_26 = sys.version_info < (3, 13)


def test_pyodide_py_belongs_to_this_python():
    assert pyodide.__version__.split(".")[0] == ("314" if IS_314 else "0")
    assert IS_314 or pyodide.__version__.split(".")[1] == ("26" if IS_26 else "28")


def test_null_has_a_value_of_its_own(run_js):
    if IS_26:
        assert run_js("null") is None
        assert run_js("[null, {a: null}]").to_py() == [None, {"a": None}]
        return
    from pyodide.ffi import jsnull

    assert run_js("null") is jsnull is run_js("[null]").to_py()[0]
    assert run_js("(x) => x === null")(jsnull) is True
    assert json.dumps({"a": jsnull}) == '{"a": null}'


def test_none_is_undefined_everywhere(run_js):
    assert run_js("(x) => x === undefined")(None) is True


def test_big_integers_remember_what_they_were(run_js):
    kind_of = run_js("(x) => typeof x")
    assert kind_of(3) == "number" and kind_of(2**60) == "bigint"
    three = run_js("3n")
    assert three == 3 and run_js("10n ** 30n") == 10**30 and run_js("-(2n ** 70n)") == -(2**70)
    if not IS_314:
        assert type(three) is int and kind_of(three) == "number"
        return
    from pyodide.ffi import JsBigInt

    assert type(three) is JsBigInt and kind_of(three) == "bigint" == kind_of(three + three)
    assert kind_of(JsBigInt(-5)) == "bigint" and run_js("(x) => x === -5n")(JsBigInt(-5)) is True


def test_dicts_become_objects_or_maps_with_properties(run_js):
    from pyodide.ffi import to_js

    kind, property_value, text = run_js("(x) => [x.constructor.name, x.a.b, JSON.stringify(x)]")(
        to_js({"a": {"b": 1}})
    )
    assert (kind, property_value) == ("Object" if IS_314 else "LiteralMap", 1)
    assert not IS_314 or text == '{"a":{"b":1}}'
    entries = run_js("(x) => x instanceof Map ? x.get('a') : x.a")
    assert entries(to_js({"a": 5})) == 5


@pytest.mark.since(314)
@pytest.mark.parametrize("keys", [(1, "1"), ("toString",)])
def test_keys_that_an_object_has_already_collide(keys):
    from pyodide.ffi import ConversionError, to_js

    with pytest.raises(ConversionError, match="Key collision when converting Python dictionary to JavaScript. Key: '"):
        to_js(dict.fromkeys(keys, 0))


@pytest.mark.since(314)
def test_what_has_a_length_and_iterates_is_a_sequence(run_js):
    from collections.abc import Sequence

    from pyodide.ffi import JsArray

    listing = run_js("({length: 2, 0: 'a', 1: 'b', *[Symbol.iterator]() { yield this[0]; yield this[1]; }})")
    assert isinstance(listing, Sequence) and isinstance(listing, JsArray)
    assert list(listing) == ["a", "b"] and listing[1] == listing[-1] == "b"


@pytest.mark.since(314)
def test_such_a_sequence_is_repeated_by_its_iterator_and_set_by_its_own_method(run_js):
    listing = run_js("({length: 2, kept: {}, set(key, value) { this.kept[key] = value; }, *[Symbol.iterator]() { yield 'a'; yield 'b'; }})")
    assert (listing * 2).to_py() == ["a", "b"] * 2
    listing["c"] = 5
    assert listing.kept.to_py() == {"c": 5}


@pytest.mark.since(314)
def test_disposable_objects_are_context_managers(run, run_js):
    log = run_js("[]")
    make = run_js(
        """(log) => ({
            [Symbol.dispose]() { log.push('closed'); },
            async [Symbol.asyncDispose]() { log.push('closed later'); },
        })"""
    )
    thing = make(log)
    with pytest.raises(KeyError), thing as entered:
        assert entered == thing
        raise KeyError
    assert log.to_py() == ["closed"]

    async def main():
        async with thing as entered:
            assert entered == thing
            await asyncio.sleep(0)

    run(main())
    assert log.to_py() == ["closed", "closed later"]
