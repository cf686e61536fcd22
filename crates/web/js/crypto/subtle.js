// crypto.subtle: each method finds the algorithm, checks that the key allows the use, and runs the operation.
// https://w3c.github.io/webcrypto/#subtlecrypto-interface
//
// An algorithm is a table of operations, each `[members of its parameters, function]`. They run at once, in the call:
// only their results are promised.

import { natives } from "../natives.js";
import { argumentError, bytesOf, finishInterface, illegalConstructor, isBufferSource, requireArguments } from "../webidl.js";
import { aes } from "./aes.js";
import { derivations } from "./derivation.js";
import { edwards } from "./edwards.js";
import { elliptic } from "./elliptic.js";
import { hmac } from "./hmac.js";
import { fail, partsOf } from "./key.js";
import { DIGESTS, equalNames, hashNamed, nameOf, readParameters } from "./parameters.js";
import { rsa } from "./rsa.js";

const CREATE = Symbol("create");
const algorithms = { ...aes, ...hmac, ...rsa, ...elliptic, ...edwards, ...derivations };

/** What to say of an algorithm that has no such operation. */
const UNKNOWN = {
  generateKey: (name) => `Unrecognized key generation algorithm "${name}" requested.`,
  importKey: (name) => `Unrecognized key import algorithm "${name}" requested.`,
  getKeyLength: (name) => `Unrecognized derived key type "${name}" requested.`,
  deriveBits: (name) => `The deriveKey and deriveBits operations are not implemented for "${name}".`,
};

