// `node:string_decoder`: text out of bytes that come in pieces. https://nodejs.org/api/string_decoder.html

import { Buffer } from "./buffer.js";
import { callable } from "./callable.js";
import { normalEncoding } from "./text-codecs.js";

// How many bytes of the end of `bytes` begin a character that is not complete.
const INCOMPLETE = {
  utf8: incompleteUtf8,
  utf16le: incompleteUtf16,
  base64: (bytes) => bytes.length % 3,
  base64url: (bytes) => bytes.length % 3,
};

/** Keeps what is incomplete at the end of one piece for the next. */
class Decoder {
  #rest = Buffer.alloc(0);

  constructor(encoding = "utf8") {
    this.encoding = normalEncoding(encoding);
  }

  write(piece) {
    if (typeof piece === "string") return piece;
    if (!ArrayBuffer.isView(piece)) {
      const message = 'The "buf" argument must be an instance of Buffer, TypedArray, or DataView.';
      throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
    }
    const bytes = Buffer.concat([this.#rest, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength)]);
    const end = bytes.length - (INCOMPLETE[this.encoding]?.(bytes) ?? 0);
    this.#rest = bytes.subarray(end);
    return bytes.toString(this.encoding, 0, end);
  }

  end(piece) {
    const text = piece === undefined ? "" : this.write(piece);
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return text + rest.toString(this.encoding);
  }

  /** As Node's: the bytes of an incomplete character, how many they are and how many are missing. */
  get lastChar() {
    return this.#rest;
  }
  get lastTotal() {
    return this.#rest.length === 0 ? 0 : this.#rest.length + this.lastNeed;
  }
  get lastNeed() {
    if (this.#rest.length === 0) return 0;
    const total = this.encoding === "utf8" ? utf8Length(this.#rest[0]) : this.encoding === "utf16le" ? 2 : 3;
    return Math.max(total - this.#rest.length, 0);
  }
}

function utf8Length(first) {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 1;
}

function incompleteUtf8(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if (byte >= 0xc0) return utf8Length(byte) > back ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

function incompleteUtf16(bytes) {
  const odd = bytes.length % 2;
  const high = bytes[bytes.length - odd - 1];
  return bytes.length >= 2 + odd && high >= 0xd8 && high <= 0xdb ? 2 + odd : odd;
}

export const StringDecoder = callable(Decoder);

export default { StringDecoder };
