"""Tests of a Worker that run inside its cell: the half of the fixtures of ``hognose.pytest`` that lives there.

The plugin serves the Worker with a main module of its own, which calls `export`: it exports what the Worker's main module
exports, and a handler of requests that runs the test which a request names. A test's file lies outside of what the cell
may read, so its text comes with the request.
"""

import ast
import importlib
import inspect
import json
import linecache
import pickle
import sys
import traceback
import types

# The header of a request that brings a test. Its value is a secret, which the plugin has made for one run.
HEADER = "x-hognose-test"


def export(main: str, namespace: dict, secret: str) -> None:
    """Makes a module export what the Worker's main module does, and run tests. ``main`` is that module's name; who brings
    a test knows the secret."""
    own = importlib.import_module(main)
    # Here, once for all tests: each is run by a fork of this process.
    importlib.import_module("pytest")
    kept = {name: value for name, value in vars(own).items() if not name.startswith("__")}
    namespace.update(kept)
    if any(name.startswith("on_") for name in kept):
        namespace["on_fetch"] = _handler(kept.get("on_fetch"), secret)
        return
    namespace["Default"] = _entrypoint(kept.get("Default"), secret)
    if hasattr(own, "__all__"):
        namespace["__all__"] = [*{*own.__all__, "Default"}]


def _handler(own, secret):
    async def on_fetch(request, env, ctx):
        from js import Response

        if request.headers.get(HEADER) != secret:
            answer = own(*(request, env, ctx)[: len(inspect.signature(own).parameters)])
            return await answer if inspect.isawaitable(answer) else answer
        return Response.new(await _answer(await request.bytes(), env, ctx))

    return on_fetch


def _entrypoint(own, secret):
    from workers import Response, WorkerEntrypoint

    class Default(own or WorkerEntrypoint):
        async def fetch(self, request):
            if request.headers.get(HEADER) != secret:
                answer = super().fetch(request)
                return await answer if inspect.isawaitable(answer) else answer
            return Response(await _answer(await request.bytes(), self.env, self.ctx))

    return Default


async def _answer(body, env, ctx) -> str:
    """Runs the test that a request's body holds, and says how it ended, as JSON."""
    import js

    # It comes from the plugin, which knew the secret.
    call = pickle.loads(bytes(body))
    own = {"ctx": ctx, "env": env, "js": js}
    try:
        result = _function(call)(**{name: own[name] for name in call["own"]}, **pickle.loads(call["arguments"]))
        if inspect.isawaitable(result):
            await result
    except BaseException as error:
        return json.dumps(_ended(error))
    finally:
        # The plugin waits for this line, since output and answer take different ways.
        print(call["mark"], flush=True)
    return json.dumps({"outcome": "passed", "text": ""})


def _function(call):
    """The test, in its module, which is loaded as pytest loads it."""
    from _pytest.assertion.rewrite import rewrite_asserts

    file, source = call["file"], call["source"]
    module = types.ModuleType(call["module"])
    module.__file__ = file
    sys.modules[call["module"]] = module
    # The cell cannot read the file; tracebacks show its lines from here.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source, file)
    rewrite_asserts(tree, source.encode(), file)
    exec(compile(tree, file, "exec", dont_inherit=True), vars(module))
    found = module
    for name in call["path"]:
        found = getattr(found, name)
        if inspect.isclass(found):
            found = found()
    return found


def _ended(error: BaseException) -> dict:
    """What the plugin is told of a test that did not come to its end."""
    from _pytest.outcomes import Skipped, XFailed

    for kind, outcome in ((Skipped, "skipped"), (XFailed, "xfailed")):
        if isinstance(error, kind):
            return {"outcome": outcome, "text": str(error.msg)}
    shown = traceback.TracebackException.from_exception(error)
    shown.stack[:] = [frame for frame in shown.stack if frame.filename != __file__]
    return {"outcome": "failed", "text": "".join(shown.format())}
