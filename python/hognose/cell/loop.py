"""asyncio's event loop over the native one."""

import asyncio
import concurrent.futures
import sys
import threading
import traceback

from hognose import _hognose
from pyodide.webloop import PyodideFuture, WebLoop

_native = _hognose.event_loop


class HognoseLoop(WebLoop):
    """Pyodide's WebLoop with native scheduling, timers, descriptors and threads.

    As WebLoop it always runs and is never closed.
    """

    # Built-in functions are no descriptors: these are called without ``self``.
    call_soon = _native.call_soon

    def __init__(self):
        super().__init__()
        self._executor = None
        self._readers = {}
        self._writers = {}

    def call_later(self, delay, callback, *args, context=None):
        if delay < 0:
            raise ValueError("Can't schedule in the past")
        return _native.call_at(delay, self.time() + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        return _native.call_at(when - self.time(), when, callback, *args, context=context)

    def call_soon_threadsafe(self, callback, *args, context=None):
        return _native.call_soon_threadsafe(callback, *args, context=context)

    def create_future(self):
        return PyodideFuture(loop=self)

    def set_default_executor(self, executor):
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError("executor must be ThreadPoolExecutor instance")
        self._executor = executor

    def run_in_executor(self, executor, func, *args):
        """Runs ``func(*args)`` in a real thread."""
        if executor is None:
            executor = self._executor
            if executor is None:
                executor = self._executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
        hold = _native.Hold()
        future = asyncio.wrap_future(executor.submit(func, *args), loop=self)
        future.add_done_callback(lambda _: hold.release())
        return future

    def add_reader(self, fd, callback, *args):
        self._watch(self._readers, fd, False, callback, args)

    def add_writer(self, fd, callback, *args):
        self._watch(self._writers, fd, True, callback, args)

    def remove_reader(self, fd):
        return self._unwatch(self._readers, fd)

    def remove_writer(self, fd):
        return self._unwatch(self._writers, fd)

    def other_threads_may_call(self):
        """Whether a thread runs that may still send something. The default executor's do only while they hold the
        loop."""
        workers = self._executor._threads if self._executor else ()
        return any(
            thread is not threading.main_thread() and thread not in workers for thread in threading.enumerate()
        )

    def default_exception_handler(self, context):
        """Prints what nobody caught."""
        error = context.get("exception")
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            # These have left the loop when they were raised.
            return
        details = [f"{key}: {value!r}" for key, value in sorted(context.items()) if key not in ("message", "exception")]
        lines = [context.get("message") or "Unhandled exception in event loop", *details]
        text = "".join(traceback.format_exception(error)) if error else ""
        print("\n".join(lines), text, sep="\n", end="", file=sys.stderr)

    def _watch(self, watches, fd, write, callback, args):
        descriptor = _descriptor(fd)
        self._unwatch(watches, descriptor)
        watches[descriptor] = _native.watch(descriptor, write, lambda: callback(*args))

    def _unwatch(self, watches, fd):
        watch = watches.pop(_descriptor(fd), None)
        if watch is None:
            return False
        watch.close()
        return True

    async def shutdown_asyncgens(self):
        """Nothing to do: the loop outlives every asynchronous generator."""

    async def shutdown_default_executor(self, timeout=None):
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)


def _descriptor(fd):
    return fd if isinstance(fd, int) else fd.fileno()
