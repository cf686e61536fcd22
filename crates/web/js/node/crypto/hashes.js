// Hash and Hmac of `node:crypto`, which are streams, too. Rust hashes; HMAC is two hashes, as RFC 2104 has it.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { callable } from "../callable.js";
import { withCode } from "../errors.js";
import "../stream.js";
import { LazyTransform } from "../stream/lazy.js";
import { bytesOf, requireCount, requireString, secretBytes } from "./values.js";

const OUTPUT_MAX_BYTES = 2 ** 32 - 1;

/** By the names that Node's programs use, in lower case: the name in Rust, and the block's size in bytes. */
const ALGORITHMS = {
  md5: ["MD5", 64],
  sha1: ["SHA-1", 64],
  sha224: ["SHA-224", 64],
  sha256: ["SHA-256", 64],
  sha384: ["SHA-384", 128],
  sha512: ["SHA-512", 128],
  "sha512-256": ["SHA-512/256", 128],
};

/** What a hash is called in Rust, and the size of its blocks; an error where there is none. */
function algorithmNamed(name) {
  const key = `${name}`.toLowerCase().replace(/^rsa-/, "").replace(/^sha-/, "sha");
  const [native, blockBytes] = ALGORITHMS[key] ?? [];
  if (native !== undefined) return { native, blockBytes };
  throw Object.assign(new Error("Digest method not supported"), { code: "ERR_CRYPTO_INVALID_DIGEST" });
}

/** The error for a hash that cannot be used for what was asked for. */
export const invalidDigest = (name) =>
  Object.assign(new TypeError(`Invalid digest: ${name}`), { code: "ERR_CRYPTO_INVALID_DIGEST" });

/** What a hash is called in Rust, where it is only a means. */
export function digestNamed(name) {
  try {
    return algorithmNamed(name).native;
  } catch {
    throw invalidDigest(name);
  }
}

export const getHashes = () => Object.keys(ALGORITHMS);

const encoded = (bytes, encoding) => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = encoding === undefined || encoding === null ? "buffer" : `${encoding}`;
  return name === "buffer" ? buffer : buffer.toString(name);
};

const finalized = () => Object.assign(new Error("Digest already called"), { code: "ERR_CRYPTO_HASH_FINALIZED" });

// A digest as a stream: what is written is hashed, and at the end there is the digest to read, which can be asked for
// besides.
class Digesting extends LazyTransform {
  #made;

  _transform(chunk, encoding, callback) {
    this.update(chunk, encoding);
    callback();
  }

  _flush(callback) {
    this.push(encoded(this._digest()));
    callback();
  }

  _digest() {
    return (this.#made ??= this._finish());
  }
}

/** A hash that is fed piece by piece. */
class RunningHash extends Digesting {
  #running;
  #ended = false;

  constructor(algorithm, options) {
    super(options);
    this.#running = typeof algorithm === "function" ? algorithm : startHash(algorithm, options?.outputLength);
  }

  update(data, encoding) {
    if (this.#ended) throw finalized();
    this.#running(bytesOf(data, "data", encoding));
    return this;
  }

  digest(encoding) {
    if (this.#ended) throw finalized();
    this.#ended = true;
    return encoded(this._digest(), encoding);
  }

  /** A second hash that has been fed the same. */
  copy(options) {
    if (this.#ended) throw finalized();
    return new Hash(this.#running.copy(), options);
  }

  _finish() {
    return this.#running();
  }
}

// Only hashes whose length can be chosen could have another one, and there are none of those.
function startHash(algorithm, outputLength) {
  requireString(algorithm, "algorithm");
  const running = natives.newDigest(algorithmNamed(algorithm).native);
  if (outputLength === undefined) return running;
  requireCount(outputLength, "outputLength", 0, OUTPUT_MAX_BYTES);
  if (running.copy()().length === outputLength) return running;
  throw withCode(new Error("Unsupported state or unable to change the output length"), "ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH");
}

function digestOf(native, bytes) {
  const running = natives.newDigest(native);
  running(bytes);
  return running();
}

/** A keyed hash that is fed piece by piece. */
class RunningHmac extends Digesting {
  #inner;
  #outer;
  #ended = false;

  constructor(algorithm, key, options) {
    super(options);
    requireString(algorithm, "hmac");
    const { native, blockBytes } = algorithmNamed(algorithm);
    const given = secretBytes(key, "key");
    const block = new Uint8Array(blockBytes);
    block.set(given.length > blockBytes ? digestOf(native, given) : given);
    this.#inner = natives.newDigest(native);
    this.#inner(block.map((byte) => byte ^ 0x36));
    this.#outer = natives.newDigest(native);
    this.#outer(block.map((byte) => byte ^ 0x5c));
  }

  update(data, encoding) {
    if (this.#ended) throw finalized();
    this.#inner(bytesOf(data, "data", encoding));
    return this;
  }

  /** As Node has it, a second digest is empty. */
  digest(encoding) {
    if (this.#ended) return encoded(new Uint8Array(0), encoding);
    this.#ended = true;
    return encoded(this._digest(), encoding);
  }

  _finish() {
    this.#outer(this.#inner());
    return this.#outer();
  }
}

export const Hash = callable(RunningHash);
export const Hmac = callable(RunningHmac);

export const createHash = (algorithm, options) => new Hash(algorithm, options);
export const createHmac = (algorithm, key, options) => new Hmac(algorithm, key, options);

/** The hash of one value. */
export function hash(algorithm, data, encoding = "hex") {
  requireString(algorithm, "algorithm");
  requireString(encoding, "outputEncoding");
  return encoded(digestOf(algorithmNamed(algorithm).native, bytesOf(data, "input")), encoding);
}
