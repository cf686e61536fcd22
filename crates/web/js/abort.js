// AbortController and AbortSignal. Internal users attach plain functions with `onAbort`; only scripts pay for events.

import { defineHandler, Event, EventTarget, trust } from "./events.js";
import { natives } from "./natives.js";
import { argumentError, finishInterfaces, illegalConstructor, requireArguments } from "./webidl.js";

const CREATE = Symbol("create");

let abortSignal;
let algorithmsOf;

/** https://dom.spec.whatwg.org/#interface-AbortSignal */
export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason;
  #algorithms = new Set();
  // For `any`: whose abort is this one's too, and the other way round.
  #sources;
  #dependents;

  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
    super();
  }

  static {
    abortSignal = (signal, reason) => signal.#abort(reason);
    algorithmsOf = (signal) => signal.#algorithms;
  }

  static abort(reason) {
    const signal = new AbortSignal(CREATE);
    signal.#abort(reason);
    return signal;
  }

  static timeout(milliseconds) {
    const delay = Number(milliseconds);
    if (!(delay >= 0)) throw argumentError(1, "timeout", "AbortSignal", "unsigned long long");
    const signal = new AbortSignal(CREATE);
    const expire = () =>
      signal.#abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    natives.setTimer(delay, false, expire);
    return signal;
  }

  static any(signals) {
    requireArguments(arguments.length, 1, "any", "AbortSignal", "Array");
    const sources = Array.from(signals, checkSignal);
    const result = new AbortSignal(CREATE);
    const aborted = sources.find((source) => source.aborted);
    if (aborted !== undefined) result.#abort(aborted.reason);
    else result.#follow(sources);
    return result;
  }

  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }

  // Depends on the signals that nothing else decides over, so that one abort reaches all of its dependents at once.
  #follow(sources) {
    const roots = sources.flatMap((source) => (source.#sources === undefined ? [source] : [...source.#sources]));
    this.#sources = new Set(roots);
    for (const root of this.#sources) {
      root.#dependents ??= new Set();
      root.#dependents.add(this);
    }
  }

  #abort(reason = new DOMException("The operation was aborted", "AbortError")) {
    if (this.#aborted) return;
    const signals = [this, ...[...(this.#dependents ?? [])].filter((dependent) => !dependent.#aborted)];
    // All are aborted before the first listener runs.
    for (const signal of signals) signal.#settle(reason);
    for (const signal of signals) signal.#announce(reason);
  }

  #settle(reason) {
    this.#aborted = true;
    this.#reason = reason;
    for (const source of this.#sources ?? []) source.#dependents?.delete(this);
    this.#dependents = undefined;
  }

  #announce(reason) {
    const algorithms = [...this.#algorithms];
    this.#algorithms.clear();
    for (const algorithm of algorithms) algorithm(reason);
    this.dispatchEvent(trust(new Event("abort")));
  }
}

function checkSignal(signal) {
  if (signal instanceof AbortSignal) return signal;
  throw argumentError(1, "any", "AbortSignal", "AbortSignal");
}

defineHandler(AbortSignal, "abort");

/** https://dom.spec.whatwg.org/#interface-abortcontroller */
export class AbortController {
  #signal = new AbortSignal(CREATE);

  get signal() {
    return this.#signal;
  }
  abort(reason) {
    abortSignal(this.#signal, reason);
  }
}

finishInterfaces(AbortSignal, AbortController);

/** Runs `algorithm(reason)` when the signal aborts. Returns a function that takes it back. */
export function onAbort(signal, algorithm) {
  const algorithms = algorithmsOf(signal);
  algorithms.add(algorithm);
  return () => algorithms.delete(algorithm);
}

/** A signal of the runtime's own, for instance an incoming request's. */
export function createSignal() {
  return new AbortSignal(CREATE);
}

export { abortSignal };
