// How the functions of `node:crypto` look at their arguments, and what they say of wrong ones.

import { Buffer } from "../buffer.js";

/** The error for an argument of the wrong type. */
export function invalidType(name, wanted, value) {
  const received = value === null || value === undefined ? `${value}` : `type ${typeof value}`;
  const error = new TypeError(`The "${name}" argument must be ${wanted}. Received ${received}`);
  return Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" });
}

/** The error for an argument out of its range. */
export function outOfRange(name, wanted, value) {
  const error = new RangeError(`The value of "${name}" is out of range. It must be ${wanted}. Received ${value}`);
  return Object.assign(error, { code: "ERR_OUT_OF_RANGE" });
}

/** The bytes of a buffer or view, not copied. */
export function bytesIn(value, name) {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalidType(name, "an instance of ArrayBuffer, Buffer, TypedArray, or DataView", value);
}

/** The bytes of a text in an encoding, or of a buffer. */
export function bytesOf(value, name, encoding) {
  if (typeof value === "string") return Buffer.from(value, encoding);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesIn(value, name);
  throw invalidType(name, "of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView", value);
}

/** Throws unless it is a whole number within these bounds. */
export function requireCount(value, name, minimum, maximum) {
  if (typeof value !== "number") throw invalidType(name, "of type number", value);
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
  if (value < minimum || value > maximum) throw outOfRange(name, `>= ${minimum} && <= ${maximum}`, value);
}

/** Throws unless it is a text. */
export function requireString(value, name) {
  if (typeof value !== "string") throw invalidType(name, "of type string", value);
}

/** The error for an argument of the right type that means nothing. */
export function invalidValue(name, value) {
  const shown = typeof value === "string" ? `'${value}'` : `${String(value)}`;
  const kind = name.includes(".") ? "property" : "argument";
  const error = new TypeError(`The ${kind} '${name}' is invalid. Received ${shown}`);
  return Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
}

let readSecretKey = () => undefined;

/** Makes `secretBytes` know keys: `read` gives the bytes of a secret one, and undefined for what is no key. */
export function keepKeyReader(read) {
  readSecretKey = read;
}

/** The bytes of a secret: a key object, a text in an encoding, or a buffer. */
export function secretBytes(value, name, encoding) {
  return readSecretKey(value) ?? bytesOf(value, name, encoding);
}
