// Programs in JavaScript: Python's objects as JavaScript sees them, and the API.

export function* values(pyodide) {
  for (const code of ["1", "1.5", "'é😀'", "None", "True", "2**60", "-2**53", "float('inf')", "''", "-0.0"]) {
    yield pyodide.runPython(code);
  }
}

export function* lastExpressions(pyodide) {
  yield pyodide.runPython("x = 1");
  yield pyodide.runPython("x + 1;");
  yield pyodide.runPython("x + 1");
  yield pyodide.runPython("");
}

export function* options(pyodide) {
  const globals = pyodide.toPy({ a: 1 });
  yield pyodide.runPython("a", { globals });
  yield pyodide.runPython("b = a + 1", { globals });
  yield globals.get("b");
  yield pyodide.runPython("a + c", { globals, locals: pyodide.toPy({ c: 10 }) });
  try {
    pyodide.runPython("1 / 0", { filename: "named.py" });
  } catch (error) {
    yield error.message.includes('File "named.py", line 1');
  }
}

export function* lists(pyodide) {
  const list = pyodide.runPython("[3, 1, [2], 'x']");
  yield [list.length, list[0], list.get(1), list.get(9), list.has(3), list.has(7), Array.from(list).length];
  yield [list.includes("x"), list.indexOf(1), list.slice(0, 2), list.filter((x) => typeof x === "number"), list.join("-")];
  list.push(5, 6);
  list.set(0, "first");
  list.delete(1);
  yield list.toJs();
  yield [list.pop(), list.shift(), list.unshift(0), list.splice(0, 1), list.toJs()];
  yield [list.map(String), list.at(-1), list.some((x) => x === 5), list.concat([1]).length, 0 in list, 99 in list, Object.keys(list)];
  yield list.toString();
}

export function* sorting(pyodide) {
  const list = pyodide.runPython("[3, 1, 2]");
  list.sort();
  yield list.toJs();
  list.reverse();
  yield list.toJs();
  list.fill(0, 1);
  yield list.toJs();
  yield list.reduce((a, b) => a + b);
}

export function* dicts(pyodide) {
  const dict = pyodide.runPython("{'a': 1, 'b': [2], 3: 'three'}");
  yield [dict.length, dict.get("a"), dict.get("none"), dict.has("b"), dict.get(3), [...dict]];
  dict.set("z", 26);
  dict.delete("a");
  yield [dict.has("a"), dict.toString(), "z" in dict, dict.z];
  yield dict.toJs();
  yield dict.toJs({ dict_converter: Object.fromEntries });
  yield [...dict.items()].length;
}

export function* conversions(pyodide) {
  const nested = pyodide.runPython("[1, (2, {3}), {'k': [None, b'x']}]");
  yield nested.toJs();
  yield nested.toJs({ depth: 1 });
  yield nested.toJs({ dict_converter: (entries) => Array.from(entries) });
  const proxies = [];
  pyodide.runPython("[object(), [object()]]").toJs({ pyproxies: proxies });
  yield proxies.length;
  try {
    pyodide.runPython("[object()]").toJs({ create_pyproxies: false });
  } catch (error) {
    yield error.type;
  }
}

export function* toPython(pyodide) {
  for (const value of [[1, [2]], { a: { b: null } }, new Map([[1, "x"]]), new Set([1]), new Uint8Array([1]), 5, "s", undefined, null]) {
    yield pyodide.toPy(value);
  }
  const plain = new (class Plain {})();
  yield pyodide.toPy(plain) === plain;
  yield pyodide.toPy([[1]], { depth: 1 }).get(0);
  yield pyodide.toPy([plain], { defaultConverter: () => "default" }).get(0);
}

export function* instances(pyodide) {
  const names = Object.keys(pyodide.ffi).filter((name) => name.startsWith("Py")).sort();
  for (const code of ["[]", "{}", "()", "set()", "b''", "len", "iter([])", "(x for x in [])", "object()", "range(1)", "type", "int"]) {
    const value = pyodide.runPython(code);
    yield [code, value.type, ...names.filter((name) => value instanceof pyodide.ffi[name])];
  }
}

export function* attributes(pyodide) {
  const thing = pyodide.runPython(`
class Thing:
    value = 1
    length = 7
    def method(self, x=2):
        return self.value + x
    @property
    def computed(self):
        return self.value * 10
Thing()`);
  yield [thing.value, thing.method(), thing.method(5), thing.computed, thing.nothing, "value" in thing, "nothing" in thing];
  thing.value = 4;
  thing.extra = [1];
  delete thing.extra;
  yield [thing.method(), thing.extra, thing.$method(1), thing.method === thing.method, thing.length];
  yield Object.prototype.toString.call(thing);
}

export function* destruction(pyodide) {
  const list = pyodide.runPython("[1]");
  const copy = list.copy();
  list.destroy();
  list.destroy();
  try {
    list.length;
  } catch (error) {
    yield error.message;
  }
  yield copy.length;
  const other = pyodide.runPython("[1]");
  other.destroy({ message: "told so" });
  try {
    other.get(0);
  } catch (error) {
    yield error.message;
  }
}

