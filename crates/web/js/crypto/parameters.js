// The parameters of algorithms: how what a script gave becomes what an operation takes.
// https://w3c.github.io/webcrypto/#algorithm-normalization

import { bytesOf, isBufferSource, memberOf, owned } from "../webidl.js";
import { fail, partsOf } from "./key.js";

/** The bits of one block of each hash, which is also the length of its HMAC keys. */
export const HASH_BLOCK_BITS = { "SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024 };

const HASHES = Object.keys(HASH_BLOCK_BITS);
/** What can be digested with; MD5 for nothing else. */
export const DIGESTS = [...HASHES, "MD5"];
/** What a DigestStream can make. */
export const STREAM_DIGESTS = [...DIGESTS, "CRC32", "CRC32C", "CRC64NVME"];

/** The kinds of members. Each converts a value; `name` is the member's, for messages. */
export const buffer = (value, name) => {
  if (!isBufferSource(value)) throw new TypeError(`"${name}" must be an ArrayBuffer or a view of one.`);
  return bytesOf(value);
};
export const octet = (value, name) => integer(value, name, 0xff);
export const unsignedShort = (value, name) => integer(value, name, 0xffff);
export const unsignedLong = (value, name) => integer(value, name, 0xffff_ffff);
export const text = (value) => `${value}`;
export const exponent = (value, name) => {
  const bytes = owned(value);
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`"${name}" must be a Uint8Array.`);
  return bytes.slice();
};
export const key = (value, name) => {
  if (partsOf(value) === undefined) throw new TypeError(`"${name}" must be a CryptoKey.`);
  return value;
};
// Looked up after all else has been converted, as Web IDL does it.
export const hash = (value) => {
  if (typeof value === "object" && value !== null) return { given: nameOf(value) };
  return { given: `${value}` };
};

/** Marks a kind as one that may be missing. */
export function optional(kind) {
  return Object.assign((value, name) => kind(value, name), { optional: true });
}

/** The converted members, for the operations that a table `{ member: kind }` describes. */
export function readParameters(members, given) {
  const parameters = {};
  for (const name of Object.keys(members).sort()) {
    const value = memberOf(given, name);
    if (value !== undefined) parameters[name] = members[name](value, name);
    else if (!members[name].optional) throw new TypeError(`Missing field "${name}" in "algorithm".`);
  }
  if (parameters.hash !== undefined) parameters.hash = hashNamed(parameters.hash.given, HASHES);
  return parameters;
}

/** The name that a script gave as a string or in an object. */
export function nameOf(algorithm) {
  if (typeof algorithm !== "object" || algorithm === null) return `${algorithm}`;
  // Read once: it may be a getter.
  const { name } = algorithm;
  if (name === undefined) throw new TypeError('Missing field "name" in "algorithm".');
  return `${name}`;
}

/** A hash's proper name, if it is one of these. */
export function hashNamed(name, hashes) {
  const found = hashes.find((hash) => equalNames(hash, name));
  return found ?? fail("NotSupportedError", "Unrecognized or unimplemented digest algorithm requested.");
}

/** Whether two names are the same but for the case of ASCII letters. */
export function equalNames(first, second) {
  return lowerAscii(first) === lowerAscii(second);
}

function lowerAscii(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function integer(value, name, maximum) {
  const number = Math.trunc(Number(value));
  if (!(number >= 0 && number <= maximum)) {
    throw new TypeError(`"${name}" must be an integer from 0 to ${maximum}.`);
  }
  return number;
}
