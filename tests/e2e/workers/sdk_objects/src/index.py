"""Cloudflare's SDK as it is used: a hand-written ASGI application and a WSGI one, and its objects in handlers."""

import datetime
import json
from http import HTTPMethod
from urllib.parse import urlsplit

import workers
from workers import (
    Blob,
    File,
    FormData,
    Request,
    Response,
    WorkerEntrypoint,
    asgi,
    patch_env,
    python_from_rpc,
    python_to_rpc,
    wsgi,
)


async def asgi_application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message.get("more_body"):
            break
    told = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "header": dict(scope["headers"]).get(b"x-asked", b"").decode(),
        "env": scope["env"].GREETING,
        "body": body.decode(),
    }
    headers = [(b"x-told", b"yes"), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    if scope["path"].endswith("stream"):
        for number in range(5):
            await send({"type": "http.response.body", "body": f"{number} ".encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


def wsgi_application(environ, start_response):
    start_response("203 Told", [("x-told", "yes"), ("content-type", "text/plain")])
    body = environ["wsgi.input"].read()
    yield f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['QUERY_STRING']} ".encode()
    yield f"{environ.get('HTTP_X_ASKED', '')} ".encode()
    yield body


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = urlsplit(request.url).path
        if path.startswith("/asgi"):
            return await asgi.fetch(asgi_application, request, self.env, self.ctx)
        if path.startswith("/wsgi"):
            return await wsgi.fetch(wsgi_application, request, self.env)
        return await getattr(self, path.removeprefix("/"))(request)

    async def text(self, request):
        return Response("text", status=201, status_text="Made", headers={"x-one": "1"})

    async def bytes(self, request):
        return Response(b"\x00\xff", headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])

    async def nothing(self, request):
        return Response(None, status=204)

    async def redirect(self, request):
        return Response.redirect("http://example.com/", 307)

    async def form(self, request):
        form = await request.form_data()
        file = form["file"]
        return Response.json([form["name"], form.get_all("many"), file.name, file.content_type, await file.text()])

    async def make_form(self, request):
        form = FormData({"name": "value"})
        form.append("file", File("content", "file.txt", content_type="text/plain"))
        answer = await Response(form).text()
        return Response(answer)

    async def blob(self, request):
        blob = Blob(["one", b"two"], content_type="text/plain")
        return Response.json([blob.size, blob.content_type, await blob.text(), await blob.slice(1, 4).text()])

    async def request_object(self, request):
        made = Request(request.url, method=HTTPMethod.PUT, headers={"x-one": "1"}, body="content")
        return Response.json([made.method, made.headers["X-One"], await made.text(), made.url == request.url])

    async def body_twice(self, request):
        first = await request.text()
        try:
            await request.text()
        except OSError as error:
            return Response(f"{first}, then {error}")

    async def variables(self, request):
        with patch_env(GREETING="patched"):
            patched = workers.env.GREETING
        return Response.json([self.env.GREETING, patched, workers.env.GREETING, self.env.SETTINGS.deep.to_py()])

    async def conversions(self, request):
        there = python_to_rpc({"list": [1, None], "date": datetime.datetime(2026, 1, 2), "bytes": b"x", "set": {1}})
        back = python_from_rpc(there)
        return Response(repr([back["list"], back.date, bytes(back["bytes"]), back["set"]]))

    async def unsupported(self, request):
        return Response(5)

    async def headers(self, request):
        return Response.json([request.headers.get_all("x-many"), "X-MANY" in request.headers])
