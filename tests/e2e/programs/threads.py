"""A program whose threads use JavaScript: thread pools, loops of their own, `run_sync`, and a first thread that is blocked."""

import asyncio
import contextvars
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import js
from pyodide.code import run_js
from pyodide.ffi import JsException, can_run_sync, run_sync

later = run_js("(value) => new Promise((resolve) => setTimeout(() => resolve(value), 1))")
failing = run_js("async () => { throw new TypeError('refused'); }")
name = contextvars.ContextVar("name", default="nobody")


class Threads(unittest.IsolatedAsyncioTestCase):
    async def test_the_loop_serves_threads_while_it_turns(self):
        def work():
            return [js.JSON.parse(f'{{"a": {number}}}').a for number in range(50)]

        everything = await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)))
        self.assertEqual(everything, [list(range(50))] * 4)

    async def test_run_sync_waits_in_the_first_threads_loop(self):
        def work():
            self.assertTrue(can_run_sync())
            with self.assertRaisesRegex(TypeError, "is not awaitable"):
                run_sync(1)
            with self.assertRaisesRegex(JsException, "refused"):
                run_sync(failing())
            return run_sync(later(1)), run_sync(asyncio.sleep(0, 2))

        self.assertEqual(await asyncio.to_thread(work), (1, 2))

    async def test_run_sync_works_in_the_threads_context(self):
        async def look():
            await asyncio.sleep(0)
            return name.get(), threading.current_thread() is threading.main_thread()

        name.set("somebody")
        self.assertEqual(await asyncio.to_thread(lambda: run_sync(look())), ("somebody", True))

    async def test_run_sync_works_while_the_first_thread_is_blocked(self):
        with ThreadPoolExecutor(3) as pool:
            self.assertEqual(list(pool.map(lambda number: run_sync(later(number)), range(9))), list(range(9)))
            with self.assertRaisesRegex(JsException, "refused"):
                pool.submit(lambda: run_sync(failing())).result()
        given = []
        thread = threading.Thread(target=lambda: given.append(run_sync(later(1))))
        thread.start()
        thread.join()
        self.assertEqual(given, [1])

    async def test_run_sync_raises_where_the_first_thread_is_blocked_above_javascript(self):
        def block():
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(lambda: run_sync(later(1))).exception()

        error = run_js("(block) => block()")(block)
        self.assertIsInstance(error, RuntimeError)
        self.assertIn("blocked for 5 s in a function that JavaScript has called", str(error))

    async def test_the_loop_forgives_what_other_threads_call(self):
        loop = asyncio.get_running_loop()
        soon, given, timer = loop.create_future(), loop.create_future(), loop.call_later(3600, self.fail)

        def work():
            loop.call_soon(soon.set_result, 1)
            given.add_done_callback(lambda future: None)
            loop.call_soon_threadsafe(given.set_result, 2).when()
            # The program would otherwise go on for an hour.
            timer.cancel()
            with self.assertRaisesRegex(RuntimeError, "call_soon_threadsafe"):
                loop.call_later(0, self.fail)

        await asyncio.to_thread(work)
        self.assertEqual((await soon, await given, timer.cancelled()), (1, 2, True))

    async def test_a_future_that_another_thread_settles(self):
        future = asyncio.get_running_loop().create_future()
        settling = asyncio.to_thread(future.set_result, "settled")
        self.assertEqual(await asyncio.gather(future, settling), ["settled", None])

    async def test_promises_on_a_loop_of_ones_own(self):
        async def main():
            found = [await later(1), await js.Promise.resolve(2), await run_js("({then(f) { f(3); }})")]
            found += await asyncio.gather(later(4), later(5))
            with self.assertRaisesRegex(JsException, "refused"):
                await failing()
            async for number in run_js("(async function* () { yield 6; yield 7; })()"):
                found.append(number)
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await js.Promise.new(lambda *_: None)
            return found

        self.assertEqual(await asyncio.to_thread(lambda: asyncio.run(main())), [1, 2, 3, 4, 5, 6, 7])

    async def test_a_thread_that_runs_on_when_the_loop_is_done_with_its_task(self):
        started, go_on, found = threading.Event(), threading.Event(), []

        def work():
            started.set()
            go_on.wait()
            found.append(run_sync(later("late")))

        thread = threading.Thread(target=work)
        thread.start()
        await asyncio.to_thread(started.wait)
        go_on.set()
        await asyncio.to_thread(thread.join)
        self.assertEqual(found, ["late"])

    async def test_handlers_on_other_threads_are_called_on_the_first(self):
        where = []

        def work():
            ready = run_js("({ value: Promise.resolve(1) })").value
            run_sync(ready.then(lambda _: where.append(threading.current_thread())))

        await asyncio.to_thread(work)
        self.assertEqual(where, [threading.main_thread()])


if __name__ == "__main__":
    unittest.main()
