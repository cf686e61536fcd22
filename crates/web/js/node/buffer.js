// `node:buffer`: https://nodejs.org/api/buffer.html

import { Blob, File } from "../blob.js";
import { atob, btoa } from "../encoding.js";
import {
  nameOf, outOfBounds, outOfRange, requireBytes, requireNumber, requireOffset, requireRange, requireRoom, requireWidth,
  toInteger, typeError,
} from "./buffer/arguments.js";
import { search } from "./buffer/search.js";
import { withCode } from "./errors.js";
import { decode, encode, encodedLength, isEncoding, normalEncoding } from "./text-codecs.js";

export const kMaxLength = 2 ** 32;
export const kStringMaxLength = 2 ** 29 - 24;
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };

/** How many bytes `inspect` shows. */
export const INSPECT_MAX_BYTES = 50;

function requireSize(size) {
  requireNumber(size, "size");
  if (!(size >= 0 && size <= kMaxLength)) throw outOfRange("size", `>= 0 && <= ${kMaxLength}`, size);
}

const bytesOf = (value, encoding) => {
  if (typeof value === "string") return encode(value, encoding);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw typeError(`The argument must be of type string or an instance of Buffer or Uint8Array. Received ${nameOf(value)}`);
};

/** Bytes with methods for text and numbers. */
class Buffer extends Uint8Array {
  static poolSize = 8192;

  static from(value, encodingOrOffset, length) {
    if (typeof value === "string") return viewOf(encode(value, encodingOrOffset));
    if (value instanceof ArrayBuffer || value instanceof globalThis.SharedArrayBuffer) {
      return new Buffer(value, encodingOrOffset, length);
    }
    if (ArrayBuffer.isView(value)) return copyOf(value);
    if (value?.type === "Buffer" && Array.isArray(value.data)) return copyOf(value.data);
    if (value !== null && typeof value === "object") return fromObject(value, encodingOrOffset, length);
    throw typeError(
      `The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received ${nameOf(value)}`,
    );
  }

  static of(...items) {
    return copyOf(items);
  }

  static alloc(size, fill, encoding) {
    requireSize(size);
    const buffer = new Buffer(size);
    return fill === undefined || fill === 0 || size === 0 ? buffer : buffer.fill(fill, encoding);
  }

  static allocUnsafe(size) {
    requireSize(size);
    return new Buffer(size);
  }

  static allocUnsafeSlow(size) {
    return Buffer.allocUnsafe(size);
  }

