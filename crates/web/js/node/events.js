// `node:events`: https://nodejs.org/api/events.html

import { callable } from "./callable.js";
import { withCode } from "./errors.js";

const LISTENERS_MAX = 10;

export const errorMonitor = Symbol("events.errorMonitor");
export const captureRejectionSymbol = Symbol.for("nodejs.rejection");

function requireFunction(listener) {
  if (typeof listener === "function") return;
  const message = `The "listener" argument must be of type function. Received ${listener === null ? "null" : typeof listener}`;
  throw withCode(new TypeError(message), "ERR_INVALID_ARG_TYPE");
}

/** One listener of an event. */
class Entry {
  constructor(listener, once) {
    this.listener = listener;
    this.once = once;
  }
}

const STATE = Symbol("listeners");

// What an emitter knows. It is made when first asked for: older programs inherit without calling the constructor.
function stateOf(emitter) {
  if (!Object.hasOwn(emitter, STATE)) {
    const state = { listeners: new Map(), listenersMax: undefined, capturesRejections: false };
    Object.defineProperty(emitter, STATE, { value: state });
  }
  return emitter[STATE];
}

const entriesOf = (emitter, name) => stateOf(emitter).listeners.get(name) ?? [];

function replaceEntries(emitter, name, entries) {
  const { listeners } = stateOf(emitter);
  if (entries.length > 0) listeners.set(name, entries);
  else listeners.delete(name);
}

function add(emitter, name, listener, { once = false, first = false } = {}) {
  requireFunction(listener);
  if (stateOf(emitter).listeners.has("newListener")) emitter.emit("newListener", name, listener);
  const entry = new Entry(listener, once);
  replaceEntries(emitter, name, first ? [entry, ...entriesOf(emitter, name)] : [...entriesOf(emitter, name), entry]);
  return emitter;
}

// Calls the listeners in order; gives whether there were any.
function call(emitter, name, args) {
  const entries = entriesOf(emitter, name);
  for (const entry of entries) {
    if (entry.once) emitter.removeListener(name, entry);
    const result = entry.listener.apply(emitter, args);
    if (stateOf(emitter).capturesRejections) capture(emitter, name, result, args);
  }
  return entries.length > 0;
}

// What an asynchronous listener fails with is the emitter's error.
function capture(emitter, name, result, args) {
  if (typeof result?.then !== "function") return;
  result.then(undefined, (error) => {
    queueMicrotask(() => {
      if (typeof emitter[captureRejectionSymbol] === "function") emitter[captureRejectionSymbol](error, name, ...args);
      else emitter.emit("error", error);
    });
  });
}

function initialize(options) {
  stateOf(this).capturesRejections = options?.captureRejections === true;
}

/** Calls listeners by the names of events. */
class Emitter {
  static defaultMaxListeners = LISTENERS_MAX;

  constructor(options) {
    initialize.call(this, options);
  }

  on(name, listener) {
    return add(this, name, listener);
  }

  once(name, listener) {
    return add(this, name, listener, { once: true });
  }

  prependListener(name, listener) {
    return add(this, name, listener, { first: true });
  }

  prependOnceListener(name, listener) {
    return add(this, name, listener, { once: true, first: true });
  }

  removeListener(name, listener) {
    if (!(listener instanceof Entry)) requireFunction(listener);
    const entries = entriesOf(this, name);
    const last = entries.findLastIndex((entry) => entry.listener === listener || entry === listener);
    if (last < 0) return this;
    replaceEntries(this, name, entries.toSpliced(last, 1));
    if (stateOf(this).listeners.has("removeListener")) this.emit("removeListener", name, entries[last].listener);
    return this;
  }

  removeAllListeners(name) {
    const { listeners } = stateOf(this);
    if (name === undefined) listeners.clear();
    else listeners.delete(name);
    return this;
  }

  /** Calls the listeners in order; gives whether there were any. An "error" that nobody listens for is thrown. */
  emit(name, ...args) {
    if (name === "error") call(this, errorMonitor, args);
    const called = call(this, name, args);
    if (called || name !== "error") return called;
    const [error] = args;
    if (error instanceof Error) throw error;
    throw withCode(new Error(`Unhandled error. (${String(error)})`), "ERR_UNHANDLED_ERROR");
  }

