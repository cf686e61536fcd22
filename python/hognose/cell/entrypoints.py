"""A Worker's entrypoints: importing its main module, finding what it exports, calling its handlers.

The rules (which names count, how arguments are passed and converted) are Cloudflare's, as workerd's own entrypoint
helper for Python has them.
"""

import importlib
import inspect
import os
import sys
import traceback

from . import debugger

_EVENTS = ("fetch", "alarm", "scheduled", "tail", "trace", "queue", "pubsub")
# Events whose handlers get the JavaScript objects as they are.
_RAW_EVENTS = frozenset({"alarm", "webSocketMessage", "webSocketClose", "webSocketError", "connect"})

# What no class offers to other Workers, whatever it calls so.
_RESERVED_METHODS = frozenset(
    {
        "alarm",
        "connect",
        "constructor",
        "dup",
        "fetch",
        "webSocketClose",
        "webSocketError",
        "webSocketMessage",
    }
)

# What newcomers return in place of a Response, from other frameworks' habit or none.
_NO_RESPONSES = frozenset({type(None), str, bytes, bool, int, float, dict, list, tuple, set})


class Refusal(TypeError):
    """What the platform says to a call that meets none of the Worker's code: to the caller, JavaScript's `TypeError`."""


class WorkerError(Exception):
    """A mistake of the Worker's that has no line of its own; the text is for its author."""


class Worker:
    """A loaded Worker."""

    def __init__(self, main: str, *, global_handlers: bool, class_handlers: bool):
        self.main = main
        self._takes_functions = global_handlers
        self.module = _import_main(main)
        self.handlers = _find_handlers(self.module) if global_handlers else {}
        self.classes = _find_classes(self.module) if class_handlers else {}
        if self.handlers and "Default" in self.classes:
            raise TypeError("Cannot define multiple default entrypoints")

    def exports(self) -> list[tuple[str, str, list[str]]]:
        """Name, kind and methods of everything exported."""
        found = [("default", "handlers", sorted(self.handlers))] if self.handlers else []
        for name, (cls, kind) in self.classes.items():
            found.append(("default" if name == "Default" else name, kind, _public_methods(cls)))
        return found

    def no_handlers(self) -> str:
        """What to tell the author of a Worker that exports nothing."""
        meant = [event for event in _EVENTS if hasattr(self.module, f"on_{event}")]
        return self._no_handler(meant[0] if meant else "fetch")

    def handler(self, event: str, entrypoint: str | None):
        """The function that serves an event: called with the event, ``env`` and ``ctx``, it returns a value or an
        awaitable."""
        debugger.attach()
        name = entrypoint or "Default"
        if name in self.classes and event == "run":
            return _workflow(self.classes[name][0])
        if name in self.classes:
            return _class_handler(self.classes[name][0], event, self.classes[name][0])
        if entrypoint is not None:
            raise TypeError(f"There is no '{name}' class defined in the Python Worker's main module")
        if event == "tail" and event not in self.handlers:
            event = "trace" if "trace" in self.handlers else event
        if event in self.handlers:
            return self.handlers[event]
        raise WorkerError(self._no_handler(event))

    def method(self, entrypoint: str | None, path: list[str], method: str, read: bool):
        """The function that calls a method from another Worker: called with the arguments, ``env`` and ``ctx``, it
        returns an awaitable. Of Python objects nothing but their methods can be reached."""
        debugger.attach()
        if method in _RESERVED_METHODS:
            raise Refusal(f"'{method}' is a reserved method and cannot be called over RPC.")
        name = entrypoint or "Default"
        if entrypoint is not None and name not in self.classes:
            raise Refusal(f"There is no '{name}' class defined in the Python Worker's main module")
        if name not in self.classes or path or read:
            raise Refusal(f'The RPC receiver does not implement the method "{(path or [method])[0]}".')
        return _class_method(self.classes[name][0], method)

    def make_object(self, name: str, ctx, env):
        """An instance of a class of Durable Objects."""
        debugger.attach()
        if name not in self.classes:
            raise TypeError(f"There is no '{name}' class defined in the Python Worker's main module")
        return self.classes[name][0](ctx, env)

    def has_object_handler(self, name: str, event: str) -> bool:
        """Whether the instances of a class have a handler. workerd takes Python's for able to handle alarms, each of them:
        it is when one rings that the method is looked for."""
        return event == "alarm" or name in self.classes and _handler_of(self.classes[name][0], event) is not None

    @staticmethod
    def object_handler(instance, event: str, _nested: bool):
        """As `handler`, for a Durable Object's instance."""
        return _class_handler(type(instance), event, lambda ctx, env: instance)

    @staticmethod
    def socket_handler(instance, event: str):
        """As `object_handler`, for an event on a socket, whose handler gets several arguments. A class that does not have
        the handler ignores the event."""
        method = _handler_of(type(instance), event)
        capacity = 0 if method is None else _positional_capacity(method) - 1

        async def call(arguments, env, ctx):
            result = None if method is None else method(instance, *list(arguments)[:capacity])
            if inspect.isawaitable(result):
                await result

        return call

    @staticmethod
    def object_method(instance, name: str, nested: bool):
        """As `method`, for a Durable Object's instance."""
        if name in _RESERVED_METHODS:
            raise Refusal(f"'{name}' is a reserved method and cannot be called over RPC.")
        if nested:
            raise Refusal(f'The RPC receiver does not implement the method "{name}".')
        return _class_method(lambda ctx, env: instance, name)

    def _no_handler(self, event: str) -> str:
        file, name = os.path.basename(self.main), f"on_{event}"
        by_class = f'"class Default(WorkerEntrypoint)" with a method "{event}"'
        if hasattr(self.module, name):
            return (
                f'Python entrypoint "{file}" has a function "{name}", but from the compatibility date 2025-08-14 on '
                f'handlers are methods: define {by_class}, or add "disable_python_no_global_handlers" to '
                "compatibility_flags"
            )
        if self._takes_functions:
            return (
                f'Python entrypoint "{file}" does not export a handler named "{name}"; define '
                f'"async def {name}(...)" or {by_class}'
            )
        others = [name for name, (_, kind) in self.classes.items() if kind == "entrypoint"]
        instead = f' ("{others[0]}" is not called "Default")' if others else ""
        return f'Python entrypoint "{file}" does not export a handler for "{event}"; define {by_class}{instead}'


