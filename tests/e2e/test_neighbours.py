"""Workers of one server that behave badly, side by side with one that behaves: it loses no request."""

import concurrent.futures
import threading

GOOD = "from js import Response\n\n\nasync def on_fetch(request):\n    return Response.new('good')\n"
SPINS = "async def on_fetch(request):\n    while True:\n        pass\n"
HOARDS = "kept = []\n\n\nasync def on_fetch(request):\n    while True:\n        kept.append(bytearray(b'x') * (1 << 20))\n"
CRASHES = "import os\n\n\nasync def on_fetch(request):\n    os._exit(1)\n"
SHOUTS = "async def on_fetch(request):\n    while True:\n        print('x' * 10_000)\n"
BAD = {"spins": (SPINS, 503), "hoards": (HOARDS, 503), "crashes": (CRASHES, 502), "shouts": (SHOUTS, 503)}
REQUESTS = 200


def worker(name, code, more=""):
    return {f"{name}/wrangler.toml": f'name = "{name}"\nmain = "index.py"\n{more}', f"{name}/index.py": code}


def test_a_well_behaved_worker_loses_no_request_beside_bad_ones(serve, project):
    files = worker("good", GOOD) | {"good/hognose.toml": "[limits]\nmemory_mb = 64\n[pool]\nmax_isolates = 2\n"}
    for name, (code, _) in BAD.items():
        files |= worker(name, code, f'routes = ["{name}.test/*"]\nlimits = {{ cpu_ms = 300 }}\n')
    folder = project(files=files)
    server = serve(folder / "good", *(str(folder / name) for name in BAD))
    stop = threading.Event()

    def misbehave(name):
        statuses = set()
        while not stop.is_set():
            statuses.add(server.fetch(headers={"host": f"{name}.test"}).status)
        return statuses

    with concurrent.futures.ThreadPoolExecutor() as threads:
        bad = {name: threads.submit(misbehave, name) for name in BAD}
        for name in BAD:
            server.output.wait_for(rf"\[{name}\] (Loaded|Isolate)")
        good = [server.fetch() for _ in range(REQUESTS)]
        stop.set()
    assert {(answer.status, answer.text) for answer in good} == {(200, "good")}
    assert {name: future.result() for name, future in bad.items()} == {name: {status} for name, (_, status) in BAD.items()}
