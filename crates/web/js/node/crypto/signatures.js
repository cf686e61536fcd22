// Signatures of `node:crypto`: at once, or of what is written piece by piece.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { callable } from "../callable.js";
import { withCode } from "../errors.js";
import { Writable } from "../stream.js";
import { digestNamed, invalidDigest } from "./hashes.js";
import { privateKeyOf, publicKeyOf } from "./keys.js";
import { bytesIn, bytesOf, invalidType, requireString } from "./values.js";

/** The hash where none is named. */
const HASH_DEFAULT = "sha256";
/** The hashes that are signed. */
const SIGNED = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"];

const unsupported = () => withCode(new Error("Unsupported crypto operation"), "ERR_CRYPTO_UNSUPPORTED_OPERATION");
const keyTooSmall = () => withCode(new Error("digest too big for rsa key"), "ERR_OSSL_RSA_DIGEST_TOO_BIG_FOR_RSA_KEY");

function hashNamed(name) {
  const native = digestNamed(name);
  if (!SIGNED.includes(native)) throw invalidDigest(name);
  return native;
}

const optionsOf = (key) => (typeof key === "object" && key !== null ? key : {});

function signDigest(key, native, digest) {
  const { kind, ...parts } = privateKeyOf(key);
  if (kind.sign === undefined) throw unsupported();
  const signature = kind.sign(parts, native, digest, optionsOf(key));
  if (signature === undefined) throw keyTooSmall();
  return Buffer.from(signature);
}

function verifyDigest(key, native, digest, signature) {
  const { kind, ...parts } = publicKeyOf(key);
  if (kind.verify === undefined) throw unsupported();
  return kind.verify(parts, native, digest, signature, optionsOf(key));
}

function signData(algorithm, data, key) {
  const { kind, ...parts } = privateKeyOf(key);
  if (kind.signData === undefined) {
    const native = hashNamed(algorithm ?? HASH_DEFAULT);
    return signDigest(key, native, natives.digest(native, data));
  }
  // The curve brings its own hash.
  if (algorithm !== null && algorithm !== undefined) throw unsupported();
  return Buffer.from(kind.signData(parts, data));
}

function verifyData(algorithm, data, key, signature) {
  const { kind, ...parts } = publicKeyOf(key);
  if (kind.verifyData === undefined) {
    const native = hashNamed(algorithm ?? HASH_DEFAULT);
    return verifyDigest(key, native, natives.digest(native, data), signature);
  }
  if (algorithm !== null && algorithm !== undefined) throw unsupported();
  return kind.verifyData(parts, data, signature);
}

// What a function gives, at once or to its callback.
function answer(callback, make) {
  if (callback === undefined) return make();
  if (typeof callback !== "function") throw invalidType("callback", "of type function", callback);
  const value = make();
  queueMicrotask(() => callback(null, value));
  return undefined;
}

/** The signature of data by a private key. */
export const sign = (algorithm, data, key, callback) =>
  answer(callback, () => signData(algorithm, bytesIn(data, "data"), key));

/** Whether this is the signature of the data by the private key of this public one. */
export const verify = (algorithm, data, key, signature, callback) =>
  answer(callback, () => verifyData(algorithm, bytesIn(data, "data"), key, bytesIn(signature, "signature")));

/** Hashes what is written to it. */
class Hashing extends Writable {
  #running;
  #native;

  constructor(algorithm, options) {
    super(options);
    requireString(algorithm, "algorithm");
    this.#native = hashNamed(algorithm);
    this.#running = natives.newDigest(this.#native);
  }

  update(data, encoding) {
    this.#held()(bytesOf(data, "data", encoding));
    return this;
  }

  _write(chunk, _encoding, callback) {
    this.update(chunk);
    callback();
  }

  /** The hash's name in Rust, and the digest. Once. */
  _digest() {
    const digest = this.#held()();
    this.#running = undefined;
    return [this.#native, digest];
  }

  #held() {
    if (this.#running !== undefined) return this.#running;
    const message = `${this instanceof Signing ? "Signing" : "Verification"} context has already been finalized`;
    throw withCode(new Error(message), "ERR_CRYPTO_INVALID_STATE");
  }
}

function requireKey(key) {
  if (key === undefined || key === null) throw withCode(new Error("No key provided to sign"), "ERR_CRYPTO_SIGN_KEY_REQUIRED");
}

class Signing extends Hashing {
  sign(key, encoding) {
    requireKey(key);
    const signature = signDigest(key, ...this._digest());
    return encoding === undefined || encoding === "buffer" ? signature : signature.toString(encoding);
  }
}

class Verifying extends Hashing {
  verify(key, signature, encoding) {
    requireKey(key);
    return verifyDigest(key, ...this._digest(), bytesOf(signature, "signature", encoding));
  }
}

export const Sign = callable(Signing);
export const Verify = callable(Verifying);

export const createSign = (algorithm, options) => new Sign(algorithm, options);
export const createVerify = (algorithm, options) => new Verify(algorithm, options);
