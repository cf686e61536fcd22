// What packs and unpacks: at once, or as a stream. Rust does the work, in chunks of bounded size.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { withCode } from "../errors.js";
import { soon } from "../stream/base.js";
import { Transform } from "../stream.js";
import { invalidType } from "../stream/errors.js";
import {
  BROTLI_OPERATION_FINISH, BROTLI_OPERATION_FLUSH, BROTLI_PARAM_QUALITY, Z_DEFAULT_COMPRESSION, Z_FINISH, Z_SYNC_FLUSH,
} from "./constants.js";
import { checkOptions } from "./options.js";

/** The quality of brotli where none is asked for: its best, as in Node. */
const BROTLI_QUALITY_DEFAULT = 11;
/** The most that is unpacked at once where nobody says otherwise, in bytes: the memory of an isolate at Cloudflare. */
const OUTPUT_MAX_BYTES = 128 * 1024 * 1024;
/** How many bytes begin a member of a gzip file, and which. */
const GZIP_MAGIC = [0x1f, 0x8b];

/** zlib's numbers for outcomes, and the names of the numbers. */
export const codes = Object.freeze({
  Z_OK: 0, Z_STREAM_END: 1, Z_NEED_DICT: 2, Z_ERRNO: -1, Z_STREAM_ERROR: -2, Z_DATA_ERROR: -3, Z_MEM_ERROR: -4, Z_BUF_ERROR: -5,
  Z_VERSION_ERROR: -6, 0: "Z_OK", 1: "Z_STREAM_END", 2: "Z_NEED_DICT", "-1": "Z_ERRNO", "-2": "Z_STREAM_ERROR",
  "-3": "Z_DATA_ERROR", "-4": "Z_MEM_ERROR", "-5": "Z_BUF_ERROR", "-6": "Z_VERSION_ERROR",
});

/** By the name of its class: the format, and whether it packs. */
const KINDS = {
  BrotliCompress: ["brotli", true],
  BrotliDecompress: ["brotli", false],
  Deflate: ["deflate", true],
  DeflateRaw: ["deflate-raw", true],
  Gunzip: ["gzip", false],
  Gzip: ["gzip", true],
  Inflate: ["deflate", false],
  InflateRaw: ["deflate-raw", false],
  Unzip: [undefined, false],
};

/** The bytes of a text or a buffer. */
export function bytesOf(data, name) {
  if (typeof data === "string") return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw invalidType(name, "of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer", data);
}

const zlibError = (code, message) => Object.assign(withCode(new Error(message), code), { errno: codes[code] });

/** One run of a codec, of which the output is asked for piece by piece. */
class Run {
  #format;
  #packs;
  #level;
  #pump;
  #isTolerant;
  /** What was given after the end. */
  #late = [];

