// Duplex, Transform and PassThrough. https://nodejs.org/api/stream.html#duplex-and-transform-streams

import { callable } from "../callable.js";
import { construct, failStream, lifeOf, once } from "./base.js";
import { notImplemented } from "./errors.js";
import { beginReadable, Readable } from "./readable.js";
import { beginWritable, continueWriting, Writable } from "./writable.js";

/** A stream with two sides. */
class Duplex extends Readable {
  constructor(options) {
    super(options);
    beginSecondSide(this, options ?? {});
  }
}

// The writable side: a class can extend one only.
for (const key of Reflect.ownKeys(Writable.prototype)) {
  if (key === "constructor" || key === "pipe") continue;
  Object.defineProperty(Duplex.prototype, key, Object.getOwnPropertyDescriptor(Writable.prototype, key));
}

function initializeDuplex(options) {
  beginReadable(this, options);
  beginSecondSide(this, options ?? {});
}

function beginSecondSide(stream, options) {
  beginWritable(stream, options);
  if (options.readable === false) {
    Object.assign(stream._readableState, { readable: false, ended: true, endEmitted: true });
  }
  if (options.writable === false) {
    Object.assign(stream._writableState, { writable: false, ending: true, ended: true, finished: true });
  }
  stream.allowHalfOpen = options.allowHalfOpen !== false;
  construct(stream, () => {
    continueWriting(stream);
    if (stream._readableState.needReadable) stream.read(0);
  });
}

const CallableDuplex = callable(Duplex, initializeDuplex);

const WAITING = Symbol("waiting");

/** A Duplex whose output is made of its input. */
class Transform extends CallableDuplex {
  constructor(options) {
    super(options);
    beginTransform(this);
  }

  _transform() {
    throw notImplemented("_transform()");
  }

  _write(chunk, encoding, callback) {
    const readable = this._readableState;
    const { length } = readable;
    const done = once((error, output) => {
      if (error) {
        callback(error);
        return;
      }
      if (output !== undefined && output !== null) this.push(output);
      const hasRoom = length === readable.length || readable.length < readable.highWaterMark;
      if (this._writableState.ended || hasRoom) callback();
      else this[WAITING] = callback;
    }, this);
    try {
      this._transform(chunk, encoding, done);
    } catch (error) {
      // What `write` throws is its caller's: so it is with Node's own streams.
      this._writableState.writing = false;
      throw error;
    }
  }

  _read() {
    const callback = this[WAITING];
    this[WAITING] = undefined;
    callback?.();
  }

  _final(callback) {
    endTransform(this, callback);
  }
}

function beginTransform(stream) {
  stream._readableState.sync = false;
  Object.defineProperty(stream, WAITING, { value: undefined, writable: true });
  // A stream with a `_final` of its own has its output ended afterwards.
  stream.on("prefinish", () => {
    if (stream._final !== Transform.prototype._final) endTransform(stream);
  });
}

function endTransform(stream, callback) {
  if (typeof stream._flush !== "function" || stream.destroyed) {
    stream.push(null);
    callback?.();
    return;
  }
  stream._flush((error, output) => {
    if (error) {
      if (callback) callback(error);
      else failStream(stream, error);
      return;
    }
    if (output !== undefined && output !== null) stream.push(output);
    stream.push(null);
    callback?.();
  });
}

const CallableTransform = callable(Transform, function initialize(options) {
  initializeDuplex.call(this, options);
  beginTransform(this);
});

/** A Transform that changes nothing. */
class PassThrough extends CallableTransform {
  _transform(chunk, _encoding, callback) {
    callback(null, chunk);
  }
}

const CallablePassThrough = callable(PassThrough, function initialize(options) {
  initializeDuplex.call(this, options);
  beginTransform(this);
});

/** Two streams, each of which reads what the other is written. */
export function duplexPair(options) {
  const waiting = new Map();
  const side = (other) => {
    const stream = new CallableDuplex({
      ...options,
      read() {
        const callback = waiting.get(stream);
        waiting.delete(stream);
        callback?.();
      },
      write(chunk, _encoding, callback) {
        waiting.set(other(), callback);
        other().push(chunk);
      },
      final(callback) {
        other().on("end", callback);
        other().push(null);
      },
    });
    return stream;
  };
  const first = side(() => second);
  const second = side(() => first);
  return [first, second];
}

/** Whether a stream of Node's kind has been begun. */
export const isNodeStream = (value) => value !== null && typeof value === "object" && lifeOf(value) !== undefined;

export { CallableDuplex as Duplex, CallablePassThrough as PassThrough, CallableTransform as Transform };
