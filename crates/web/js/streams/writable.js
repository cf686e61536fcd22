// WritableStream: the machinery as plain classes (stream, writer, controller), then the public classes over them.

import { abortSignal, createSignal } from "../abort.js";
import { finishInterfaces, illegalConstructor, memberOf, owned, toDictionary, toObject } from "../webidl.js";
import { call, highWaterMarkOf, invoke, methodOf, Outcome, sizeOf, SizedQueue } from "./basics.js";

const CREATE = Symbol("create");
const CLOSE = Symbol("close");

/** A stream that is written. States: writable, erroring (failing, a write still under way), errored, closed. */
export class WritableCore {
  state = "writable";
  storedError = undefined;
  backpressure = false;
  writer = undefined;
  controller = undefined;
  #requests = [];
  #inFlightWrite = undefined;
  #inFlightClose = undefined;
  #closeRequest = undefined;
  #pendingAbort = undefined;

  get locked() {
    return this.writer !== undefined;
  }

  get closeQueuedOrInFlight() {
    return this.#closeRequest !== undefined || this.#inFlightClose !== undefined;
  }

  get hasInFlight() {
    return this.#inFlightWrite !== undefined || this.#inFlightClose !== undefined;
  }

  abort(reason) {
    if (this.state === "closed" || this.state === "errored") return Promise.resolve();
    this.controller.abortSignal(reason);
    if (this.state === "closed" || this.state === "errored") return Promise.resolve();
    if (this.#pendingAbort !== undefined) return this.#pendingAbort.promise;
    const wasErroring = this.state === "erroring";
    const pending = { ...Promise.withResolvers(), reason: wasErroring ? undefined : reason, wasErroring };
    this.#pendingAbort = pending;
    if (!wasErroring) this.startErroring(reason);
    return pending.promise;
  }

  close() {
    if (this.state === "closed" || this.state === "errored") {
      return Promise.reject(new TypeError("This WritableStream has been closed."));
    }
    this.#closeRequest = Promise.withResolvers();
    const { promise } = this.#closeRequest;
    if (this.writer !== undefined && this.backpressure && this.state === "writable") {
      this.writer.ready.resolve();
    }
    this.controller.close();
    return promise;
  }

  addWriteRequest() {
    const request = Promise.withResolvers();
    this.#requests.push(request);
    return request.promise;
  }

  startErroring(reason) {
    this.state = "erroring";
    this.storedError = reason;
    this.writer?.failReady(reason);
    if (!this.hasInFlight && this.controller.started) this.finishErroring();
  }

  finishErroring() {
    this.state = "errored";
    this.controller.errorSteps();
    for (const request of this.#requests.splice(0)) request.reject(this.storedError);
    const pending = this.#pendingAbort;
    this.#pendingAbort = undefined;
    if (pending === undefined) {
      this.#rejectCloseAndClosed();
    } else if (pending.wasErroring) {
      pending.reject(this.storedError);
      this.#rejectCloseAndClosed();
    } else {
      this.#abortSink(pending);
    }
  }

  markFirstWriteInFlight() {
    this.#inFlightWrite = this.#requests.shift();
  }

  finishWrite() {
    this.#inFlightWrite.resolve();
    this.#inFlightWrite = undefined;
  }

  failWrite(reason) {
    this.#inFlightWrite.reject(reason);
    this.#inFlightWrite = undefined;
    this.dealWithRejection(reason);
  }

  markCloseInFlight() {
    this.#inFlightClose = this.#closeRequest;
    this.#closeRequest = undefined;
  }

  finishClose() {
    this.#inFlightClose.resolve();
    this.#inFlightClose = undefined;
    if (this.state === "erroring") {
      this.storedError = undefined;
      this.#pendingAbort?.resolve();
      this.#pendingAbort = undefined;
    }
    this.state = "closed";
    this.writer?.closed.resolve();
  }

  failClose(reason) {
    this.#inFlightClose.reject(reason);
    this.#inFlightClose = undefined;
    this.#pendingAbort?.reject(reason);
    this.#pendingAbort = undefined;
    this.dealWithRejection(reason);
  }

  dealWithRejection(reason) {
    if (this.state === "writable") this.startErroring(reason);
    else this.finishErroring();
  }

  setBackpressure(backpressure) {
    if (this.writer !== undefined && backpressure !== this.backpressure) {
      if (backpressure) this.writer.ready = new Outcome();
      else this.writer.ready.resolve();
    }
    this.backpressure = backpressure;
  }

  #abortSink(pending) {
    this.controller.abortSteps(pending.reason).then(
      () => {
        pending.resolve();
        this.#rejectCloseAndClosed();
      },
      (reason) => {
        pending.reject(reason);
        this.#rejectCloseAndClosed();
      },
    );
  }

  #rejectCloseAndClosed() {
    this.#closeRequest?.reject(this.storedError);
    this.#closeRequest = undefined;
    this.writer?.closed.reject(this.storedError);
  }
}

/** The lock on a stream, and the two promises about it. */
export class WriterCore {
  closed;
  ready;