export class SubtleCrypto {
  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
  }

  async encrypt(algorithm, key, data) {
    return cipher("encrypt", arguments, algorithm, key, data);
  }

  async decrypt(algorithm, key, data) {
    return cipher("decrypt", arguments, algorithm, key, data);
  }

  async sign(algorithm, key, data) {
    requireArguments(arguments.length, 3, "sign", "SubtleCrypto", "ArrayBuffer or ArrayBufferView");
    checkBytes(3, "sign", data);
    const operation = normalize("sign", algorithm);
    return operation.run(checkKey(operation, keyArgument(2, "sign", key), "sign"), held(data)).buffer;
  }

  async verify(algorithm, key, signature, data) {
    requireArguments(arguments.length, 4, "verify", "SubtleCrypto", "ArrayBuffer or ArrayBufferView");
    checkBytes(3, "verify", signature);
    checkBytes(4, "verify", data);
    const operation = normalize("verify", algorithm);
    const parts = checkKey(operation, keyArgument(2, "verify", key), "verify");
    return operation.run(parts, held(signature), held(data));
  }

  async digest(algorithm, data) {
    requireArguments(arguments.length, 2, "digest", "SubtleCrypto", "ArrayBuffer or ArrayBufferView");
    checkBytes(2, "digest", data);
    const name = hashNamed(nameOf(algorithm), DIGESTS);
    return natives.digest(name, held(data)).buffer;
  }

  async generateKey(algorithm, extractable, usages) {
    requireArguments(arguments.length, 3, "generateKey", "SubtleCrypto", "any");
    const wanted = usagesArgument(3, "generateKey", usages);
    const result = normalize("generateKey", algorithm).run(Boolean(extractable), wanted);
    checkUseful(result.privateKey ?? result);
    return result;
  }

  async deriveBits(algorithm, baseKey, length = null) {
    requireArguments(arguments.length, 2, "deriveBits", "SubtleCrypto", "CryptoKey");
    const bits = length === null ? null : lengthArgument(length);
    const operation = normalize("deriveBits", algorithm);
    return operation.run(checkKey(operation, keyArgument(2, "deriveBits", baseKey), "deriveBits"), bits).buffer;
  }

  async deriveKey(algorithm, baseKey, derivedKeyAlgorithm, extractable, usages) {
    requireArguments(arguments.length, 5, "deriveKey", "SubtleCrypto", "any");
    const wanted = usagesArgument(5, "deriveKey", usages);
    const operation = normalize("deriveBits", algorithm);
    const importing = normalize("importKey", derivedKeyAlgorithm);
    const measuring = normalize("getKeyLength", derivedKeyAlgorithm);
    const key = checkKey(operation, keyArgument(2, "deriveKey", baseKey), "deriveKey");
    const secret = operation.run(key, measuring.run());
    return checkUseful(importing.run("raw", secret, Boolean(extractable), wanted));
  }

  async importKey(format, keyData, algorithm, extractable, usages) {
    requireArguments(arguments.length, 5, "importKey", "SubtleCrypto", "any");
    checkKeyData(format, keyData);
    const wanted = usagesArgument(5, "importKey", usages);
    const operation = normalize("importKey", algorithm);
    const data = format === "jwk" ? keyData : held(keyData);
    return checkUseful(operation.run(`${format}`, data, Boolean(extractable), wanted));
  }

  async exportKey(format, key) {
    requireArguments(arguments.length, 2, "exportKey", "SubtleCrypto", "CryptoKey");
    return exportParts(`${format}`, keyArgument(2, "exportKey", key));
  }

  async wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    requireArguments(arguments.length, 4, "wrapKey", "SubtleCrypto", "any");
    const parts = keyArgument(2, "wrapKey", key);
    const operation = normalizeWrapping("wrapKey", "encrypt", wrapAlgorithm);
    const wrapping = checkKey(operation, keyArgument(3, "wrapKey", wrappingKey), "wrapKey");
    const exported = exportParts(`${format}`, parts);
    const bytes = format === "jwk" ? natives.encodeUtf8(JSON.stringify(exported)) : new Uint8Array(exported);
    return operation.run(wrapping, bytes).buffer;
  }

  async unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, usages) {
    requireArguments(arguments.length, 7, "unwrapKey", "SubtleCrypto", "any");
    checkBytes(2, "unwrapKey", wrappedKey);
    const wanted = usagesArgument(7, "unwrapKey", usages);
    const operation = normalizeWrapping("unwrapKey", "decrypt", unwrapAlgorithm);
    const importing = normalize("importKey", unwrappedKeyAlgorithm);
    const unwrapping = checkKey(operation, keyArgument(3, "unwrapKey", unwrappingKey), "unwrapKey");
    const bytes = operation.run(unwrapping, held(wrappedKey));
    const data = format === "jwk" ? parseJwk(bytes) : bytes;
    return checkUseful(importing.run(`${format}`, data, Boolean(extractable), wanted));
  }

  /** Cloudflare's own: whether both hold the same bytes, in a time that does not tell where they differ. */
  timingSafeEqual(a, b) {
    requireArguments(arguments.length, 2, "timingSafeEqual", "SubtleCrypto", "ArrayBuffer or ArrayBufferView");
    checkBytes(1, "timingSafeEqual", a);
    checkBytes(2, "timingSafeEqual", b);
    const [first, second] = [held(a), held(b)];
    if (first.byteLength !== second.byteLength) {
      throw new TypeError("Input buffers must have the same byte length.");
    }
    return natives.bytesEqual(first, second);
  }
}

finishInterface(SubtleCrypto);

/** The one SubtleCrypto object. */
export const subtle = new SubtleCrypto(CREATE);

function cipher(name, given, algorithm, key, data) {
  requireArguments(given.length, 3, name, "SubtleCrypto", "ArrayBuffer or ArrayBufferView");
  checkBytes(3, name, data);
  const operation = normalize(name, algorithm);
  return operation.run(checkKey(operation, keyArgument(2, name, key), name), held(data)).buffer;
}

/** `{ name, run(...) }` of an operation, with its parameters read. */
function normalize(operation, algorithm) {
  const requested = nameOf(algorithm);
  const name = Object.keys(algorithms).find((known) => equalNames(known, requested));
  const found = name === undefined ? undefined : algorithms[name][operation];
  if (found === undefined) {
    const describe = UNKNOWN[operation] ?? ((text) => `The ${operation} operation is not implemented for "${text}".`);
    fail("NotSupportedError", describe(requested));
  }
  const [members, run] = found;
  const parameters = readParameters(members, typeof algorithm === "object" ? algorithm : {});
  return { name, run: (...rest) => run(parameters, ...rest) };
}

