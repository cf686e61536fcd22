"""What blocks in other programs: ``asyncio.run``, ``asyncio.Runner``, ``time.sleep``. Here a loop always runs already, so
they wait in ``run_sync``, and only where that is possible. Other threads have asyncio's usual loops.
"""

import asyncio
import contextvars
import threading
import time

from pyodide.ffi import can_run_sync, run_sync
from pyodide.webloop import WebLoopPolicy

from .loop import HognoseLoop

# The Runner that a task, or the one that started it, runs under.
_runner = contextvars.ContextVar("hognose.asyncio.Runner")
# Pyodide's own replacement, where there is one, takes any number for a time.
_blocking_sleep = getattr(time.sleep, "__wrapped__", time.sleep)


def install(loop: HognoseLoop) -> None:
    """Makes this the loop of the first thread, and lets programs wait in it."""
    asyncio.set_event_loop_policy(Policy(loop))
    asyncio._set_running_loop(loop)
    asyncio.Runner = asyncio.runners.Runner = Runner
    asyncio.run = asyncio.runners.run = run
    time.sleep = sleep


class Policy(WebLoopPolicy):
    """The first thread has one loop, which lasts; every other thread those it makes."""

    def __init__(self, loop):
        super().__init__()
        self._default_loop = loop
        self._others = threading.local()

    def get_event_loop(self):
        if threading.current_thread() is threading.main_thread():
            return self._default_loop
        loop = getattr(self._others, "loop", None)
        if loop is None:
            raise RuntimeError(f"There is no current event loop in thread {threading.current_thread().name!r}.")
        return loop

    def set_event_loop(self, loop):
        if threading.current_thread() is not threading.main_thread():
            self._others.loop = loop

    def new_event_loop(self):
        if threading.current_thread() is threading.main_thread():
            return self._default_loop
        return asyncio.SelectorEventLoop()


class Runner(asyncio.Runner):
    """asyncio's, which on the first thread runs everything on the loop that is running there, whatever it is asked for."""

    def __init__(self, *, debug=None, loop_factory=None):
        super().__init__(debug=debug, loop_factory=loop_factory)
        running = asyncio._get_running_loop()
        self._outer = running if isinstance(running, HognoseLoop) else None
        self._inside = contextvars.copy_context()
        self._inside.run(_runner.set, self)

    def __enter__(self):
        return self if self._outer else super().__enter__()

    def get_loop(self):
        return self._outer or super().get_loop()

    def run(self, coro, *, context=None):
        if self._outer is None:
            return super().run(coro, context=context)
        if not asyncio.iscoroutine(coro):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        if not can_run_sync():
            coro.close()
            raise RuntimeError("asyncio.run() cannot wait here: JavaScript called this function synchronously")
        context = context or self._inside
        context.run(_runner.set, self)
        return run_sync(self._outer.create_task(coro, context=context))

    def close(self):
        """Cancels what the program started and left behind, and nothing else: the loop serves others too."""
        if self._outer is None:
            super().close()
            return
        left = [task for task in asyncio.all_tasks(self._outer) if task.get_context().get(_runner) is self]
        for task in left:
            task.cancel()
        if left:
            run_sync(asyncio.gather(*left, return_exceptions=True))
        for task in left:
            if not task.cancelled() and task.exception() is not None:
                self._outer.call_exception_handler(
                    {"message": "unhandled exception during asyncio.run() shutdown", "task": task}
                    | {"exception": task.exception()}
                )


def run(main, *, debug=None, loop_factory=None):
    """Runs a coroutine to its end, cancels what it leaves behind, and gives its result."""
    with Runner(debug=debug, loop_factory=loop_factory) as runner:
        return runner.run(main)


def sleep(seconds):
    """Waits so many seconds; other requests go on meanwhile."""
    if isinstance(seconds, (int, float)) and seconds > 0 and _may_wait_in_loop():
        run_sync(asyncio.sleep(seconds))
    else:
        _blocking_sleep(seconds)


def _may_wait_in_loop():
    """Not on other threads, which may sleep for themselves."""
    return threading.get_ident() == threading.main_thread().ident and can_run_sync()
