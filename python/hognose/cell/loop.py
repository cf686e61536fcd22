"""asyncio's event loop over the native one.

The native loop (crates/ffi, `event_loop`) schedules, keeps time and waits. Everything that asyncio builds on top of
that, sockets, transports, TLS, servers, executors, is CPython's own: it is given a selector that only says what to wait
for, and the native loop calls back.
"""

import asyncio
import selectors
import socket
import sys
import threading
import time
import traceback
from asyncio import unix_events
from functools import partial

from hognose import _hognose
from pyodide.ffi import run_sync
from pyodide.webloop import PyodideTask, WebLoop

_native = _hognose.event_loop
# From 3.14 on a loop that is made asks the kernel for a watch on a process; a cell starts none, and its lock refuses that.
unix_events.can_use_pidfd = lambda: False


class HognoseLoop(asyncio.SelectorEventLoop, WebLoop):
    """CPython's loop on the native one, with the tasks and futures of Pyodide's.

    As WebLoop it always runs and is never closed; what must wait for it waits in ``run_sync``.
    """

    # Built-in functions are no descriptors: these are called without ``self``.
    call_soon = _native.call_soon
    call_soon_threadsafe = _native.call_soon_threadsafe
    create_future = WebLoop.create_future
    is_running = WebLoop.is_running
    is_closed = WebLoop.is_closed
    close = WebLoop.close
    _check_closed = WebLoop._check_closed
    _coroutine_origin_tracking_enabled = False

    def __init__(self):
        WebLoop.__init__(self)
        asyncio.SelectorEventLoop.__init__(self, _Descriptors(self._process_events))
        self._stopped = None

    def run_until_complete(self, future):
        return run_sync(future)

    def run_forever(self):
        """Waits until ``stop`` is called."""
        self._stopped = self.create_future()
        run_sync(self._stopped)

    def stop(self):
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)

    def call_later(self, delay, callback, *args, context=None):
        if delay < 0:
            raise ValueError("Can't schedule in the past")
        return _native.call_at(delay, self.time() + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        return _native.call_at(when - self.time(), when, callback, *args, context=context)

    def time(self):
        return time.monotonic()

    def create_task(self, coro, **options):
        """As WebLoop's, with the options of this Python's tasks and with task factories."""
        if self._task_factory is not None:
            return super().create_task(coro, **options)
        task = PyodideTask(coro, loop=self, **options)
        self._in_progress += 1
        task.add_done_callback(self._decrement_in_progress)
        return task

    def set_debug(self, enabled):
        self._debug = enabled
        self._set_coroutine_origin_tracking(enabled)

    def run_in_executor(self, executor, func, *args):
        """Runs ``func(*args)`` in a real thread; what asgiref wants to have on one certain thread, at once on this one, as
        Pyodide's loop does with everything: it is where JavaScript is, and with it the bindings that views use."""
        if _is_thread_sensitive(executor):
            return WebLoop.run_in_executor(self, executor, func, *args)
        hold = _native.Hold()
        try:
            future = super().run_in_executor(executor, func, *args)
        except BaseException:
            hold.release()
            raise
        future.add_done_callback(lambda _: hold.release())
        return future

    async def shutdown_default_executor(self, timeout=None):
        """Gives the threads back. The next call that needs some gets new ones, since the loop goes on."""
        await super().shutdown_default_executor(timeout)
        self._default_executor = None
        self._executor_shutdown_called = False

    async def shutdown_asyncgens(self):
        await super().shutdown_asyncgens()
        self._asyncgens_shutdown_called = False

    def add_signal_handler(self, sig, callback, *args):
        if self._csock is None:
            self._open_self_pipe()
        super().add_signal_handler(sig, callback, *args)

    async def subprocess_exec(self, protocol_factory, program, *args, **kwargs):
        raise NotImplementedError(f"hognose starts no other programs, so {program!r} can't run")

    async def subprocess_shell(self, protocol_factory, cmd, **kwargs):
        raise NotImplementedError(f"hognose starts no other programs, so {cmd!r} can't run")

    def other_threads_may_call(self):
        """Whether a thread runs that may still send something. The default executor's do only while they hold the
        loop."""
        workers = self._default_executor._threads if self._default_executor else ()
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

    def _add_callback(self, handle):
        """Called for a descriptor that is ready, on a runner already."""
        if not handle._cancelled:
            handle._run()

    def _make_self_pipe(self):
        """Only signals need it, and a template must not have descriptors: it is made for the first one."""
        self._ssock = self._csock = None

    def _open_self_pipe(self):
        self._ssock, self._csock = socket.socketpair()
        self._ssock.setblocking(False)
        self._csock.setblocking(False)
        self._signals = _native.watch(
            self._ssock.fileno(), selectors.EVENT_READ, lambda _: self._read_from_self(), background=True
        )


def _is_thread_sensitive(executor):
    """Whether it is one that asgiref, which Django is built on, keeps for code that may not change threads."""
    asgiref = sys.modules.get("asgiref.sync")
    if executor is None or asgiref is None:
        return False
    kept = asgiref.SyncToAsync
    return executor is kept.single_thread_executor or executor in kept.context_to_thread_executor.values()


class _Descriptors(selectors._BaseSelectorImpl):
    """What asyncio waits for. It is never asked: the native loop calls ``process`` with what is ready."""

    def __init__(self, process):
        super().__init__()
        self._process = process
        self._watches = {}

    def register(self, fileobj, events, data=None):
        key = super().register(fileobj, events, data)
        try:
            self._watches[key.fd] = _native.watch(key.fd, events, partial(self._tell, key.fd))
        except BaseException:
            super().unregister(fileobj)
            raise
        return key

    def unregister(self, fileobj):
        key = super().unregister(fileobj)
        self._watches.pop(key.fd).close()
        return key

    def select(self, timeout=None):
        return []

    def _tell(self, descriptor, events):
        key = self._fd_to_key.get(descriptor)
        if key is not None:
            self._process([(key, events & key.events)])
