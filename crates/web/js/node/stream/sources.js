// Streams out of iterables, and iterables out of streams.

import { Readable } from "./readable.js";
import { finished } from "./finished.js";
import { invalidType, nullValue } from "./errors.js";
import { Buffer } from "../buffer.js";

/** A stream of what an iterable gives. */
export function from(iterable, options) {
  if (typeof iterable === "string" || iterable instanceof Buffer) {
    return new Readable({
      objectMode: true,
      ...options,
      read() {
        this.push(iterable);
        this.push(null);
      },
    });
  }
  const isAsync = typeof iterable?.[Symbol.asyncIterator] === "function";
  if (!isAsync && typeof iterable?.[Symbol.iterator] !== "function") {
    throw invalidType("iterable", "an instance of Iterable", iterable);
  }
  const iterator = isAsync ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
  return pulled(iterator, options);
}

function pulled(iterator, options) {
  const pulling = { underWay: false };
  return new Readable({
    objectMode: true,
    highWaterMark: 1,
    ...options,
    read() {
      if (pulling.underWay) return;
      pulling.underWay = true;
      pull(this, iterator, pulling).catch((error) => this.destroy(error));
    },
    destroy(error, callback) {
      stop(iterator, error).then(
        () => queueMicrotask(() => callback(error)),
        (failure) => queueMicrotask(() => callback(failure ?? error)),
      );
    },
  });
}

// Gives the stream chunks until it has enough. It may ask for more as soon as it has been told.
async function pull(stream, iterator, pulling) {
  for (;;) {
    const { value, done } = await iterator.next();
    if (done) {
      stream.push(null);
      return;
    }
    const chunk = await value;
    if (chunk === null) throw nullValue();
    if (!stream.push(chunk)) {
      pulling.underWay = false;
      return;
    }
  }
}

async function stop(iterator, error) {
  if (error && typeof iterator.throw === "function") {
    const { value, done } = await iterator.throw(error);
    await value;
    if (done) return;
  }
  if (typeof iterator.return === "function") await (await iterator.return()).value;
}

/** The chunks of a stream. Whoever stops early destroys it, unless told not to. */
export async function* iterate(stream, { destroyOnReturn = true } = {}) {
  let wake = () => {};
  let outcome;
  const awake = () => wake();
  stream.on("readable", awake);
  const stopWatching = finished(stream, { writable: false }, (error) => {
    outcome = { error };
    wake();
  });
  let ended = false;
  try {
    for (;;) {
      const chunk = stream.destroyed ? null : stream.read();
      if (chunk !== null) {
        yield chunk;
      } else if (outcome !== undefined) {
        ended = true;
        if (outcome.error) throw outcome.error;
        return;
      } else {
        await new Promise((resolve) => (wake = resolve));
      }
    }
  } finally {
    stopWatching();
    stream.removeListener("readable", awake);
    if (ended || destroyOnReturn) stream.destroy();
  }
}

Readable.from = from;
Readable.prototype[Symbol.asyncIterator] = function chunks() {
  return iterate(this);
};
Readable.prototype.iterator = function iterator(options) {
  return iterate(this, options);
};
