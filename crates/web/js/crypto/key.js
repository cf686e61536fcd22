// CryptoKey: what scripts see of a key, and what only the algorithms see: its bytes.

import { finishInterface, illegalConstructor } from "../webidl.js";

const CREATE = Symbol("create");

/** The usages in the order in which a key lists them. */
export const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

/** https://w3c.github.io/webcrypto/#cryptokey-interface */
export class CryptoKey {
  #parts;
  // What scripts were given: they may change it without changing the key.
  #shown = {};

  constructor(token, parts) {
    if (token !== CREATE) throw illegalConstructor();
    this.#parts = parts;
  }

  get type() {
    return this.#parts.type;
  }
  get extractable() {
    return this.#parts.extractable;
  }
  get algorithm() {
    return (this.#shown.algorithm ??= showAlgorithm(this.#parts.algorithm));
  }
  get usages() {
    return (this.#shown.usages ??= [...this.#parts.usages]);
  }

  static partsOf(token, key) {
    if (token !== CREATE || typeof key !== "object" || key === null) return undefined;
    return #parts in key ? key.#parts : undefined;
  }
}

function showAlgorithm({ hash, publicExponent, ...rest }) {
  if (publicExponent !== undefined) rest.publicExponent = publicExponent.slice();
  if (hash !== undefined) rest.hash = { name: hash };
  return rest;
}

const partsOfKey = CryptoKey.partsOf.bind(null, CREATE);
delete CryptoKey.partsOf;
finishInterface(CryptoKey);

/** `{ type, extractable, algorithm, usages, data }` of a key, where `data` is its algorithm's own; else undefined. */
export const partsOf = partsOfKey;

/** A key of such parts. Its usages are put in order. */
export function makeKey({ usages, ...parts }) {
  return new CryptoKey(CREATE, { ...parts, usages: USAGES.filter((usage) => usages.includes(usage)) });
}

/** A second object for the same key. */
export function cloneKey(key) {
  return makeKey(partsOf(key));
}

/** Throws a DOMException. */
export function fail(name, message) {
  throw new DOMException(message, name);
}

/** Throws unless every usage is one of those that the algorithm allows. `action` says what for, as workerd words it. */
export function checkUsages(usages, allowed, action, algorithm) {
  for (const usage of usages) {
    if (!allowed.includes(usage)) {
      fail("SyntaxError", `Attempt to ${action} ${algorithm} key with invalid usage "${usage}".`);
    }
  }
}
