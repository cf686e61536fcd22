// The few habits of Web IDL that every API class shares: how arguments are checked and how a finished class
// is presented to scripts.

/** The TypeError for an argument that is missing or of the wrong type, in workerd's words. */
export function argumentError(position, method, interfaceName, type) {
  return new TypeError(
    `Failed to execute '${method}' on '${interfaceName}': parameter ${position} is not of type '${type}'.`,
  );
}

/** The TypeError for a class that scripts may not construct. */
export function illegalConstructor() {
  return new TypeError("Illegal constructor");
}

/** Throws unless at least `count` arguments were given. */
export function requireArguments(given, count, method, interfaceName, type = "string") {
  if (given < count) throw argumentError(given + 1, method, interfaceName, type);
}

/** The USVString conversion: ToString, then lone surrogates become U+FFFD. */
export function toUsvString(value) {
  return `${value}`.toWellFormed();
}

/** An options argument: anything but an object (or nothing) is a TypeError. */
export function toDictionary(value, method, interfaceName, position = 1) {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") {
    throw argumentError(position, method, interfaceName, "object");
  }
  return value;
}

/** An `object` argument: as `toDictionary`, but null is a TypeError too. */
export function toObject(value, method, interfaceName) {
  if (value === null) throw argumentError(1, method, interfaceName, "object");
  return toDictionary(value, method, interfaceName);
}

const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/**
 * Web IDL's iterator of an interface over pairs: live, it looks at `list()` anew at each step. It gives new pairs, or only
 * the `part` 0 or 1 of each.
 */
export class ListIterator {
  #list;
  #part;
  #index = 0;

  constructor(list, part) {
    this.#list = list;
    this.#part = part;
  }

  next() {
    const list = this.#list();
    const index = this.#index;
    if (index >= list.length) return { value: undefined, done: true };
    this.#index = index + 1;
    const pair = list[index];
    const part = this.#part;
    return { value: part === undefined ? [pair[0], pair[1]] : pair[part], done: false };
  }
}

Object.setPrototypeOf(ListIterator.prototype, iteratorPrototype);
Object.defineProperty(ListIterator.prototype, "next", { enumerable: true });
delete ListIterator.prototype.constructor;

/**
 * The entries of a Web IDL record as texts: every key counts, so that one which is no string is an error, not left out.
 */
export function recordEntries(object, convert = (value) => `${value}`) {
  const entries = [];
  for (const key of Reflect.ownKeys(object)) {
    if (!Object.getOwnPropertyDescriptor(object, key)?.enumerable) continue;
    const name = convert(key);
    entries.push([name, convert(object[key])]);
  }
  return entries;
}

/** Whether `value` is an ArrayBuffer, a SharedArrayBuffer or a view of one, or lends its bytes like one. */
export function isBufferSource(value) {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return true;
  return isLender(value);
}

// A proxy of Pyodide's whose object lends its memory: `getBuffer()` gives `{ data, release() }`. A script's own objects may
// have a method of that name.
function isLender(value) {
  if (typeof value !== "object" || value === null || value[Symbol.toStringTag] !== "PyProxy") return false;
  return typeof value.getBuffer === "function";
}

function borrowed(lender) {
  const lent = lender.getBuffer();
  try {
    if (lent.c_contiguous === false) throw new TypeError("A buffer whose bytes are not in one piece cannot be used.");
    return bytesOf(lent.data).slice();
  } finally {
    lent.release();
  }
}

/** A lender's bytes, copied, since a loan to a call ends with the call; anything else as it is. */
export function owned(value) {
  return isLender(value) ? borrowed(value) : value;
}

/** The bytes of a buffer source, copied only where they are lent. */
export function bytesOf(source) {
  if (source instanceof Uint8Array) return source;
  if (isLender(source)) return borrowed(source);
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  return new Uint8Array(source);
}

/**
 * A member of a dictionary. A proxy of Pyodide's has members of its own that may hide it: every class's name is a `type`,
 * and a mapping has a `length`.
 */
export function memberOf(object, name) {
  if (object[Symbol.toStringTag] !== "PyProxy") return object[name];
  if (typeof object.get !== "function") return object[`$${name}`];
  return object.has(name) ? object.get(name) : undefined;
}

/**
 * Gives a class what Web IDL gives an interface: a `Symbol.toStringTag` on the prototype, enumerable members,
 * and the constants on both the class and its prototype.
 */
export function finishInterface(constructor, constants = {}) {
  const { prototype, name } = constructor;
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (key !== "constructor") Object.defineProperty(prototype, key, { enumerable: true });
  }
  for (const [key, value] of Object.entries(constants)) {
    const descriptor = { value, enumerable: true };
    Object.defineProperty(constructor, key, descriptor);
    Object.defineProperty(prototype, key, descriptor);
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

/** `finishInterface` for several classes without constants. */
export function finishInterfaces(...constructors) {
  for (const constructor of constructors) finishInterface(constructor);
}
