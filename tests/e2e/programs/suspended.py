"""`run_sync`: Python stacks put aside, any number at once, and gone on with in any order."""

import asyncio
import contextvars
import gc
import json
import sys
import threading
import time
import unittest

from js import Function
from pyodide.ffi import JsException, can_run_sync, run_sync

request = contextvars.ContextVar("request")
local = threading.local()


class Gates:
    """Events that tasks wait for, opened in whichever order."""

    def __init__(self, count):
        self.events = [asyncio.Event() for _ in range(count)]

    def wait(self, number):
        run_sync(self.events[number].wait())

    async def open(self, order):
        for number in order:
            self.events[number].set()
            await asyncio.sleep(0)


async def suspend_all(work, count, order):
    """Lets `work(gates, number)` run in that many tasks, opens their gates in this order, and gives the results."""
    gates = Gates(count)

    async def task(number):
        return work(gates, number)

    tasks = [asyncio.create_task(task(number)) for number in range(count)]
    await asyncio.sleep(0)
    await gates.open(order)
    return await asyncio.gather(*tasks)


class Suspended(unittest.IsolatedAsyncioTestCase):
    COUNT = 30
    ORDERS = {
        "first in first out": range(COUNT),
        "last in first out": range(COUNT - 1, -1, -1),
        "shuffled": sorted(range(COUNT), key=lambda number: number * 7 % 30),
    }

    async def check_all(self, work, expected):
        for name, order in self.ORDERS.items():
            with self.subTest(name):
                self.assertEqual(await suspend_all(work, self.COUNT, order), [expected(n) for n in range(self.COUNT)])

    async def test_in_any_order(self):
        log = []

        def work(gates, number):
            gates.wait(number)
            log.append(number)

        for order in self.ORDERS.values():
            await suspend_all(work, self.COUNT, order)
            self.assertEqual(log, list(order))
            log.clear()

    async def test_each_has_its_context(self):
        def work(gates, number):
            request.set(number)
            before = asyncio.current_task()
            gates.wait(number)
            return request.get(), before is asyncio.current_task(), asyncio.get_running_loop() is not None

        await self.check_all(work, lambda number: (number, True, True))

    async def test_each_has_its_exception(self):
        def work(gates, number):
            try:
                try:
                    raise KeyError(number)
                except KeyError:
                    gates.wait(number)
                    raise
            except KeyError as error:
                inside = sys.exception() is error
                gates.wait(number)
                return inside, sys.exception() is error, error.args
            finally:
                assert sys.exception() is None

        await self.check_all(work, lambda number: (True, True, (number,)))

    async def test_each_has_its_generators(self):
        def count(gates, number):
            for step in range(3):
                try:
                    raise ValueError(step)
                except ValueError as error:
                    gates.wait(number)
                    yield number, error.args[0]

        def work(gates, number):
            return [pair for pair in count(gates, number)]

        await self.check_all(work, lambda number: [(number, step) for step in range(3)])

    async def test_all_share_the_thread(self):
        def work(gates, number):
            local.seen = getattr(local, "seen", 0) + 1
            gates.wait(number)
            return local.seen

        self.assertEqual(await suspend_all(work, 3, [2, 0, 1]), [3, 3, 3])

    async def test_c_functions_between(self):
        def work(gates, number):
            def key(value):
                gates.wait(number)
                return value

            return sorted([number, -1, number + 2], key=key), list(map(key, [number])), json.dumps([], default=key)

        await self.check_all(work, lambda number: ([-1, number, number + 2], [number], "[]"))

    async def test_garbage_is_collected_meanwhile(self):
        def work(gates, number):
            kept = [object() for _ in range(100)]
            kept.append(kept)
            gates.wait(number)
            gc.collect()
            return len(kept)

        await self.check_all(work, lambda number: 101)

    async def test_depth_is_counted_for_each(self):
        def depth():
            """How deep one can still go."""
            try:
                return depth() + 1
            except RecursionError:
                return 0

        def work(gates, number):
            before = depth()
            gates.wait(number)
            return depth() - before

        await self.check_all(work, lambda number: 0)

    async def test_the_recursion_limit_may_change_meanwhile(self):
        limit = sys.getrecursionlimit()

        def descend(levels):
            return levels and descend(levels - 1)

        def work(gates, number):
            gates.wait(number)
            return descend(limit + 100)

        gates = Gates(1)

        async def run():
            return work(gates, 0)

        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        sys.setrecursionlimit(limit + 500)
        try:
            await gates.open([0])
            self.assertEqual(await task, 0)
        finally:
            sys.setrecursionlimit(limit)

    async def test_endless_recursion_ends_in_an_error(self):
        def endless():
            return endless()

        javascript = Function.new("f", "function g(x) { return f ? f(x) : g(x) + 1; } return g(0)")
        nested = []
        for _ in range(200_000):
            nested = [nested]

        def back_and_forth(x):
            return javascript(back_and_forth)

        async def check():
            for fail in (endless, lambda: repr(nested), lambda: json.dumps(nested)):
                with self.assertRaises(RecursionError):
                    fail()
            # Whichever of the two languages notices first.
            with self.assertRaises((RecursionError, JsException)):
                back_and_forth(0)
            with self.assertRaisesRegex(Exception, "call stack"):
                javascript(None)
            run_sync(asyncio.sleep(0))

        await asyncio.gather(check(), check())
        while nested:
            nested = nested[0]

    async def test_what_is_awaited_may_fail(self):
        async def fail():
            await asyncio.sleep(0)
            raise KeyError("on purpose")

        with self.assertRaisesRegex(KeyError, "on purpose"):
            run_sync(fail())
        with self.assertRaisesRegex(TypeError, "object int is not awaitable"):
            run_sync(5)

    async def test_not_above_javascript(self):
        call = Function.new("f", "return f()")
        self.assertTrue(can_run_sync())
        self.assertFalse(call(can_run_sync))
        with self.assertRaisesRegex(RuntimeError, "Cannot stack switch"):
            call(lambda: run_sync(asyncio.sleep(0)))
        with self.assertRaisesRegex(RuntimeError, "cannot wait here"):
            call(lambda: asyncio.run(asyncio.sleep(0)))

    async def test_sleeping_holds_nobody(self):
        log = []

        async def sleeper():
            time.sleep(0.02)
            log.append("slept")

        async def other():
            for _ in range(3):
                await asyncio.sleep(0)
                log.append("went on")

        await asyncio.gather(sleeper(), other())
        self.assertEqual(log, ["went on"] * 3 + ["slept"])
        with self.assertRaises(ValueError):
            time.sleep(-1)
        time.sleep(0)


if __name__ == "__main__":
    unittest.main()
