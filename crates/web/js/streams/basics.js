// What every part of the Streams standard leans on: promises that are built late, queues that know their size,
// and the two strategies. https://streams.spec.whatwg.org/

import { argumentError, finishInterfaces, requireArguments } from "../webidl.js";

/**
 * A promise that exists only once somebody looks, since most streams end without anyone asking for `closed` or
 * `ready`. A rejection counts as handled: the standard wants it so for all of these.
 */
export class Outcome {
  #state = "pending";
  #value;
  #resolvers;

  get pending() {
    return this.#state === "pending";
  }

  get promise() {
    if (this.#resolvers === undefined) {
      this.#resolvers = Promise.withResolvers();
      this.#resolvers.promise.then(undefined, () => {});
      this.#pass();
    }
    return this.#resolvers.promise;
  }

  resolve(value) {
    this.#settle("resolved", value);
  }

  reject(error) {
    this.#settle("rejected", error);
  }

  #settle(state, value) {
    if (this.#state !== "pending") return;
    this.#state = state;
    this.#value = value;
    if (this.#resolvers !== undefined) this.#pass();
  }

  #pass() {
    if (this.#state === "resolved") this.#resolvers.resolve(this.#value);
    else if (this.#state === "rejected") this.#resolvers.reject(this.#value);
  }

  static resolved(value) {
    const outcome = new Outcome();
    outcome.resolve(value);
    return outcome;
  }

  static rejected(error) {
    const outcome = new Outcome();
    outcome.reject(error);
    return outcome;
  }
}

/** The standard's queue-with-sizes. */
export class SizedQueue {
  #entries = [];
  /** The sum of the sizes. */
  total = 0;

  get length() {
    return this.#entries.length;
  }

  push(value, size) {
    if (typeof size !== "number" || !(size >= 0) || size === Infinity) {
      throw new RangeError("A queuing strategy's size function must return a finite, non-negative number.");
    }
    this.#entries.push({ value, size });
    this.total += size;
  }

  shift() {
    const { value, size } = this.#entries.shift();
    // Rounding may leave something behind; the standard wants it kept, but not below 0.
    this.total = Math.max(0, this.total - size);
    return value;
  }

  peek() {
    return this.#entries[0].value;
  }

  clear() {
    this.#entries = [];
    this.total = 0;
  }
}

// Kept from before scripts ran: a method's own `call` and `apply` are not to be looked at.
const { apply } = Reflect;

/** Calls a method of a user's object, if it is there. */
export function call(object, method, ...args) {
  return method === undefined ? undefined : apply(method, object, args);
}

/** Calls a method of an underlying source, sink or transformer; always answers with a promise. */
export function invoke(object, method, ...args) {
  return new Promise((resolve) => resolve(apply(method, object, args)));
}

/** Reads an optional method from a user's object: absent, or a function, else a TypeError. */
export function methodOf(object, name) {
  const method = object[name];
  if (method === undefined || method === null) return undefined;
  if (typeof method !== "function") throw new TypeError(`The '${name}' property must be a function.`);
  return method;
}

/** The highWaterMark of a strategy. */
export function highWaterMarkOf(strategy, fallback) {
  if (strategy.highWaterMark === undefined) return fallback;
  const mark = Number(strategy.highWaterMark);
  if (Number.isNaN(mark) || mark < 0) {
    throw new RangeError("A queuing strategy's highWaterMark must be a non-negative number.");
  }
  return mark;
}

/** The size function of a strategy: every chunk counts one unless it says otherwise. */
export function sizeOf(strategy) {
  const size = methodOf(strategy, "size");
  return size === undefined ? () => 1 : (chunk) => apply(size, undefined, [chunk]);
}

// One function per realm, as the standard has it: `strategy.size === other.size`.
const byteLengthSize = { size: (chunk) => chunk.byteLength }.size;
const countSize = { size: () => 1 }.size;

class QueuingStrategy {
  #highWaterMark;

  constructor(given, init, name) {
    requireArguments(given, 1, "constructor", name, "QueuingStrategyInit");
    if (init?.highWaterMark === undefined) {
      throw argumentError(1, "constructor", name, "QueuingStrategyInit");
    }
    this.#highWaterMark = Number(init.highWaterMark);
  }

  get highWaterMark() {
    return this.#highWaterMark;
  }
}

/** https://streams.spec.whatwg.org/#blqs-class */
export class ByteLengthQueuingStrategy extends QueuingStrategy {
  constructor(init) {
    super(arguments.length, init, "ByteLengthQueuingStrategy");
  }
  get size() {
    return byteLengthSize;
  }
}

/** https://streams.spec.whatwg.org/#cqs-class */
export class CountQueuingStrategy extends QueuingStrategy {
  constructor(init) {
    super(arguments.length, init, "CountQueuingStrategy");
  }
  get size() {
    return countSize;
  }
}

finishInterfaces(ByteLengthQueuingStrategy, CountQueuingStrategy);
