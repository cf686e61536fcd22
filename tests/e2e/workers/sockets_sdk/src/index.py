"""WebSockets with the SDK's classes, at a date at which close frames are answered by themselves."""

import asyncio

import js
from js import WebSocketPair
from pyodide.ffi import create_proxy
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def ask_itself(self):
        """The Worker as its own client."""
        asked = js.Request.new("http://itself/echo", headers=js.Object.fromEntries([["Upgrade", "websocket"]]))
        socket = (await self.env.SELF._binding.fetch(asked)).webSocket
        answer = asyncio.get_running_loop().create_future()
        socket.onmessage = create_proxy(lambda event: answer.set_result(event.data))
        socket.accept()
        socket.send("who is there?")
        text = await answer
        socket.close(1000, "thanks")
        return text

    async def fetch(self, request):
        client, server = WebSocketPair.new().object_values()
        path = request.url.partition("//")[2].partition("/")[2]
        if path == "itself":
            return Response(await self.ask_itself())
        if path == "through":
            return await self.env.SELF._binding.fetch("http://itself/echo", request.js_object)
        server.accept(allowHalfOpen=path == "half")
        server.binaryType = "arraybuffer"

        async def on_message(event):
            if event.data == "close":
                server.close(3001, "as told")
            elif event.data == "close without code":
                server.close()
            else:
                server.send(event.data)

        def on_close(event):
            print("closed", event.code, repr(event.reason), event.wasClean)
            if path == "half":
                server.send("one more")
                server.close(4001, "now")

        server.onmessage = create_proxy(on_message)
        server.onclose = create_proxy(on_close)
        server.onerror = create_proxy(lambda event: print("error", event.message))
        if path == "greeting":
            server.send("hello")
            server.close(1001, "bye")
        if path == "raise":
            raise ValueError("on purpose")
        headers = {}
        if path == "protocol":
            headers["Sec-WebSocket-Protocol"] = request.headers.get("Sec-WebSocket-Protocol").split(",")[0]
        return Response(None, status=101, web_socket=client, headers=headers)
