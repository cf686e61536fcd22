"""Everything random that top-level code can leave behind, drawn from in a handler."""

import os
import random
import secrets
import signal
import tempfile
import uuid

import js
from js import URL, Response

random.random()
unseeded = random.Random()
seeded = random.Random(42)
system = random.SystemRandom()
js.Math.random()


async def on_fetch(request):
    if URL.new(request.url).pathname == "/end":
        os.kill(os.getpid(), signal.SIGKILL)
    return Response.json(js.JSON.parse(str(draw()).replace("'", '"')))


def draw():
    return {
        "Math.random": str(js.Math.random()),
        "random": str(random.random()),
        "random.Random()": str(unseeded.random()),
        "random.Random(42)": str(seeded.random()),
        "SystemRandom": str(system.random()),
        "uuid4": str(uuid.uuid4()),
        "secrets": secrets.token_hex(),
        "urandom": os.urandom(8).hex(),
        "crypto.randomUUID": js.crypto.randomUUID(),
        "tempfile": tempfile.mktemp(),
    }
