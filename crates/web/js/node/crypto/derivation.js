// PBKDF2 and HKDF of `node:crypto`.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { algorithmNamed, invalidDigest } from "./hashes.js";
import { bytesOf, invalidType, outOfRange } from "./values.js";

/** What Cloudflare allows; it also bounds how long one call can keep the isolate. */
const ITERATIONS_MAX = 100_000;
const LENGTH_MAX = 2 ** 31 - 1;
/** The longest `info` of HKDF, in bytes. */
const INFO_MAX_BYTES = 1024;

function requireCount(value, name, minimum, maximum) {
  if (typeof value !== "number") throw invalidType(name, "of type number", value);
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw outOfRange(name, `an integer >= ${minimum} && <= ${maximum}`, value);
  }
}

export function pbkdf2Sync(password, salt, iterations, length, digest) {
  if (typeof digest !== "string") throw invalidType("digest", "of type string", digest);
  requireCount(iterations, "iterations", 1, ITERATIONS_MAX);
  requireCount(length, "keylen", 0, LENGTH_MAX);
  const { native } = algorithmNamed(digest, `Invalid digest: ${digest}`);
  const key = natives.pbkdf2(native, bytesOf(password, "password"), bytesOf(salt, "salt"), iterations, length);
  if (key === undefined) throw invalidDigest(digest);
  return Buffer.from(key.buffer);
}

export function hkdfSync(digest, secret, salt, info, length) {
  if (typeof digest !== "string") throw invalidType("digest", "of type string", digest);
  requireCount(length, "length", 0, LENGTH_MAX);
  const { native } = algorithmNamed(digest, `Invalid digest: ${digest}`);
  const context = bytesOf(info, "info");
  if (context.length > INFO_MAX_BYTES) throw outOfRange("info", `no longer than ${INFO_MAX_BYTES} bytes`, context.length);
  const key = natives.hkdf(native, bytesOf(secret, "ikm"), bytesOf(salt, "salt"), context, length);
  if (key !== undefined) return key.buffer;
  throw Object.assign(new RangeError("Invalid key length"), { code: "ERR_CRYPTO_INVALID_KEYLEN" });
}

/** The function with a callback that goes with one of these. Wrong arguments throw at once. */
export function deriveBytes(derive) {
  return (...args) => {
    const callback = args.pop();
    if (typeof callback !== "function") throw invalidType("callback", "of type function", callback);
    const key = derive(...args);
    queueMicrotask(() => callback(null, key));
  };
}