  constructor(kind, options) {
    [this.#format, this.#packs] = KINDS[kind];
    const isBrotli = this.#format === "brotli";
    const quality = options.params?.[BROTLI_PARAM_QUALITY] ?? BROTLI_QUALITY_DEFAULT;
    const level = options.level === Z_DEFAULT_COMPRESSION ? undefined : options.level;
    this.#level = isBrotli ? quality : level;
    const finish = isBrotli ? BROTLI_OPERATION_FINISH : Z_FINISH;
    // Who ends with anything else takes what there is of data that is cut off.
    this.#isTolerant = (options.finishFlush ?? finish) !== finish;
    this.#begin();
  }

  #begin() {
    if (this.#format === undefined) return;
    this.#pump = this.#packs
      ? natives.newCompressor(this.#format, this.#level)
      : natives.newDecompressor(this.#format);
  }

  feed(bytes) {
    if (bytes.length === 0) return;
    if (this.#format === undefined) {
      this.#format = bytes[0] === GZIP_MAGIC[0] ? "gzip" : "deflate";
      this.#begin();
    }
    if (this.#pump.hasEnded()) this.#late.push(bytes);
    else this.#pump.feed(bytes);
  }

  flush() {
    this.#pump?.flush();
  }

  finish() {
    if (this.#packs || !this.#isTolerant) this.#pump?.finish();
  }

  get hasBegun() {
    return this.#pump !== undefined;
  }

  /** The next chunk of output; undefined where there is none for now. */
  next() {
    for (;;) {
      const chunk = this.#pumped();
      if (chunk !== undefined || !this.#pump?.hasEnded() || !this.#beginMember()) return chunk;
    }
  }

  /** Whether something follows the end that is ignored. */
  get hasTrailingData() {
    if (this.#pump?.hasEnded() !== true) return false;
    const rest = this.#rest();
    // Half of what begins a member may have its other half to come.
    const isHalf = this.#format === "gzip" && rest.length === 1 && rest[0] === GZIP_MAGIC[0];
    return rest.length > 0 && !isHalf;
  }

  // That something follows the end is no error here.
  #pumped() {
    try {
      return this.#pump?.next();
    } catch (error) {
      if (this.#pump.hasEnded()) return undefined;
      throw this.#errorOf(error);
    }
  }

  #rest() {
    return Buffer.concat([this.#pump.rest(), ...this.#late]);
  }

  // A gzip file may have several members; anything else behind one is ignored.
  #beginMember() {
    const rest = this.#rest();
    if (this.#format !== "gzip" || rest[0] !== GZIP_MAGIC[0] || rest[1] !== GZIP_MAGIC[1]) return false;
    this.#late = [];
    this.#begin();
    this.#pump.feed(rest);
    return true;
  }

  #errorOf(error) {
    if (error.message.includes("incomplete")) return zlibError("Z_BUF_ERROR", "unexpected end of file");
    if (this.#format === "brotli") return withCode(new Error("Decompression failed"), "ERR_BROTLI_DECOMPRESSION_FAILED");
    return zlibError("Z_DATA_ERROR", this.#pump.reason() ?? "invalid compressed data");
  }
}

/** All that comes of the data. */
export function packAtOnce(kind, data, options) {
  const bytes = bytesOf(data, "buffer");
  const checked = checkOptions(kind, options);
  const lengthMax = checked.maxOutputLength ?? OUTPUT_MAX_BYTES;
  const run = new Run(kind, checked);
  run.feed(bytes);
  const chunks = [];
  let length = 0;
  const drain = () => {
    for (let chunk = run.next(); chunk !== undefined; chunk = run.next()) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > lengthMax) throw tooLarge();
    }
  };
  drain();
  run.finish();
  drain();
  if (!run.hasBegun) throw zlibError("Z_BUF_ERROR", "unexpected end of file");
  const packed = Buffer.concat(chunks, length);
  return checked.info ? { buffer: packed, engine: undefined } : packed;
}

// In workerd's words.
const tooLarge = () => withCode(new RangeError("Memory limit exceeded"), "ERR_BUFFER_TOO_LARGE");

/** The stream of one kind. */
export class Packing extends Transform {
  #kind;
  #options;
  #run;
  /** Goes on with output for which there was no room. */
  #resume;

  constructor(kind, options) {
    const checked = checkOptions(kind, options);
    super({ ...options, objectMode: false, readableObjectMode: false, writableObjectMode: false });
    this.#kind = kind;
    this.#options = checked;
    this.bytesWritten = 0;
    this.reset();
  }

  /** Begins again. */
  reset() {
    this.#run = new Run(this.#kind, this.#options);
  }

  get bytesRead() {
    return this.bytesWritten;
  }

  /** Makes what was written so far come out. */
  flush(kindOrCallback, callback) {
    const done = typeof kindOrCallback === "function" ? kindOrCallback : callback;
    this.write(FLUSH, done);
  }

  /** Lets the codec go. */
  close(callback) {
    if (callback && this.closed) soon(callback);
    else if (callback) this.once("close", callback);
    this.destroy();
  }

  params(_level, _strategy, callback) {
    this.flush(callback);
  }

  _transform(chunk, _encoding, callback) {
    if (chunk === FLUSH) {
      this.#run.flush();
    } else {
      this.bytesWritten += chunk.length;
      this.#run.feed(chunk);
      if ([Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH].includes(this.#options.flush)) this.#run.flush();
    }
    this.#drain(callback);
  }

  _flush(callback) {
    this.#run.finish();
    this.#drain(callback);
  }

  _read(size) {
    const resume = this.#resume;
    this.#resume = undefined;
    if (resume === undefined) super._read(size);
    else resume();
  }

  #drain(callback) {
    for (;;) {
      let chunk;
      try {
        chunk = this.#run.next();
      } catch (error) {
        callback(error);
        return;
      }
      if (chunk === undefined) {
        if (this.#run.hasTrailingData) this.push(null);
        callback();
        return;
      }
      if (!this.push(Buffer.from(chunk.buffer)) && !this.destroyed) {
        this.#resume = () => this.#drain(callback);
        return;
      }
    }
  }
}

/** Stands for a wish to flush among the chunks. */
const FLUSH = Buffer.alloc(0);
