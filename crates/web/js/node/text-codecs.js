// The encodings of `node:buffer`: https://nodejs.org/api/buffer.html#buffers-and-character-encodings

import { atob, btoa, TextDecoder, TextEncoder } from "../encoding.js";

const ALIASES = {
  utf8: "utf8", "utf-8": "utf8", hex: "hex", base64: "base64", base64url: "base64url", ascii: "ascii", latin1: "latin1",
  binary: "latin1", utf16le: "utf16le", "utf-16le": "utf16le", ucs2: "utf16le", "ucs-2": "utf16le",
};

export const isEncoding = (name) => typeof name === "string" && Object.hasOwn(ALIASES, name.toLowerCase());

/** The encoding's own name; UTF-8 where none is given. */
export function normalEncoding(name) {
  if (name === undefined || name === null || name === "") return "utf8";
  if (isEncoding(name)) return ALIASES[name.toLowerCase()];
  throw Object.assign(new TypeError(`Unknown encoding: ${name}`), { code: "ERR_UNKNOWN_ENCODING" });
}

const CHUNK = 8192;

// As many arguments as one call takes.
function fromUnits(units) {
  let text = "";
  for (let at = 0; at < units.length; at += CHUNK) text += String.fromCharCode(...units.subarray(at, at + CHUNK));
  return text;
}

const toUnits = (text, Type) => Type.from({ length: text.length }, (_, index) => text.charCodeAt(index));

const wide = (bytes) => {
  // A copy, for the bytes may begin anywhere in memory. A Buffer's own `slice` is none.
  const even = new Uint8Array(bytes.subarray(0, bytes.length - (bytes.length % 2)));
  return new Uint16Array(even.buffer, even.byteOffset, even.length / 2);
};

const fromBase64 = (text) => {
  const [letters] = text.replace(/-/g, "+").replace(/_/g, "/").replace(/[^A-Za-z0-9+/=]/g, "").split("=");
  return toUnits(atob(letters.length % 4 === 1 ? letters.slice(0, -1) : letters), Uint8Array);
};

const toBase64 = (bytes) => btoa(fromUnits(bytes));

const fromHex = (text) => {
  const [digits] = text.match(/^(?:[0-9a-fA-F]{2})*/);
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16));
};

const ENCODERS = {
  utf8: (text) => new TextEncoder().encode(text),
  hex: fromHex,
  base64: fromBase64,
  base64url: fromBase64,
  ascii: (text) => toUnits(text, Uint8Array),
  latin1: (text) => toUnits(text, Uint8Array),
  utf16le: (text) => new Uint8Array(toUnits(text, Uint16Array).buffer),
};

const DECODERS = {
  utf8: (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
  hex: (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  base64: toBase64,
  base64url: (bytes) => toBase64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, ""),
  ascii: (bytes) => fromUnits(bytes.map((byte) => byte & 127)),
  latin1: fromUnits,
  utf16le: (bytes) => fromUnits(wide(bytes)),
};

export const encode = (text, encoding) => ENCODERS[normalEncoding(encoding)](text);
export const decode = (bytes, encoding) => DECODERS[normalEncoding(encoding)](bytes);
export const encodedLength = (text, encoding) => encode(text, encoding).length;
