"""The methods of JsProxy that no CPython slot stands for and that are not called often enough to be native.

Each class below is only a namespace: `types.rs` copies its functions onto the types with the matching features. The
globals `helpers` (JavaScript's side of it, `helpers.js`) and `native` (functions in Rust) are put here before this runs.
`keep` calls a JavaScript function whose arguments stay alive afterwards.
"""

from collections.abc import ItemsView, KeysView, MutableMapping as AbstractMutableMapping, ValuesView
from inspect import isfunction
from sys import maxsize
from types import TracebackType
from warnings import warn

import _pyodide._core_docs as docs
from _pyodide.docstring import get_cmeth_docstring

keep = native.call_keeping
missing = object()


class Every:
    def to_py(self, *, depth=-1, default_converter=None):
        return native.to_py(self, depth, default_converter)

    def object_entries(self):
        return helpers.entries(self)

    def object_keys(self):
        return helpers.keys(self)

    def object_values(self):
        return helpers.values(self)

    def to_weakref(self):
        return helpers.weak_reference(self)

    def bind_sig(self, signature):
        return native.bind_signature(self, signature)

    def bind_class(self, signature):
        return native.bind_signature(self, type[signature])

    def __dir__(self):
        names = set(object.__dir__(self))
        for name in native.property_names(self):
            if not name[:1].isdigit():
                names.add(native.mangle(name))
        if native.is_array(self):
            names.discard("keys")
        return sorted(names)


class Awaitable:
    def then(self, onfulfilled=None, onrejected=None, /):
        return native.promise_then(self, onfulfilled, onrejected)

    def catch(self, onrejected, /):
        return native.promise_then(self, None, onrejected)

    def finally_(self, onfinally, /):
        return native.promise_finally(self, onfinally)


class Mapping:
    def keys(self):
        return KeysView(self)

    def items(self):
        return ItemsView(self)

    def values(self):
        return ValuesView(self)

    def get(self, key, default=None, /):
        try:
            return self[key]
        except KeyError:
            return default


