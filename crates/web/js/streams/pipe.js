// Piping: reads from one stream and writes to another, as fast as the writer is ready, and carries the end, an
// error or a cancellation across in both directions.

import { onAbort } from "../abort.js";
import { DefaultReaderCore } from "./readable-core.js";
import { WriterCore } from "./writable.js";

/** https://streams.spec.whatwg.org/#readable-stream-pipe-to, on cores */
export function pipe(source, target, options = {}) {
  return new Pipe(source, target, options).done;
}

class Pipe {
  #source;
  #target;
  #reader;
  #writer;
  #options;
  #lastWrite = Promise.resolve();
  #shuttingDown = false;
  #finished = Promise.withResolvers();
  #forgetSignal = () => {};

  constructor(source, target, options) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#reader = new DefaultReaderCore(source);
    this.#writer = new WriterCore(target);
    source.disturbed = true;
    if (this.#watchSignal(options.signal)) return;
    this.#settledBefore();
    this.#reader.closed.promise.then(
      () => this.#sourceClosed(),
      (reason) => this.#sourceErrored(reason),
    );
    this.#writer.closed.promise.then(
      () => this.#targetClosed(),
      (reason) => this.#targetErrored(reason),
    );
    this.#next();
  }

  // What has ended before the pipe began, in the standard's order: the first one decides.
  #settledBefore() {
    const [source, target] = [this.#source, this.#target];
    if (source.state === "errored") this.#sourceErrored(source.storedError);
    else if (target.state === "errored") this.#targetErrored(target.storedError);
    else if (source.state === "closed") this.#sourceClosed();
    else if (target.closeQueuedOrInFlight || target.state === "closed") this.#targetClosed();
  }

  get done() {
    return this.#finished.promise;
  }

  #next() {
    if (this.#shuttingDown) return;
    this.#writer.ready.promise.then(
      () => this.#read(),
      () => {},
    );
  }

  #read() {
    if (this.#shuttingDown) return;
    this.#reader.read({
      // A microtask later: whoever enqueues a chunk must not find itself inside the sink's write().
      chunk: (chunk) => {
        const { promise, resolve } = Promise.withResolvers();
        this.#lastWrite = promise;
        queueMicrotask(() => this.#write(chunk, resolve));
      },
      close: () => {},
      error: () => {},
    });
  }

  #write(chunk, done) {
    this.#writer.write(chunk).then(done, done);
    this.#next();
  }

  #watchSignal(signal) {
    if (signal === undefined) return false;
    const abort = (reason) => this.#aborted(reason);
    if (signal.aborted) abort(signal.reason);
    else this.#forgetSignal = onAbort(signal, abort);
    return signal.aborted;
  }

  #aborted(reason) {
    const { preventAbort, preventCancel } = this.#options;
    const abort = () => !preventAbort && this.#target.state === "writable" && this.#target.abort(reason);
    const cancel = () => !preventCancel && this.#source.state === "readable" && this.#source.cancel(reason);
    this.#shutdown(() => Promise.all([abort(), cancel()]), { reason });
  }

  #sourceErrored(reason) {
    const action = this.#options.preventAbort ? undefined : () => this.#target.abort(reason);
    this.#shutdown(action, { reason });
  }

  #sourceClosed() {
    const action = this.#options.preventClose ? undefined : () => this.#writer.closeWithErrorPropagation();
    this.#shutdown(action);
  }

  #targetErrored(reason) {
    const action = this.#options.preventCancel ? undefined : () => this.#source.cancel(reason);
    this.#shutdown(action, { reason });
  }

  #targetClosed() {
    const reason = new TypeError("The WritableStream that is piped to has been closed.");
    const action = this.#options.preventCancel ? undefined : () => this.#source.cancel(reason);
    this.#shutdown(action, { reason });
  }

  // Waits for what was read to be written, runs the action, and ends the pipe with `failure` if there is one.
  async #shutdown(action, failure) {
    if (this.#shuttingDown) return;
    this.#shuttingDown = true;
    this.#reader.stopReading();
    try {
      if (this.#target.state === "writable" && !this.#target.closeQueuedOrInFlight) await this.#writesDone();
      await action?.();
      this.#finish(failure);
    } catch (reason) {
      this.#finish({ reason });
    }
  }

  async #writesDone() {
    let awaited;
    while (awaited !== this.#lastWrite) {
      awaited = this.#lastWrite;
      await awaited;
    }
  }

  #finish(failure) {
    this.#forgetSignal();
    this.#writer.release();
    this.#reader.release();
    if (failure === undefined) this.#finished.resolve();
    else this.#finished.reject(failure.reason);
  }
}
