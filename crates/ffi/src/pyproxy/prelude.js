// JavaScript's side of the bridge: the classes whose methods PyProxies have, and the helpers of JsProxy.
//
// The script is a function of `native`, the functions and flags that `native.rs` makes, and gives an object of everything
// that Rust calls by name. A PyProxy's prototype is put together once per set of abilities, from the namespaces below.
(function (native) {
  "use strict";

  const { call, apply, bind } = Function.prototype;
  const uncurry = (method) => call.bind(method);
  const objectToString = uncurry(Object.prototype.toString);
  const hasOwn = Object.hasOwn;
  const getterOfSize = (container) => Object.getOwnPropertyDescriptor(container.prototype, "size").get;

  // ---- Errors ----

  class PythonError extends Error {
    constructor(type, message, address) {
      super(message);
      // Without this constructor's own frame.
      Error.captureStackTrace(this, PythonError);
      this.type = type;
      Object.defineProperty(this, "__error_address", { value: address });
    }
  }
  Object.defineProperty(PythonError.prototype, "name", { value: "PythonError", configurable: true, writable: true });

  function ensureError(thrown) {
    if (typeof thrown === "string") {
      return new Error(thrown);
    }
    if (looksLikeError(thrown)) {
      return thrown;
    }
    const kind = `A value of type ${typeof thrown} with tag ${objectToString(thrown)} was thrown as an error!`;
    return new Error(kind + describe("String interpolation of the thrown value", () => `${thrown}`)
      + describe("The thrown value's toString method", () => thrown.toString()));
  }

  function looksLikeError(thrown) {
    try {
      return typeof thrown === "object" && thrown !== null && typeof thrown.message === "string"
        && (typeof thrown.stack === "string" || thrown.constructor.name === "DOMException");
    } catch {
      return false;
    }
  }

  function describe(what, text) {
    const verb = what.startsWith("String") ? "gives" : "returns";
    try {
      return `\n${what} ${verb} """${text()}""".`;
    } catch {
      return `\n${what} fails.`;
    }
  }

  function makeError(name, message, stack) {
    const found = globalThis[name];
    const isError = typeof found === "function" && (found.prototype instanceof Error || found === Error);
    if (name === "DOMException" && typeof found === "function") {
      return new found(message);
    }
    const error = isError ? new found(message) : new Error(message);
    if (!isError) {
      Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
    }
    Object.defineProperty(error, "message", { value: message, configurable: true, writable: true });
    Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
    return error;
  }

  // ---- PyProxy: what every proxy has ----

  const Base = {
    get type() {
      return native.typeName.call(this);
    },
    get [Symbol.toStringTag]() {
      return "PyProxy";
    },
    toString() {
      return native.text.call(this);
    },
    destroy({ message, destroyRoundtrip = true } = {}) {
      native.destroy.call(this, message, destroyRoundtrip);
    },
    [Symbol.dispose]() {
      native.destroy.call(this, undefined, true);
    },
    copy() {
      return native.copy.call(this);
    },
    toJs(options) {
      return native.toJs.call(this, options);
    },
  };

  const WithLength = {
    get length() {
      return native.length.call(this);
    },
  };

  const WithGet = {
    get(key) {
      return native.getItem.call(this, key);
    },
    asJsJson() {
      return jsonView(this);
    },
  };

  const WithSet = {
    set(key, value) {
      native.setItem.call(this, key, value);
    },
    delete(key) {
      native.deleteItem.call(this, key);
    },
  };

  const WithHas = {
    has(key) {
      return native.contains.call(this, key);
    },
  };

  const Iterable = {
    [Symbol.iterator]() {
      return iterate(native.iterate.call(this));
    },
    // For classes like Headers, which would otherwise take a list of pairs apart in many steps.
    [Symbol.for("hognose.textPairs")]() {
      return native.textPairs.call(this);
    },
  };

  function* iterate(iterator) {
    const lent = [];
    try {
      for (;;) {
        const { done, value } = native.next.call(iterator);
        if (done) {
          return;
        }
        if (native.isPyProxy(value)) {
          lent.push(value);
        }
        yield value;
      }
    } finally {
      iterator.destroy();
      lent.forEach((proxy) => proxy.destroy({
        message: "This borrowed proxy was automatically destroyed when an iterator was exhausted.",
        destroyRoundtrip: false,
      }));
    }
  }

  const Iterator = {
    [Symbol.iterator]() {
      return this;
    },
    next(value) {
      return native.next.call(this, value);
    },
  };

  const Generator = {
    throw(error) {
      return native.throwInto.call(this, error);
    },
    return(value) {
      return native.close.call(this, value);
    },
  };

  const AsyncIterable = {
    async *[Symbol.asyncIterator]() {
      const iterator = native.iterateAsync.call(this);
      try {
        for (;;) {
          const { done, value } = await native.nextAsync.call(iterator);
          if (done) {
            return;
          }
          yield value;
        }
      } finally {
        iterator.destroy();
      }
    },
  };

  const AsyncIterator = {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next(value) {
      return await native.nextAsync.call(this, value);
    },
  };

  const AsyncGenerator = {
    async throw(error) {
      return await native.throwIntoAsync.call(this, error);
    },
    async return(value) {
      return await native.closeAsync.call(this, value);
    },
  };

  const Awaitable = {
    then(fulfilled, rejected) {
      return native.promise.call(this).then(fulfilled, rejected);
    },
    catch(rejected) {
      return native.promise.call(this).catch(rejected);
    },
    finally(settled) {
      return native.promise.call(this).finally(settled);
    },
  };

  const KEYWORDS = 1, RELAXED = 2, PROMISING = 4;
  function requireKeywords(list, caller) {
    if (list.length === 0) {
      throw new TypeError(`${caller} requires at least one argument (the key word argument object)`);
    }
  }
  const listOf = (...list) => list;
  const callWith = (proxy, flags, list) => apply.call(native.call, proxy, [flags, undefined, ...list]);

  const Callable = {
    call(self, ...list) {
      return apply.call(native.call, this, [0, self, ...list]);
    },
    apply(self, list) {
      // As `Function.prototype.apply` reads it: an array-like, not an iterable.
      return apply.call(native.call, this, [0, self, ...apply.call(listOf, undefined, list)]);
    },
    bind(self, ...list) {
      return native.bind.call(this, self, ...list);
    },
    captureThis() {
      return native.captureThis.call(this);
    },
    callKwargs(...list) {
      requireKeywords(list, "callKwargs");
      return callWith(this, KEYWORDS, list);
    },
    callRelaxed(...list) {
      return callWith(this, RELAXED, list);
    },
    callKwargsRelaxed(...list) {
      requireKeywords(list, "callKwargsRelaxed");
      return callWith(this, KEYWORDS | RELAXED, list);
    },
    callPromising(...list) {
      return callWith(this, PROMISING, list);
    },
    callPromisingKwargs(...list) {
      requireKeywords(list, "callPromisingKwargs");
      return callWith(this, PROMISING | KEYWORDS, list);
    },
    callWithOptions({ relaxed, kwargs, promising } = {}, ...list) {
      if (kwargs) {
        requireKeywords(list, "callWithOptions with 'kwargs: true'");
      }
      const flags = (kwargs ? KEYWORDS : 0) | (relaxed ? RELAXED : 0) | (promising ? PROMISING : 0);
      return callWith(this, flags, list);
    },
  };

  const Buffer = {
    getBuffer(type) {
      return native.getBuffer.call(this, type);
    },
  };

  // ---- Lists: Array's own methods work on anything with a length and indices ----

  const Sequence = { get [Symbol.isConcatSpreadable]() { return true; } };
  for (const name of [
    "at", "concat", "entries", "every", "filter", "find", "findIndex", "findLast", "findLastIndex", "forEach",
    "includes", "indexOf", "join", "keys", "lastIndexOf", "map", "reduce", "reduceRight", "slice", "some",
    "toReversed", "toSorted", "toSpliced", "values", "with",
  ]) {
    const method = Array.prototype[name];
    Sequence[name] = { [name](...list) { return apply.call(method, this, list); } }[name];
  }
  Sequence.toJSON = function toJSON() {
    return Array.from(this);
  };

  const python = (proxy, method, ...list) => native.callMethod.call(proxy, method, ...list);
  const MutableSequence = {
    reverse() {
      python(this, "reverse");
      return this;
    },
    sort(compare) {
      const sorted = Array.from(this).sort(compare);
      sorted.forEach((value, index) => native.setItem.call(this, index, value));
      return this;
    },
    splice(start, count, ...items) {
      const length = native.length.call(this);
      const from = start < 0 ? Math.max(length + start, 0) : Math.min(start ?? 0, length);
      const room = length - from;
      const removed = arguments.length === 1 ? room : Math.min(Math.max(count ?? 0, 0), room);
      const taken = [];
      for (let index = 0; index < removed; index++) {
        taken.push(python(this, "pop", from));
      }
      items.forEach((item, index) => python(this, "insert", from + index, item));
      return taken;
    },
    push(...items) {
      items.forEach((item) => python(this, "append", item));
      return native.length.call(this);
    },
    pop() {
      return native.length.call(this) === 0 ? undefined : python(this, "pop");
    },
    shift() {
      return native.length.call(this) === 0 ? undefined : python(this, "pop", 0);
    },
    unshift(...items) {
      items.forEach((item, index) => python(this, "insert", index, item));
      return native.length.call(this);
    },
    copyWithin(...list) {
      const copied = Array.from(this).copyWithin(...list);
      copied.forEach((value, index) => native.setItem.call(this, index, value));
      return this;
    },
    fill(...list) {
      const filled = Array.from(this).fill(...list);
      filled.forEach((value, index) => native.setItem.call(this, index, value));
      return this;
    },
  };

  // ---- The classes: namespaces by ability, and `instanceof` ----

  const mixins = [
    ["PyProxyWithLength", native.LENGTH, WithLength],
    ["PyProxyWithGet", native.GET, WithGet],
    ["PyProxyWithSet", native.SET, WithSet],
    ["PyProxyWithHas", native.CONTAINS, WithHas],
    ["PyIterable", native.ITERABLE, Iterable],
    ["PyIterator", native.ITERATOR, Iterator],
    ["PyAsyncIterable", native.ASYNC_ITERABLE, AsyncIterable],
    ["PyAsyncIterator", native.ASYNC_ITERATOR, AsyncIterator],
    ["PyGenerator", native.GENERATOR, Generator],
    ["PyAsyncGenerator", native.ASYNC_GENERATOR, AsyncGenerator],
    ["PyAwaitable", native.AWAITABLE, Awaitable],
    ["PyCallable", native.CALLABLE, Callable],
    ["PyBuffer", native.BUFFER, Buffer],
    ["PySequence", native.SEQUENCE, Sequence],
    ["PyMutableSequence", native.MUTABLE_SEQUENCE, MutableSequence],
    ["PyDict", native.DICT, {}],
  ];

  function makeClass(name, ability, parent) {
    const made = {
      [name]: class extends parent {
        constructor() {
          throw new TypeError(`${name} is not a constructor`);
        }
        static [Symbol.hasInstance](value) {
          const abilities = native.abilities(value);
          return abilities !== undefined && (abilities & ability) === ability;
        }
      },
    }[name];
    return made;
  }

  const PyProxy = makeClass("PyProxy", 0, Object);
  const classes = { PyProxy, PythonError };
  for (const [name, ability] of mixins) {
    classes[name] = makeClass(name, ability, PyProxy);
  }

  function copyMembers(target, source) {
    for (const key of Reflect.ownKeys(source)) {
      Object.defineProperty(target, key, { ...Object.getOwnPropertyDescriptor(source, key), enumerable: false });
    }
  }

  copyMembers(PyProxy.prototype, Base);
  const callableBase = Object.create(Function.prototype);
  copyMembers(callableBase, Base);
  Object.defineProperty(callableBase, "constructor", { value: PyProxy, configurable: true, writable: true });

  // The abilities, by the name that they have in Pyodide.
  const FLAGS = "$$flags";

  function makePrototype(abilities) {
    const prototype = Object.create(abilities & native.CALLABLE ? callableBase : PyProxy.prototype);
    for (const [, ability, members] of mixins) {
      if (abilities & ability) {
        copyMembers(prototype, members);
      }
    }
    if (!(abilities & native.ITERATOR) && abilities & native.SEQUENCE) {
      copyMembers(prototype, { get length() { return native.length.call(this); } });
    }
    Object.defineProperty(prototype, FLAGS, { value: abilities });
    return prototype;
  }

  function reservedNames() {
    const sources = [Base, ...mixins.map(([, , members]) => members), Object.prototype, Function.prototype];
    const names = new Set([FLAGS, ...sources.flatMap((source) => Reflect.ownKeys(source))]);
    return [...names].filter((name) => typeof name === "string");
  }

  // ---- JSON views of Python containers ----

  // What a view's target knows the viewed proxy by: a view that goes to Python is its object.
  const viewed = Symbol("viewed");

  function jsonView(proxy) {
    const target = native.abilities(proxy) & native.SEQUENCE ? [] : {};
    Object.defineProperty(target, viewed, { value: proxy, configurable: true });
    return new Proxy(target, jsonTraps(proxy));
  }

  function jsonValue(value) {
    return native.abilities(value) & native.GET ? jsonView(value) : value;
  }

  const precedence = new Set(["copy", "constructor", "toString", "destroy"]);

  function jsonTraps(proxy) {
    const isList = (native.abilities(proxy) & native.SEQUENCE) !== 0;
    const keyOf = (name) => (/^\d+$/.test(name) ? Number(name) : name);
    const find = (name) => {
      const value = isList ? undefined : native.getItem.call(proxy, name);
      return value === undefined && /^\d+$/.test(name) ? native.getItem.call(proxy, Number(name)) : value;
    };
    const passes = (name) => typeof name === "symbol" || precedence.has(name);
    return {
      get(target, name, receiver) {
        if (passes(name)) {
          return name in proxy ? Reflect.get(proxy, name) : Reflect.get(target, name, receiver);
        }
        if (name === FLAGS) {
          return proxy[FLAGS] | (isList ? native.JSON_SEQUENCE : native.JSON_DICT);
        }
        if (isList && name === "length") {
          return native.length.call(proxy);
        }
        if (isList && !/^\d+$/.test(name)) {
          return Reflect.get(target, name, receiver);
        }
        const value = find(name);
        if (value === undefined && name === "get") {
          return (key) => jsonValue(native.getItem.call(proxy, key));
        }
        return jsonValue(value);
      },
      has: (target, name) => (passes(name) ? name in proxy : find(name) !== undefined),
      set(target, name, value) {
        native.setItem.call(proxy, keyOf(name), value);
        return true;
      },
      deleteProperty(target, name) {
        native.deleteItem.call(proxy, keyOf(name));
        return true;
      },
      ownKeys(target) {
        if (isList) {
          return [...Array(native.length.call(proxy)).keys()].map(String).concat("length");
        }
        const keys = Array.from(proxy, (key) => (native.isPyProxy(key) ? undefined : String(key)));
        return [...new Set(keys)].filter((key) => key !== undefined);
      },
      getOwnPropertyDescriptor(target, name) {
        if (isList && name === "length") {
          target.length = native.length.call(proxy);
          return Reflect.getOwnPropertyDescriptor(target, name);
        }
        const value = passes(name) ? undefined : jsonValue(find(name));
        return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
      },
    };
  }

  // ---- Buffers ----

  class PyBufferView {
    constructor() {
      throw new TypeError("PyBufferView is not a constructor");
    }
    release() {
      if (!this._released) {
        this._released = true;
        native.detach(this.data.buffer);
        this.data = null;
      }
    }
    [Symbol.dispose]() {
      this.release();
    }
  }
  classes.PyBufferView = PyBufferView;

  // Makes a view of an object that says what it looks like.
  function makeBufferView(view, buffer, Data) {
    const size = Data.BYTES_PER_ELEMENT ?? 1;
    if (buffer.byteLength % size !== 0) {
      throw new Error("Buffer does not have valid alignment for a " + Data.name);
    }
    view.data = new Data(buffer);
    view._released = false;
    return Object.setPrototypeOf(view, PyBufferView.prototype);
  }

  // ---- Dicts: a Map whose string keys can be read as properties too ----

  const mapMembers = new Set(Reflect.ownKeys(Map.prototype));

  class LiteralMap extends Map {
    constructor(entries) {
      super(entries);
      return new Proxy(this, literalTraps);
    }
  }

  const isEntry = (target, name) => typeof name === "string" && !(name in target) && mapHas(target, name);
  const mapGet = uncurry(Map.prototype.get);
  const mapHas = uncurry(Map.prototype.has);
  const literalTraps = {
    get(target, name) {
      if (isEntry(target, name)) {
        return mapGet(target, name);
      }
      const value = Reflect.get(target, name, target);
      return typeof value === "function" && mapMembers.has(name) && name !== "constructor" ? value.bind(target) : value;
    },
    has: (target, name) => isEntry(target, name) || Reflect.has(target, name),
    set(target, name, value) {
      if (typeof name !== "string" || name in target) {
        return Reflect.set(target, name, value, target);
      }
      target.set(name, value);
      return true;
    },
    deleteProperty(target, name) {
      return isEntry(target, name) ? target.delete(name) : Reflect.deleteProperty(target, name);
    },
    ownKeys: (target) => [...new Set([...Reflect.ownKeys(target), ...[...target.keys()].filter((key) => typeof key === "string")])],
    getOwnPropertyDescriptor(target, name) {
      return isEntry(target, name)
        ? { value: mapGet(target, name), writable: true, enumerable: true, configurable: true }
        : Reflect.getOwnPropertyDescriptor(target, name);
    },
  };

  // ---- Functions that Python lends ----

  function once(proxy, promising) {
    let spent = false, destroyed = false;
    function wrapper(...list) {
      if (spent) {
        throw new Error("OnceProxy can only be called once");
      }
      spent = true;
      try {
        return promising ? proxy.callPromising(...list) : proxy(...list);
      } finally {
        wrapper.destroy();
      }
    }
    wrapper.destroy = () => {
      if (destroyed) {
        throw new Error("OnceProxy has already been destroyed");
      }
      spent = destroyed = true;
      proxy.destroy();
    };
    return wrapper;
  }

  function releasing(...proxies) {
    return () => proxies.forEach((proxy) => native.isPyProxy(proxy) && proxy.destroy());
  }

  function then(promise, fulfilled, rejected) {
    const release = releasing(fulfilled, rejected);
    const handle = (handler, otherwise) => (value) => {
      try {
        return typeof handler === "function" ? handler(value) : otherwise(value);
      } finally {
        release();
      }
    };
    const fail = (error) => {
      throw error;
    };
    return promise.then(handle(fulfilled, (value) => value), handle(rejected, fail));
  }

  function onSettled(promise, settled) {
    const release = releasing(settled);
    return promise.finally(() => {
      try {
        return settled();
      } finally {
        release();
      }
    });
  }

  function keepForGenerator(generator, proxies) {
    const end = () => proxies.splice(0).forEach((proxy) => proxy.destroy({ destroyRoundtrip: false }));
    const step = (result) => {
      if (result.done) {
        end();
      }
      return result;
    };
    const isAsync = objectToString(generator) === "[object AsyncGenerator]";
    const run = (method) => (value) => {
      try {
        const result = generator[method](value);
        return isAsync ? result.then(step, (error) => { end(); throw error; }) : step(result);
      } catch (error) {
        end();
        throw error;
      }
    };
    return {
      get [Symbol.toStringTag]() { return isAsync ? "AsyncGenerator" : "Generator"; },
      [isAsync ? Symbol.asyncIterator : Symbol.iterator]() { return this; },
      next: run("next"),
      throw: run("throw"),
      return: run("return"),
    };
  }

  // ---- What JsProxy asks ----

  function toText(value) {
    let method;
    try {
      method = value.toString;
    } catch {
      // An object whose toString can't even be read shows as one without.
    }
    return typeof method === "function" ? String(call.call(method, value)) : objectToString(value);
  }

  function truth(value) {
    if (!value) {
      return false;
    }
    if (typeof value !== "object") {
      return true;
    }
    return !(value.size === 0 || (Array.isArray(value) && value.length === 0) || value.byteLength === 0);
  }

  // In the order of CPython's numbers for the six comparisons.
  const comparisons = [
    (left, right) => left < right,
    (left, right) => left <= right,
    (left, right) => left === right,
    (left, right) => left !== right,
    (left, right) => left > right,
    (left, right) => left >= right,
  ];

  function propertyNames(value) {
    const names = new Set();
    for (let object = Object(value); object; object = Object.getPrototypeOf(object)) {
      Object.getOwnPropertyNames(object).forEach((name) => names.add(name));
    }
    return [...names];
  }

  function kindOf(value) {
    const tag = objectToString(value);
    if (tag === "[object Map]" || value instanceof Map) {
      return "Map";
    }
    if (tag === "[object Set]" || value instanceof Set) {
      return "Set";
    }
    if (tag === "[object Object]" && (value.constructor === undefined || value.constructor.name === "Object")) {
      return "Object";
    }
    return "Other";
  }

  const helpers = {
    entries: Object.entries,
    keys: Object.keys,
    values: Object.values,
    weak_reference: (value) => new WeakRef(value),
    dispose: (value) => void value[Symbol.dispose](),
    async_dispose: (value) => Promise.resolve(value[Symbol.asyncDispose]()),
    clear: (map) => map.clear(),
    slice: (array, start, stop) => Array.prototype.slice.call(array, start, stop),
    pick: (array, start, step, count) => Array.from({ length: count }, (_, index) => array[start + index * step]),
    splice: (array, start, count, ...items) => { Array.prototype.splice.call(array, start, count, ...items); },
    concat: (array, other) => Array.from(array).concat(Array.from(other)),
    copied: (iterable) => Array.from(iterable),
    from_entries: Object.fromEntries,
    first_bytes: (view, count) =>
      (ArrayBuffer.isView(view) ? new Uint8Array(view.buffer, view.byteOffset, count) : new Uint8Array(view, 0, count)),
    json_view: (value) => (native.abilities(value) & native.GET ? jsonView(value) : value),
    repeat(array, count) {
      // What is only like an array may have its items for nobody but its iterator.
      const items = Array.from(array);
      return Array.from({ length: items.length * count }, (_, index) => items[index % items.length]);
    },
    repeat_in_place(array, count) {
      const original = array.slice();
      array.length = 0;
      for (let turn = 0; turn < count; turn++) {
        array.push(...original);
      }
    },
    index_of(array, value, start, stop) {
      for (let index = start; index < stop; index++) {
        if (array[index] === value) {
          return index;
        }
      }
      return -1;
    },
    count: (array, value) => Array.prototype.filter.call(array, (item) => item === value).length,
    reverse: (array) => { array.reverse(); },
    extend: (array, values) => { array.push(...Array.from(values)); },
    push: (array, ...values) => array.push(...values),
    has_own: (object, key) => hasOwn(object, key),
    set_own: (object, key, value) => { object[key] = value; },
    delete_own: (object, key) => { delete object[key]; },
    step: (done, value) => ({ done, value }),
  };

  return {
    python_error: PythonError,
    ensure_error: ensureError,
    current_stack: () => new Error().stack,
    make_error: makeError,
    make_prototype: makePrototype,
    reserved_names: reservedNames(),
    make_buffer_view: makeBufferView,
    literal_map: LiteralMap,
    map_set: Map.prototype.set,
    map_size: getterOfSize(Map),
    set_size: getterOfSize(Set),
    from_entries: Object.fromEntries,
    array_values: Array.prototype.values,
    array_iterator: Object.getPrototypeOf([].values()),
    array_iterator_next: Object.getPrototypeOf([].values()).next,
    once,
    then,
    finally: onSettled,
    keep_for_generator: keepForGenerator,
    resolve_promise: (value) => Promise.resolve(value),
    to_text: toText,
    truth,
    compare: (left, right, operation) => comparisons[operation](left, right),
    type_of: (value) => typeof value,
    negate: (value) => -value,
    property_names: propertyNames,
    splice: helpers.splice,
    kind_of: kindOf,
    map_entries: (map) => Array.from(map.entries()),
    set_values: (set) => Array.from(set.values()),
    has_own: hasOwn,
    viewed,
    helpers,
    classes,
  };
})
