// What readable and writable streams share: how they are constructed, destroyed and closed.

import { captureRejectionSymbol, EventEmitter } from "../events.js";
import { abortError, multipleCallbacks } from "./errors.js";

/** How much is buffered before a stream says that it is full: in bytes, and in objects. */
const defaults = { bytes: 64 * 1024, objects: 16 };

export const getDefaultHighWaterMark = (objectMode) => (objectMode ? defaults.objects : defaults.bytes);

export function setDefaultHighWaterMark(objectMode, value) {
  defaults[objectMode ? "objects" : "bytes"] = value;
}

/** Runs a function as soon as what runs now is over. */
export const soon = (callback, ...args) => queueMicrotask(() => callback(...args));

const LIFE = Symbol("life");

/** The state of a stream as a whole. Both sides of a Duplex share one. */
export const lifeOf = (stream) => stream[LIFE];

/** What older programs look up in the state of one side, which is the whole stream's. */
export class SideState {
  #stream;

  constructor(stream) {
    this.#stream = stream;
  }

  get autoDestroy() {
    return lifeOf(this.#stream).autoDestroy;
  }
  get closeEmitted() {
    return lifeOf(this.#stream).closeEmitted;
  }
  get closed() {
    return lifeOf(this.#stream).closed;
  }
  get constructed() {
    return lifeOf(this.#stream).constructed;
  }
  get destroyed() {
    return lifeOf(this.#stream).destroyed;
  }
  get emitClose() {
    return lifeOf(this.#stream).emitsClose;
  }
  get errorEmitted() {
    return lifeOf(this.#stream).errorEmitted;
  }
  get errored() {
    return lifeOf(this.#stream).errored;
  }
}

/** Begins the life of a stream; the second half of a Duplex finds it begun. */
export function beginLife(stream, options) {
  if (stream[LIFE] !== undefined) return;
  const life = {
    autoDestroy: options.autoDestroy !== false,
    closeEmitted: false,
    closed: false,
    constructed: true,
    destroyed: false,
    emitsClose: options.emitClose !== false,
    errorEmitted: false,
    errored: null,
    onConstructed: undefined,
  };
  Object.defineProperty(stream, LIFE, { value: life });
  for (const name of ["read", "write", "writev", "final", "destroy", "construct", "transform", "flush"]) {
    if (typeof options[name] === "function") stream[`_${name}`] = options[name];
  }
  if (options.signal) destroyOnAbort(options.signal, stream);
}

/** Destroys a stream when a signal aborts. */
export function destroyOnAbort(signal, stream) {
  const abort = () => stream.destroy(abortError(signal.reason));
  if (signal.aborted) {
    abort();
    return;
  }
  signal.addEventListener("abort", abort, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", abort));
}

/** Runs `_construct`, where there is one; until it is done nothing is read or written. `ready` runs afterwards. */
export function construct(stream, ready) {
  if (typeof stream._construct !== "function") return;
  const life = stream[LIFE];
  life.constructed = false;
  soon(() => {
    const done = once((error) => {
      life.constructed = true;
      if (life.onConstructed !== undefined) life.onConstructed(error);
      else if (error) failStream(stream, error);
      else soon(ready);
    }, stream);
    try {
      stream._construct((error) => soon(done, error));
    } catch (error) {
      soon(done, error);
    }
  });
}

/** A callback that may be called once; more is the stream's error. */
export function once(callback, stream) {
  let called = false;
  return (...args) => {
    if (called) return failStream(stream, multipleCallbacks());
    called = true;
    return callback(...args);
  };
}

/** An error in a stream: destroys it, or is only told, as its options say. */
export function failStream(stream, error, later = false) {
  const life = stream[LIFE];
  if (life.destroyed) return;
  if (life.autoDestroy) {
    stream.destroy(error);
    return;
  }
  life.errored ??= error;
  if (later) soon(emitError, stream, error);
  else emitError(stream, error);
}

function emitError(stream, error) {
  const life = stream[LIFE];
  if (life.errorEmitted) return;
  life.errorEmitted = true;
  stream.emit("error", error);
}

function emitClose(stream) {
  const life = stream[LIFE];
  if (life.closeEmitted) return;
  life.closeEmitted = true;
  if (life.emitsClose) stream.emit("close");
}

function finishDestroying(stream, error, callback) {
  const life = stream[LIFE];
  const done = once((failure) => {
    life.errored ??= failure ?? null;
    life.closed = true;
    callback?.(failure);
    soon(() => {
      if (failure) emitError(stream, failure);
      emitClose(stream);
    });
  }, stream);
  try {
    stream._destroy(error ?? null, done);
  } catch (failure) {
    done(failure);
  }
}

/** The base of all streams; by itself an emitter of events. */
export class Stream extends EventEmitter {
  [captureRejectionSymbol](error) {
    this.destroy(error);
  }

  get closed() {
    return this[LIFE]?.closed ?? false;
  }
  get destroyed() {
    return this[LIFE]?.destroyed ?? false;
  }
  set destroyed(value) {
    if (this[LIFE] !== undefined) this[LIFE].destroyed = value;
  }
  get errored() {
    return this[LIFE]?.errored ?? null;
  }

  /** Ends the stream at once, with an error or without. */
  destroy(error, callback) {
    const life = this[LIFE];
    if (life.destroyed) {
      callback?.();
      return this;
    }
    life.destroyed = true;
    if (error) life.errored ??= error;
    this._abandon?.();
    if (life.constructed) finishDestroying(this, error, callback);
    else life.onConstructed = (failure) => finishDestroying(this, failure ?? error, callback);
    return this;
  }

  _destroy(error, callback) {
    callback(error);
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    const error = this.destroyed ? null : abortError();
    const closed = new Promise((resolve) => this.once("close", resolve));
    if (error !== null) {
      this.on("error", () => {});
      this.destroy(error);
    }
    if (!this[LIFE].closeEmitted) await closed;
  }
}