  static concat(list, length) {
    if (!Array.isArray(list)) throw typeError(`The "list" argument must be an instance of Array. Received ${nameOf(list)}`);
    list.forEach((item, index) => requireBytes(item, `list[${index}]`));
    if (length !== undefined) requireOffset(length, "length", kMaxLength);
    if (list.length === 0) return new Buffer(0);
    const joined = Buffer.alloc(length ?? list.reduce((sum, item) => sum + item.length, 0));
    let at = 0;
    for (const item of list) {
      const part = asBytes(item).subarray(0, joined.length - at);
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  static byteLength(value, encoding) {
    if (typeof value === "string") return encodedLength(value, isEncoding(encoding) ? encoding : "utf8");
    const length = value?.byteLength;
    if (typeof length === "number") return length;
    throw typeError(
      `The "string" argument must be of type string or an instance of Buffer or ArrayBuffer. Received ${nameOf(value)}`,
    );
  }

  static compare(a, b) {
    requireBytes(a, "buf1");
    requireBytes(b, "buf2");
    return compareBytes(a, b);
  }

  static isBuffer(value) {
    return value instanceof Buffer;
  }

  static isEncoding(name) {
    return isEncoding(name);
  }

  static copyBytesFrom(view, offset = 0, length = view.length - offset) {
    const part = view.subarray(offset, offset + length);
    return copyOf(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }

  get parent() {
    return this instanceof Buffer ? this.buffer : undefined;
  }

  get offset() {
    return this instanceof Buffer ? this.byteOffset : undefined;
  }

  toString(encoding, start, end) {
    const from = Math.max(Math.trunc(start) || 0, 0);
    const to = end === undefined ? this.length : Math.trunc(end) || 0;
    const part = asBytes(this).subarray(from, Math.max(to, from));
    return decode(part, encoding === undefined ? encoding : `${encoding}`);
  }

  toLocaleString(encoding, start, end) {
    return this.toString(encoding, start, end);
  }

  toJSON() {
    return { type: "Buffer", data: [...this] };
  }

  write(text, offset, length, encoding) {
    if (typeof text !== "string") throw typeError(`The "string" argument must be of type string. Received ${nameOf(text)}`);
    if (typeof offset === "string" && length === undefined) [offset, encoding] = [0, offset];
    if (typeof length === "string") [length, encoding] = [undefined, length];
    const at = offset ?? 0;
    requireOffset(at, "offset", this.length);
    if (length !== undefined) requireOffset(length, "length", this.length);
    const room = Math.min(length ?? this.length, this.length - at);
    const bytes = wholeCharacters(encode(text, encoding), room, encoding);
    this.set(bytes, at);
    return bytes.length;
  }

  equals(other) {
    requireBytes(other, "otherBuffer");
    return compareBytes(this, other) === 0;
  }

  compare(other, otherStart = 0, otherEnd = other?.length, start = 0, end = this.length) {
    requireBytes(other, "target");
    requireOffset(otherStart, "targetStart");
    requireOffset(otherEnd, "targetEnd", other.length);
    requireOffset(start, "sourceStart");
    requireOffset(end, "sourceEnd", this.length);
    return compareBytes(asBytes(this).subarray(start, end), asBytes(other).subarray(otherStart, otherEnd));
  }

  copy(target, at, start, end) {
    requireBytes(this, "source");
    requireBytes(target, "target");
    const [to, from, last] = [placeOf(at, 0, "targetStart"), placeOf(start, 0, "sourceStart"), placeOf(end, this.length, "sourceEnd")];
    const room = Math.max(target.length - to, 0);
    const part = asBytes(this).subarray(from, Math.max(Math.min(last, from + room), from));
    target.set(part, part.length === 0 ? 0 : to);
    return part.length;
  }

  /** A view of the same bytes, as `subarray` and unlike `Uint8Array`'s `slice`. */
  slice(start, end) {
    return this.subarray(start, end);
  }

  subarray(start, end) {
    const part = Uint8Array.prototype.subarray.call(asBytes(this), start, end);
    return viewOf(part);
  }

  indexOf(value, offset, encoding) {
    return search(this, value, offset, encoding, false);
  }

  lastIndexOf(value, offset, encoding) {
    return search(this, value, offset, encoding, true);
  }

  includes(value, offset, encoding) {
    return this.indexOf(value, offset, encoding) >= 0;
  }

  fill(value, start, end, encoding) {
    if (typeof start === "string") [start, end, encoding] = [undefined, undefined, start];
    else if (typeof end === "string") [end, encoding] = [undefined, end];
    const isText = typeof value === "string";
    if (isText) requireEncoding(encoding);
    const [from, to] = [start ?? 0, end ?? this.length];
    requireOffset(from, "offset");
    requireOffset(to, "end", this.length);
    if (from >= to) return this;
    const pattern = isText || ArrayBuffer.isView(value) ? bytesOf(value, encoding) : Uint8Array.of(value & 255);
    if (pattern.length <= 1 && (pattern.length === 1 || value === "")) return super.fill(pattern[0] ?? 0, from, to);
    if (pattern.length === 0) {
      throw withCode(new TypeError(`The argument 'value' is invalid. Received '${value}'`), "ERR_INVALID_ARG_VALUE");
    }
    for (let index = from; index < to; index++) this[index] = pattern[(index - from) % pattern.length];
    return this;
  }

  swap16() {
    return swap(this, 2);
  }

  swap32() {
    return swap(this, 4);
  }

  swap64() {
    return swap(this, 8);
  }

  readUIntBE(offset, length) {
    return checked(this, offset, length).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  readUIntLE(offset, length) {
    return checked(this, offset, length).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  readIntBE(offset, length) {
    return signed(this.readUIntBE(offset, length), length);
  }

  readIntLE(offset, length) {
    return signed(this.readUIntLE(offset, length), length);
  }

  writeUIntBE(value, offset, length) {
    return this.writeUIntLE(value, offset, length, (index) => length - 1 - index);
  }

  writeUIntLE(value, offset, length, place = (index) => index) {
    const bytes = checked(this, offset, length);
    requireRange(value, 0, 256 ** length - 1, length);
    return writeDigits(bytes, value, offset, place);
  }

  writeIntBE(value, offset, length) {
    return this.writeIntLE(value, offset, length, (index) => length - 1 - index);
  }

  writeIntLE(value, offset, length, place = (index) => index) {
    const bytes = checked(this, offset, length);
    requireRange(value, -(256 ** length) / 2, 256 ** length / 2 - 1, length);
    return writeDigits(bytes, value < 0 ? value + 256 ** length : value, offset, place);
  }
}

function writeDigits(bytes, value, offset, place) {
  let rest = value;
  for (let index = 0; index < bytes.length; index++) {
    bytes[place(index)] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + bytes.length;
}

function compareBytes(a, b) {
  const end = Math.min(a.length, b.length);
  for (let index = 0; index < end; index++) {
    if (a[index] !== b[index]) return a[index] < b[index] ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

function placeOf(value, fallback, name) {
  if (value === undefined) return fallback;
  const place = toInteger(value, 0);
  if (place < 0) throw outOfRange(name, ">= 0", place);
  return place;
}

function requireEncoding(encoding) {
  if (encoding !== undefined && typeof encoding !== "string") {
    throw typeError(`The "encoding" argument must be of type string. Received ${nameOf(encoding)}`);
  }
  normalEncoding(encoding);
}

const asBytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const viewOf = (bytes) => new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function copyOf(items) {
  const buffer = new Buffer(items.length);
  buffer.set(items);
  return buffer;
}

function fromObject(value, ...rest) {
  const primitive = value.valueOf?.();
  if (primitive !== undefined && primitive !== null && primitive !== value) return Buffer.from(primitive, ...rest);
  if (value.length !== undefined || value.buffer instanceof ArrayBuffer) {
    return typeof value.length === "number" ? copyOf(Array.from(value, (item) => item & 255)) : new Buffer(0);
  }
  const converted = value[Symbol.toPrimitive]?.("string");
  if (typeof converted === "string") return Buffer.from(converted, ...rest);
  throw typeError(
    `The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received ${nameOf(value)}`,
  );
}

// What fits, without a part of a character.
function wholeCharacters(bytes, room, encoding) {
  if (bytes.length <= room) return bytes;
  let end = room;
  if (normalEncoding(encoding) === "utf8") while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  if (normalEncoding(encoding) === "utf16le") end -= end % 2;
  return bytes.subarray(0, end);
}

function swap(buffer, width) {
  if (buffer.length % width !== 0) {
    throw withCode(new RangeError(`Buffer size must be a multiple of ${width * 8}-bits`), "ERR_INVALID_BUFFER_SIZE");
  }
  for (let at = 0; at < buffer.length; at += width) asBytes(buffer).subarray(at, at + width).reverse();
  return buffer;
}

function checked(buffer, offset, length) {
  requireWidth(length);
  requireRoom(buffer, offset, length);
  return asBytes(buffer).subarray(offset, offset + length);
}

const signed = (value, length) => (value >= 256 ** length / 2 ? value - 256 ** length : value);

/** The fixed-width numbers: name, width in bytes, the `DataView` method, and their range where it is checked. */
const NUMBERS = [
  ["UInt8", 1, "Uint8", 0, 2 ** 8 - 1],
  ["UInt16", 2, "Uint16", 0, 2 ** 16 - 1],
  ["UInt32", 4, "Uint32", 0, 2 ** 32 - 1],
  ["Int8", 1, "Int8", -(2 ** 7), 2 ** 7 - 1],
  ["Int16", 2, "Int16", -(2 ** 15), 2 ** 15 - 1],
  ["Int32", 4, "Int32", -(2 ** 31), 2 ** 31 - 1],
  ["BigInt64", 8, "BigInt64", -(2n ** 63n), 2n ** 63n - 1n],
  ["BigUInt64", 8, "BigUint64", 0n, 2n ** 64n - 1n],
  ["Float", 4, "Float32"],
  ["Double", 8, "Float64"],
];

function defineNumber([name, width, method, lowest, highest], suffix) {
  const little = suffix === "LE";
  const view = (buffer, offset) => {
    requireRoom(buffer, offset, width);
    return new DataView(buffer.buffer, buffer.byteOffset + offset, width);
  };
  const read = function read(offset = 0) {
    return view(this, offset)[`get${method}`](0, little);
  };
  const write = function write(value, offset = 0) {
    requireRange(value, lowest, highest, width);
    view(this, offset)[`set${method}`](0, value, little);
    return offset + width;
  };
  for (const spelling of new Set([name, name.replace("UInt", "Uint")])) {
    define(`read${spelling}${suffix}`, read);
    define(`write${spelling}${suffix}`, write);
  }
}

const define = (name, value) => Object.defineProperty(Buffer.prototype, name, { value, writable: true, configurable: true });

for (const number of NUMBERS) {
  for (const suffix of number[1] === 1 ? [""] : ["LE", "BE"]) defineNumber(number, suffix);
}
for (const name of ["UIntBE", "UIntLE"]) {
  for (const verb of ["read", "write"]) define(`${verb}${name.replace("UInt", "Uint")}`, Buffer.prototype[verb + name]);
}

/** Node's `Buffer` can be called without `new`, as it was at first. */
const callable = new Proxy(Buffer, {
  apply: (_, __, [value, ...rest]) => construct(value, rest),
  construct: (target, args, newTarget) =>
    newTarget === callable && !(args[0] instanceof ArrayBuffer) ? construct(args[0], args.slice(1)) : Reflect.construct(target, args, newTarget),
});

function construct(value, rest) {
  return typeof value === "number" ? Buffer.alloc(value) : Buffer.from(value, ...rest);
}

Object.defineProperty(Buffer.prototype, "constructor", { value: callable, writable: true, configurable: true });

const requireMemory = (input) => {
  if (ArrayBuffer.isView(input)) return asBytes(input);
  if (input instanceof ArrayBuffer || input instanceof globalThis.SharedArrayBuffer) return new Uint8Array(input);
  throw typeError(`The "input" argument must be an instance of ArrayBuffer, Buffer or TypedArray. Received ${nameOf(input)}`);
};

function isUtf8(input) {
  const bytes = requireMemory(input);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const isAscii = (input) => requireMemory(input).every((byte) => byte < 128);

/** The bytes of text in one encoding as those of another, which has a question mark for what it lacks. */
function transcode(bytes, from, to) {
  requireBytes(bytes, "source");
  const [source, target] = [normalEncoding(from), normalEncoding(to)];
  const isCut = source === "utf16le" && bytes.length % 2 !== 0;
  if (isCut || (source === "utf8" && target === "utf16le" && !isUtf8(bytes))) throw new Error("Unable to transcode buffer");
  const lacks = { ascii: /[^\x00-\x7f]/gu, latin1: /[^\x00-\xff]/gu }[target];
  const text = viewOf(bytes).toString(from);
  return Buffer.from(lacks === undefined ? text : text.replace(lacks, "?"), to);
}

// The old names of what `toString` and `write` do in one encoding.
for (const encoding of ["ascii", "base64", "base64url", "hex", "latin1", "ucs2", "utf8"]) {
  define(`${encoding}Slice`, function slice(start, end) {
    return this.toString(encoding, start, end);
  });
  define(`${encoding}Write`, function write(text, offset = 0, length = this.length - offset) {
    if (offset > this.length) throw outOfBounds();
    return this.write(text, offset, length, encoding);
  });
}

define(Symbol.for("nodejs.util.inspect.custom"), function custom(_depth, options, inspect) {
  const shown = asBytes(this).subarray(0, INSPECT_MAX_BYTES);
  const more = this.length - shown.length;
  const bytes = Array.from(shown, (byte) => byte.toString(16).padStart(2, "0"));
  if (more > 0) bytes.push(`... ${more} more byte${more > 1 ? "s" : ""}`);
  const own = Object.keys(this).filter((name) => !/^\d+$/.test(name));
  const properties = own.map((name) => `${name}: ${inspect(this[name], options)}`);
  const parts = [...(bytes.length > 0 ? [bytes.join(" ")] : []), ...(properties.length > 0 ? [properties.join(", ")] : [])];
  return `<Buffer${parts.length > 0 ? ` ${parts.join(", ")}` : ""}>`;
});

/** The old name of memory that is not filled. */
export function SlowBuffer(size) {
  return Buffer.allocUnsafeSlow(size);
}

export { atob, Blob, btoa, callable as Buffer, File, isAscii, isUtf8, transcode };
export default {
  atob, Blob, btoa, Buffer: callable, constants, File, INSPECT_MAX_BYTES, isAscii, isUtf8, kMaxLength, kStringMaxLength, transcode,
};
