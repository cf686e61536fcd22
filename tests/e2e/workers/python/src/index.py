"""Python as people write it in handlers: blocking, asyncio, threads, context, what outlives a response."""

import asyncio
import contextvars
import getpass
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import js
from js import URL, Response, console
from pyodide.ffi import create_proxy, run_sync, to_js
from workers import env as global_env
from workers import import_from_javascript, wait_until

at_top_level = run_sync(asyncio.sleep(0, "waited"))
visits = 0
name = contextvars.ContextVar("name", default="nobody")
local = threading.local()


async def gate(which):
    """Waits until the test opens the gate."""
    answer = await js.fetch(f"{global_env.GATES}/{which}")
    return await answer.text()


async def on_fetch(request, env, ctx):
    path = URL.new(request.url).pathname.removeprefix("/")
    route, _, argument = path.partition("/")
    result = ROUTES[route](request, env, ctx, argument)
    if asyncio.iscoroutine(result):
        result = await result
    return Response.new(result) if isinstance(result, str) else result


def hello(request, env, ctx, argument):
    return "hello"


def top_level(request, env, ctx, argument):
    return at_top_level


def count(request, env, ctx, argument):
    global visits
    visits += 1
    return str(visits)


def sync_handler(request, env, ctx, argument):
    """A function that is not async, which waits for JavaScript and for Python."""
    run_sync(env.KV.put("sync", "stored"))
    return run_sync(env.KV.get("sync")) + run_sync(asyncio.sleep(0, " and read"))


def blocked(request, env, ctx, argument):
    """Waits in ``run_sync`` at its own gate, with state of every kind that must still be its own afterwards."""
    name.set(argument)
    local.value = "shared by all, as it is one thread"
    try:
        raise KeyError(argument)
    except KeyError:
        console.log(f"{argument} waits")
        run_sync(gate(argument))
        handled = sys.exception()
    return f"{name.get()} {handled!r} {asyncio.current_task() is not None} {local.value}"


def deep(request, env, ctx, argument):
    """Runs into the recursion limit, on a stack of its own."""

    def down(level):
        if level == 100:
            run_sync(asyncio.sleep(0))
        return down(level + 1)

    try:
        down(0)
    except RecursionError:
        return "RecursionError"


def above_javascript(request, env, ctx, argument):
    """A callback of JavaScript's cannot be put aside."""
    try:
        to_js([1]).map(create_proxy(lambda *_: run_sync(asyncio.sleep(0))))
    except RuntimeError as error:
        return str(error)


async def gathered(request, env, ctx, argument):
    async def double(number):
        await asyncio.sleep(0.001 * (5 - number))
        return 2 * number

    return repr(await asyncio.gather(*map(double, range(5))))


async def timed_out(request, env, ctx, argument):
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Future()
    except TimeoutError:
        return "TimeoutError"


async def grouped(request, env, ctx, argument):
    done = []

    async def work(number):
        await asyncio.sleep(0)
        done.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(work(number))
    return repr(done)


async def threads(request, env, ctx, argument):
    name.set("asked")

    def work():
        return threading.current_thread() is threading.main_thread(), name.get()

    loop = asyncio.get_running_loop()
    in_executor = await loop.run_in_executor(None, work)
    return repr([await asyncio.to_thread(work), in_executor])


async def print_in_thread(request, env, ctx, argument):
    await asyncio.to_thread(print, "printed in a thread")
    return "printed"


async def prints_in_parts(request, env, ctx, argument):
    print("begun", end="", flush=True)
    print()
    print("long" * 3_000)
    print("\nspaced")
    return "printed"


async def from_thread(request, env, ctx, argument):
    loop, future = asyncio.get_running_loop(), asyncio.Future()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(future.set_result, "from a thread"))
    thread.start()
    result = await future
    thread.join()
    return result


async def javascript_in_thread(request, env, ctx, argument):
    """What is written for an executor that runs inline: bindings, a request's parts, and printing, in a thread."""

    def work():
        run_sync(env.KV.put("thread", argument))
        print(f"stored {argument}")
        return run_sync(env.KV.get("thread")), URL.new(request.url).pathname, env.GREETING

    return repr(await asyncio.to_thread(work))


def blocked_by_threads(request, env, ctx, argument):
    """Waits for threads that need the loop, without giving it the chance to turn."""

    def work(number):
        run_sync(env.KV.put(f"thread-{number}", str(number)))
        return int(run_sync(env.KV.get(f"thread-{number}")))

    with ThreadPoolExecutor(4) as pool:
        return repr(sum(pool.map(work, range(20))))


async def loop_in_thread(request, env, ctx, argument):
    """A thread with a loop of its own."""

    async def main():
        await env.KV.put("loop", argument)
        return await env.KV.get("loop")

    return await asyncio.to_thread(lambda: asyncio.run(main()))


