// Blob and File: bytes that never change, so slices and streams share them.

import { natives } from "./natives.js";
import { streamOfBytes } from "./streams/sources.js";
import {
  argumentError, bytesOf, finishInterfaces, isBufferSource, owned, requireArguments, toDictionary, toUsvString,
} from "./webidl.js";

/** The largest Blob, in bytes, as in workerd. */
const BLOB_MAX_BYTES = 128 * 1024 * 1024;

const ADOPT = Symbol("adopt");

let dataOf;

const BYTES = Symbol.for("hognose.bytes");

/** https://w3c.github.io/FileAPI/#blob-section */
export class Blob {
  // A Uint8Array that only this Blob and its slices see.
  #data;
  #type;

  constructor(parts = [], options = undefined) {
    if (parts === ADOPT) {
      this.#data = options.data;
      this.#type = options.type;
      return;
    }
    const pieces = listOf(parts);
    const { endings = "transparent", type = "" } = toDictionary(options, "constructor", "Blob", 2);
    this.#data = concatenate(pieces, checkEndings(`${endings}`) === "native");
    this.#type = normalizeType(`${type}`);
  }

  static {
    dataOf = (blob) => blob.#data;
  }

  /** The content at once, for who sends a Blob to another Worker. */
  [BYTES]() {
    return this.#data.slice();
  }

  get size() {
    return this.#data.byteLength;
  }
  get type() {
    return this.#type;
  }

  slice(start = undefined, end = undefined, type = "") {
    const { size } = this;
    const data = this.#data.subarray(clamp(start ?? 0, size), end === undefined ? size : clamp(end, size));
    return blobFromBytes(data, normalizeType(`${type}`));
  }

  async arrayBuffer() {
    return this.#data.slice().buffer;
  }
  async bytes() {
    return this.#data.slice();
  }
  async text() {
    return natives.decodeUtf8(this.#data);
  }
  stream() {
    return streamOfBytes(this.#data.slice());
  }
}

/** https://w3c.github.io/FileAPI/#file-section */
export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options) {
    requireArguments(arguments.length, 2, "constructor", "File");
    super(parts, options);
    this.#name = toUsvString(name);
    const lastModified = options?.lastModified;
    this.#lastModified = Math.trunc(lastModified === undefined ? natives.now() : +lastModified) || 0;
  }

  get name() {
    return this.#name;
  }
  get lastModified() {
    return this.#lastModified;
  }
}

finishInterfaces(Blob, File);

/** A Blob over `data`, not copied: the caller gives the bytes away. */
export function blobFromBytes(data, type) {
  return new Blob(ADOPT, { data, type });
}

/** The bytes of a Blob, not copied: whoever asks must not write into them. */
export { dataOf as blobBytes };

// The parts in the form they are used in: Blobs and buffers as they are, all else as strings.
function listOf(parts) {
  const isObject = (typeof parts === "object" && parts !== null) || typeof parts === "function";
  const method = isObject ? parts[Symbol.iterator] : undefined;
  if (typeof method !== "function") throw argumentError(1, "constructor", "Blob", "Array");
  const list = [];
  for (const part of { [Symbol.iterator]: () => method.call(parts) }) {
    list.push(part instanceof Blob || isBufferSource(part) ? owned(part) : `${part}`);
  }
  return list;
}

function checkEndings(endings) {
  if (endings === "native" || endings === "transparent") return endings;
  throw argumentError(2, "constructor", "Blob", "EndingType");
}

function concatenate(parts, nativeEndings) {
  const chunks = parts.map((part) => partBytes(part, nativeEndings));
  const size = chunks.reduce((total, chunk) => total + chunk.byteLength, 0);
  if (size > BLOB_MAX_BYTES) {
    throw new RangeError(`Blob size ${size} exceeds limit ${BLOB_MAX_BYTES}`);
  }
  const data = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    data.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return data;
}

function partBytes(part, nativeEndings) {
  if (part instanceof Blob) return dataOf(part);
  if (isBufferSource(part)) return bytesOf(part);
  return natives.encodeUtf8(nativeEndings ? part.replace(/\r\n?/g, "\n") : part);
}

function normalizeType(type) {
  return /[^\x20-\x7e]/.test(type) ? "" : type.toLowerCase();
}

function clamp(position, size) {
  const whole = roundHalfToEven(Number(position)) || 0;
  return whole < 0 ? Math.max(size + whole, 0) : Math.min(whole, size);
}

// How Web IDL's [Clamp] makes a whole number.
function roundHalfToEven(number) {
  const rounded = Math.round(number);
  return Math.abs(number % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