/** Any cipher can wrap. */
function normalizeWrapping(operation, substitute, algorithm) {
  const requested = nameOf(algorithm);
  const name = Object.keys(algorithms).find((known) => equalNames(known, requested));
  const wraps = name !== undefined && algorithms[name][operation] !== undefined;
  return normalize(wraps ? operation : substitute, algorithm);
}

/** The key's parts, if it is of the operation's algorithm and may be used so. */
function checkKey({ name }, key, usage) {
  if (key.algorithm.name !== name) {
    const own = `this CryptoKey's algorithm "${key.algorithm.name}"`;
    fail("InvalidAccessError", `Requested algorithm "${name}" does not match ${own}.`);
  }
  if (!key.usages.includes(usage)) {
    fail("InvalidAccessError", `Requested key usage "${usage}" does not match any usage listed in this CryptoKey.`);
  }
  return key;
}

/** A key that may be used for nothing is a mistake, unless everyone may have it. */
function checkUseful(key) {
  const { type, usages } = partsOf(key);
  if (type !== "public" && usages.length === 0) {
    fail("SyntaxError", "Secret/private CryptoKeys must have at least one usage.");
  }
  return key;
}

function exportParts(format, key) {
  const { exportKey } = algorithms[key.algorithm.name];
  if (exportKey === undefined) {
    fail("NotSupportedError", `Unrecognized or unsupported export of "${key.algorithm.name}" requested.`);
  }
  if (!["raw", "pkcs8", "spki", "jwk"].includes(format)) {
    fail("NotSupportedError", `Unrecognized key export format "${format}".`);
  }
  if (!key.extractable) {
    fail("InvalidAccessError", `Attempt to export non-extractable ${key.algorithm.name} key.`);
  }
  return exportKey(key, format);
}

function parseJwk(bytes) {
  try {
    const jwk = JSON.parse(natives.decodeUtf8(bytes));
    if (typeof jwk === "object" && jwk !== null && jwk.kty !== undefined) return jwk;
  } catch {
    // What is no JSON is no key either.
  }
  return fail("DataError", 'Missing "kty" field or corrupt JSON unwrapping key?');
}

function checkKeyData(format, data) {
  if (format === "jwk") {
    if (typeof data === "object" && data !== null && !isBufferSource(data)) return;
    throw new TypeError('Import data provided for "jwk" import format must be a JsonWebKey.');
  }
  if (isBufferSource(data)) return;
  throw new TypeError('Import data provided for "raw", "pkcs8", or "spki" import formats must be a buffer source.');
}

function checkBytes(position, method, data) {
  if (!isBufferSource(data)) {
    throw argumentError(position, method, "SubtleCrypto", "ArrayBuffer or ArrayBufferView");
  }
}

// Looked at only after the algorithm: reading that may run a script's code, which may take the buffer away.
function held(data) {
  const buffer = ArrayBuffer.isView(data) ? data.buffer : data;
  return buffer.detached ? new Uint8Array(0) : bytesOf(data);
}

function keyArgument(position, method, key) {
  return partsOf(key) ?? raise(argumentError(position, method, "SubtleCrypto", "CryptoKey"));
}

function usagesArgument(position, method, usages) {
  if (typeof usages?.[Symbol.iterator] !== "function" || typeof usages === "string") {
    throw argumentError(position, method, "SubtleCrypto", "Array");
  }
  return [...usages].map((usage) => `${usage}`);
}

function lengthArgument(length) {
  const number = Math.trunc(Number(length));
  if (!(number >= 0 && number <= 0xffff_ffff)) {
    throw new TypeError("deriveBits length must be an unsigned long integer.");
  }
  return number;
}

function raise(error) {
  throw error;
}
