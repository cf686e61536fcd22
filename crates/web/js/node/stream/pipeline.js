// `pipeline`: streams one behind another, which all end when one does. https://nodejs.org/api/stream.html#streampipelinesource-transforms-destination-callback

import { ReadableStream } from "../../streams/readable.js";
import { TransformStream } from "../../streams/transform.js";
import { WritableStream } from "../../streams/writable.js";
import { soon } from "./base.js";
import { isNodeStream, PassThrough } from "./duplex.js";
import { abortError, invalidType, missingArguments } from "./errors.js";
import { finished } from "./finished.js";
import { from } from "./sources.js";
import { duplexFromWeb, readableFromWeb, writableFromWeb } from "./web-adapters.js";

/** Joins streams, iterables and functions; `callback(error, value)` is called when all of them are over. */
export function pipeline(...given) {
  const callback = given.pop();
  if (typeof callback !== "function") throw invalidType("streams[stream.length - 1]", "of type function", callback);
  return run(given.length === 1 && Array.isArray(given[0]) ? given[0] : given, callback, {});
}

/** The same as a promise; the last argument may be `{ signal, end }`. */
export function pipelinePromise(...given) {
  const last = given.at(-1);
  const isOptions = last !== null && typeof last === "object" && !isStage(last);
  const options = isOptions ? given.pop() : {};
  return new Promise((resolve, reject) => {
    run(given, (error, value) => (error ? reject(error) : resolve(value)), options);
  });
}

const isIterable = (value) =>
  typeof value?.[Symbol.asyncIterator] === "function" || typeof value?.[Symbol.iterator] === "function";
const isStage = (value) =>
  isNodeStream(value) || typeof value.pipe === "function" || typeof value.write === "function" || isIterable(value) ||
  value instanceof ReadableStream || value instanceof WritableStream || value instanceof TransformStream;

function run(stages, callback, options) {
  if (stages.length < 2) throw missingArguments("streams");
  return new Line(callback, options).build(stages.map(nodeStreamOf));
}

function nodeStreamOf(stage) {
  if (stage instanceof ReadableStream) return readableFromWeb(stage);
  if (stage instanceof WritableStream) return writableFromWeb(stage);
  return stage instanceof TransformStream ? duplexFromWeb(stage) : stage;
}

/** The streams of one pipeline, while it runs. */
class Line {
  #callback;
  #options;
  #streams = [];
  /** How many parts are still running. */
  #running = 0;
  #error;
  #value;
  #controller = new AbortController();
  #isOver = false;

  constructor(callback, options) {
    this.#callback = callback;
    this.#options = options;
  }

  build(stages) {
    const { signal } = this.#options;
    const abort = () => this.#fail(abortError(signal.reason));
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    let current;
    // Nothing can be over before all of it has begun.
    this.#running += 1;
    stages.forEach((stage, index) => {
      current = this.#append(current, stage, index, stages.length);
    });
    this.#ended();
    return current;
  }

  #append(source, stage, index, count) {
    const isLast = index === count - 1;
    if (typeof stage === "function") return this.#call(source, stage, index, isLast);
    if (index === 0) return isNodeStream(stage) ? this.#watch(stage, false, true) : this.#watch(this.#sourceOf(stage), false, true);
    if (!isNodeStream(stage) && typeof stage?.write !== "function") {
      throw invalidType("val", "an instance of Readable, Iterable, or AsyncIterable", stage);
    }
    this.#watch(stage, true, !isLast);
    source.pipe(stage, { end: !isLast || this.#options.end !== false });
    if (isLast && this.#options.end === false) source.once("end", () => this.#ended());
    return stage;
  }

  #sourceOf(stage) {
    if (!isIterable(stage)) throw invalidType("source", "of type Stream, Iterable, or AsyncIterable", stage);
    return from(stage);
  }

  #call(source, stage, index, isLast) {
    const { signal } = this.#controller;
    const result = index === 0 ? stage({ signal }) : stage(source, { signal });
    if (typeof result?.then === "function") return this.#settle(result, isLast);
    if (isIterable(result)) {
      const stream = from(result);
      return this.#watch(stream, false, !isLast);
    }
    throw invalidType("returnVal", "an instance of Iterable, AsyncIterable, or Promise", result);
  }

  // The value of the last function goes to the callback; whoever looks at the result reads it from a stream.
  #settle(promise, isLast) {
    const output = new PassThrough({ objectMode: true });
    this.#running += 1;
    promise.then(
      (value) => {
        if (isLast) this.#value = value;
        if (value !== null && value !== undefined) output.write(value);
        output.end();
        soon(() => this.#ended());
      },
      (error) => {
        output.destroy(error);
        soon(() => this.#ended(error));
      },
    );
    output.on("error", () => {});
    return output;
  }

  #watch(stream, writable, readable) {
    this.#streams.push(stream);
    const waits = this.#options.end !== false || readable;
    if (!waits) {
      this.#running += 1;
      return stream;
    }
    this.#running += 1;
    finished(stream, { readable, writable }, (error) => this.#ended(error));
    return stream;
  }

  #ended(error) {
    this.#running -= 1;
    if (error) this.#fail(error);
    if (this.#running === 0) this.#finish();
  }

  #fail(error) {
    if (this.#error === undefined || this.#error.code === "ERR_STREAM_PREMATURE_CLOSE") this.#error = error;
    this.#controller.abort();
    for (const stream of this.#streams) {
      if (!stream.listenerCount("error")) stream.on("error", () => {});
      stream.destroy?.(error);
    }
  }

  #finish() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.abort();
    soon(this.#callback, this.#error, this.#value);
  }
}
