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
  return typeof value === "string" ? Buffer.from(value, encoding) : bytesIn(value, name);
}
