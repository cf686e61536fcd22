// PBKDF2, HKDF and scrypt of `node:crypto`. Each throws at once of arguments of a wrong type; what else is wrong is told to
// the callback, where there is one.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { withCode } from "../errors.js";
import { createHmac, digestNamed, invalidDigest } from "./hashes.js";
import { bytesOf, invalidType, outOfRange, requireCount, requireString, secretBytes } from "./values.js";

/** What Cloudflare allows; it also bounds how long one call can keep the isolate. */
const ITERATIONS_MAX = 100_000;
const COST_MAX = 2 ** 20;
/** How many hashes long a key may be. */
const HASHES_MAX = 255;
const LENGTH_MAX = 2 ** 31 - 1;
/** The longest `info` of HKDF, in bytes. */
const INFO_MAX_BYTES = 1024;
/** What scrypt may take of memory where nobody says otherwise, in bytes. */
const SCRYPT_MEMORY_BYTES = 32 * 1024 * 1024;

const digestBytes = (native) => natives.newDigest(native)().length;

// Each of these checks what it is given, and then returns the function that derives.

function preparePbkdf2(password, salt, iterations, length, digest) {
  requireString(digest, "digest");
  const [secret, grains] = [bytesOf(password, "password"), bytesOf(salt, "salt")];
  requireCount(iterations, "iterations", 1, ITERATIONS_MAX);
  requireCount(length, "keylen", 0, LENGTH_MAX);
  return () => {
    const native = digestNamed(digest);
    if (length > HASHES_MAX * digestBytes(native)) throw outOfRange("keylen", `<= ${HASHES_MAX} hashes`, length);
    const key = natives.pbkdf2(native, secret, grains, iterations, length);
    if (key === undefined) throw invalidDigest(digest);
    return Buffer.from(key.buffer);
  };
}

function prepareHkdf(digest, secret, salt, info, length) {
  requireString(digest, "digest");
  const [key, grains, context] = [secretBytes(secret, "ikm"), bytesOf(salt, "salt"), bytesOf(info, "info")];
  requireCount(length, "length", 0, LENGTH_MAX);
  if (context.length > INFO_MAX_BYTES) throw outOfRange("info", `no longer than ${INFO_MAX_BYTES} bytes`, context.length);
  return () => {
    const native = digestNamed(digest);
    if (length > HASHES_MAX * digestBytes(native)) {
      throw withCode(new RangeError("Invalid key length"), "ERR_CRYPTO_INVALID_KEYLEN");
    }
    return (natives.hkdf(native, key, grains, context, length) ?? expand(digest, key, grains, context, length)).buffer;
  };
}

// RFC 5869, for the hashes that Rust does not do it with.
function expand(digest, key, salt, info, length) {
  const secret = createHmac(digest, salt).update(key).digest();
  const derived = new Uint8Array(length);
  let block = new Uint8Array(0);
  for (let start = 0, index = 1; start < length; start += block.length, index++) {
    block = createHmac(digest, secret).update(block).update(info).update(Uint8Array.of(index)).digest();
    derived.set(block.subarray(0, length - start), start);
  }
  return derived;
}

const badCost = (why) => withCode(new RangeError(`Invalid scrypt params: ${why}`), "ERR_CRYPTO_INVALID_SCRYPT_PARAMS");

function prepareScrypt(password, salt, length, options = {}) {
  const [secret, grains] = [secretBytes(password, "password"), bytesOf(salt, "salt")];
  requireCount(length, "keylen", 0, LENGTH_MAX);
  const rounds = either(options, "N", "cost", 16_384);
  const blockSize = either(options, "r", "blockSize", 8);
  const parallelization = either(options, "p", "parallelization", 1);
  const memory = options.maxmem ?? SCRYPT_MEMORY_BYTES;
  return () => {
    if (rounds < 2 || !Number.isInteger(Math.log2(rounds))) throw badCost("N must be a power of 2 greater than 1");
    if (128 * blockSize * (rounds + parallelization) > memory) throw badCost("memory limit exceeded");
    if (rounds * blockSize * parallelization > COST_MAX) throw badCost(`N * r * p must not exceed ${COST_MAX}`);
    return Buffer.from(natives.scrypt(secret, grains, rounds, blockSize, parallelization, length));
  };
}

// An option has two names, of which one can be used.
function either(options, short, long, value) {
  const given = options[short] ?? options[long] ?? value;
  requireCount(given, short, 1, 2 ** 32 - 1);
  if (options[short] === undefined || options[long] === undefined) return given;
  const message = `Option "${short}" cannot be used in combination with option "${long}"`;
  throw withCode(new TypeError(message), "ERR_INCOMPATIBLE_OPTION_PAIR");
}

export const pbkdf2Sync = (...args) => preparePbkdf2(...args)();
export const hkdfSync = (...args) => prepareHkdf(...args)();
export const scryptSync = (...args) => prepareScrypt(...args)();

// The function with a callback, which is the last argument.
const withCallback = (prepare) => (...args) => {
  const last = args.at(-1);
  const callback = typeof last === "function" ? args.pop() : undefined;
  const derive = prepare(...args);
  if (callback === undefined) throw invalidType("callback", "of type function", callback);
  queueMicrotask(() => {
    let key;
    try {
      key = derive();
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, key);
  });
};

export const pbkdf2 = withCallback(preparePbkdf2);
export const hkdf = withCallback(prepareHkdf);
export const scrypt = withCallback(prepareScrypt);
