// `node:buffer`: https://nodejs.org/api/buffer.html

import { Blob, File } from "../blob.js";
import { atob, btoa } from "../encoding.js";
import { decode, encode, encodedLength, isEncoding, normalEncoding } from "./text-codecs.js";

export const kMaxLength = 2 ** 32;
export const kStringMaxLength = 2 ** 29 - 24;
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };

/** How many bytes `inspect` shows. */
export const INSPECT_MAX_BYTES = 50;

const withCode = (error, code) => Object.assign(error, { code });
const typeError = (message) => withCode(new TypeError(message), "ERR_INVALID_ARG_TYPE");
const rangeError = (message) => withCode(new RangeError(message), "ERR_OUT_OF_RANGE");
const nameOf = (value) => (value === null ? "null" : typeof value === "object" ? `an instance of ${value.constructor?.name}` : `type ${typeof value} (${String(value)})`);

function requireSize(size) {
  if (typeof size !== "number") throw typeError(`The "size" argument must be of type number. Received ${nameOf(size)}`);
  if (!(size >= 0 && size <= kMaxLength)) {
    throw rangeError(`The value of "size" is out of range. It must be >= 0 && <= ${kMaxLength}. Received ${size}`);
  }
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

  static concat(list, length = list.reduce((sum, item) => sum + item.length, 0)) {
    const joined = Buffer.alloc(length);
    let at = 0;
    for (const item of list) {
      const part = bytesOf(item).subarray(0, length - at);
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  static byteLength(value, encoding) {
    return typeof value === "string" ? encodedLength(value, encoding) : value.byteLength;
  }

  static compare(a, b) {
    const end = Math.min(a.length, b.length);
    for (let index = 0; index < end; index++) {
      if (a[index] !== b[index]) return a[index] < b[index] ? -1 : 1;
    }
    return Math.sign(a.length - b.length);
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
    return this.buffer;
  }

  get offset() {
    return this.byteOffset;
  }

  toString(encoding, start = 0, end = this.length) {
    return decode(super.subarray(Math.max(start, 0), Math.max(end, 0)), encoding);
  }

  toLocaleString(encoding, start, end) {
    return this.toString(encoding, start, end);
  }

  toJSON() {
    return { type: "Buffer", data: [...this] };
  }

  write(text, ...rest) {
    const encoding = rest.find((value) => typeof value === "string");
    const [offset = 0, length = this.length - offset] = rest.filter((value) => typeof value === "number");
    const room = Math.min(length, this.length - offset);
    const bytes = wholeCharacters(encode(text, encoding), room, encoding);
    this.set(bytes, offset);
    return bytes.length;
  }

  equals(other) {
    if (!(other instanceof Uint8Array)) {
      throw typeError(`The "otherBuffer" argument must be an instance of Buffer or Uint8Array. Received ${nameOf(other)}`);
    }
    return Buffer.compare(this, other) === 0;
  }

  compare(other, otherStart = 0, otherEnd = other.length, start = 0, end = this.length) {
    return Buffer.compare(super.subarray(start, end), other.subarray(otherStart, otherEnd));
  }

  copy(target, at = 0, start = 0, end = this.length) {
    const part = super.subarray(start, Math.min(end, start + target.length - at));
    target.set(part, at);
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
    return search(this, value, offset, encoding, { last: false });
  }

  lastIndexOf(value, offset, encoding) {
    return search(this, value, offset, encoding, { last: true });
  }

  includes(value, offset, encoding) {
    return this.indexOf(value, offset, encoding) >= 0;
  }

  fill(value, ...rest) {
    const encoding = rest.find((item) => typeof item === "string");
    const [start = 0, end = this.length] = rest.filter((item) => typeof item === "number");
    if (typeof value === "number" || typeof value === "boolean") return super.fill(value & 255, start, end);
    const pattern = bytesOf(value, encoding);
    if (pattern.length === 0) return super.fill(0, start, end);
    for (let index = start; index < end; index++) this[index] = pattern[(index - start) % pattern.length];
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
    checked(this, offset, length);
    let rest = value < 0 ? value + 256 ** length : value;
    for (let index = 0; index < length; index++) {
      this[offset + place(index)] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return offset + length;
  }

  writeIntBE(value, offset, length) {
    return this.writeUIntBE(value, offset, length);
  }

  writeIntLE(value, offset, length) {
    return this.writeUIntLE(value, offset, length);
  }
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
  if (typeof value.length === "number") return copyOf(Array.from(value, (item) => item & 255));
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

function search(buffer, value, offset, encoding, { last }) {
  if (typeof offset === "string") [offset, encoding] = [undefined, offset];
  const found = typeof value === "number" ? Uint8Array.of(value & 255) : bytesOf(value, encoding);
  const wide = normalEncoding(encoding) === "utf16le" && typeof value === "string" ? 2 : 1;
  let start = Number.isNaN(Number(offset)) || offset === undefined ? (last ? buffer.length : 0) : Math.trunc(offset);
  if (start < 0) start += buffer.length;
  if (start < 0 && last) return -1;
  start = Math.max(start, 0);
  const end = buffer.length - found.length;
  const isAt = (index) => index % wide === 0 && found.every((byte, at) => buffer[index + at] === byte);
  if (!last) {
    if (found.length === 0) return Math.min(start, buffer.length);
    for (let index = start; index <= end; index++) if (isAt(index)) return index;
  } else {
    for (let index = Math.min(start, end); index >= 0; index--) if (isAt(index)) return index;
  }
  return -1;
}

function swap(buffer, width) {
  if (buffer.length % width !== 0) {
    throw withCode(new RangeError(`Buffer size must be a multiple of ${width * 8}-bits`), "ERR_INVALID_BUFFER_SIZE");
  }
  for (let at = 0; at < buffer.length; at += width) asBytes(buffer).subarray(at, at + width).reverse();
  return buffer;
}

function checked(buffer, offset, length) {
  if (typeof offset !== "number") throw typeError(`The "offset" argument must be of type number. Received ${nameOf(offset)}`);
  if (!Number.isInteger(offset) || offset < 0 || offset + length > buffer.length) {
    throw rangeError(`The value of "offset" is out of range. It must be >= 0 and <= ${buffer.length - length}. Received ${offset}`);
  }
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

function requireRange(value, lowest, highest) {
  if (lowest === undefined || (value >= lowest && value <= highest)) return;
  throw rangeError(`The value of "value" is out of range. It must be >= ${lowest} and <= ${highest}. Received ${value}`);
}

function defineNumber([name, width, method, lowest, highest], suffix) {
  const little = suffix === "LE";
  const view = (buffer, offset) => {
    const bytes = checked(buffer, offset, width);
    return new DataView(bytes.buffer, bytes.byteOffset, width);
  };
  const read = function read(offset = 0) {
    return view(this, offset)[`get${method}`](0, little);
  };
  const write = function write(value, offset = 0) {
    requireRange(value, lowest, highest);
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

const isUtf8 = (bytes) => {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

const isAscii = (bytes) => new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength).every((byte) => byte < 128);

/** The bytes of text in one encoding as those of another. */
const transcode = (bytes, from, to) => Buffer.from(viewOf(bytes).toString(from), to);

/** The old name of memory that is not filled. */
export const SlowBuffer = (size) => Buffer.allocUnsafeSlow(size);

export { atob, Blob, btoa, callable as Buffer, File, isAscii, isUtf8, transcode };
export default {
  atob, Blob, btoa, Buffer: callable, constants, File, INSPECT_MAX_BYTES, isAscii, isUtf8, kMaxLength, kStringMaxLength, transcode,
};