  constructor(stream) {
    if (stream.locked) throw new TypeError("This WritableStream is currently locked to a writer.");
    this.stream = stream;
    stream.writer = this;
    this.#takeState(stream);
  }

  get desiredSize() {
    const { state, controller } = this.#required();
    if (state === "errored" || state === "erroring") return null;
    return state === "closed" ? 0 : controller.desiredSize;
  }

  write(chunk) {
    const { stream } = this;
    if (stream === undefined) return Promise.reject(releasedError());
    const size = stream.controller.sizeOfChunk(chunk);
    if (stream !== this.stream) return Promise.reject(releasedError());
    if (stream.state === "errored") return Promise.reject(stream.storedError);
    if (stream.closeQueuedOrInFlight || stream.state === "closed") {
      return Promise.reject(new TypeError("This WritableStream has been closed."));
    }
    if (stream.state === "erroring") return Promise.reject(stream.storedError);
    const promise = stream.addWriteRequest();
    stream.controller.write(chunk, size);
    return promise;
  }

  close() {
    const { stream } = this;
    if (stream === undefined) return Promise.reject(releasedError());
    if (stream.closeQueuedOrInFlight) {
      return Promise.reject(new TypeError("Cannot close a writer that is already being closed."));
    }
    return stream.close();
  }

  /** As `close`, but a stream that is closed already is fine: for pipes. */
  closeWithErrorPropagation() {
    const { stream } = this;
    if (stream.closeQueuedOrInFlight || stream.state === "closed") return Promise.resolve();
    if (stream.state === "errored") return Promise.reject(stream.storedError);
    return this.close();
  }

  abort(reason) {
    return this.stream === undefined ? Promise.reject(releasedError()) : this.stream.abort(reason);
  }

  release() {
    const { stream } = this;
    if (stream === undefined) return;
    const error = releasedError();
    this.failReady(error);
    this.#failClosed(error);
    stream.writer = undefined;
    this.stream = undefined;
  }

  failReady(reason) {
    if (this.ready.pending) this.ready.reject(reason);
    else this.ready = Outcome.rejected(reason);
  }

  #failClosed(reason) {
    if (this.closed.pending) this.closed.reject(reason);
    else this.closed = Outcome.rejected(reason);
  }

  #required() {
    if (this.stream === undefined) throw releasedError();
    return this.stream;
  }

  #takeState(stream) {
    const { state, storedError } = stream;
    if (state === "closed") this.closed = Outcome.resolved();
    else if (state === "errored") this.closed = Outcome.rejected(storedError);
    else this.closed = new Outcome();
    if (state === "errored" || state === "erroring") this.ready = Outcome.rejected(storedError);
    else if (state === "writable" && stream.backpressure && !stream.closeQueuedOrInFlight) this.ready = new Outcome();
    else this.ready = Outcome.resolved();
  }
}

function releasedError() {
  return new TypeError("This WritableStream writer has been released.");
}

/** Feeds a sink {write(chunk), close(), abort(reason)}, all optional, one call at a time. */
export class WritableControllerCore {
  #queue = new SizedQueue();
  #stream;
  #sink;
  #highWaterMark;
  #size;
  #signal;
  started = false;

  constructor(stream, sink, highWaterMark, size) {
    this.#stream = stream;
    this.#sink = sink;
    this.#highWaterMark = highWaterMark;
    this.#size = size;
    stream.controller = this;
    stream.setBackpressure(this.#hasBackpressure());
  }

  start(started) {
    started.then(
      () => {
        this.started = true;
        this.#advance();
      },
      (reason) => {
        this.started = true;
        this.#stream.dealWithRejection(reason);
      },
    );
  }

  get signal() {
    this.#signal ??= createSignal();
    return this.#signal;
  }

  abortSignal(reason) {
    abortSignal(this.signal, reason);
  }

  get desiredSize() {
    return this.#highWaterMark - this.#queue.total;
  }

  error(reason) {
    if (this.#stream.state === "writable") this.#fail(reason);
  }

  close() {
    this.#queue.push(CLOSE, 0);
    this.#advance();
  }

  sizeOfChunk(chunk) {
    if (this.#size === undefined) return 1;
    try {
      return this.#size(chunk);
    } catch (error) {
      this.error(error);
      return 1;
    }
  }

  write(chunk, size) {
    try {
      this.#queue.push(chunk, size);
    } catch (error) {
      this.error(error);
      return;
    }
    this.#updateBackpressure();
    this.#advance();
  }

  abortSteps(reason) {
    const { abort } = this.#sink;
    this.#forget();
    return abort === undefined ? Promise.resolve() : abort(reason);
  }

  errorSteps() {
    this.#queue.clear();
  }

  #advance() {
    if (!this.started || this.#stream.hasInFlight) return;
    if (this.#stream.state === "erroring") {
      this.#stream.finishErroring();
      return;
    }
    if (this.#queue.length === 0 || this.#stream.state !== "writable") return;
    const chunk = this.#queue.peek();
    if (chunk === CLOSE) this.#closeSink();
    else this.#writeSink(chunk);
  }

  #closeSink() {
    this.#stream.markCloseInFlight();
    this.#queue.shift();
    const { close } = this.#sink;
    this.#forget();
    const closed = close === undefined ? Promise.resolve() : close();
    closed.then(
      () => this.#stream.finishClose(),
      (reason) => this.#stream.failClose(reason),
    );
  }

  #writeSink(chunk) {
    this.#stream.markFirstWriteInFlight();
    const { write } = this.#sink;
    const written = write === undefined ? Promise.resolve() : write(chunk);
    written.then(
      () => {
        this.#stream.finishWrite();
        this.#queue.shift();
        if (this.#stream.state === "writable") this.#updateBackpressure();
        this.#advance();
      },
      (reason) => {
        if (this.#stream.state === "writable") this.#forget();
        this.#stream.failWrite(reason);
      },
    );
  }

  #updateBackpressure() {
    if (this.#stream.closeQueuedOrInFlight || this.#stream.state !== "writable") return;
    this.#stream.setBackpressure(this.#hasBackpressure());
  }

  #hasBackpressure() {
    return this.desiredSize <= 0;
  }

  #fail(reason) {
    this.#forget();
    this.#stream.startErroring(reason);
  }

  #forget() {
    this.#sink = {};
    this.#size = undefined;
  }
}

let coreOf;

/** https://streams.spec.whatwg.org/#ws-class */
export class WritableStream {
  #core;