def _import_main(main: str):
    name = main.removesuffix(".py").replace("/", ".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "src":
            error.add_note(
                "If your main module is inside the 'src' directory then your import statement "
                "shouldn't include a 'src.' prefix"
            )
        raise


def _find_handlers(module) -> dict:
    found = {}
    for event in (*_EVENTS, "test"):
        function = getattr(module, event if event == "test" else f"on_{event}", None)
        if callable(function):
            found[event] = _global_handler(function, event)
    return found


def _find_classes(module) -> dict:
    sdk = sys.modules.get("workers")
    if sdk is None:
        return {}
    kinds = {
        sdk.DurableObject: "durable_object",
        sdk.WorkerEntrypoint: "entrypoint",
        sdk.WorkflowEntrypoint: "workflow",
    }
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    found = {}
    for name in names:
        value = getattr(module, name, None)
        if inspect.isclass(value) and value not in kinds:
            for base, kind in kinds.items():
                if issubclass(value, base):
                    found[value.__name__] = (value, kind)
    return found


def _public_methods(cls) -> list[str]:
    # Plain functions only: static methods, class methods and properties are not callable over RPC.
    return sorted(
        name
        for name in dir(cls)
        if not name.startswith("_") and inspect.isfunction(inspect.getattr_static(cls, name))
    )


def _positional_capacity(function) -> int:
    """How many positional arguments a function takes; surplus ones are dropped (Pyodide's ``relaxed_call``, worked out
    once)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 3
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return sys.maxsize
    return sum(parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters)


def _global_handler(function, event: str):
    capacity = _positional_capacity(function)
    check = _response if event == "fetch" else _anything

    def call(argument, env, ctx):
        result = function(*(argument, env, ctx)[:capacity])
        return settled(result) if inspect.isawaitable(result) else check(result, function)

    async def settled(result):
        # `return fetch(request)` in an `async` function gives another awaitable. Upstream a promise, which is never
        # resolved with one, stands between the handler and its caller.
        while inspect.isawaitable(result):
            result = await result
        return check(result, function)

    return call


def _anything(result, _function):
    return result


def _response(result, function):
    """What a `fetch` handler returned, unless that is certainly no response."""
    if type(result) not in _NO_RESPONSES and not inspect.isawaitable(result):
        return result
    kind = type(result).__name__
    error = TypeError("Incorrect type for Promise: the Promise did not resolve to 'Response'.")
    advice = ", as `return await ...` would" if inspect.isawaitable(result) else ""
    error.add_note(f"The handler returned an object of the type `{kind}`; it must return a Response{advice}.")
    if code := getattr(inspect.unwrap(function), "__code__", None):
        error.add_note(f'  File "{code.co_filename}", line {code.co_firstlineno}, in {code.co_name}')
    raise error


def _handler_of(cls, event: str):
    # Tail handlers were called otherwise at first.
    names = ("tail", "trace") if event == "tail" else (event,)
    found = (getattr(cls, prefix + name, None) for name in names for prefix in ("", "on_"))
    return next(filter(None, found), None)


def _class_handler(cls, event: str, make):
    """A function that serves an event with what `make` gives for `ctx` and `env`: an instance of the class."""
    from workers import python_from_rpc, python_to_rpc

    method = _handler_of(cls, event)
    if method is None:
        raise TypeError(f"Method {event} does not exist")
    capacity = _positional_capacity(method) - 1
    raw = event in _RAW_EVENTS
    check = _response if event == "fetch" else _anything

    async def call(argument, env, ctx):
        instance = make(ctx, env)
        # The Worker's classes get env from self; upstream passes None for the two that follow the event.
        arguments = (argument if raw else python_from_rpc(argument), None, None)[:capacity]
        result = method(instance, *arguments)
        if inspect.isawaitable(result):
            result = await result
        return result if raw else python_to_rpc(check(result, method))

    return call


def _workflow(cls):
    """The function that runs an instance of a workflow: called with what the run is given, ``env`` and ``ctx``. The run
    is told how it ends before the event is over."""

    async def call(run, env, ctx):
        try:
            output = await cls(ctx, env).run(run.event, run.step)
        except Exception as error:
            await run.failIn("PythonError", _told(error))
            raise
        await run.complete(output)

    return call


def _told(error: BaseException) -> str:
    """The traceback of an exception, for whoever asks how an instance ended."""
    lines = traceback.TracebackException.from_exception(error)
    _keep_frames(lines, ())
    return "".join(lines.format()).rstrip()


def _class_method(make, name: str):
    from workers import python_from_rpc, python_to_rpc

    async def call(arguments, env, ctx):
        method = getattr(make(ctx, env), name, None)
        if not callable(method):
            raise Refusal(f"Method {name} does not exist")
        result = method(*map(python_from_rpc, arguments))
        if inspect.isawaitable(result):
            result = await result
        return python_to_rpc(result)

    return call


def describe(error: BaseException, roots: list[str]) -> tuple[str, str]:
    """One line and the traceback of an exception, with only the frames that lie in ``roots`` where there are any."""
    if isinstance(error, WorkerError):
        return str(error), str(error)
    # It imports `pyodide`, which only works once the native half is there.
    from .hints import hint

    lines = traceback.TracebackException.from_exception(error, capture_locals=False)
    _keep_frames(lines, tuple(os.path.join(root, "") for root in roots))
    notes, lines.__notes__ = lines.__notes__, None
    summary = "".join(lines.format_exception_only()).strip()
    if isinstance(error, SyntaxError):
        # Its place stands in the lines that follow.
        summary = summary.splitlines()[-1]
    lines.__notes__ = notes or [text for text in [hint(error)] if text]
    return summary, "".join(lines.format())


def _keep_frames(lines, roots: tuple[str, ...]) -> None:
    own = [frame for frame in lines.stack if frame.filename.startswith(roots)]
    if own:
        lines.stack[:] = own
    else:
        lines.stack[:] = [frame for frame in lines.stack if "importlib" not in frame.filename and not _is_ours(frame)]
    for linked in (lines.__cause__, lines.__context__):
        if linked is not None:
            _keep_frames(linked, roots)


def _is_ours(frame) -> bool:
    return frame.filename.startswith(os.path.dirname(__file__))
