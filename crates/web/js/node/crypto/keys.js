// Key objects of `node:crypto`. https://nodejs.org/api/crypto.html#class-keyobject

import { CryptoKey, partsOf } from "../../crypto/key.js";
import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { withCode } from "../errors.js";
import { promisify } from "../util.js";
import { readKey, writeKey } from "./key-formats.js";
import { curveNamed, kinds } from "./kinds.js";
import { bytesOf, invalidType, invalidValue, keepKeyReader, outOfRange } from "./values.js";

const CREATE = Symbol("create");
/** Where bits are asked for: the fewest and the most of an HMAC key. */
const HMAC_BITS = [8, 2 ** 31 - 1];
const AES_BITS = [128, 192, 256];
/** The sizes of RSA keys that can be made; more take minutes, in which nothing could interrupt the isolate. */
const MODULUS_BITS = [1024, 4096];
const EXPONENT_DEFAULT = 0x10001;

/**
 * A key. What it is made of, `{ kind, secret, open }` or for a secret key `{ secret }`, only this folder sees. `isSealed`
 * besides says of a key of Web Crypto that it must not be exported.
 */
export class KeyObject {
  #type;
  #parts;

  constructor(token, type, parts) {
    if (token !== CREATE) throw invalidValue("type", token);
    this.#type = type;
    this.#parts = parts;
  }

  /** The key that Web Crypto knows as this one. */
  static from(key) {
    const parts = partsOf(key);
    if (parts === undefined) throw invalidType("key", "an instance of CryptoKey", key);
    return make(parts.type, partsOfWebKey(parts));
  }

  /** What it is made of, for the folder's own. */
  static partsOf(token, key) {
    return token === CREATE && typeof key === "object" && key !== null && #parts in key ? key.#parts : undefined;
  }

  get type() {
    return this.#type;
  }

