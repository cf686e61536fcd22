// Hash and Hmac of `node:crypto`. Rust hashes; HMAC is two hashes, as RFC 2104 has it.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { callable } from "../callable.js";
import { bytesOf } from "./values.js";

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
export function algorithmNamed(name, message = "Digest method not supported") {
  const key = `${name}`.toLowerCase().replace(/^rsa-/, "").replace(/^sha-/, "sha");
  const [native, blockBytes] = ALGORITHMS[key] ?? [];
  if (native !== undefined) return { native, blockBytes };
  throw Object.assign(new Error(message), { code: "ERR_CRYPTO_INVALID_DIGEST" });
}

/** The error for a hash that cannot be used for what was asked for. */
export const invalidDigest = (name) =>
  Object.assign(new TypeError(`Invalid digest: ${name}`), { code: "ERR_CRYPTO_INVALID_DIGEST" });

export const getHashes = () => Object.keys(ALGORITHMS);

const encoded = (bytes, encoding) => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === undefined || encoding === "buffer" ? buffer : buffer.toString(encoding);
};

const finalized = () => Object.assign(new Error("Digest already called"), { code: "ERR_CRYPTO_HASH_FINALIZED" });

/** A hash that is fed piece by piece. */
class RunningHash {
  #running;
  #ended = false;

  constructor(algorithm) {
    this.#running = typeof algorithm === "function" ? algorithm : natives.newDigest(algorithmNamed(algorithm).native);
  }

  update(data, encoding) {
    if (this.#ended) throw finalized();
    this.#running(bytesOf(data, "data", encoding));
    return this;
  }

  digest(encoding) {
    if (this.#ended) throw finalized();
    this.#ended = true;
    return encoded(this.#running(), encoding);
  }

  /** A second hash that has been fed the same. */
  copy() {
    if (this.#ended) throw finalized();
    return new Hash(this.#running.copy());
  }
}

function digestOf(native, bytes) {
  const running = natives.newDigest(native);
  running(bytes);
  return running();
}

/** A keyed hash that is fed piece by piece. */
class RunningHmac {
  #inner;
  #outer;
  #ended = false;

  constructor(algorithm, key) {
    const { native, blockBytes } = algorithmNamed(algorithm, `Invalid digest: ${algorithm}`);
    const given = bytesOf(key, "key");
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
    this.#outer(this.#inner());
    return encoded(this.#outer(), encoding);
  }
}

export const Hash = callable(RunningHash);
export const Hmac = callable(RunningHmac);

export const createHash = (algorithm) => new Hash(algorithm);
export const createHmac = (algorithm, key) => new Hmac(algorithm, key);

/** The hash of one value. */
export const hash = (algorithm, data, encoding = "hex") => new Hash(algorithm).update(data).digest(encoding);