  eventNames() {
    return [...stateOf(this).listeners.keys()];
  }

  listenerCount(name, listener) {
    const entries = entriesOf(this, name);
    return listener ? entries.filter((entry) => entry.listener === listener).length : entries.length;
  }

  listeners(name) {
    return entriesOf(this, name).map((entry) => entry.listener);
  }

  rawListeners(name) {
    return entriesOf(this, name).map(({ listener, once }) => {
      if (!once) return listener;
      const wrapper = (...args) => {
        this.removeListener(name, listener);
        return listener.apply(this, args);
      };
      return Object.assign(wrapper, { listener });
    });
  }

  getMaxListeners() {
    return stateOf(this).listenersMax ?? EventEmitter.defaultMaxListeners;
  }

  setMaxListeners(count) {
    stateOf(this).listenersMax = count;
    return this;
  }
}

Emitter.prototype.addListener = Emitter.prototype.on;
Emitter.prototype.off = Emitter.prototype.removeListener;

export const EventEmitter = callable(Emitter, initialize);
Object.defineProperty(EventEmitter, "name", { value: "EventEmitter" });

const isTarget = (emitter) => typeof emitter.addEventListener === "function";

function listen(emitter, name, listener, options) {
  if (isTarget(emitter)) emitter.addEventListener(name, listener, options);
  else if (options?.once) emitter.once(name, listener);
  else emitter.on(name, listener);
}

function unlisten(emitter, name, listener) {
  if (isTarget(emitter)) emitter.removeEventListener(name, listener);
  else emitter.removeListener(name, listener);
}

const aborted = (signal) =>
  withCode(Object.assign(new Error("The operation was aborted", { cause: signal.reason }), { name: "AbortError" }), "ABORT_ERR");

/** A promise of the arguments of the next event. */
export function once(emitter, name, { signal } = {}) {
  const { promise, resolve, reject } = Promise.withResolvers();
  if (signal?.aborted) return Promise.reject(aborted(signal));
  const listener = (...args) => settle(resolve, args);
  const failed = (error) => settle(reject, error);
  const cancelled = () => settle(reject, aborted(signal));
  const watchesErrors = name !== "error" && !isTarget(emitter);
  const settle = (end, value) => {
    unlisten(emitter, name, listener);
    if (watchesErrors) unlisten(emitter, "error", failed);
    signal?.removeEventListener("abort", cancelled);
    end(value);
  };
  listen(emitter, name, listener, { once: true });
  if (watchesErrors) listen(emitter, "error", failed, { once: true });
  signal?.addEventListener("abort", cancelled, { once: true });
  return promise;
}

/** An asynchronous iterator over the arguments of all events to come. */
export async function* on(emitter, name, { signal } = {}) {
  const queue = [];
  let wake = Promise.withResolvers();
  const push = (item) => {
    queue.push(item);
    wake.resolve();
  };
  const listener = (...args) => push({ args });
  const failed = (error) => push({ error });
  const cancelled = () => push({ error: aborted(signal) });
  listen(emitter, name, listener);
  if (!isTarget(emitter)) listen(emitter, "error", failed);
  if (signal?.aborted) cancelled();
  signal?.addEventListener("abort", cancelled, { once: true });
  try {
    while (true) {
      while (queue.length > 0) {
        const item = queue.shift();
        if (item.error) throw item.error;
        yield item.args;
      }
      await wake.promise;
      wake = Promise.withResolvers();
    }
  } finally {
    unlisten(emitter, name, listener);
    if (!isTarget(emitter)) unlisten(emitter, "error", failed);
    signal?.removeEventListener("abort", cancelled);
  }
}

export const getEventListeners = (emitter, name) => emitter.listeners?.(name) ?? [];
export const listenerCount = (emitter, name) => emitter.listenerCount(name);
export const getMaxListeners = (emitter) => emitter.getMaxListeners();

export function setMaxListeners(count, ...emitters) {
  if (emitters.length === 0) EventEmitter.defaultMaxListeners = count;
  for (const emitter of emitters) emitter.setMaxListeners?.(count);
}

Object.assign(EventEmitter, {
  EventEmitter, captureRejectionSymbol, errorMonitor, getEventListeners, getMaxListeners, listenerCount, on, once, setMaxListeners,
});

export default EventEmitter;