  /** The key in an encoding: `{ format: "pem" | "der" | "jwk", type }`, of secret keys a buffer or a JWK. */
  export(options) {
    if (this.#parts.isSealed) throw new DOMException("The key is not extractable.", "InvalidAccessError");
    if (this.#type !== "secret") return writeKey(this.#parts, options);
    const bytes = Buffer.from(this.#parts.secret);
    return options?.format === "jwk" ? { kty: "oct", k: bytes.toString("base64url"), ext: true } : bytes;
  }

  equals(other) {
    const parts = keyParts(other);
    if (parts === undefined) throw invalidType("otherKeyObject", "an instance of KeyObject", other);
    if (other === this) return true;
    if (other.type !== this.#type || parts.kind !== this.#parts.kind) return false;
    if (parts.isSealed || this.#parts.isSealed) return false;
    return natives.bytesEqual(this.#parts.secret ?? this.#parts.open, parts.secret ?? parts.open);
  }

  get [Symbol.toStringTag]() {
    return "KeyObject";
  }
}

export class SecretKeyObject extends KeyObject {
  /** In bytes. */
  get symmetricKeySize() {
    return keyParts(this).secret.length;
  }
}

class AsymmetricKeyObject extends KeyObject {
  get asymmetricKeyType() {
    return keyParts(this).kind.type;
  }

  get asymmetricKeyDetails() {
    return keyParts(this).kind.details(keyParts(this));
  }
}

export class PublicKeyObject extends AsymmetricKeyObject {}
export class PrivateKeyObject extends AsymmetricKeyObject {}

const classes = { secret: SecretKeyObject, public: PublicKeyObject, private: PrivateKeyObject };
const make = (type, parts) => new classes[type](CREATE, type, parts);

const keyParts = KeyObject.partsOf.bind(KeyObject, CREATE);
delete KeyObject.partsOf;
// Whoever takes a secret takes it in a key, too.
keepKeyReader((value) => secretOf(value));

function partsOfWebKey({ type, extractable, algorithm, data }) {
  const isSealed = !extractable;
  if (type === "secret") return { secret: data, isSealed };
  const [secret, open] = "scalar" in data || "point" in data ? [data.scalar, data.point] : [data, data];
  const kind = kinds.find(({ curve }) => curve === (algorithm.namedCurve ?? algorithm.name).replace("NODE-ED", "Ed")) ?? kinds[0];
  return type === "private" ? { kind, secret, open: kind.openOf(secret), isSealed } : { kind, open };
}

// The parts of a KeyObject or CryptoKey; undefined for anything else.
function partsOfAny(key) {
  const parts = keyParts(key);
  return parts !== undefined || !(key instanceof CryptoKey) ? parts : partsOfWebKey(partsOf(key));
}

/** The bytes of a secret key; undefined for what is no key. */
function secretOf(key) {
  const parts = partsOfAny(key);
  if (parts === undefined) return undefined;
  if (parts.kind === undefined) return parts.secret;
  throw withCode(new TypeError(`Invalid key object type ${key.type}, expected secret.`), "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE");
}

// What a program gave as a key may be the key, or an object of options that has it.
const givenParts = (given) => partsOfAny(given) ?? partsOfAny(given?.key) ?? undefined;

/** The private key in what a program gave. */
export function privateKeyOf(given) {
  const parts = givenParts(given) ?? readKey(given, "private");
  if (parts.kind !== undefined && parts.secret !== undefined) return parts;
  const type = parts.kind === undefined ? "secret" : "public";
  throw withCode(new TypeError(`Invalid key object type ${type}, expected private.`), "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE");
}

/** The public key in what a program gave, which may be the private one. */
export function publicKeyOf(given) {
  const { kind, open } = givenParts(given) ?? readKey(given, "public");
  if (kind !== undefined) return { kind, open };
  const message = "Invalid key object type secret, expected private or public.";
  throw withCode(new TypeError(message), "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE");
}

export const createPrivateKey = (key) => make("private", privateKeyOf(key));
export const createPublicKey = (key) => make("public", publicKeyOf(key));
export const createSecretKey = (key, encoding) => make("secret", { secret: bytesOf(key, "key", encoding).slice() });

/** A new secret key, `hmac` or `aes`, of so many bits. */
export function generateKeySync(type, { length } = {}) {
  if (type !== "hmac" && type !== "aes") throw invalidValue("type", type);
  if (!Number.isInteger(length)) throw invalidType("options.length", "of type number", length);
  if (type === "aes" && !AES_BITS.includes(length)) throw invalidValue("options.length", length);
  const [minimum, maximum] = HMAC_BITS;
  if (length < minimum || length > maximum) throw outOfRange("options.length", `>= ${minimum} && <= ${maximum}`, length);
  return createSecretKey(natives.randomBytes(Math.floor(length / 8)));
}

const newSecret = {
  rsa({ modulusLength, publicExponent = EXPONENT_DEFAULT }) {
    const [minimum, maximum] = MODULUS_BITS;
    if (!(modulusLength >= minimum && modulusLength <= maximum)) {
      throw outOfRange("options.modulusLength", `>= ${minimum} && <= ${maximum}`, modulusLength);
    }
    const exponent = new Uint8Array(4);
    new DataView(exponent.buffer).setUint32(0, publicExponent);
    return [kinds[0], natives.rsaGenerate(modulusLength, exponent)];
  },
  ec({ namedCurve }) {
    const kind = curveNamed(namedCurve);
    if (kind === undefined) throw withCode(new TypeError("Invalid EC curve name"), "ERR_CRYPTO_INVALID_CURVE");
    return [kind, natives.ecGenerate(kind.curve)];
  },
  ed25519: () => [kinds.find(({ type }) => type === "ed25519"), natives.randomBytes(32)],
  x25519: () => [kinds.find(({ type }) => type === "x25519"), natives.randomBytes(32)],
};

/** A new pair of keys: `rsa`, `ec`, `ed25519` or `x25519`. With an encoding, a side comes encoded. */
export function generateKeyPairSync(type, options = {}) {
  if (!Object.hasOwn(newSecret, type)) throw invalidValue("type", type);
  // Where random values may not be made, neither may keys.
  natives.randomBytes(1);
  const [kind, secret] = newSecret[type](options);
  if (secret === undefined) throw withCode(new Error("Key generation failed"), "ERR_CRYPTO_OPERATION_FAILED");
  const parts = { kind, secret, open: kind.openOf(secret) };
  const side = (name, parts, encoding) => {
    const key = make(name, parts);
    return encoding === undefined ? key : key.export(encoding);
  };
  return {
    publicKey: side("public", { kind, open: parts.open }, options.publicKeyEncoding),
    privateKey: side("private", parts, options.privateKeyEncoding),
  };
}

export function generateKeyPair(type, options, callback) {
  const { publicKey, privateKey } = generateKeyPairSync(type, options);
  queueMicrotask(() => callback(null, publicKey, privateKey));
}

// A promise gives one value, which is both.
generateKeyPair[promisify.custom] = async (type, options) => generateKeyPairSync(type, options);

export function generateKey(type, options, callback) {
  const key = generateKeySync(type, options);
  queueMicrotask(() => callback(null, key));
}