class MutableMapping:
    def pop(self, key, default=missing, /):
        try:
            value = self[key]
        except KeyError:
            if default is missing:
                raise
            return default
        del self[key]
        return value

    def popitem(self):
        for key in self:
            value = self[key]
            del self[key]
            return key, value
        raise KeyError("popitem(): mapping is empty")

    def clear(self):
        if native.has_method(self, "clear"):
            helpers.clear(self)
            return
        for key in list(self):
            del self[key]

    update = AbstractMutableMapping.update

    def setdefault(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            self[key] = default
        return default


class Iterator:
    def send(self, value, /):
        return native.iterator_send(self, value)


class AsyncIterator:
    def asend(self, value, /):
        return native.async_send(self, value)


def raise_arguments(kind, value, traceback):
    """The exception that the arguments of `throw` stand for."""
    if traceback is not None and not isinstance(traceback, TracebackType):
        raise TypeError("throw() third argument must be a traceback object")
    if isinstance(kind, type) and issubclass(kind, BaseException):
        if value is None:
            error = kind()
        elif isinstance(value, kind):
            error = value
        else:
            error = kind(*value) if isinstance(value, tuple) else kind(value)
    elif isinstance(kind, BaseException):
        if value is not None:
            raise TypeError("instance exception may not have a separate value")
        error = kind
    else:
        name = type(kind).__name__
        raise TypeError(f"exceptions must be classes or instances deriving from BaseException, not {name}")
    return error.with_traceback(traceback) if traceback is not None else error


def throw_into(generator, error):
    """Calls `throw` of a JavaScript generator, or `return` for the exception that closes one."""
    if isinstance(error, GeneratorExit):
        return native.invoke(generator, "return")
    return native.invoke_with_error(generator, "throw", error)


class Generator:
    def throw(self, kind, value=None, traceback=None, /):
        error = raise_arguments(kind, value, traceback)
        return native.iterator_step(throw_into(self, error))

    def close(self):
        result = native.invoke(self, "return")
        if not result.done:
            raise RuntimeError("JavaScript generator ignored return")


class AsyncGenerator:
    def athrow(self, kind, value=None, traceback=None, /):
        error = raise_arguments(kind, value, traceback)
        if isinstance(error, GeneratorExit):
            return native.async_return(self, False)
        return native.async_throw(self, error)

    def aclose(self):
        return native.async_return(self, True)


def get_slice(array, part):
    start, stop, step = part.indices(len(array))
    if step == 1:
        return helpers.slice(array, start, max(start, stop))
    return helpers.pick(array, start, step, len(range(start, stop, step)))


def set_slice(array, part, values):
    start, stop, step = part.indices(len(array))
    copied = []
    copied[:] = values  # raises what a list raises for what can't be assigned
    values = copied
    if step == 1:
        keep(helpers.splice, array, start, max(start, stop) - start, *values)
        return
    indices = range(start, stop, step)
    if len(indices) != len(values):
        raise ValueError(
            f"attempt to assign sequence of size {len(values)} to extended slice of size {len(indices)}"
        )
    for index, value in zip(indices, values):
        array[index] = value


def delete_slice(array, part):
    start, stop, step = part.indices(len(array))
    if step == 1:
        keep(helpers.splice, array, start, max(start, stop) - start)
        return
    for index in sorted(range(start, stop, step), reverse=True):
        keep(helpers.splice, array, index, 1)


def concatenate(array, other):
    return keep(helpers.concat, array, helpers.copied(other) if native.is_proxy(other) else native.array(list(other)))


def repeat(array, count):
    return helpers.repeat(array, max(0, count))


class ArrayLike:
    def __reversed__(self):
        return (self[index] for index in range(len(self) - 1, -1, -1))


class Searchable:
    def index(self, value, start=0, stop=maxsize, /):
        start, stop, _ = slice(start, stop).indices(len(self))
        if native.is_immutable(value):
            found = helpers.index_of(self, value, start, stop)
            if found >= 0:
                return found
        else:
            for position in range(start, stop):
                if native.same_python(self, position, value):
                    return position
        raise ValueError(f"{value!r} is not in list")

    def count(self, value, /):
        if native.is_immutable(value):
            return helpers.count(self, value)
        return sum(native.same_python(self, position, value) for position in range(len(self)))

    def reverse(self):
        helpers.reverse(self)

    def __reversed__(self):
        return (self[index] for index in range(len(self) - 1, -1, -1))


class Array:
    def extend(self, values, /):
        if not native.is_proxy(values):
            values = native.array(list(values))
        keep(helpers.extend, self, values)

    def __iadd__(self, values):
        Array.extend(self, values)
        return self

    def __imul__(self, count):
        if not hasattr(count, "__index__"):
            return NotImplemented
        helpers.repeat_in_place(self, max(0, count.__index__()))
        return self

    def append(self, value, /):
        keep(helpers.push, self, value)

    def insert(self, index, value, /):
        keep(helpers.splice, self, slice(index, None).indices(len(self))[0], 0, value)

    def pop(self, index=-1, /):
        length = len(self)
        if not length:
            raise IndexError("pop from empty list")
        position = index.__index__()
        if position < 0:
            position += length
        if not 0 <= position < length:
            raise IndexError("pop index out of range")
        value = self[position]
        keep(helpers.splice, self, position, 1)
        return value

    def remove(self, value, /):
        del self[Searchable.index(self, value)]


class Buffer:
    def to_bytes(self):
        return native.buffer_to_bytes(self)

    def to_memoryview(self):
        return native.buffer_to_memoryview(self)

    def to_string(self, encoding=None):
        return native.buffer_to_string(self, encoding)

    def assign(self, source, /):
        native.buffer_assign(self, source)

    def assign_to(self, target, /):
        native.buffer_assign_to(self, target)

    def to_file(self, file, /):
        file.write(native.buffer_to_bytes(self))

    def from_file(self, file, /):
        data = file.read(native.buffer_length(self))
        native.buffer_assign(helpers.first_bytes(self, len(data)), data)

    def _into_file(self, file, /):
        file.write(native.buffer_to_bytes(self))
        file.flush()


class Disposable:
    def __enter__(self):
        return self

    def __exit__(self, kind=None, error=None, traceback=None, /):
        helpers.dispose(self)


class AsyncDisposable:
    async def __aenter__(self):
        return self

    def __aexit__(self, kind=None, error=None, traceback=None, /):
        return helpers.async_dispose(self)


class DoubleProxy:
    def unwrap(self):
        return native.unwrap(self)


class ObjectMapView:
    def as_object_map(self, *, hereditary=False):
        return native.object_map(self, hereditary, False)


class JsonView:
    def as_py_json(self):
        return native.object_map(self, True, True)


class JsonSequence:
    def __getitem__(self, key):
        value = native.plain(self)[key]
        return value.as_py_json() if native.is_proxy(value) and hasattr(value, "as_py_json") else value

    def __iter__(self):
        return (self[index] for index in range(len(self)))


class ObjectMap:
    def __getitem__(self, key):
        return native.object_map_get(self, key)

    def __setitem__(self, key, value):
        if not isinstance(key, str):
            raise TypeError("Can only assign keys of type string to JavaScript object map")
        keep(helpers.set_own, self, key, value)

    def __delitem__(self, key):
        if not (isinstance(key, str) and helpers.has_own(self, key)):
            raise KeyError(key)
        helpers.delete_own(self, key)

    def __contains__(self, key):
        return isinstance(key, str) and helpers.has_own(self, key)

    def __iter__(self):
        return iter(helpers.keys(self))

    def __len__(self):
        return len(helpers.keys(self))


class Error:
    def __reduce__(self):
        arguments = (self.name, self.message, self.stack)
        return (type(self), arguments, self.__dict__) if self.__dict__ else (type(self), arguments)


def exception_arguments(name, message="", stack=""):
    for value in (name, message, stack):
        if not isinstance(value, str):
            raise TypeError(f"argument must be str, not {type(value).__name__}")
    return name, message, stack


async def python_async_step(awaitable):
    """A step of a Python asynchronous iterator as JavaScript wants it."""
    try:
        value = await awaitable
    except StopAsyncIteration:
        return helpers.step(True, None)
    return keep(helpers.step, False, value)


async def python_async_close(closing, value):
    """`return` of a Python asynchronous generator: `closing` throws GeneratorExit into it."""
    try:
        yielded = await closing
    except GeneratorExit:
        return keep(helpers.step, True, value)
    except StopAsyncIteration:
        return keep(helpers.step, True, None)
    return keep(helpers.step, False, yielded)


def teach_json(jsnull):
    """Lets `json` write `null` for `jsnull`, which Pyodide's own build of it does."""
    from json import JSONEncoder

    refuse, encode = JSONEncoder.default, JSONEncoder.encode

    def default(self, value):
        return None if value is jsnull else refuse(self, value)

    def encode_null_keys(self, value):
        try:
            return encode(self, value)
        except TypeError as error:
            # Keys are not asked about, only refused.
            if "JsNull" not in str(error):
                raise
        return encode(self, with_none_for_null_keys(value))

    def with_none_for_null_keys(value):
        if isinstance(value, dict):
            items = value.items()
            return {None if key is jsnull else key: with_none_for_null_keys(item) for key, item in items}
        if isinstance(value, list | tuple):
            return [with_none_for_null_keys(item) for item in value]
        return value

    JSONEncoder.default, JSONEncoder.encode = default, encode_null_keys


def document(mixin, documented):
    """Gives methods the docstrings and signatures that pyodide-py's class of the same role has."""
    for name, function in vars(mixin).items():
        original = getattr(documented, name, None)
        if not name.startswith("_") and isfunction(function) and isfunction(original):
            signature, _, text = get_cmeth_docstring(original).partition("\n--\n\n")
            function.__doc__ = text
            arguments = signature.removeprefix(original.__name__).replace("(self, ", "(").replace("(self", "(")
            function.__text_signature__ = arguments


def document_all():
    document(Every, docs.JsProxy)
    document(Awaitable, docs.JsPromise)
    document(Mapping, docs.JsMap)
    document(MutableMapping, docs.JsMutableMap)
    document(Generator, docs.JsGenerator)
    document(AsyncIterator, docs.JsAsyncIterator)
    document(AsyncGenerator, docs.JsAsyncGenerator)
    document(Array, docs.JsArray)
    document(Buffer, docs.JsBuffer)
    document(DoubleProxy, docs.JsDoubleProxy)


document_all()
