"""Waiting on threads besides the first, for what only the first thread's event loop brings about.

The global `native` (functions in Rust) is put here before this runs.
"""

import asyncio
import concurrent.futures
import sys
import time

# How long a thread waits before it looks again whether the first one is blocked, in seconds.
PATIENCE_S = 0.005
# The CPU time in which a thread that is blocked does no more than say where, in seconds.
STANDSTILL_S = 0.001
# How long the first thread may be blocked where it cannot be put aside, in seconds.
BLOCKED_S = 5
BLOCKED = (
    f"The first thread, whose event loop would have to turn, has been blocked for {BLOCKED_S} s in a function that JavaScript "
    "has called. If it waits for this thread, make it wait in asyncio, for instance for asyncio.to_thread, or have "
    "JavaScript call it with callPromising()."
)


async def result_of(awaitable):
    return await awaitable


def begin(awaitable):
    """Has the first thread's loop await it, in this thread's context."""
    return asyncio.run_coroutine_threadsafe(result_of(awaitable), native.on_first_thread(asyncio.get_event_loop))


def run_sync(awaitable):
    """`pyodide.ffi.run_sync` on another thread.

    The callback that the first thread runs may itself be blocked until this thread is done: it waits for a lock, or joins
    this thread. Then it is put aside, as if it had called `run_sync` itself, so that the loop can turn. Whoever has put
    something aside looks on until it has gone on again: what the loop runs meanwhile may be blocked by it. What cannot be
    put aside, because JavaScript has called it, has some time to go on by itself.
    """
    outcome = begin(awaitable)
    awaited, place, blocked_since = [outcome], None, None
    while concurrent.futures.wait(awaited, PATIENCE_S).not_done:
        before, place = place, None if native.loop_is_waiting() else native.on_first_thread(where)
        if not (place and before and place[0] == before[0] and place[1] - before[1] < STANDSTILL_S):
            blocked_since = None
        elif place[2]:
            awaited.append(concurrent.futures.Future())
            native.post(put_aside, outcome, awaited[-1])
            place = None
        elif blocked_since is None:
            blocked_since = time.monotonic()
        elif time.monotonic() - blocked_since > BLOCKED_S:
            outcome.cancel()
            raise RuntimeError(BLOCKED)
    return outcome.result()


def where():
    """Where the first thread is, the CPU time that it has used, and whether what it does can be put aside."""
    frame = sys._getframe().f_back
    return ((id(frame), frame.f_lasti), time.thread_time(), native.can_run_sync()) if frame else None


def put_aside(outcome, gone_on):
    """Lets the loop turn, at least once, until there is an outcome."""
    if native.can_run_sync():
        loop = asyncio.get_event_loop()
        over = loop.create_future()
        outcome.add_done_callback(lambda _: loop.call_soon_threadsafe(over.set_result, None))
        native.wait_for(over)
    gone_on.set_result(None)


def await_here(awaitable):
    """`awaitable.__await__()` on this thread's own loop."""
    return asyncio.wrap_future(begin(awaitable)).__await__()


def future_here(future):
    """What stands for a future of the first thread's loop on this thread."""
    return future if asyncio._get_running_loop() is None else asyncio.wrap_future(begin(future))
