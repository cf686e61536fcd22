"""What a message leaves unsaid and its reader may not know: a line of advice for each mistake that newcomers make most.

The messages are those of Python, of the platform and of Cloudflare's SDK, and stay as they are, for code may look at
them. A hint is added below, in the log and on the page that `hognose dev` answers with.
"""

import contextlib
import difflib
import errno
import re
import traceback

from pyodide.ffi import JsException, JsProxy

NAMES_MAX = 12

_CLASS_WITHOUT_NEW = "class constructors must be invoked with 'new'"
_PAIRS_EXPECTED = "To initialize a Headers object from a sequence"
_NOT_AWAITED = re.compile(
    r"'(coroutine|PyodideFuture|PyodideTask)' object|: (coroutine|PyodideFuture)$|^Awaitable "
    r"|^Object of type (coroutine|PyodideFuture|PyodideTask) is not JSON serializable"
)
_NOT_CONVERTED = re.compile(
    r"JsProxy' object is not (iterable|subscriptable|a mapping)|^Object of type JsProxy is not JSON serializable"
)
_METHOD_OF_DICT = re.compile(r"^'builtin_function_or_method' object is not (iterable|subscriptable)")
_ENV_AS_DICT = "'_EnvWrapper' object is not subscriptable"
_RELATIVE_URL = re.compile(r"(Invalid URL|Unable to parse URL): (?![a-z]+:)")
_CALLS_WITHOUT_END = re.compile(r"\d+ calls are open, which is the limit$")
_TEXT_IN_STREAM = "is being used as a byte stream, but received a string"
_NO_TABLE = re.compile(r"D1_ERROR: no such table: ")
_UNFIT_VALUE = re.compile(r"D1_TYPE_ERROR: Type '(\w+)' not supported")
_USE_OF_NONE = re.compile(r"^'NoneType' object (has no attribute|is not subscriptable)")
_UNFIT_BODY = re.compile(r"Unsupported type in Response: (\w+)$")
_JSON = "`Response.json(...)` sends it as JSON"
_BODIES = {
    "dict": _JSON,
    "list": _JSON,
    "bytearray": "`bytes(...)` makes a body of it",
    "memoryview": "`bytes(...)` makes a body of it",
    "Blob": "its `.js_object` is a body",
    "File": "its `.js_object` is a body",
    "generator": '`b"".join(...)` or `"".join(...)` gathers what it yields',
    "async_generator": (
        '`b"".join([piece async for piece in ...])` gathers what it yields; as a stream of `bytes` it is sent by '
        "`ReadableStream.from_(create_proxy(...))`, of `js` and `pyodide.ffi`"
    ),
}
_VALUES_OF_D1 = "D1 takes `str`, `int`, `float`, `bool`, `bytes` and `None`"
_UNFIT_VALUES = {
    "object": f"{_VALUES_OF_D1}: `json.dumps(...)` makes a text of a `dict` or a `list`, `.isoformat()` of a date",
    "bigint": f"{_VALUES_OF_D1}, integers up to 2**53: `str(...)` makes a text of a larger one",
}
_ARGUMENTS = re.compile(r"__init__\(\) takes .* positional arguments? but 3 were given")


def hint(error: BaseException) -> str | None:
    """Advice on an exception, if there is any."""
    # What an exception holds may be the Worker's own, which may raise when it is looked at.
    with contextlib.suppress(Exception):
        for kind, advise in _ADVICE:
            if isinstance(error, kind) and (text := advise(error)):
                return f"hint: {text}"
    return None


def _on_module(error: ModuleNotFoundError) -> str | None:
    if not error.name:
        return None
    name = error.name.partition(".")[0]
    return (
        f"`{name}` is neither a module of this Worker nor installed: a file has to lie beside the main module, a package "
        "has to be named in the `dependencies` of `pyproject.toml`"
    )


def _on_import(error: ImportError) -> str | None:
    if "attempted relative import with no known parent package" not in str(error):
        return None
    return "a Worker's modules are imported by their names: `import helpers`, not `from . import helpers`"


def _on_property(error: AttributeError) -> str | None:
    if not isinstance(error.obj, JsProxy) or str(error) != error.name:
        return None
    # Classes say what they have in their documentation; a plain object, such as `env`, has what it was given.
    if getattr(error.obj, "typeof", None) != "object" or str(error.obj) != "[object Object]":
        return f"this JavaScript object has no property `{error.name}`"
    names = sorted(error.obj.object_keys())
    near = difflib.get_close_matches(error.name, names, 1)
    known = f"did you mean `{near[0]}`?" if near else f"it has {_listed(names)}"
    return f"this JavaScript object has no property `{error.name}`; {known}"


