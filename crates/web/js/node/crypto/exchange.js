// What two parties do with each other's public keys: encrypt to them (RSA), and agree on secrets (ECDH, X25519).

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { callable } from "../callable.js";
import { withCode } from "../errors.js";
import { RSA_PKCS1_OAEP_PADDING } from "./constants.js";
import { digestNamed } from "./hashes.js";
import { privateKeyOf, publicKeyOf } from "./keys.js";
import { curveNamed, kinds } from "./kinds.js";
import { bytesOf, invalidValue } from "./values.js";

const NOTHING = new Uint8Array(0);

const failed = (message, code) => withCode(new Error(message), code);

// OAEP only: without it, how long a decryption takes may tell what was in it.
function optionsOf(key, kind) {
  const { padding = RSA_PKCS1_OAEP_PADDING, oaepHash = "sha1", oaepLabel } = key ?? {};
  if (kind.type !== "rsa") throw failed("Unsupported crypto operation", "ERR_CRYPTO_UNSUPPORTED_OPERATION");
  if (padding !== RSA_PKCS1_OAEP_PADDING) {
    throw failed(`RSA padding ${padding} is not supported: use RSA_PKCS1_OAEP_PADDING`, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");
  }
  const label = oaepLabel === undefined ? NOTHING : bytesOf(oaepLabel, "key.oaepLabel");
  return [digestNamed(oaepHash), label];
}

/** Data for the owner of a private key, of whom this is the public one. */
export function publicEncrypt(key, data) {
  const { kind, open } = publicKeyOf(key);
  const encrypted = natives.rsaEncrypt(open, ...optionsOf(key, kind), bytesOf(data, "buffer"));
  if (encrypted === undefined) throw failed("data too large for key size", "ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_KEY_SIZE");
  return Buffer.from(encrypted);
}

/** What was encrypted for this key. */
export function privateDecrypt(key, data) {
  const { kind, secret } = privateKeyOf(key);
  const decrypted = natives.rsaDecrypt(secret, ...optionsOf(key, kind), bytesOf(data, "buffer"));
  if (decrypted === undefined) throw failed("oaep decoding error", "ERR_OSSL_RSA_OAEP_DECODING_ERROR");
  return Buffer.from(decrypted);
}

/** The secret that the owners of two pairs of keys have in common. */
export function diffieHellman({ privateKey, publicKey }) {
  const [own, other] = [privateKeyOf(privateKey), publicKeyOf(publicKey)];
  if (own.kind !== other.kind || own.kind.agree === undefined) {
    const types = `${own.kind.type} and ${other.kind.type}`;
    throw failed(`Incompatible key types for Diffie-Hellman: ${types}`, "ERR_CRYPTO_INCOMPATIBLE_KEY");
  }
  const secret = own.kind.agree(own, other);
  if (secret === undefined) throw failed("diffieHellman failed", "ERR_CRYPTO_OPERATION_FAILED");
  return Buffer.from(secret);
}

export const getCurves = () => kinds.flatMap(({ namedCurve }) => namedCurve ?? []);

const shown = (bytes, encoding) => {
  const buffer = Buffer.from(bytes);
  return encoding === undefined || encoding === "buffer" ? buffer : buffer.toString(encoding);
};

function pointIn(format, point) {
  if (format === undefined || format === "uncompressed") return point;
  const half = (point.length - 1) / 2;
  const parity = point.at(-1) & 1;
  if (format === "compressed") return Uint8Array.of(2 + parity, ...point.subarray(1, 1 + half));
  if (format === "hybrid") return Uint8Array.of(6 + parity, ...point.subarray(1));
  throw withCode(new TypeError(`Invalid ECDH format: ${format}`), "ERR_CRYPTO_ECDH_INVALID_FORMAT");
}

/** Node's older way to ECDH. */
class Agreement {
  #kind;
  #secret;

  constructor(curve) {
    this.#kind = curveNamed(curve);
    if (this.#kind === undefined) throw withCode(new TypeError("Invalid EC curve name"), "ERR_CRYPTO_INVALID_CURVE");
  }

  /** The public key of a new pair. */
  generateKeys(encoding, format) {
    natives.randomBytes(1);
    this.#secret = natives.ecGenerate(this.#kind.curve);
    return this.getPublicKey(encoding, format);
  }

  getPrivateKey(encoding) {
    return shown(this.#held(), encoding);
  }

  getPublicKey(encoding, format) {
    return shown(pointIn(format, this.#kind.openOf(this.#held())), encoding);
  }

  setPrivateKey(key, encoding) {
    const secret = bytesOf(key, "privateKey", encoding).slice();
    if (this.#kind.openOf(secret) === undefined) {
      throw failed("Private key is not valid for specified curve.", "ERR_CRYPTO_INVALID_KEYTYPE");
    }
    this.#secret = secret;
  }

  /** The secret that both have in common. */
  computeSecret(otherPublicKey, inputEncoding, outputEncoding) {
    const open = natives.ecPoint(this.#kind.curve, bytesOf(otherPublicKey, "otherPublicKey", inputEncoding));
    if (open === undefined) {
      throw failed("Public key is not valid for specified curve", "ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY");
    }
    return shown(this.#kind.agree({ secret: this.#held() }, { open }), outputEncoding);
  }

  #held() {
    if (this.#secret === undefined) throw failed("Failed to get ECDH private key", "ERR_CRYPTO_INVALID_STATE");
    return this.#secret;
  }

  /** A public key in another form. */
  static convertKey(key, curve, inputEncoding, outputEncoding, format) {
    const kind = curveNamed(curve);
    if (kind === undefined) throw invalidValue("curve", curve);
    const point = natives.ecPoint(kind.curve, bytesOf(key, "key", inputEncoding));
    if (point === undefined) throw failed("Failed to convert Buffer to EC_POINT", "ERR_CRYPTO_OPERATION_FAILED");
    return shown(pointIn(format, point), outputEncoding);
  }
}

export const ECDH = callable(Agreement);
export const createECDH = (curve) => new ECDH(curve);
