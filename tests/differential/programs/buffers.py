"""Bytes, typed arrays and memory views."""

import array

import js
from pyodide.code import run_js
from pyodide.ffi import create_proxy, to_js


def error(function, *arguments):
    try:
        return function(*arguments)
    except Exception as raised:
        return f"{type(raised).__name__}: {raised}"


def bytes_become_typed_arrays():
    for value in (b"ab", bytearray(b"c"), memoryview(b"d"), array.array("h", [1, -2]), array.array("d", [0.5]), array.array("f", [1])):
        converted = to_js(value)
        yield converted.constructor.name, list(converted)


def typed_arrays_become_memory_views():
    for kind in ("Int8Array", "Uint16Array", "Float32Array", "Float64Array", "BigInt64Array", "Uint8ClampedArray"):
        view = run_js(f"new {kind}(2)").to_py()
        yield type(view).__name__, view.format, view.itemsize, view.tolist()
    yield run_js("new ArrayBuffer(3)").to_py().format, run_js("new DataView(new ArrayBuffer(3), 1)").to_py().nbytes


def items_of_typed_arrays():
    numbers = run_js("new Int16Array([1, 2, 3])")
    numbers[0] = -5
    yield list(numbers), numbers[-1], len(numbers), 2 in numbers, error(lambda: numbers[7]), error(lambda: numbers.__delitem__(0))
    yield bool(run_js("new Uint8Array(0)")), numbers.to_bytes(), numbers.index(3) if hasattr(numbers, "index") else None


def copying_in_and_out():
    target = run_js("new Uint8Array(3)")
    target.assign(b"xyz")
    memory = bytearray(3)
    target.assign_to(memory)
    yield bytes(memory), target.to_string(), error(target.assign, b"toolong"), error(target.assign_to, bytearray(1))
    yield error(run_js("new Uint16Array(2)").assign, array.array("d", [1])), error(target.assign, 5)


def texts_of_buffers():
    yield run_js("new TextEncoder().encode('hé')").to_string(), error(run_js("new Uint8Array([255])").to_string)
    yield run_js("new Uint8Array([233])").to_string("latin1")


def parts_of_buffers():
    part = run_js("new Uint8Array([1, 2, 3, 4]).subarray(1, 3)")
    yield part.to_bytes(), part.to_memoryview().tolist(), run_js("new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 1)").to_bytes()


def python_memory_in_javascript():
    memory = bytearray(b"abc")
    proxy = create_proxy(memory)
    view = proxy.getBuffer("u8")
    view.data[0] = 65
    yield bytes(memory), list(view.data), view.nbytes, view.format, view.readonly, list(view.shape), list(view.strides), view.itemsize, view.c_contiguous
    view.release()
    proxy.destroy()


def kinds_of_views():
    memory = array.array("I", [1, 2])
    for kind in ("u8", "i16", "u32", "dataview", None):
        view = create_proxy(memory).getBuffer(*([kind] if kind else []))
        yield view.data.constructor.name, view.data.byteLength, view.ndim
        view.release()
    yield error(create_proxy(memory).getBuffer, "nope")


def two_dimensions():
    memory = memoryview(bytes(range(6))).cast("B", [2, 3])
    yield run_js("(x) => JSON.stringify(x.map((row) => [...row]))")(to_js(memory))
    view = create_proxy(memory).getBuffer()
    yield list(view.shape), list(view.strides), view.ndim, view.readonly
    view.release()


def bytes_are_no_array_without_conversion():
    yield run_js("(x) => [x.length, x.type, x.get(0)]")(b"ab").to_py()
