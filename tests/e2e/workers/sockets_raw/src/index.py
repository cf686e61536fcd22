"""WebSockets with the JavaScript objects, at a date before close frames were answered by themselves."""

from js import Response, URL, WebSocketPair
from pyodide.ffi import create_proxy


async def on_fetch(request):
    client, server = WebSocketPair.new().object_values()
    path = URL.new(request.url).pathname
    headers = {}
    if path == "/protocol":
        headers = {"Sec-WebSocket-Protocol": request.headers.get("Sec-WebSocket-Protocol").split(",")[0]}

    def on_message(event):
        if event.data == "close":
            server.close(3001, "as told")
        elif event.data == "close without code":
            server.close()
        else:
            server.send(event.data)

    def on_close(event):
        print("closed", event.code, repr(event.reason), event.wasClean)
        if path == "/half":
            server.send("one more")
            server.close(4001, "now")
        elif event.code != 1006:
            server.close(event.code, event.reason)

    server.addEventListener("message", create_proxy(on_message))
    server.addEventListener("close", create_proxy(on_close))
    server.addEventListener("error", create_proxy(lambda event: print("error", event.message)))
    server.accept()
    if path == "/greeting":
        server.send("hello")
        server.close(1001, "bye")
    if path == "/raise":
        raise ValueError("on purpose")
    return Response.new(None, status=101, webSocket=client, headers=headers.items())
