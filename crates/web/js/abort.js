// AbortController and AbortSignal. Internal users attach plain functions with `onAbort`; only scripts pay for events.

import { defineHandler, Event, EventTarget } from "./events.js";
import { natives } from "./natives.js";
import { argumentError, finishInterfaces, illegalConstructor } from "./webidl.js";

const CREATE = Symbol("create");

let abortSignal;
let algorithmsOf;

/** https://dom.spec.whatwg.org/#interface-AbortSignal */
export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason;
  #algorithms = new Set();

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
    const sources = [...signals];
    const result = new AbortSignal(CREATE);
    const aborted = sources.find((source) => source.aborted);
    if (aborted !== undefined) result.#abort(aborted.reason);
    else for (const source of sources) onAbort(source, (reason) => result.#abort(reason));
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

  #abort(reason = new DOMException("The operation was aborted", "AbortError")) {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const algorithms = [...this.#algorithms];
    this.#algorithms.clear();
    for (const algorithm of algorithms) algorithm(reason);
    this.dispatchEvent(new Event("abort"));
  }
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
