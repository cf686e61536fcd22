"""Tracers, profilers and debuggers, across stacks that are put aside and frames of both languages."""

import asyncio
import bdb
import cProfile
import faulthandler
import pstats
import sys
import tempfile
import tracemalloc
import unittest

from js import Function
from pyodide.ffi import run_sync

call = Function.new("f", "return f()")
EVENTS = sys.monitoring.events


async def two_interleaved(work):
    """Runs `work(wait)` twice, each going on when the other waits."""
    event = asyncio.Event()

    async def first():
        return work(lambda: run_sync(event.wait()))

    async def second():
        work(lambda: run_sync(asyncio.sleep(0)))
        event.set()

    await asyncio.gather(first(), second())


def waits(wait):
    total = 1
    wait()
    total += call(inner)
    return total


def inner():
    return 41


class Tracing(unittest.IsolatedAsyncioTestCase):
    async def test_a_tracer_sees_every_line_of_each_stack(self):
        log = {}

        def trace(frame, event, argument):
            if frame.f_code not in (waits.__code__, inner.__code__):
                return None
            log.setdefault((frame.f_code.co_name, id(frame)), []).append((event, frame.f_lineno))
            kept.append(frame)
            return trace

        kept = []
        sys.settrace(trace)
        try:
            await two_interleaved(waits)
        finally:
            sys.settrace(None)
        first = waits.__code__.co_firstlineno
        lines = [("line", first + offset) for offset in range(1, 5)]
        seen = [events for (name, _), events in log.items() if name == "waits"]
        self.assertEqual(seen, [[("call", first), *lines, ("return", first + 4)]] * 2)
        self.assertEqual([len(events) for (name, _), events in log.items() if name == "inner"], [3, 3])

    async def test_a_tracer_may_wait_itself(self):
        """Nothing else is traced meanwhile, so that a debugger that waits at its prompt is not called a second time."""
        lines, others = [], []

        async def other():
            while len(lines) < 4:
                others.append(inner())
                await asyncio.sleep(0)

        def trace(frame, event, argument):
            if frame.f_code is not waits.__code__:
                return None
            if event == "line":
                run_sync(asyncio.sleep(0))
                lines.append(frame.f_lineno - frame.f_code.co_firstlineno)
            return trace

        task = asyncio.create_task(other())
        sys.settrace(trace)
        try:
            waits(lambda: run_sync(asyncio.sleep(0)))
        finally:
            sys.settrace(None)
        await task
        self.assertEqual(lines, [1, 2, 3, 4])
        self.assertGreater(len(others), 3)

    async def test_a_profiler_sees_calls_and_returns(self):
        log = []

        def profile(frame, event, argument):
            if event in ("call", "return") and frame.f_code in (waits.__code__, inner.__code__):
                log.append((event, frame.f_code.co_name))

        sys.setprofile(profile)
        try:
            await two_interleaved(waits)
        finally:
            sys.setprofile(None)
        self.assertEqual(sorted(log), sorted([("call", "waits"), ("return", "waits"), ("call", "inner"), ("return", "inner")] * 2))

    async def test_monitoring(self):
        started, returned = [], []
        tool = sys.monitoring.DEBUGGER_ID
        sys.monitoring.use_tool_id(tool, "test")
        try:
            sys.monitoring.register_callback(tool, EVENTS.PY_START, lambda code, offset: started.append(code.co_name))
            sys.monitoring.register_callback(
                tool, EVENTS.PY_RETURN, lambda code, offset, value: returned.append((code.co_name, value))
            )
            for function in (waits, inner):
                sys.monitoring.set_local_events(tool, function.__code__, EVENTS.PY_START | EVENTS.PY_RETURN)
            await two_interleaved(waits)
        finally:
            sys.monitoring.free_tool_id(tool)
        self.assertEqual(sorted(started), ["inner", "inner", "waits", "waits"])
        self.assertEqual(sorted(returned), [("inner", 41), ("inner", 41), ("waits", 42), ("waits", 42)])


class Profiling(unittest.IsolatedAsyncioTestCase):
    async def test_cprofile_counts_calls(self):
        profile = cProfile.Profile()
        profile.enable()
        try:
            await two_interleaved(waits)
        finally:
            profile.disable()
        calls = {name: count for (_, _, name), (_, count, *_) in pstats.Stats(profile).stats.items()}
        self.assertEqual((calls["waits"], calls["inner"]), (2, 2))

    async def test_tracemalloc_knows_who_allocated(self):
        kept = []

        def work(wait):
            wait()
            kept.append(bytes(100_000))

        tracemalloc.start(5)
        try:
            await two_interleaved(work)
            frames = tracemalloc.get_object_traceback(kept[0])
        finally:
            tracemalloc.stop()
        self.assertEqual(frames[-1].lineno, work.__code__.co_firstlineno + 2)

    async def test_faulthandler_shows_the_stack_that_runs(self):
        texts = []

        def work(wait):
            wait()
            with tempfile.TemporaryFile("w+") as file:
                call(lambda: faulthandler.dump_traceback(file, all_threads=False))
                file.seek(0)
                texts.append(file.read())

        await two_interleaved(work)
        for text in texts:
            self.assertIn("in work", text)
            self.assertEqual(text.count("in work"), 1)


class Debugging(unittest.IsolatedAsyncioTestCase):
    async def test_a_debugger_steps_over_what_waits(self):
        visited = []

        class Stepper(bdb.Bdb):
            def user_line(self, frame):
                if frame.f_code is waits.__code__:
                    visited.append(frame.f_lineno - frame.f_code.co_firstlineno)
                    self.set_next(frame)
                else:
                    self.set_step()

        debugger = Stepper()
        self.assertEqual(debugger.runcall(waits, lambda: run_sync(asyncio.sleep(0))), 42)
        self.assertEqual(visited, [1, 2, 3, 4])

    async def test_frames_of_both_languages_are_in_one_traceback(self):
        def fail():
            raise KeyError("on purpose")

        try:
            call(fail)
        except KeyError as error:
            names = []
            traceback = error.__traceback__
            while traceback:
                names.append(traceback.tb_frame.f_code.co_name)
                traceback = traceback.tb_next
        self.assertEqual((names[0], names[-1]), ("test_frames_of_both_languages_are_in_one_traceback", "fail"))


if __name__ == "__main__":
    unittest.main()
