"""`run_sync`, where what calls it is no task."""

import asyncio


def test_a_callback_may_wait(run):
    from pyodide.ffi import run_sync

    async def main():
        loop = asyncio.get_running_loop()
        result = loop.create_future()
        loop.call_soon(lambda: result.set_result((run_sync(asyncio.sleep(0, "waited")), asyncio.current_task())))
        return await result

    assert run(main()) == ("waited", None)