def asyncio_run(request, env, ctx, argument):
    async def work():
        await asyncio.sleep(0)
        return "ran"

    return asyncio.run(work())


async def asyncio_run_in_async(request, env, ctx, argument):
    return asyncio_run(request, env, ctx, argument)


async def hangs(request, env, ctx, argument):
    await js.Promise.new(create_proxy(lambda *_: None))


async def hangs_in_asyncio(request, env, ctx, argument):
    await asyncio.Future()


def hangs_in_run_sync(request, env, ctx, argument):
    run_sync(asyncio.Future())


async def sleeps_in_thread(request, env, ctx, argument):
    """Blocks a thread, not the others."""
    released = threading.Event()
    sleeper = asyncio.create_task(asyncio.to_thread(released.wait))
    await gate(argument)
    released.set()
    return repr(await sleeper)


async def later(what):
    await gate(what)
    print(f"later: {what}")


async def wait_coroutine(request, env, ctx, argument):
    ctx.waitUntil(later("coroutine"))
    return "answered"


async def wait_task(request, env, ctx, argument):
    ctx.waitUntil(asyncio.create_task(later("task")))
    return "answered"


async def wait_promise(request, env, ctx, argument):
    stored = env.KV.put("waited", "yes")
    ctx.waitUntil(stored.then(lambda _: print("later: promise")))
    return "answered"


async def kv(request, env, ctx, argument):
    return await env.KV.get(argument)


async def wait_module(request, env, ctx, argument):
    wait_until(later("module"))
    return "answered"


async def wait_raises(request, env, ctx, argument):
    async def fail():
        raise ValueError("after the answer")

    ctx.waitUntil(fail())
    return "answered"


async def wait_many(request, env, ctx, argument):
    """What is kept may keep more."""

    async def more():
        await gate("some")
        ctx.waitUntil(later("more"))

    ctx.waitUntil(more())
    return "answered"


async def cancelled(request, env, ctx, argument):
    """Sees its client go."""
    gone = asyncio.Event()
    request.signal.addEventListener("abort", create_proxy(lambda _: gone.set()))
    console.log("waits for the client to go")
    await asyncio.wait_for(gone.wait(), 60)
    print("the client has gone")
    return "nobody reads this"


async def echo_stream(request, env, ctx, argument):
    """Every chunk comes back as soon as it has come."""
    pair = js.TransformStream.new()

    async def copy():
        writer = pair.writable.getWriter()
        async for chunk in request.body:
            await writer.write(to_js(bytes(chunk.to_bytes()).upper()))
        await writer.close()

    ctx.waitUntil(asyncio.create_task(copy()))
    return Response.new(pair.readable)


async def passed_on(request, env, ctx, argument):
    return Response.new(request.body)


def environment(request, env, ctx, argument):
    module = import_from_javascript("cloudflare:workers")
    return repr([global_env.GREETING, module.env.GREETING, env.GREETING])


def user(request, env, ctx, argument):
    return getpass.getuser()


def no_module(request, env, ctx, argument):
    try:
        import_from_javascript("internal:anything")
    except ImportError as error:
        return str(error)


async def says(request, env, ctx, argument):
    print("printed", argument)
    print("no newline", argument, end="")
    print("error", argument, file=sys.stderr)
    console.warn("warned", argument, to_js({"a": [1]}, dict_converter=js.Object.fromEntries))
    import logging

    logging.getLogger("here").warning("logging %s", argument)
    import warnings

    warnings.warn(f"a warning of {argument}", stacklevel=1)
    return "said"


def chained(request, env, ctx, argument):
    try:
        {}["missing"]
    except KeyError as error:
        wrapped = ValueError("wrapped")
        wrapped.add_note("a note of the author's")
        raise wrapped from error


def from_javascript(request, env, ctx, argument):
    return js.JSON.parse("{")


async def exits(request, env, ctx, argument):
    sys.exit(argument)


async def exits_later(request, env, ctx, argument):
    await asyncio.sleep(0.001)
    sys.exit(argument)


async def background(request, env, ctx, argument):
    """Two tasks that raise: an ordinary exception and one that ends programs."""

    async def fail(error):
        raise error

    tasks = asyncio.create_task(fail(ValueError("in the background"))), asyncio.create_task(fail(SystemExit(3)))
    await asyncio.wait(tasks)
    return "answered"


async def timing(request, env, ctx, argument):
    begun = time.perf_counter()
    await asyncio.sleep(0.02)
    return str(time.perf_counter() - begun >= 0.02)


ROUTES = {key: value for key, value in globals().items() if callable(value)}
