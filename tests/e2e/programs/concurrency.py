"""A program of asyncio's other half, tasks, threads, signals and what blocks: nothing in it knows of hognose, and plain
Python runs it too."""

import asyncio
import concurrent.futures
import contextvars
import os
import signal
import threading
import time
import unittest

name = contextvars.ContextVar("name", default="nobody")


class Threads(unittest.IsolatedAsyncioTestCase):
    async def test_threads_run_beside_the_loop(self):
        started, go_on = threading.Event(), threading.Event()

        def block():
            started.set()
            go_on.wait()
            return threading.current_thread() is threading.main_thread()

        waiting = asyncio.ensure_future(asyncio.to_thread(block))
        while not started.is_set():
            await asyncio.sleep(0)
        go_on.set()
        self.assertFalse(await waiting)

    async def test_contexts_go_along(self):
        name.set("somebody")
        self.assertEqual(await asyncio.to_thread(name.get), "somebody")

    async def test_executors_of_ones_own(self):
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(2, thread_name_prefix="mine") as pool:
            where = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
        self.assertTrue(where.startswith("mine"))
        with self.assertRaises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)

    async def test_the_default_executor_is_given_back(self):
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, time.monotonic)
        await loop.shutdown_default_executor()

    async def test_other_threads_call_in(self):
        loop = asyncio.get_running_loop()

        async def double(number):
            await asyncio.sleep(0)
            return number * 2

        def ask():
            called = concurrent.futures.Future()
            loop.call_soon_threadsafe(called.set_result, "called")
            return called.result(), asyncio.run_coroutine_threadsafe(double(21), loop).result()

        self.assertEqual(await asyncio.to_thread(ask), ("called", 42))

    async def test_other_threads_have_loops_of_their_own(self):
        async def main():
            await asyncio.sleep(0.001)
            return asyncio.get_running_loop()

        def run():
            with self.assertRaises(RuntimeError):
                asyncio.get_running_loop()
            return asyncio.run(main())

        self.assertIsNot(await asyncio.to_thread(run), asyncio.get_running_loop())


class Tasks(unittest.IsolatedAsyncioTestCase):
    async def test_timeouts(self):
        with self.assertRaises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        with self.assertRaises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)
        async with asyncio.timeout(None):
            self.assertEqual(await asyncio.wait_for(asyncio.sleep(0, "done"), 60), "done")

    async def test_groups_end_together(self):
        async def fail():
            raise KeyError("on purpose")

        with self.assertRaises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                other = group.create_task(asyncio.Event().wait())
                group.create_task(fail())
        self.assertTrue(other.cancelled())
        self.assertIsInstance(caught.exception.exceptions[0], KeyError)

    async def test_cancelling_runs_what_cleans_up(self):
        log = []

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                log.append("cleaned")

        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel("enough")
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertEqual(log, ["cleaned"])

    async def test_eager_tasks_start_at_once(self):
        loop = asyncio.get_running_loop()
        log = []

        async def work():
            log.append("started")
            await asyncio.sleep(0)
            return "late"

        async def answer():
            return 7

        loop.set_task_factory(asyncio.eager_task_factory)
        try:
            task, ready = asyncio.create_task(work()), asyncio.create_task(answer())
            self.assertEqual((log, ready.done()), (["started"], True))
            self.assertEqual((await task, await ready), ("late", 7))
        finally:
            loop.set_task_factory(None)

    async def test_queues_locks_and_barriers(self):
        queue, barrier, lock = asyncio.Queue(1), asyncio.Barrier(3), asyncio.Lock()
        got = []

        async def produce():
            for number in range(5):
                await queue.put(number)
            await barrier.wait()

        async def consume():
            for _ in range(5):
                async with lock:
                    got.append(await queue.get())
            await barrier.wait()

        await asyncio.gather(produce(), consume(), barrier.wait())
        self.assertEqual(got, list(range(5)))

    async def test_callbacks_keep_their_order_and_time(self):
        loop = asyncio.get_running_loop()
        log, done = [], loop.create_future()
        loop.call_later(0.004, done.set_result, None)
        loop.call_later(0.002, log.append, 3)
        loop.call_at(loop.time() + 0.001, log.append, 2)
        loop.call_soon(log.append, 1)
        cancelled = loop.call_soon(log.append, "never")
        cancelled.cancel()
        self.assertTrue(cancelled.cancelled())
        await done
        self.assertEqual(log, [1, 2, 3])


class Loop(unittest.IsolatedAsyncioTestCase):
    async def test_signals(self):
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, came.set_result, "signal")
        os.kill(os.getpid(), signal.SIGUSR1)
        self.assertEqual(await came, "signal")
        self.assertTrue(loop.remove_signal_handler(signal.SIGUSR1))
        self.assertFalse(loop.remove_signal_handler(signal.SIGUSR1))

    async def test_what_callbacks_raise_is_handled(self):
        loop = asyncio.get_running_loop()
        told = loop.create_future()
        loop.set_exception_handler(lambda loop, context: told.set_result(context["exception"]))
        try:
            loop.call_soon(lambda: 1 / 0)
            self.assertIsInstance(await told, ZeroDivisionError)
        finally:
            loop.set_exception_handler(None)

    async def test_debug_mode_remembers_where_coroutines_began(self):
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        try:
            await asyncio.sleep(0)
            coroutine = asyncio.sleep(0)
            self.assertTrue(loop.get_debug())
            self.assertIsNotNone(coroutine.cr_origin)
            await coroutine
        finally:
            loop.set_debug(False)

    async def test_asynchronous_generators_are_closed(self):
        log = []

        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                log.append("closed")

        async for _ in numbers():
            break
        while not log:
            await asyncio.sleep(0)
        kept = numbers()
        await anext(kept)
        await asyncio.get_running_loop().shutdown_asyncgens()
        self.assertEqual(log, ["closed", "closed"])


class Blocking(unittest.TestCase):
    """What programs without a loop of their own call."""

    async def add(self, first, second):
        await asyncio.sleep(0.001)
        return first + second

    def test_run(self):
        self.assertEqual(asyncio.run(self.add(1, 2)), 3)
        with self.assertRaises(ZeroDivisionError):
            asyncio.run(self.fail_later())
        with self.assertRaises((TypeError, ValueError)):
            asyncio.run(5)

    async def fail_later(self):
        await asyncio.sleep(0)
        return 1 / 0

    def test_run_cancels_what_is_left_behind(self):
        log = []

        async def background():
            try:
                await asyncio.Event().wait()
            finally:
                log.append("cancelled")

        async def main():
            asyncio.create_task(background()).set_name("left behind")
            await asyncio.sleep(0)

        asyncio.run(main())
        self.assertEqual(log, ["cancelled"])

    def test_a_runner_keeps_its_context(self):
        async def rename(new):
            old = name.get()
            name.set(new)
            return old

        with asyncio.Runner() as runner:
            self.assertEqual(runner.run(rename("first")), "nobody")
            self.assertEqual(runner.run(rename("second")), "first")
            self.assertEqual(runner.get_loop().run_until_complete(self.add(2, 3)), 5)
        self.assertEqual(name.get(), "nobody")

    def test_loops_made_by_hand(self):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        self.assertEqual(loop.run_until_complete(self.add(20, 22)), 42)
        loop.close()


if __name__ == "__main__":
    unittest.main()