  constructor(underlyingSink, strategy) {
    if (underlyingSink === CREATE) {
      this.#core = strategy;
      return;
    }
    const sink = toObject(underlyingSink, "constructor", "WritableStream");
    const options = toDictionary(strategy, "constructor", "WritableStream", 2);
    if (memberOf(sink, "type") !== undefined) throw new RangeError("WritableStream: 'type' must be undefined.");
    this.#core = new WritableCore();
    const size = sizeOf(options);
    setUp(this.#core, sink, highWaterMarkOf(options, 1), size);
  }

  static {
    coreOf = (stream) => {
      const branded = typeof stream === "object" && stream !== null && #core in stream;
      return branded ? stream.#core : undefined;
    };
  }

  get locked() {
    return this.#core.locked;
  }

  abort(reason) {
    const core = coreOf(this);
    if (core === undefined) return Promise.reject(new TypeError("Illegal invocation"));
    return core.locked ? Promise.reject(lockedError()) : core.abort(reason);
  }

  async close() {
    if (this.#core.locked) throw lockedError();
    if (this.#core.closeQueuedOrInFlight) throw new TypeError("This WritableStream is already being closed.");
    return this.#core.close();
  }

  getWriter() {
    return new WritableStreamDefaultWriter(this);
  }
}

function lockedError() {
  return new TypeError("This WritableStream is currently locked to a writer.");
}

function setUp(core, sink, highWaterMark, size) {
  const methods = {
    start: methodOf(sink, "start"),
    write: methodOf(sink, "write"),
    close: methodOf(sink, "close"),
    abort: methodOf(sink, "abort"),
  };
  let publicController;
  const algorithms = {
    write: methods.write && ((chunk) => invoke(sink, methods.write, chunk, publicController)),
    close: methods.close && (() => invoke(sink, methods.close)),
    abort: methods.abort && ((reason) => invoke(sink, methods.abort, reason)),
  };
  const controller = new WritableControllerCore(core, algorithms, highWaterMark, size);
  publicController = new WritableStreamDefaultController(CREATE, controller);
  controller.start(Promise.resolve(call(sink, methods.start, publicController)));
}

/** https://streams.spec.whatwg.org/#default-writer-class */
export class WritableStreamDefaultWriter {
  #core;

  constructor(stream) {
    const core = coreOf(stream);
    if (core === undefined) throw new TypeError("A WritableStreamDefaultWriter needs a WritableStream.");
    this.#core = new WriterCore(core);
  }

  get closed() {
    return this.#core.closed.promise;
  }
  get desiredSize() {
    return this.#core.desiredSize;
  }
  get ready() {
    return this.#core.ready.promise;
  }
  abort(reason) {
    return this.#core.abort(reason);
  }
  close() {
    return this.#core.close();
  }
  releaseLock() {
    this.#core.release();
  }
  write(chunk) {
    return this.#core.write(owned(chunk));
  }
}

/** https://streams.spec.whatwg.org/#ws-default-controller-class */
export class WritableStreamDefaultController {
  #core;

  constructor(token, core) {
    if (token !== CREATE) throw illegalConstructor();
    this.#core = core;
  }

  get signal() {
    return this.#core.signal;
  }
  error(reason) {
    this.#core.error(reason);
  }
}

finishInterfaces(WritableStream, WritableStreamDefaultWriter, WritableStreamDefaultController);

/** The public stream over a core. */
export function wrapWritable(core) {
  return new WritableStream(CREATE, core);
}

/** The core of a WritableStream; undefined for anything else. */
export { coreOf as writableCoreOf };
