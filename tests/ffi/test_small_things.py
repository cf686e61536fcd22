"""Behaviour that hangs on one word: texts of errors, names of classes, odd values."""

import io
import json

import pytest


def test_text_of_objects(run_js):
    from pyodide.ffi import JsException

    assert str(run_js("[1, 2]")) == "1,2"
    assert str(run_js("Object.create(null)")) == "[object Object]"
    assert str(run_js("({ get toString() { throw new Error(); }, [Symbol.toStringTag]: 'Tag' })")) == "[object Tag]"
    with pytest.raises(JsException, match="loud"):
        str(run_js("({ toString() { throw new Error('loud'); } })"))
    with pytest.raises(JsException, match="loud"):
        str(run_js("({ toString: undefined, get [Symbol.toStringTag]() { throw new Error('loud'); } })"))
    with pytest.raises(JsException, match="revoked"):
        str(run_js("(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy; })()"))


def test_what_cannot_be_awaited(run, run_js):
    thenable = run_js("globalThis.box = { thenable: { then() {} } }").thenable
    run_js("delete box.thenable.then")

    async def main():
        with pytest.raises(TypeError, match="can't be used in 'await' expression"):
            await thenable

    run(main())


def test_conversion_errors_have_their_public_name(run_js):
    from pyodide.ffi import ConversionError, to_js

    assert ConversionError.__module__ == "pyodide.ffi"
    with pytest.raises(ConversionError, match="No conversion known for x"):
        to_js([object()], create_pyproxies=False)


@pytest.mark.since(28)
def test_json_writes_null():
    from pyodide.ffi import jsnull

    assert json.dumps(jsnull) == "null"
    assert json.dumps([{jsnull: 1, "a": [jsnull]}]) == '[{"null": 1, "a": [null]}]'
    assert json.dumps({"a": {jsnull: 1}}, indent=None, sort_keys=True) == '{"a": {"null": 1}}'
    with pytest.raises(TypeError, match="keys must be str"):
        json.dumps({(1, 2): 3})


@pytest.mark.since(28)
def test_slices_are_assigned_as_in_lists(run_js):
    """In the words that lists have since CPython 3.13."""
    for index, values in [(slice(None), 1), (slice(0, 4, 2), 1), (slice(0, 4, 2), [1, 2, 3, 4]), (slice(0, 4, 2), [])]:
        errors = []
        for target in (list(range(6)), run_js("[0, 1, 2, 3, 4, 5]")):
            with pytest.raises((TypeError, ValueError)) as caught:
                target[index] = values
            errors.append((type(caught.value), caught.value.args))
        assert errors[0] == errors[1] or index.step is None


def test_array_likes_cannot_be_assigned_to(run_js):
    nodes = run_js("Object.assign(Object.create({ [Symbol.toStringTag]: 'NodeList' }), { 0: 'a', length: 1 })")
    assert nodes[0] == "a"
    with pytest.raises(TypeError, match="does not support item assignment"):
        nodes[0] = 1


def test_buffers_read_what_a_file_has_left(run_js):
    target = run_js("new Uint8Array(4)")
    target.from_file(io.BytesIO(b"ab"))
    assert target.to_bytes() == b"ab\0\0"
    out = io.BytesIO()
    target.to_file(out)
    assert out.getvalue() == b"ab\0\0"


def test_scripts_are_scheduled_in_the_order_of_the_calls(run, run_js):
    from pyodide_js import runPythonAsync

    order = []

    async def note(n):
        order.append(n)

    async def indirectly(n):
        return note(n)

    namespace = {"note": note}

    async def main():
        both = "async (start, namespace, other) => { const s = start('note(1)', { globals: namespace }); await other(2); await s; }"
        await run_js(f"({both})")(runPythonAsync, namespace, indirectly)

    run(main())
    assert order == [1, 2]
