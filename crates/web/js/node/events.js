// `node:events`: https://nodejs.org/api/events.html

const LISTENERS_MAX = 10;

export const errorMonitor = Symbol("events.errorMonitor");
export const captureRejectionSymbol = Symbol.for("nodejs.rejection");

const withCode = (error, code) => Object.assign(error, { code });

function requireFunction(listener) {
  if (typeof listener === "function") return;
  const message = `The "listener" argument must be of type function. Received ${listener === null ? "null" : typeof listener}`;
  throw withCode(new TypeError(message), "ERR_INVALID_ARG_TYPE");
}

/** Calls listeners by the names of events. */
export class EventEmitter {
  #listeners = new Map();
  #listenersMax;

  static defaultMaxListeners = LISTENERS_MAX;

  #of(name) {
    return this.#listeners.get(name) ?? [];
  }

  #add(name, listener, { once = false, first = false } = {}) {
    requireFunction(listener);
    if (this.#listeners.has("newListener")) this.emit("newListener", name, listener);
    const entry = { listener, once };
    this.#listeners.set(name, first ? [entry, ...this.#of(name)] : [...this.#of(name), entry]);
    return this;
  }

  on(name, listener) {
    return this.#add(name, listener);
  }

  addListener(name, listener) {
    return this.#add(name, listener);
  }

  once(name, listener) {
    return this.#add(name, listener, { once: true });
  }

  prependListener(name, listener) {
    return this.#add(name, listener, { first: true });
  }

  prependOnceListener(name, listener) {
    return this.#add(name, listener, { once: true, first: true });
  }

  off(name, listener) {
    return this.removeListener(name, listener);
  }

  removeListener(name, listener) {
    requireFunction(listener);
    const entries = this.#of(name);
    const last = entries.findLastIndex((entry) => entry.listener === listener || entry === listener);
    if (last < 0) return this;
    this.#replace(name, entries.toSpliced(last, 1));
    if (this.#listeners.has("removeListener")) this.emit("removeListener", name, listener);
    return this;
  }

  removeAllListeners(name) {
    if (name === undefined) this.#listeners.clear();
    else this.#listeners.delete(name);
    return this;
  }

  #replace(name, entries) {
    if (entries.length > 0) this.#listeners.set(name, entries);
    else this.#listeners.delete(name);
  }

  /** Calls the listeners in order; gives whether there were any. An "error" that nobody listens for is thrown. */
  emit(name, ...args) {
    if (name === "error") this.#call(errorMonitor, args);
    const called = this.#call(name, args);
    if (called || name !== "error") return called;
    const [error] = args;
    if (error instanceof Error) throw error;
    throw withCode(new Error(`Unhandled error. (${String(error)})`), "ERR_UNHANDLED_ERROR");
  }

  #call(name, args) {
    const entries = this.#of(name);
    for (const entry of entries) {
      if (entry.once) this.#replace(name, this.#of(name).filter((other) => other !== entry));
      entry.listener.apply(this, args);
    }
    return entries.length > 0;
  }

  eventNames() {
    return [...this.#listeners.keys()];
  }

  listenerCount(name, listener) {
    const entries = this.#of(name);
    return listener ? entries.filter((entry) => entry.listener === listener).length : entries.length;
  }

  listeners(name) {
    return this.#of(name).map((entry) => entry.listener);
  }

  rawListeners(name) {
    return this.#of(name).map(({ listener, once }) => {
      if (!once) return listener;
      const wrapper = (...args) => {
        this.removeListener(name, listener);
        return listener.apply(this, args);
      };
      return Object.assign(wrapper, { listener });
    });
  }

  getMaxListeners() {
    return this.#listenersMax ?? EventEmitter.defaultMaxListeners;
  }

  setMaxListeners(count) {
    this.#listenersMax = count;
    return this;
  }
}

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
