// Deep equality as `node:assert` and `node:util` define it: https://nodejs.org/api/assert.html#comparison-details_1

import { hasBrand } from "./types.js";

/** Whether two values are deeply equal; `strict`: by `Object.is`, prototypes included, rather than by `==`. */
export function isDeepEqual(a, b, strict) {
  return new Comparison(strict).equal(a, b);
}

class Comparison {
  // Pairs under comparison: a cycle is equal to a cycle that runs alike.
  #open = new Map();
  #strict;

  constructor(strict) {
    this.#strict = strict;
  }

  equal(a, b) {
    if (this.#same(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    if (this.#open.get(a) === b) return true;
    this.#open.set(a, b);
    try {
      return this.#objects(a, b);
    } finally {
      this.#open.delete(a);
    }
  }

  #same(a, b) {
    if (Object.is(a, b)) return true;
    if (this.#strict || isObject(a) || isObject(b)) return !this.#strict && a === b;
    return a == b || (a !== a && b !== b);
  }

  #objects(a, b) {
    if (this.#strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    const kind = kindOf(a);
    if (kind !== kindOf(b)) return false;
    if (kind && !this.#contents(kind, a, b)) return false;
    return this.#properties(a, b, Boolean(kind?.indexed));
  }

  #contents(kind, a, b) {
    return kind.equal(a, b, this);
  }

  // Own enumerable properties; indexed elements were compared already.
  #properties(a, b, indexed) {
    const keys = keysOf(a, this.#strict, indexed);
    const others = keysOf(b, this.#strict, indexed);
    if (keys.length !== others.length) return false;
    return keys.every((key) => Object.prototype.propertyIsEnumerable.call(b, key) && this.equal(a[key], b[key]));
  }

  /** Whether two sets hold equal members, in any order. */
  sets(a, b) {
    if (a.size !== b.size) return false;
    const rest = new Set(b);
    return [...a].every((member) => rest.delete(member) || this.#take(rest, (other) => this.equal(member, other)));
  }

  /** Whether two maps hold equal entries, in any order. */
  maps(a, b) {
    if (a.size !== b.size) return false;
    const rest = new Set(b.entries());
    return [...a].every(([key, value]) =>
      this.#take(rest, ([otherKey, other]) => this.equal(key, otherKey) && this.equal(value, other)),
    );
  }

  #take(rest, matches) {
    for (const candidate of rest) {
      if (matches(candidate)) return rest.delete(candidate);
    }
    return false;
  }
}

const bytes = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);

function sameBytes(a, b) {
  const [left, right] = [bytes(a), bytes(b)];
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function sameElements(a, b, comparison) {
  return a.length === b.length && Array.prototype.every.call(a, (element, index) => comparison.equal(element, b[index]));
}

const sameValue = (a, b) => Object.is(a.valueOf(), b.valueOf());

/** What has contents beside its properties, and how they are compared. */
const KINDS = [
  { brand: "Array", indexed: true, equal: sameArrays },
  { brand: "Map", equal: (a, b, comparison) => comparison.maps(a, b) },
  { brand: "Set", equal: (a, b, comparison) => comparison.sets(a, b) },
  { brand: "Date", equal: (a, b) => Object.is(a.getTime(), b.getTime()) },
  { brand: "RegExp", equal: (a, b) => String(a) === String(b) && a.lastIndex === b.lastIndex },
  { brand: "Error", equal: (a, b, comparison) => a.name === b.name && a.message === b.message && comparison.equal(a.cause, b.cause) },
  { brand: "TypedArray", indexed: true, equal: sameElements },
  { brand: "DataView", equal: sameBytes },
  { brand: "AnyArrayBuffer", equal: sameBytes },
  { brand: "BoxedPrimitive", equal: sameValue },
  { brand: "Function", equal: () => false },
  { brand: "WeakMap", equal: () => false },
  { brand: "WeakSet", equal: () => false },
  { brand: "Promise", equal: () => false },
];

// A hole is not the same as an element.
function sameArrays(a, b, comparison) {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    if (index in a !== index in b || !comparison.equal(a[index], b[index])) return false;
  }
  return true;
}

function kindOf(value) {
  return KINDS.find(({ brand }) => hasBrand(value, brand));
}

function keysOf(value, strict, indexed) {
  const names = Object.keys(value).filter((key) => !indexed || !/^(0|[1-9]\d*)$/.test(key));
  if (!strict) return names;
  const isEnumerable = (symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol);
  return [...names, ...Object.getOwnPropertySymbols(value).filter(isEnumerable)];
}

function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
