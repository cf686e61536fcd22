"""Promises, coroutines and asynchronous iteration."""

import asyncio

import js
from pyodide.code import eval_code_async, run_js
from pyodide.ffi import create_proxy, to_js


async def caught(awaitable):
    try:
        return await awaitable
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


async def promises_are_awaited():
    yield await run_js("Promise.resolve(1)"), await run_js("Promise.resolve(Promise.resolve('x'))"), await run_js("({then(f) { f(5); }})")
    yield (await run_js("Promise.resolve([1])")).to_py(), await run_js("(async () => null)()")


async def rejections_are_raised():
    # Pyodide itself breaks where the reason is no error.
    for source in ("new Error('e')", "new TypeError('t')"):
        yield await caught(run_js(f"Promise.reject({source})"))


async def callbacks_of_promises():
    promise = js.Promise.resolve(3)
    yield await promise.then(lambda x: x + 1), await js.Promise.reject(js.Error.new(4)).catch(lambda x: 5), await js.Promise.resolve(6).finally_(lambda: 7)
    yield await run_js("() => Promise.resolve(3)")().then(lambda x: x * 2)
    yield await caught(promise.then(lambda x: 1 / 0))


async def results_of_calls_are_futures():
    future = run_js("async () => 1")()
    yield type(future).__name__, isinstance(future, asyncio.Future), await future
    yield type(run_js("Promise.resolve(1)")).__name__


async def coroutines_in_javascript():
    async def double(x):
        await asyncio.sleep(0)
        return 2 * x

    yield await run_js("async (f) => await f(4)")(double)
    yield await run_js("(f) => Promise.all([f(1), f(2)])")(double)

    async def fail():
        raise ValueError("async")

    yield await caught(run_js("async (f) => await f()")(fail))
    yield await run_js("async (f) => { try { await f(); } catch (e) { return e.type; } }")(fail)


async def arguments_live_until_a_promise_settles():
    yield await run_js("async (x) => { await 0; return x.length; }")([1, 2])
    yield await run_js("async (x) => { await new Promise((r) => setTimeout(r, 1)); return x.get(0); }")([5])


async def asynchronous_iteration():
    source = run_js("(async function* () { const got = yield 1; yield got; return 3; })()")
    yield await anext(source), await source.asend("sent"), await caught(anext(source))
    yield [x async for x in run_js("({async *[Symbol.asyncIterator]() { yield 1; yield 2; }})")]
    collect = run_js("async (x) => { const all = []; for await (const i of x) all.push(i); return all; }")

    async def numbers():
        for i in range(3):
            yield i

    yield (await collect(numbers())).to_py()


async def asynchronous_generators_are_closed_and_thrown_into():
    generator = run_js("(async function* () { try { yield 1; } catch (e) { yield `caught ${e.name}`; } })()")
    await anext(generator)
    yield await generator.athrow(ValueError())
    yield await generator.aclose(), await caught(anext(generator))


async def gathering_and_cancelling():
    yield await asyncio.gather(run_js("Promise.resolve(1)"), asyncio.sleep(0, 2), run_js("async () => 3")())
    task = asyncio.ensure_future(asyncio.Event().wait())
    await asyncio.sleep(0)
    task.cancel()
    yield await caught(task)
    yield await caught(asyncio.wait_for(run_js("new Promise(() => {})"), 0.001))


async def order_of_turns():
    order = []
    loop = asyncio.get_running_loop()
    loop.call_later(0.02, order.append, "later")
    loop.call_soon(order.append, "soon")
    done = create_proxy(lambda *_: order.append("then"))
    js.Promise.resolve().then(done)
    order.append("now")
    await asyncio.sleep(0.1)
    yield sorted(order), order[0], order[-1]


async def code_with_top_level_await():
    yield await eval_code_async("await asyncio.sleep(0, 'slept')", {"asyncio": asyncio})
    yield await caught(eval_code_async("await asyncio.sleep(0)\n1 / 0", {"asyncio": asyncio}))


async def tasks_as_promises():
    async def work():
        return to_js([1])

    yield await run_js("async (f) => Array.isArray(await f())")(work)
