// The machinery behind ReadableStream: the stream, its readers and its default controller, as plain classes. The
// public classes (readable.js) are thin coats over these; bodies, pipes and tees use them without the coats.
//
// A read request is an object with three functions: chunk(value), close(value?) and error(reason). `close` gets the
// view back when a BYOB read ends.

import { invoke, Outcome, SizedQueue } from "./basics.js";

/** A stream: a state, a controller that fills it, and at most one reader. */
export class ReadableCore {
  state = "readable";
  storedError = undefined;
  disturbed = false;
  /** The DefaultReaderCore or ByobReaderCore that has the stream locked. */
  reader = undefined;
  controller = undefined;
  /** Where the bytes come from when they do not come from a script (see sources.js). */
  origin = undefined;
  /** How many bytes will come, where that is known. */
  expectedLength = undefined;

  get locked() {
    return this.reader !== undefined;
  }

  cancel(reason) {
    this.disturbed = true;
    if (this.state === "closed") return Promise.resolve();
    if (this.state === "errored") return Promise.reject(this.storedError);
    const { reader } = this;
    this.close();
    if (reader?.byob) for (const request of reader.takeRequests()) request.close(undefined);
    return this.controller.cancelSteps(reason).then(() => undefined);
  }

  close() {
    this.state = "closed";
    if (this.reader === undefined) return;
    this.reader.closed.resolve();
    if (!this.reader.byob) for (const request of this.reader.takeRequests()) request.close();
  }

  error(reason) {
    this.state = "errored";
    this.storedError = reason;
    if (this.reader === undefined) return;
    this.reader.closed.reject(reason);
    for (const request of this.reader.takeRequests()) request.error(reason);
  }

  get waitingReads() {
    return this.reader === undefined ? 0 : this.reader.requests.length;
  }

  /** Answers the oldest waiting read. */
  fulfill(chunk, done) {
    const request = this.reader.requests.shift();
    if (done) request.close(chunk);
    else request.chunk(chunk);
  }
}

/** What both kinds of reader share. */
export class ReaderCore {
  requests = [];

  constructor(stream) {
    if (stream.locked) throw new TypeError("This ReadableStream is currently locked to a reader.");
    this.stream = stream;
    this.closed = closedOutcome(stream);
    stream.reader = this;
  }

  takeRequests() {
    const { requests } = this;
    this.requests = [];
    return requests;
  }

  cancel(reason) {
    if (this.stream === undefined) return Promise.reject(releasedError());
    return this.stream.cancel(reason);
  }

  /** Takes back the reads that wait: what comes is left in the stream. */
  stopReading() {
    if (this.requests.length === 0) return;
    this.requests = [];
    this.stream.controller.releaseSteps();
  }

  release() {
    const { stream } = this;
    if (stream === undefined) return;
    const error = new TypeError("This ReadableStream reader has been released.");
    if (this.closed.pending) this.closed.reject(error);
    else this.closed = Outcome.rejected(error);
    stream.controller.releaseSteps();
    stream.reader = undefined;
    this.stream = undefined;
    for (const request of this.takeRequests()) request.error(error);
  }
}

function closedOutcome(stream) {
  if (stream.state === "closed") return Outcome.resolved();
  if (stream.state === "errored") return Outcome.rejected(stream.storedError);
  return new Outcome();
}

/** The error of a reader that was released. */
export function releasedError() {
  return new TypeError("This ReadableStream reader has been released.");
}

/** Reads chunk by chunk. */
export class DefaultReaderCore extends ReaderCore {
  byob = false;

  read(request) {
    const { stream } = this;
    if (stream === undefined) {
      request.error(releasedError());
      return;
    }
    stream.disturbed = true;
    if (stream.state === "closed") request.close();
    else if (stream.state === "errored") request.error(stream.storedError);
    else stream.controller.pullSteps(request);
  }
}

/** The controller of a stream of arbitrary chunks. */
export class DefaultControllerCore {
  #queue = new SizedQueue();
  #stream;
  #source;
  #highWaterMark;
  #size;
  #started = false;
  #pulling = false;
  #pullAgain = false;
  #closeRequested = false;

  /**
   * `source` has pull() and cancel(reason), both optional, both answering with promises; `started` is a promise, or
   * undefined when there is nothing to wait for.
   */
  constructor(stream, source, highWaterMark, size) {
    this.#stream = stream;
    this.#source = source;
    this.#highWaterMark = highWaterMark;
    this.#size = size;
    stream.controller = this;
  }

  /** Begins pulling when `started` is fulfilled. */
  start(started) {
    started.then(
      () => {
        this.#started = true;
        this.#pullIfNeeded();
      },
      (reason) => this.error(reason),
    );
  }

  get desiredSize() {
    if (this.#stream.state === "errored") return null;
    if (this.#stream.state === "closed") return 0;
    return this.#highWaterMark - this.#queue.total;
  }

  get canEnqueue() {
    return !this.#closeRequested && this.#stream.state === "readable";
  }

  get hasBackpressure() {
    return !this.#shouldPull();
  }

  enqueue(chunk) {
    if (!this.canEnqueue) {
      throw new TypeError("Unable to enqueue: the ReadableStream is closed or closing.");
    }
    if (this.#stream.waitingReads > 0) this.#stream.fulfill(chunk, false);
    else this.#store(chunk);
    this.#pullIfNeeded();
  }

  close() {
    if (!this.canEnqueue) throw new TypeError("This ReadableStream is closed.");
    this.#closeRequested = true;
    if (this.#queue.length === 0) this.#finish();
  }

  error(reason) {
    if (this.#stream.state !== "readable") return;
    this.#queue.clear();
    this.#forget();
    this.#stream.error(reason);
  }

  pullSteps(request) {
    if (this.#queue.length === 0) {
      this.#stream.reader.requests.push(request);
      this.#pullIfNeeded();
      return;
    }
    const chunk = this.#queue.shift();
    if (this.#closeRequested && this.#queue.length === 0) this.#finish();
    else this.#pullIfNeeded();
    request.chunk(chunk);
  }

  cancelSteps(reason) {
    this.#queue.clear();
    const cancel = this.#source.cancel;
    this.#forget();
    return cancel === undefined ? Promise.resolve() : cancel(reason);
  }

  releaseSteps() {}

  #store(chunk) {
    try {
      this.#queue.push(chunk, this.#size(chunk));
    } catch (error) {
      this.error(error);
      throw error;
    }
  }

  #finish() {
    this.#forget();
    this.#stream.close();
  }

  #forget() {
    this.#source = {};
    this.#size = undefined;
  }

  #shouldPull() {
    if (!this.canEnqueue || !this.#started) return false;
    return this.#stream.waitingReads > 0 || this.desiredSize > 0;
  }

  #pullIfNeeded() {
    if (this.#source.pull === undefined || !this.#shouldPull()) return;
    if (this.#pulling) {
      this.#pullAgain = true;
      return;
    }
    this.#pulling = true;
    this.#source.pull().then(
      () => {
        this.#pulling = false;
        if (!this.#pullAgain) return;
        this.#pullAgain = false;
        this.#pullIfNeeded();
      },
      (reason) => this.error(reason),
    );
  }
}

/** The `source` of a controller, from a user's underlying source and the public controller it is to be handed. */
export function sourceFrom(underlying, methods, controller) {
  return {
    pull: methods.pull && (() => invoke(underlying, methods.pull, controller)),
    cancel: methods.cancel && ((reason) => invoke(underlying, methods.cancel, reason)),
  };
}
