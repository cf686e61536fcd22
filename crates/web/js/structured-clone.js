// structuredClone(): copies a graph of values, cycles and shared parts included.
// https://html.spec.whatwg.org/#structured-cloning

import { Blob, File } from "./blob.js";
import { cloneKey, CryptoKey } from "./crypto/key.js";
import { isOn, isPedantic } from "./flags.js";
import { Headers } from "./headers.js";
import { Request } from "./request.js";
import { Response } from "./response.js";
import { WeakRef } from "./weak-ref.js";
import { requireArguments, toDictionary } from "./webidl.js";

const ERROR_CLASSES = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/** https://html.spec.whatwg.org/#dom-structuredclone */
export function structuredClone(value, options) {
  requireArguments(arguments.length, 1, "structuredClone", "ServiceWorkerGlobalScope", "any");
  const { transfer } = toDictionary(options, "structuredClone", "ServiceWorkerGlobalScope", 2);
  const list = transfer === undefined ? [] : [...transfer];
  checkTransfer(list);
  const moves = new Cloner(list);
  const clone = moves.clone(value);
  moves.finish();
  return clone;
}

function checkTransfer(list) {
  for (const [index, item] of list.entries()) {
    if (!(item instanceof ArrayBuffer) || item.detached || list.indexOf(item) !== index) {
      throw new DOMException(`${describe(item)} could not be transferred.`, "DataCloneError");
    }
  }
}

class Cloner {
  #copies = new Map();
  #transferred;

  constructor(transferred) {
    this.#transferred = new Set(transferred);
  }

  clone(value) {
    if (typeof value === "symbol" || typeof value === "function") throw notCloneable(value);
    if (typeof value !== "object" || value === null) return value;
    const known = this.#copies.get(value);
    return known ?? this.#object(value);
  }

  /** Takes the buffers that were on the transfer list but nowhere in the value. */
  finish() {
    for (const buffer of this.#transferred) if (!this.#copies.has(buffer)) buffer.transfer();
  }

  #object(value) {
    const leaf = this.#leaf(value);
    if (leaf !== undefined) return this.#remember(value, leaf);
    if (Array.isArray(value)) return this.#fill(value, new Array(value.length));
    if (value instanceof Map) return this.#map(value);
    if (value instanceof Set) return this.#set(value);
    if (value instanceof Error) return this.#error(value);
    if (ArrayBuffer.isView(value)) return this.#view(value);
    if (isPlain(value)) return this.#fill(value, {});
    throw unserializable(value);
  }

  // What holds no other values; undefined for everything else.
  #leaf(value) {
    if (value instanceof Date) return new Date(value.getTime());
    if (value instanceof RegExp) return new RegExp(value.source, value.flags);
    if (value instanceof ArrayBuffer) return this.#buffer(value);
    for (const wrapper of [Number, String, Boolean, BigInt]) {
      if (value instanceof wrapper) return Object(value.valueOf());
    }
    if (value instanceof Symbol) throw notCloneable(value);
    return this.#api(value);
  }

  #api(value) {
    if (value instanceof File) {
      return new File([value], value.name, { type: value.type, lastModified: value.lastModified });
    }
    if (value instanceof Blob) return new Blob([value], { type: value.type });
    if (value instanceof CryptoKey) return cloneKey(value);
    if (value instanceof Headers) return new Headers(value);
    if (value instanceof Request || value instanceof Response) return value.clone();
    if (value instanceof DOMException) return new DOMException(value.message, value.name);
    return undefined;
  }

  #buffer(buffer) {
    if (buffer.detached) {
      throw new DOMException("An ArrayBuffer is detached and could not be cloned.", "DataCloneError");
    }
    return this.#transferred.has(buffer) ? buffer.transfer() : buffer.slice();
  }

  #view(view) {
    const { byteOffset, byteLength, length, constructor } = view;
    const buffer = this.clone(view.buffer);
    return this.#remember(view, new constructor(buffer, byteOffset, length ?? byteLength));
  }

  #map(map) {
    const copy = this.#remember(map, new Map());
    for (const [key, item] of [...map]) copy.set(this.clone(key), this.clone(item));
    return copy;
  }

  #set(set) {
    const copy = this.#remember(set, new Set());
    for (const item of [...set]) copy.add(this.clone(item));
    return copy;
  }

  #error(error) {
    const kind = ERROR_CLASSES[error.name] ?? Error;
    const copy = this.#remember(error, new kind(error.message));
    for (const key of errorKeys(error)) {
      const property = Object.getOwnPropertyDescriptor(error, key);
      if (property !== undefined && "value" in property) {
        Object.defineProperty(copy, key, { ...property, value: this.clone(property.value) });
      }
    }
    return copy;
  }

  #fill(value, copy) {
    this.#remember(value, copy);
    for (const key of Object.keys(value)) copy[key] = this.clone(value[key]);
    return copy;
  }

  #remember(value, copy) {
    this.#copies.set(value, copy);
    return copy;
  }
}

// Objects of a script's own classes lose their class; those that the platform made cannot be copied.
function isPlain(value) {
  return value[Symbol.toStringTag] === undefined && !(value instanceof Promise) && !(value instanceof WeakRef);
}

// What is copied of an error beside its message. The standard copies no properties of a script's own.
function errorKeys(error) {
  const isEnhanced = isOn("enhanced_error_serialization") && !isPedantic();
  return isEnhanced ? new Set(["stack", "cause", "name", ...Object.keys(error)]) : ["stack", "cause"];
}

function notCloneable(value) {
  return new DOMException(`${describe(value)} could not be cloned.`, "DataCloneError");
}

function unserializable(value) {
  const type = value[Symbol.toStringTag];
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
    return notCloneable(value);
  }
  // What the platform's user defines, a binding for instance, may have its own words for it.
  const message =
    value[Symbol.for("hognose.unserializable")] ??
    `Could not serialize object of type "${type}". This type does not support serialization.`;
  return new DOMException(message, "DataCloneError");
}

function describe(value) {
  if (typeof value === "object" && value !== null) return `#<${value.constructor?.name ?? "Object"}>`;
  return String(value);
}
