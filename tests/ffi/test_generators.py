"""Iterators and generators of both languages in the other one."""

import pytest


def test_missing_methods_are_named(run_js):
    from pyodide.ffi import JsException

    iterator = run_js("globalThis.it = ({ next() {}, get() {} })")
    run_js("delete it.next; delete it.get;")
    with pytest.raises(JsException, match="^TypeError: next is not a function"):
        next(iterator)
    with pytest.raises(JsException, match="^TypeError: get is not a function"):
        iterator["k"]


def test_steps_must_be_results(run_js):
    for step, message in [
        ("5", 'Result should have type "object" not "number"'),
        ("({})", 'Result has no "done" field'),
        ("Promise.resolve()", "Result was a promise, use anext"),
    ]:
        with pytest.raises(TypeError, match=message):
            next(run_js(f"({{ next() {{ return {step}; }} }})"))


def test_async_steps_must_be_promises(run_js):
    for step, message in [
        ("5", "Result of anext.. should be object not number"),
        ("({done: true})", "Result of anext.. was not a promise, use next.. instead"),
        ("({})", "Result of anext.. was not a promise"),
    ]:
        with pytest.raises(TypeError, match=message):
            anext(run_js(f"({{ next() {{ return {step}; }} }})"))


def test_generators_can_be_thrown_into_and_closed(run_js):
    from pyodide.ffi import JsException

    make = run_js("(function* () { try { yield 1; } catch (e) { yield e.type; } return 'end'; })")
    generator = make()
    assert next(generator) == 1
    assert generator.throw(ValueError("no")) == "ValueError"
    with pytest.raises(StopIteration) as stopped:
        generator.send(None)
    assert stopped.value.value == "end"
    stubborn = run_js("(function* () { try { yield 1; } finally { yield 2; } })")()
    next(stubborn)
    with pytest.raises(RuntimeError, match="JavaScript generator ignored return"):
        stubborn.close()
    with pytest.raises((TypeError, JsException)):
        make().throw("not an exception")


def test_async_generators_can_be_sent_to_and_closed(run, run_js):
    from pyodide.ffi import JsException

    make = run_js("(async function* () { try { const x = yield 1; yield x; } finally { globalThis.closed = true; } })")

    async def main():
        generator = make()
        assert await anext(generator) == 1
        assert await generator.asend("sent") == "sent"
        with pytest.raises(StopAsyncIteration):
            await anext(generator)
        generator = make()
        await anext(generator)
        run_js("globalThis.closed = false")
        assert await generator.aclose() is None
        assert run_js("closed") is True
        generator = make()
        await anext(generator)
        with pytest.raises(JsException, match="hi"):
            await generator.athrow(TypeError("hi"))

    run(main())


def test_async_generators_that_ignore_their_end(run, run_js):
    stubborn = run_js("(async function* () { try { yield 1; } finally { yield 2; } })")

    async def main():
        generator = stubborn()
        await anext(generator)
        with pytest.raises(RuntimeError, match="JavaScript generator ignored return"):
            await generator.aclose()
        generator = stubborn()
        await anext(generator)
        assert await generator.athrow(GeneratorExit) == 2

    run(main())


def test_async_generators_return_values(run, run_js):
    make = run_js("(async function* (x) { const l = [x]; l.push(yield); return l.map((x) => x.length).join(); })")

    async def main():
        generator = make([1])
        await generator.asend(None)
        with pytest.raises(StopAsyncIteration) as stopped:
            await generator.asend([1, 2])
        assert stopped.value.args == ("1,2",)

    run(main())


def test_coroutines_called_by_javascript_give_futures(run, run_js):
    async def double(x):
        return 2 * x

    async def main():
        return await run_js("(f) => f(21)")(double)

    assert run(main()) == 42