def _listed(names: list[str]) -> str:
    if not names:
        return "none at all (bindings and variables are named in the configuration)"
    return ", ".join(f"`{name}`" for name in names[:NAMES_MAX]) + (", …" if len(names) > NAMES_MAX else "")


def _on_name(error: NameError) -> str | None:
    if error.name not in ("env", "ctx"):
        return None
    return f"`{error.name}` is an argument of `on_fetch(request, env, ctx)`; in a class it is `self.{error.name}`"


def _on_javascript(error: JsException) -> str | None:
    message = str(error)
    if _CLASS_WITHOUT_NEW in message:
        return "a class of JavaScript's makes an object by its `new`, as in `Response.new(...)`"
    if _PAIRS_EXPECTED in message:
        return (
            "a Python `dict` is not a JavaScript object: pass `to_js({...}, dict_converter=Object.fromEntries)`, or "
            "`Headers.new({...}.items())`"
        )
    if 'Could not serialize object of type "PyProxy"' in message:
        return (
            "an object of a Python class cannot be handed to another Worker: text, numbers, `bytes`, dates, lists, "
            "dicts and functions can"
        )
    if "put() accepts only strings" in message:
        return "`json.dumps(...)` makes a text of a `dict` or a `list`"
    return _on_database(message)


def _on_database(message: str) -> str | None:
    if _NO_TABLE.search(message):
        return (
            "the database is hognose's own and begins empty: `hognose d1 migrations apply NAME` makes what the migrations "
            "make, `hognose d1 execute NAME --file FILE` what a file of SQL does"
        )
    if found := _UNFIT_VALUE.search(message):
        return _UNFIT_VALUES.get(found[1], _VALUES_OF_D1)
    return None


def _on_type(error: TypeError | AttributeError) -> str | None:
    message = str(error)
    if _NOT_AWAITED.search(message):
        return "an `await` is missing where this value comes from"
    if _NOT_CONVERTED.search(message):
        return "`.to_py()` makes a `dict` or a `list` of a JavaScript object"
    if _ENV_AS_DICT in message:
        return "bindings and variables are attributes: `env.NAME`, or `getattr(env, name)`"
    if _METHOD_OF_DICT.match(message):
        return '`keys`, `values`, `items` and `get` are methods of a `dict`: what lies under such a name is `result["keys"]`'
    if _ARGUMENTS.search(message):
        return "it is made with two arguments: `def __init__(self, ctx, env)`, which calls `super().__init__(ctx, env)`"
    if found := _UNFIT_BODY.search(message):
        return _BODIES.get(found[1], "`str(...)` makes a text of it")
    return None


def _on_none(error: TypeError | AttributeError) -> str | None:
    if not _USE_OF_NONE.match(str(error)):
        return None
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    none = [name for name in ("env", "ctx") if frame.f_locals.get(name, frame) is None]
    return f"`{none[0]}` is `None` as an argument of a class's handler: there it is `self.{none[0]}`" if none else None


def _on_fetch(error: Exception) -> str | None:
    message = str(error)
    if _RELATIVE_URL.search(message):
        return "an absolute URL is needed: `urllib.parse.urljoin(request.url, ...)` makes one"
    if _TEXT_IN_STREAM in message:
        return "a stream takes `bytes`; a `FormData` is sent as `body=form.js_object`"
    if _CALLS_WITHOUT_END.search(message):
        return "a Worker that fetches what it serves itself waits for itself without end"
    return None


def _on_file(error: OSError) -> str | None:
    if error.errno not in (errno.EROFS, errno.EACCES) or error.filename is None:
        return None
    return "a Worker reads its own files and writes in its temporary folder only, which is `tempfile.gettempdir()`"


def _on_refusal(error: PermissionError) -> str | None:
    if error.filename is not None:
        return None
    return "this is closed to a Worker: it starts no programs or processes, listens on no port and sends no datagrams"


_ADVICE = (
    (ModuleNotFoundError, _on_module),
    (ImportError, _on_import),
    (AttributeError, _on_property),
    (NameError, _on_name),
    (JsException, _on_javascript),
    ((TypeError, AttributeError), _on_type),
    ((TypeError, AttributeError), _on_none),
    ((JsException, TypeError, OSError), _on_fetch),
    (OSError, _on_file),
    (PermissionError, _on_refusal),
)
