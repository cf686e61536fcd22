"""Connects by a loop of its own, in a thread."""

REQUIRES = ["uvloop"]


def main(port):
    import asyncio
    import threading

    import uvloop

    async def read():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        return await reader.read()

    told = []
    # Beside the cell's own loop, which is another.
    thread = threading.Thread(target=lambda: told.append(uvloop.new_event_loop().run_until_complete(read())))
    thread.start()
    thread.join()
    assert told[0].startswith(b"HTTP/1.")
