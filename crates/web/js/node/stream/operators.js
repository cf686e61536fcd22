// What a Readable has of an array's methods. https://nodejs.org/api/stream.html#readablemapfn-options

import { from } from "./sources.js";
import { Readable } from "./readable.js";
import { abortError, invalidType, missingArguments, outOfRange } from "./errors.js";

function requireFunction(callback) {
  if (typeof callback !== "function") throw invalidType("fn", "of type function", callback);
}

function requireCount(number) {
  const count = Number(number);
  if (Number.isNaN(count) || count < 0) throw outOfRange("number", ">= 0", number);
  return count;
}

function requireOptions(options) {
  if (options === undefined || options === null) return {};
  if (typeof options !== "object") throw invalidType("options", "of type object", options);
  const { concurrency = 1, signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidType("options.signal", "an instance of AbortSignal", signal);
  }
  if (!(Math.floor(concurrency) >= 1)) throw outOfRange("concurrency", ">= 1", concurrency);
  return { concurrency: Math.floor(concurrency), signal };
}

const quiet = () => {};

// A promise that is rejected when the signal aborts.
function abortOf(signal) {
  const { promise, reject } = Promise.withResolvers();
  promise.catch(quiet);
  const abort = () => reject(abortError(signal.reason));
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return { promise, forget: () => signal?.removeEventListener("abort", abort) };
}

// The chunks until a signal says stop.
async function* chunksOf(stream, signal) {
  const iterator = stream[Symbol.asyncIterator]();
  const abort = abortOf(signal);
  try {
    for (;;) {
      const { value, done } = await Promise.race([abort.promise, iterator.next()]);
      if (done) return;
      yield value;
    }
  } finally {
    abort.forget();
    stream.destroy();
  }
}

/** What the callback makes of the chunks, in their order, with as many calls under way as `concurrency` says. */
async function* mapped(stream, callback, { concurrency = 1, signal } = {}) {
  const controller = new AbortController();
  const anySignal = signal === undefined ? controller.signal : AbortSignal.any([controller.signal, signal]);
  const abort = abortOf(anySignal);
  const chunks = chunksOf(stream, anySignal);
  const running = [];
  let ended = false;
  try {
    for (;;) {
      while (!ended && running.length < concurrency) {
        const { value, done } = await chunks.next();
        ended = done;
        if (!done) running.push(begun(callback, value, anySignal));
      }
      if (running.length === 0) return;
      yield await Promise.race([abort.promise, running.shift()]);
    }
  } finally {
    abort.forget();
    controller.abort();
    await chunks.return();
  }
}

// What fails while an earlier chunk's result is waited for counts when its turn comes.
function begun(callback, chunk, signal) {
  const result = (async () => callback(chunk, { signal }))();
  result.catch(quiet);
  return result;
}

const NOTHING = Symbol("nothing");

async function* filtered(stream, callback, options) {
  const keep = async (chunk, context) => ((await callback(chunk, context)) ? chunk : NOTHING);
  for await (const chunk of mapped(stream, keep, options)) if (chunk !== NOTHING) yield chunk;
}

async function* flattened(stream, callback, options) {
  for await (const chunks of mapped(stream, callback, options)) yield* chunks;
}

async function* dropped(stream, count, { signal }) {
  let left = count;
  for await (const chunk of chunksOf(stream, signal)) {
    if (left > 0) left -= 1;
    else yield chunk;
  }
}

async function* taken(stream, count, { signal }) {
  if (count === 0) return;
  let left = count;
  for await (const chunk of chunksOf(stream, signal)) {
    yield chunk;
    left -= 1;
    if (left === 0) return;
  }
}

const operators = {
  map(callback, options) {
    requireFunction(callback);
    return from(mapped(this, callback, requireOptions(options)));
  },
  filter(callback, options) {
    requireFunction(callback);
    return from(filtered(this, callback, requireOptions(options)));
  },
  flatMap(callback, options) {
    requireFunction(callback);
    return from(flattened(this, callback, requireOptions(options)));
  },
  drop(count, options) {
    return from(dropped(this, requireCount(count), requireOptions(options)));
  },
  take(count, options) {
    return from(taken(this, requireCount(count), requireOptions(options)));
  },
  async forEach(callback, options) {
    requireFunction(callback);
    for await (const _ of mapped(this, callback, requireOptions(options)));
  },
  async toArray(options) {
    const chunks = [];
    const { signal } = requireOptions(options);
    for await (const chunk of chunksOf(this, signal)) chunks.push(chunk);
    return chunks;
  },
  async some(callback, options) {
    requireFunction(callback);
    for await (const _ of filtered(this, callback, requireOptions(options))) return true;
    return false;
  },
  async every(callback, options) {
    requireFunction(callback);
    return !(await this.some(async (...args) => !(await callback(...args)), options));
  },
  async find(callback, options) {
    requireFunction(callback);
    for await (const chunk of filtered(this, callback, requireOptions(options))) return chunk;
    return undefined;
  },
  async reduce(callback, ...rest) {
    requireFunction(callback);
    const [initial, options] = rest;
    const { signal } = requireOptions(options);
    let result = initial;
    let isEmpty = rest.length === 0;
    for await (const chunk of chunksOf(this, signal)) {
      result = isEmpty ? chunk : await callback(result, chunk, { signal });
      isEmpty = false;
    }
    if (isEmpty) throw missingArguments("reduce");
    return result;
  },
};

for (const [name, value] of Object.entries(operators)) {
  Object.defineProperty(Readable.prototype, name, { value, writable: true, configurable: true });
}
