// ReadableStream, its readers and controllers: the public classes over the cores.

import { AbortSignal } from "../abort.js";
import { isGiven, isPedantic } from "../flags.js";
import { argumentError, finishInterfaces, illegalConstructor, memberOf, owned, toDictionary, toObject } from "../webidl.js";
import { call, highWaterMarkOf, methodOf, sizeOf } from "./basics.js";
import { ByobReaderCore, ByteControllerCore } from "./byte-core.js";
import { pipe } from "./pipe.js";
import { DefaultControllerCore, DefaultReaderCore, ReadableCore, sourceFrom } from "./readable-core.js";
import { tee } from "./tee.js";
import { writableCoreOf } from "./writable.js";

const CREATE = Symbol("create");

let coreOf;

/** https://streams.spec.whatwg.org/#rs-class */
export class ReadableStream {
  #core;

  constructor(underlyingSource, strategy) {
    if (underlyingSource === CREATE) {
      this.#core = strategy;
      return;
    }
    const source = toObject(underlyingSource, "constructor", "ReadableStream");
    const options = toDictionary(strategy, "constructor", "ReadableStream", 2);
    this.#core = new ReadableCore();
    const type = memberOf(source, "type");
    if (type === undefined) setUpDefault(this.#core, source, options);
    else if (`${type}` === "bytes") setUpBytes(this.#core, source, options);
    else throw new TypeError(`'${type}' is not a valid ReadableStream type.`);
  }

  static {
    coreOf = (stream) => {
      const branded = typeof stream === "object" && stream !== null && #core in stream;
      return branded ? stream.#core : undefined;
    };
  }

  static from(iterable) {
    return wrapReadable(readableFrom(iterable));
  }

  get locked() {
    return this.#core.locked;
  }

  async cancel(reason) {
    if (this.#core.locked) throw lockedError();
    return this.#core.cancel(reason);
  }

  getReader(options) {
    const { mode } = toDictionary(options, "getReader", "ReadableStream");
    if (mode === undefined) return new ReadableStreamDefaultReader(this);
    if (`${mode}` === "byob") return new ReadableStreamBYOBReader(this);
    throw new TypeError(`'${mode}' is not a valid reader mode.`);
  }

  pipeThrough(transform, options) {
    const { readable, target } = pairFrom(transform);
    const checked = pipeOptions(options, "pipeThrough");
    requireUnlocked(this.#core, target);
    pipe(this.#core, target, checked).catch(() => {});
    return readable;
  }

  async pipeTo(destination, options) {
    const target = writableCoreOf(destination);
    if (target === undefined) throw argumentError(1, "pipeTo", "ReadableStream", "WritableStream");
    const checked = pipeOptions(options, "pipeTo");
    requireUnlocked(this.#core, target);
    return pipe(this.#core, target, checked);
  }

  tee() {
    if (this.#core.locked) throw lockedError();
    return tee(this.#core).map(wrapReadable);
  }

  values(options) {
    const { preventCancel } = toDictionary(options, "values", "ReadableStream");
    return new ReadableStreamAsyncIterator(new DefaultReaderCore(this.#core), Boolean(preventCancel));
  }
}

Object.defineProperty(ReadableStream.prototype, Symbol.asyncIterator, {
  value: ReadableStream.prototype.values,
  writable: true,
  configurable: true,
});

function lockedError() {
  return new TypeError("This ReadableStream is currently locked to a reader.");
}

function pipeOptions(options, method) {
  const { preventAbort, preventCancel, preventClose, signal } = toDictionary(options, method, "ReadableStream", 2);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw argumentError(2, method, "ReadableStream", "StreamPipeOptions");
  }
  return { preventAbort, preventCancel, preventClose, signal };
}

function requireUnlocked(source, target) {
  if (source.locked) throw lockedError();
  if (target.locked) throw new TypeError("This WritableStream is currently locked to a writer.");
}

// The ends of a transform, looked at in the order and number of times that the standard has.
function pairFrom(transform) {
  const readable = transform?.readable;
  const target = coreOf(readable) === undefined ? undefined : writableCoreOf(transform.writable);
  if (target === undefined) throw argumentError(1, "pipeThrough", "ReadableStream", "ReadableWritablePair");
  return { readable, target };
}

function sourceMethods(source) {
  return { start: methodOf(source, "start"), pull: methodOf(source, "pull"), cancel: methodOf(source, "cancel") };
}

function setUpDefault(core, source, strategy) {
  const size = sizeOf(strategy);
  const highWaterMark = highWaterMarkOf(strategy, 1);
  core.expectedLength = expectedLengthOf(source);
  const methods = sourceMethods(source);
  const publicController = new ReadableStreamDefaultController(CREATE);
  const algorithms = sourceFrom(source, methods, publicController);
  const controller = new DefaultControllerCore(core, algorithms, highWaterMark, size);
  publicController[CREATE](controller);
  controller.start(Promise.resolve(call(source, methods.start, publicController)));
}

function setUpBytes(core, source, strategy) {
  if (strategy.size !== undefined) throw new RangeError("The strategy of a byte stream cannot have a size function.");
  const highWaterMark = highWaterMarkOf(strategy, 0);
  const autoAllocate = autoAllocateSize(source.autoAllocateChunkSize);
  core.expectedLength = expectedLengthOf(source);
  const methods = sourceMethods(source);
  const publicController = new ReadableByteStreamController(CREATE);
  const algorithms = sourceFrom(source, methods, publicController);
  const controller = new ByteControllerCore(core, algorithms, highWaterMark, autoAllocate);
  publicController[CREATE](controller);
  controller.start(Promise.resolve(call(source, methods.start, publicController)));
}

// Cloudflare's own: how many bytes a source or transformer will give, so that a body made of it has a Content-Length.
export function expectedLengthOf({ expectedLength }) {
  return expectedLength === undefined ? undefined : Math.trunc(Number(expectedLength));
}

// What workerd gives a byte stream that does not say how large its own buffers shall be; the standard gives none.
const AUTO_ALLOCATE_DEFAULT = 4096;

function autoAllocateSize(value) {
  if (value === undefined) return isPedantic() || isGiven("streams_no_default_auto_allocate_chunk_size") ? undefined : AUTO_ALLOCATE_DEFAULT;
  const size = Math.trunc(Number(value));
  if (!(size > 0)) throw new TypeError("autoAllocateChunkSize must be a positive integer.");
  return size;
}

/** The core of a stream of what an iterable or async iterable yields. */
export function readableFrom(iterable) {
  const iterator = iteratorOf(iterable);
  const core = new ReadableCore();
  const source = {
    async pull() {
      const result = requireObject(await iterator.next());
      if (result.done) controller.close();
      else controller.enqueue(owned(await result.value));
    },
    async cancel(reason) {
      const method = iterator.return;
      if (method !== undefined && method !== null) requireObject(await call(iterator, method, reason));
    },
  };
  const controller = new DefaultControllerCore(core, source, 0, () => 1);
  controller.start(Promise.resolve());
  return core;
}

function iteratorOf(iterable) {
  const method = iterable?.[Symbol.asyncIterator] ?? iterable?.[Symbol.iterator];
  if (typeof method !== "function") throw argumentError(1, "from", "ReadableStream", "AsyncIterable");
  return requireObject(call(iterable, method));
}

function requireObject(value) {
  if ((typeof value === "object" && value !== null) || typeof value === "function") return value;
  throw new TypeError("An iterator and its results must be objects.");
}

// A read request that settles a promise with an iterator result.
function promiseRequest() {
  const { promise, resolve, reject } = Promise.withResolvers();
  const request = {
    chunk: (value) => resolve({ value, done: false }),
    close: (value) => resolve({ value, done: true }),
    error: reject,
  };
  return { promise, request };
}

/** https://streams.spec.whatwg.org/#default-reader-class */
export class ReadableStreamDefaultReader {
  #core;

  constructor(stream) {
    const core = coreOf(stream);
    if (core === undefined) throw argumentError(1, "constructor", "ReadableStreamDefaultReader", "ReadableStream");
    this.#core = new DefaultReaderCore(core);
  }

  get closed() {
    return this.#core.closed.promise;
  }
  cancel(reason) {
    return this.#core.cancel(reason);
  }
  read() {
    const { promise, request } = promiseRequest();
    this.#core.read(request);
    return promise;
  }
  releaseLock() {
    this.#core.release();
  }
}

/** https://streams.spec.whatwg.org/#byob-reader-class */
export class ReadableStreamBYOBReader {
  #core;

  constructor(stream) {
    const core = coreOf(stream);
    if (core === undefined) throw argumentError(1, "constructor", "ReadableStreamBYOBReader", "ReadableStream");
    this.#core = new ByobReaderCore(core);
  }

  get closed() {
    return this.#core.closed.promise;
  }
  cancel(reason) {
    return this.#core.cancel(reason);
  }
  async read(view, options) {
    const { min = 1 } = toDictionary(options, "read", "ReadableStreamBYOBReader", 2);
    return this.#read(view, Number(min));
  }
  /** Cloudflare's own: waits for at least `min` elements. */
  async readAtLeast(min, view) {
    const result = await this.#read(view, Number(min));
    // What is left at the end comes before the end, also where it is less than was asked for.
    return result.done && result.value?.byteLength > 0 ? { value: result.value, done: false } : result;
  }
  releaseLock() {
    this.#core.release();
  }

  #read(view, min) {
    if (!ArrayBuffer.isView(view)) throw argumentError(1, "read", "ReadableStreamBYOBReader", "ArrayBufferView");
    if (view.byteLength === 0) {
      throw new TypeError('You must call read() on a "byob" reader with a positive-sized TypedArray object.');
    }
    const length = view.length ?? view.byteLength;
    if (!Number.isInteger(min) || min < 1) throw new TypeError("Requested invalid minimum number of bytes to read.");
    if (min > length) throw new RangeError("The minimum to read must not exceed the size of the view.");
    const { promise, request } = promiseRequest();
    this.#core.readInto(view, min, request);
    return promise;
  }
}

/** https://streams.spec.whatwg.org/#rs-default-controller-class */
export class ReadableStreamDefaultController {
  #core;

  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
  }

  get desiredSize() {
    return this.#core.desiredSize;
  }
  close() {
    this.#core.close();
  }
  enqueue(chunk) {
    this.#core.enqueue(owned(chunk));
  }
  error(reason) {
    this.#core.error(reason);
  }
  [CREATE](core) {
    this.#core = core;
  }
}

/** https://streams.spec.whatwg.org/#rbs-controller-class */
export class ReadableByteStreamController {
  #core;
  #request = null;

  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
  }

  get byobRequest() {
    const first = this.#core.firstPending;
    if (this.#request === null && first !== undefined) {
      this.#request = new ReadableStreamBYOBRequest(CREATE, this.#core, first.rest());
      const request = this.#request;
      this.#core.onRequestInvalid = () => {
        request[CREATE]();
        this.#request = null;
      };
    }
    return this.#request;
  }
  get desiredSize() {
    return this.#core.desiredSize;
  }
  close() {
    this.#core.close();
  }
  enqueue(chunk) {
    const view = owned(chunk);
    if (!ArrayBuffer.isView(view)) {
      throw argumentError(1, "enqueue", "ReadableByteStreamController", "ArrayBufferView");
    }
    if (view.byteLength === 0) throw new TypeError("Cannot enqueue a zero-length ArrayBuffer.");
    this.#core.enqueue(view);
  }
  error(reason) {
    this.#core.error(reason);
  }
  [CREATE](core) {
    this.#core = core;
  }
}

/** https://streams.spec.whatwg.org/#rs-byob-request-class */
export class ReadableStreamBYOBRequest {
  #controller;
  #view;

  constructor(token, controller, view) {
    if (token !== CREATE) throw illegalConstructor();
    this.#controller = controller;
    this.#view = view;
  }

  get view() {
    return this.#view;
  }
  /** Cloudflare's own: how many bytes more the reader waits for at least; null once this is over. */
  get atLeast() {
    const first = this.#controller?.firstPending;
    return first === undefined ? null : Math.max(first.minimumFill - first.filled, 1);
  }
  respond(bytesWritten) {
    const count = Number(bytesWritten);
    if (!Number.isInteger(count) || count < 0) {
      throw argumentError(1, "respond", "ReadableStreamBYOBRequest", "unsigned long long");
    }
    this.#valid(this.#view).respond(count);
  }
  respondWithNewView(view) {
    if (!ArrayBuffer.isView(view)) {
      throw argumentError(1, "respondWithNewView", "ReadableStreamBYOBRequest", "ArrayBufferView");
    }
    this.#valid(view).respondWithNewView(view);
  }
  [CREATE]() {
    this.#controller = undefined;
    this.#view = null;
  }

  #valid(view) {
    if (this.#controller === undefined) throw new TypeError("This ReadableStreamBYOBRequest has been invalidated.");
    if (view.buffer.detached) throw new TypeError("The view's buffer has been transferred away.");
    return this.#controller;
  }
}

/** What `for await` gets: one read at a time, in order, and a cancel when the loop is left early. */
class ReadableStreamAsyncIterator {
  #reader;
  #preventCancel;
  // The step under way; the next one waits for it.
  #running;
  #finished = false;

  constructor(reader, preventCancel) {
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next() {
    return this.#run(() => this.#next());
  }

  return(value) {
    return this.#run(() => this.#return(value));
  }

  #run(step) {
    const started = this.#running === undefined ? step() : this.#running.then(step, step);
    const running = started.finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  #next() {
    if (this.#finished) return Promise.resolve({ value: undefined, done: true });
    const { promise, resolve, reject } = Promise.withResolvers();
    this.#reader.read({
      chunk: (value) => resolve({ value, done: false }),
      close: () => {
        this.#end();
        resolve({ value: undefined, done: true });
      },
      error: (reason) => {
        this.#end();
        reject(reason);
      },
    });
    return promise;
  }

  async #return(value) {
    if (!this.#finished) {
      const cancelled = this.#preventCancel ? undefined : this.#reader.cancel(value);
      this.#end();
      await cancelled;
    }
    return { value, done: true };
  }

  #end() {
    this.#finished = true;
    this.#reader.release();
  }
}

const asyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype));
Object.setPrototypeOf(ReadableStreamAsyncIterator.prototype, asyncIteratorPrototype);
delete ReadableStreamAsyncIterator.prototype.constructor;
for (const name of ["next", "return"]) {
  Object.defineProperty(ReadableStreamAsyncIterator.prototype, name, { enumerable: true });
}

finishInterfaces(
  ReadableStream,
  ReadableStreamDefaultReader,
  ReadableStreamBYOBReader,
  ReadableStreamDefaultController,
  ReadableByteStreamController,
  ReadableStreamBYOBRequest,
);

/** The public stream over a core. */
export function wrapReadable(core) {
  return new ReadableStream(CREATE, core);
}

/** The core of a ReadableStream; undefined for anything else. */
export { coreOf as readableCoreOf };
