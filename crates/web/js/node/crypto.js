// `node:crypto`: hashes, ciphers, keys and signatures, as far as Web Crypto's algorithms reach, and random values.
// https://nodejs.org/api/crypto.html

import { crypto } from "../crypto.js";
import { natives } from "../natives.js";
import { Buffer } from "./buffer.js";
import { Cipheriv, createCipheriv, createDecipheriv, Decipheriv, getCipherInfo, getCiphers } from "./crypto/ciphers.js";
import * as constants from "./crypto/constants.js";
import { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from "./crypto/derivation.js";
import { createECDH, diffieHellman, ECDH, getCurves, privateDecrypt, publicEncrypt } from "./crypto/exchange.js";
import { createHash, createHmac, getHashes, Hash, hash, Hmac } from "./crypto/hashes.js";
import {
  createPrivateKey, createPublicKey, createSecretKey, generateKey, generateKeyPair, generateKeyPairSync, generateKeySync, KeyObject,
  PrivateKeyObject, PublicKeyObject, SecretKeyObject,
} from "./crypto/keys.js";
import { createSign, createVerify, Sign, sign, Verify, verify } from "./crypto/signatures.js";
import { bytesIn, invalidType, outOfRange } from "./crypto/values.js";

export {
  Cipheriv, constants, createCipheriv, createDecipheriv, createECDH, createHash, createHmac, createPrivateKey, createPublicKey,
  createSecretKey, createSign, createVerify, Decipheriv, diffieHellman, ECDH, generateKey, generateKeyPair, generateKeyPairSync,
  generateKeySync, getCipherInfo, getCiphers, getCurves, getHashes, Hash, hash, hkdf, hkdfSync, Hmac, KeyObject, pbkdf2, pbkdf2Sync,
  privateDecrypt, PrivateKeyObject, publicEncrypt, PublicKeyObject, scrypt, scryptSync, SecretKeyObject, Sign, sign, Verify, verify,
};
export const webcrypto = crypto;
export const { subtle } = crypto;
export const getRandomValues = (view) => crypto.getRandomValues(view);
export const randomUUID = () => crypto.randomUUID();

const RANDOM_MAX_BYTES = 2 ** 31 - 1;
/** Numbers up to this many bits below the largest safe one can be drawn. */
const RANGE_MAX = 2 ** 48 - 1;

// What a function gives, at once or to its callback.
function answer(callback, make) {
  if (callback === undefined) return make();
  if (typeof callback !== "function") throw invalidType("callback", "of type function", callback);
  const value = make();
  queueMicrotask(() => callback(null, value));
}

/** Random bytes. */
export function randomBytes(size, callback) {
  if (typeof size !== "number") throw invalidType("size", "of type number", size);
  if (!(size >= 0 && size <= RANDOM_MAX_BYTES)) throw outOfRange("size", `>= 0 && <= ${RANDOM_MAX_BYTES}`, size);
  return answer(callback, () => Buffer.from(natives.randomBytes(size).buffer));
}

export { randomBytes as pseudoRandomBytes, randomBytes as rng };

/** Fills a part of a buffer with random bytes. */
export function randomFillSync(buffer, offset = 0, size = undefined) {
  const bytes = bytesIn(buffer, "buf");
  const length = size ?? bytes.length - offset;
  if (!(offset >= 0 && offset <= bytes.length)) throw outOfRange("offset", `>= 0 && <= ${bytes.length}`, offset);
  if (!(length >= 0 && offset + length <= bytes.length)) {
    throw outOfRange("size + offset", `<= ${bytes.length}`, offset + length);
  }
  bytes.set(natives.randomBytes(length), offset);
  return buffer;
}

export function randomFill(buffer, ...rest) {
  return answer(rest.pop(), () => randomFillSync(buffer, ...rest));
}

/** A random integer from `minimum` on and below `maximum`, each as likely as the others. */
export function randomInt(minimum, maximum, callback) {
  if (maximum === undefined || typeof maximum === "function") return randomInt(0, minimum, maximum);
  if (!Number.isSafeInteger(minimum)) throw invalidType("min", "a safe integer", minimum);
  if (!Number.isSafeInteger(maximum)) throw invalidType("max", "a safe integer", maximum);
  const range = maximum - minimum;
  if (!(range > 0)) throw outOfRange("max", `greater than the value of "min" (${minimum})`, maximum);
  if (range > RANGE_MAX) throw outOfRange("max - min", `<= ${RANGE_MAX}`, range);
  return answer(callback, () => minimum + drawBelow(range));
}

// Draws again where the rest of a division would favour small numbers.
function drawBelow(range) {
  const fair = 2 ** 48 - (2 ** 48 % range);
  while (true) {
    const drawn = natives.randomBytes(6).reduce((value, byte) => value * 256 + byte, 0);
    if (drawn < fair) return drawn % range;
  }
}

/** Whether both hold the same bytes, in a time that does not tell where they differ. */
export function timingSafeEqual(first, second) {
  const [left, right] = [bytesIn(first, "buf1"), bytesIn(second, "buf2")];
  if (left.length === right.length) return natives.bytesEqual(left, right);
  const error = new RangeError("Input buffers must have the same byte length");
  throw Object.assign(error, { code: "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH" });
}

export default {
  Cipheriv, constants, createCipheriv, createDecipheriv, createECDH, createHash, createHmac, createPrivateKey, createPublicKey,
  createSecretKey, createSign, createVerify, Decipheriv, diffieHellman, ECDH, generateKey, generateKeyPair, generateKeyPairSync,
  generateKeySync, getCipherInfo, getCiphers, getCurves, getHashes, getRandomValues, Hash, hash, hkdf, hkdfSync, Hmac, KeyObject,
  pbkdf2, pbkdf2Sync, privateDecrypt, PrivateKeyObject, pseudoRandomBytes: randomBytes, publicEncrypt, PublicKeyObject, randomBytes,
  randomFill, randomFillSync, randomInt, randomUUID, rng: randomBytes, scrypt, scryptSync, SecretKeyObject, Sign, sign, subtle,
  timingSafeEqual, Verify, verify, webcrypto,
};