export function* iteration(pyodide) {
  const generator = pyodide.runPython("def g():\n    got = yield 1\n    yield got\n    return 'end'\ng()");
  yield [generator.next(), generator.next("sent"), generator.next(), generator.next()].map(({ done, value }) => [done, value]);
  const thrown = pyodide.runPython("def g():\n    try:\n        yield 1\n    except Exception as e:\n        yield type(e).__name__\ng()");
  thrown.next();
  yield thrown.throw(new Error("x")).value;
  yield thrown.return(5).value;
  yield [...pyodide.runPython("zip('ab', [1, 2])")].map((pair) => `${pair}`);
}

export async function* awaiting(pyodide) {
  yield await pyodide.runPythonAsync("import asyncio\nawait asyncio.sleep(0, 'slept')");
  const coroutine = pyodide.runPython("async def f(x):\n    return x + 1\nf");
  yield await coroutine(4);
  yield await Promise.all([coroutine(1), coroutine(2)]);
  yield (await Promise.allSettled([pyodide.runPythonAsync("1 / 0")]))[0].reason;
  yield await pyodide.runPython("import asyncio\nasyncio.ensure_future(asyncio.sleep(0, 3))");
}

export function* errors(pyodide) {
  for (const code of ["1 / 0", "raise KeyError('k')", "import no_such_module", "x ===", "undefined_name"]) {
    try {
      pyodide.runPython(code);
    } catch (error) {
      yield [error.name, error.type, error.message.split("\n")[0], error instanceof pyodide.ffi.PythonError];
    }
  }
}

export function* functions(pyodide) {
  const f = pyodide.runPython("lambda *a, **k: f'{a} {k}'");
  yield [f(1, "x"), f.callKwargs(1, { k: 2 }), f.apply(null, [1]), f.call(null, 2), f.bind(null, 3)(4)];
  yield [typeof f, f instanceof Function, f.callRelaxed(1)];
  const strict = pyodide.runPython("lambda a: a");
  yield [strict.callRelaxed(1, 2), strict.callKwargsRelaxed(1, { b: 2 })];
  for (const call of [() => strict(), () => strict(1, 2), () => strict.callKwargs()]) {
    try {
      call();
    } catch (error) {
      yield [error.name, error.type];
    }
  }
}

export function* buffers(pyodide) {
  const bytes = pyodide.runPython("bytearray(range(4))");
  const view = bytes.getBuffer("u8");
  view.data[1] = 9;
  yield [view.data, view.format, view.shape, view.strides, view.readonly];
  view.release();
  view.release();
  yield bytes.toJs();
  bytes.destroy();
}

export function* jsonViews(pyodide) {
  const view = pyodide.runPython("{'a': [1, {'b': None}], '2': True}").asJsJson();
  yield JSON.stringify(view);
  yield [view.a[1].b, view.a.length, Object.keys(view), view[2], "a" in view];
}

export function* api(pyodide) {
  yield [pyodide.version, pyodide.pyimport("math").sqrt(16), pyodide.pyimport("math.comb")(4, 2)];
  pyodide.registerJsModule("registered", { value: 5, inner: { deep: 6 } });
  yield pyodide.runPython("from registered import value\nfrom registered.inner import deep\nvalue + deep");
  pyodide.unregisterJsModule("registered");
  pyodide.globals.set("set_here", 3);
  yield [pyodide.runPython("set_here"), pyodide.globals.get("len")([1]), pyodide.globals.has("print"), pyodide.globals.get("none")];
  yield [pyodide.setDebug(true), pyodide.setDebug(false)];
}

export function* files(pyodide) {
  const { FS, PATH } = pyodide;
  const folder = pyodide.runPython("import tempfile; tempfile.mkdtemp()");
  const path = PATH.join(folder, "a", "b.txt");
  FS.mkdirTree(PATH.dirname(path));
  FS.writeFile(path, "héllo");
  yield [FS.readFile(path), FS.readFile(path, { encoding: "utf8" }), FS.readdir(PATH.dirname(path)), FS.stat(path).size];
  yield [FS.analyzePath(path).exists, FS.analyzePath(`${path}x`).exists, PATH.basename(path), FS.isDir(FS.stat(folder).mode)];
  FS.rename(path, PATH.join(folder, "c"));
  FS.unlink(PATH.join(folder, "c"));
  yield FS.readdir(PATH.join(folder, "a"));
  try {
    FS.readFile(path);
  } catch (error) {
    yield error.name;
  }
}

export function* streams(pyodide) {
  const lines = [];
  pyodide.setStdout({ batched: (line) => lines.push(line) });
  pyodide.runPython("print('one\\ntwo'); print('three', end='')");
  yield [...lines];
  pyodide.runPython("print()");
  yield [...lines];
  pyodide.setStdin({ stdin: () => "typed" });
  yield pyodide.runPython("input()");
  pyodide.setStdin({ error: true });
  yield pyodide.runPython("try:\n    input()\nexcept OSError as error:\n    found = type(error).__name__\nfound");
  pyodide.setStdout();
  pyodide.setStdin();
}
