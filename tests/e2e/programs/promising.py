"""`callPromising`: Python functions that JavaScript begins, each on a stack of its own, which may wait."""

import asyncio
import contextvars
import sys
import unittest

from pyodide.code import run_js
from pyodide.ffi import can_run_sync, create_proxy, run_sync

request = contextvars.ContextVar("request")
promising = run_js("(f, ...list) => f.callPromising(...list)")
both = run_js("(first, second, then) => [first.callPromising(), second.callPromising(), then()]")


class Promising(unittest.IsolatedAsyncioTestCase):
    async def test_it_begins_at_once_and_goes_on_later(self):
        steps, gate = [], asyncio.Event()

        def work():
            steps.append("begins")
            run_sync(gate.wait())
            steps.append("goes on")
            return "ended"

        promise = promising(work)
        steps.append("asked")
        gate.set()
        self.assertEqual(await promise, "ended")
        self.assertEqual(steps, ["begins", "asked", "goes on"])

    async def test_the_asking_javascript_goes_on_between_them(self):
        steps = []

        def work(name):
            def begin():
                try:
                    raise ValueError(name)
                except ValueError:
                    steps.append((name, sys.exception().args))
                    run_sync(asyncio.sleep(0))
                    steps.append((name, sys.exception().args))
                steps.append((name, sys.exception()))

            return create_proxy(begin)

        first, second = work("a"), work("b")
        promises = both(first, second, lambda: steps.append(("asked", sys.exception())))
        await promises[0]
        await promises[1]
        between = steps.index(("asked", None))
        self.assertEqual(steps[:between], [("a", ("a",)), ("b", ("b",))])
        self.assertEqual([step for step in steps[between:] if step[0] == "a"], [("a", ("a",)), ("a", None)])

    async def test_who_asks_stays_the_current_task(self):
        seen = []

        def work():
            seen.append(asyncio.current_task())
            run_sync(asyncio.sleep(0))
            seen.append(asyncio.current_task())

        own = asyncio.current_task()
        promise = promising(work)
        self.assertIs(asyncio.current_task(), own)
        await promise
        self.assertIs(asyncio.current_task(), own)
        self.assertEqual(seen, [None, None])

    async def test_its_context_is_a_copy(self):
        request.set("outer")

        def work():
            before = request.get()
            request.set("inner")
            run_sync(asyncio.sleep(0))
            return before, request.get()

        self.assertEqual(tuple(await promising(work)), ("outer", "inner"))
        self.assertEqual(request.get(), "outer")

    async def test_what_it_raises_rejects(self):
        def fails_at_once():
            raise KeyError("at once")

        def fails_later():
            run_sync(asyncio.sleep(0))
            raise KeyError("later")

        for work, said in [(fails_at_once, "at once"), (fails_later, "later")]:
            promise = promising(work)
            with self.assertRaisesRegex(KeyError, said):
                await promise

    async def test_one_may_begin_another(self):
        def work(depth):
            if depth == 0:
                run_sync(asyncio.sleep(0))
                return [0]
            begun = promising(work, depth - 1)
            return [depth, *run_sync(begun)]

        self.assertEqual(list(await promising(work, 6)), [6, 5, 4, 3, 2, 1, 0])

    async def test_begun_from_jobs_and_timers(self):
        def work():
            self.assertTrue(can_run_sync())
            run_sync(asyncio.sleep(0))
            return "done"

        from_a_job = run_js("async (f) => { await 0; return await f.callPromising(); }")
        from_a_timer = run_js("(f) => new Promise((done) => setTimeout(() => done(f.callPromising())))")
        proxy = create_proxy(work)
        self.assertEqual(await from_a_job(proxy), "done")
        self.assertEqual(await from_a_timer(proxy), "done")

    async def test_the_asking_side_may_not_wait_for_it(self):
        def asks():
            self.assertFalse(can_run_sync())
            promise = promising(lambda: can_run_sync())
            self.assertFalse(can_run_sync())
            return promise

        promise = run_js("(f) => f()")(asks)
        self.assertIs(await promise, True)

    async def test_endless_recursion_is_an_error(self):
        def work(depth=0):
            return work(depth + 1) if depth < 50 else run_js("function again() { return again(); } again()")

        for _ in range(3):
            with self.assertRaises(Exception) as raised:
                await promising(work)
            self.assertIn("call stack", str(raised.exception))
        nested = run_js("(f, depth) => { const down = (n) => n ? down(n - 1) : f.callPromising(); return down(depth); }")
        self.assertEqual(await nested(lambda: "deep", 200), "deep")


if __name__ == "__main__":
    unittest.main()
