// `indexOf` and its kind: https://nodejs.org/api/buffer.html#bufindexofvalue-byteoffset-encoding

import { encode, normalEncoding } from "../text-codecs.js";
import { nameOf, typeError } from "./arguments.js";

/** Where the value is in the bytes, from the offset on or back; -1: nowhere. */
export function search(bytes, value, offset, encoding, isLast) {
  if (typeof offset === "string") [offset, encoding] = [undefined, offset];
  const start = Number.isNaN(+offset) ? (isLast ? bytes.length : 0) : Math.trunc(+offset);
  if (typeof value === "number") return find(bytes, Uint8Array.of(value & 255), start, 1, isLast);
  const width = normalEncoding(encoding) === "utf16le" ? 2 : 1;
  const isText = typeof value === "string";
  if (!isText && !(value instanceof Uint8Array)) {
    const types = "number or string or an instance of Buffer or Uint8Array";
    throw typeError(`The "value" argument must be one of type ${types}. Received ${nameOf(value)}`);
  }
  return find(bytes, isText ? encode(value, encoding) : value, start, width, isLast);
}

function find(bytes, sought, offset, width, isLast) {
  const start = startOf(bytes.length, offset, sought.length, isLast);
  if (sought.length === 0) return start;
  if (start < 0 || sought.length < width || sought.length > bytes.length) return -1;
  return isLast ? findBack(bytes, sought, start, width) : findOn(bytes, sought, start, width);
}

// A negative offset counts from the end; one beyond it finds only what has no bytes, or begins at the end.
function startOf(length, offset, soughtLength, isLast) {
  if (offset < 0) {
    if (offset + length >= 0) return length + offset;
    return !isLast || soughtLength === 0 ? 0 : -1;
  }
  if (offset + soughtLength <= length) return offset;
  if (soughtLength === 0) return length;
  return isLast ? length - 1 : -1;
}

const isAt = (bytes, sought, index) => {
  for (let at = 0; at < sought.length; at++) if (bytes[index + at] !== sought[at]) return false;
  return true;
};

function findOn(bytes, sought, start, width) {
  const last = bytes.length - sought.length;
  const next = (from) => Uint8Array.prototype.indexOf.call(bytes, sought[0], from);
  for (let index = next(start); index >= 0 && index <= last; index = next(index + 1)) {
    if (index % width === 0 && isAt(bytes, sought, index)) return index;
  }
  return -1;
}

function findBack(bytes, sought, start, width) {
  for (let index = Math.min(start, bytes.length - sought.length); index >= 0; index--) {
    if (index % width === 0 && isAt(bytes, sought, index)) return index;
  }
  return -1;
}
