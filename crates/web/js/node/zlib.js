// `node:zlib`: https://nodejs.org/api/zlib.html

import * as constants from "./zlib/constants.js";
import { callable } from "./callable.js";
import { invalidType } from "./stream/errors.js";
import { soon } from "./stream/base.js";
import { bytesOf, codes, packAtOnce, Packing } from "./zlib/packing.js";

// One class of streams for each way of packing.
const streamClass = (name) => {
  const Class = { [name]: class extends Packing {
    constructor(options) {
      super(name, options);
    }
  } }[name];
  return callable(Class);
};

export const BrotliCompress = streamClass("BrotliCompress");
export const BrotliDecompress = streamClass("BrotliDecompress");
export const Deflate = streamClass("Deflate");
export const DeflateRaw = streamClass("DeflateRaw");
export const Gunzip = streamClass("Gunzip");
export const Gzip = streamClass("Gzip");
export const Inflate = streamClass("Inflate");
export const InflateRaw = streamClass("InflateRaw");
export const Unzip = streamClass("Unzip");

export const createBrotliCompress = (options) => new BrotliCompress(options);
export const createBrotliDecompress = (options) => new BrotliDecompress(options);
export const createDeflate = (options) => new Deflate(options);
export const createDeflateRaw = (options) => new DeflateRaw(options);
export const createGunzip = (options) => new Gunzip(options);
export const createGzip = (options) => new Gzip(options);
export const createInflate = (options) => new Inflate(options);
export const createInflateRaw = (options) => new InflateRaw(options);
export const createUnzip = (options) => new Unzip(options);

const sync = (name) => (data, options) => packAtOnce(name, data, options);

export const brotliCompressSync = sync("BrotliCompress");
export const brotliDecompressSync = sync("BrotliDecompress");
export const deflateRawSync = sync("DeflateRaw");
export const deflateSync = sync("Deflate");
export const gunzipSync = sync("Gunzip");
export const gzipSync = sync("Gzip");
export const inflateRawSync = sync("InflateRaw");
export const inflateSync = sync("Inflate");
export const unzipSync = sync("Unzip");

// Wrong arguments throw at once; what is wrong with the data is told to the callback.
const withCallback = (name) => (data, ...rest) => {
  const callback = rest.pop();
  if (typeof callback !== "function") throw invalidType("callback", "of type function", callback);
  const bytes = bytesOf(data, "buffer");
  soon(() => {
    let packed;
    try {
      packed = packAtOnce(name, bytes, rest[0]);
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, packed);
  });
};

export const brotliCompress = withCallback("BrotliCompress");
export const brotliDecompress = withCallback("BrotliDecompress");
export const deflate = withCallback("Deflate");
export const deflateRaw = withCallback("DeflateRaw");
export const gunzip = withCallback("Gunzip");
export const gzip = withCallback("Gzip");
export const inflate = withCallback("Inflate");
export const inflateRaw = withCallback("InflateRaw");
export const unzip = withCallback("Unzip");

/** The polynomial of CRC-32, its bits reversed. */
const CRC_POLYNOMIAL = 0xedb88320;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1 ? (remainder >>> 1) ^ CRC_POLYNOMIAL : remainder >>> 1;
  return remainder;
});

/** The checksum of the data, going on from that of what came before. */
export function crc32(data, value = 0) {
  if (typeof value !== "number") throw invalidType("value", "of type number", value);
  let remainder = ~value;
  for (const byte of bytesOf(data, "data")) remainder = crcTable[(remainder ^ byte) & 0xff] ^ (remainder >>> 8);
  return ~remainder >>> 0;
}

export { codes, constants };
export default {
  ...constants, BrotliCompress, BrotliDecompress, Deflate, DeflateRaw, Gunzip, Gzip, Inflate, InflateRaw, Unzip, brotliCompress,
  brotliCompressSync, brotliDecompress, brotliDecompressSync, codes, constants, crc32, createBrotliCompress,
  createBrotliDecompress, createDeflate, createDeflateRaw, createGunzip, createGzip, createInflate, createInflateRaw, createUnzip,
  deflate, deflateRaw, deflateRawSync, deflateSync, gunzip, gunzipSync, gzip, gzipSync, inflate, inflateRaw, inflateRawSync,
  inflateSync, unzip, unzipSync,
};
