// The machinery behind byte streams: a queue of pieces of buffers, and pull-into descriptors, which are the buffers
// that readers brought along (BYOB) or that the stream allocates for them.

import { isPedantic } from "../flags.js";
import { ReaderCore, releasedError } from "./readable-core.js";

/** Reads into buffers that the reader brings along. */
export class ByobReaderCore extends ReaderCore {
  byob = true;

  constructor(stream) {
    if (!(stream.controller instanceof ByteControllerCore)) {
      throw new TypeError("This ReadableStream does not support BYOB reads.");
    }
    super(stream);
  }

  /** Reads at least `min` elements into `view`, whose buffer is taken away from the caller. */
  readInto(view, min, request) {
    const { stream } = this;
    if (stream === undefined) {
      request.error(releasedError());
      return;
    }
    stream.disturbed = true;
    if (stream.state === "errored") request.error(stream.storedError);
    else stream.controller.pullInto(view, min, request);
  }
}

/** A buffer waiting to be filled. `readerType` is "default", "byob", or "none" once its reader is gone. */
class PullInto {
  filled = 0;

  constructor(buffer, byteOffset, byteLength, minimumFill, constructor, readerType) {
    this.buffer = buffer;
    // Kept, since the source may have moved the buffer's memory elsewhere by the time it answers.
    this.bufferByteLength = buffer.byteLength;
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.minimumFill = minimumFill;
    this.viewConstructor = constructor;
    this.elementSize = constructor.BYTES_PER_ELEMENT ?? 1;
    this.readerType = readerType;
  }

  /** The part that has been filled, as the reader's kind of view. */
  view() {
    const buffer = this.buffer.transfer();
    return new this.viewConstructor(buffer, this.byteOffset, this.filled / this.elementSize);
  }

  /** The part that is still empty. */
  rest() {
    return new Uint8Array(this.buffer, this.byteOffset + this.filled, this.byteLength - this.filled);
  }
}

/** The controller of a byte stream. */
export class ByteControllerCore {
  // Pieces {buffer, byteOffset, byteLength} in order, and the sum of their lengths.
  #pieces = [];
  #queued = 0;
  #pending = [];
  #stream;
  #source;
  #highWaterMark;
  #autoAllocate;
  #started = false;
  #pulling = false;
  #pullAgain = false;
  #closeRequested = false;

  /** Tells the public BYOB request that its buffer is no longer to be written. */
  onRequestInvalid = undefined;

  constructor(stream, source, highWaterMark, autoAllocate) {
    this.#stream = stream;
    this.#source = source;
    this.#highWaterMark = highWaterMark;
    this.#autoAllocate = autoAllocate;
    stream.controller = this;
  }

  /** Begins pulling when `started` is fulfilled; at once where there is nothing to wait for. */
  start(started) {
    if (started === undefined) {
      this.#started = true;
      return;
    }
    started.then(
      () => {
        this.#started = true;
        this.#pullIfNeeded();
      },
      (reason) => this.error(reason),
    );
  }

  get stream() {
    return this.#stream;
  }

  get desiredSize() {
    if (this.#stream.state === "errored") return null;
    if (this.#stream.state === "closed") return 0;
    return this.#highWaterMark - this.#queued;
  }

  get canEnqueue() {
    return !this.#closeRequested && this.#stream.state === "readable";
  }

  /** The first pull-into, for `byobRequest`. */
  get firstPending() {
    return this.#pending[0];
  }

  enqueue(chunk) {
    if (!this.canEnqueue) {
      throw new TypeError("Unable to enqueue: the ReadableStream is closed or closing.");
    }
    const { byteOffset, byteLength } = chunk;
    const buffer = chunk.buffer.transfer();
    if (this.#pending.length > 0) this.#detachFirstRequest();
    const piece = { buffer, byteOffset, byteLength };
    if (this.#stream.reader?.byob) {
      this.#append(piece);
      this.#fillPending();
    } else if (this.#stream.waitingReads > 0 && this.#queued === 0) {
      this.#answerRead(piece);
    } else {
      this.#append(piece);
      this.#serveReads();
    }
    this.#pullIfNeeded();
  }

  close() {
    if (!this.canEnqueue) throw new TypeError("This ReadableStream is closed.");
    if (this.#queued > 0) {
      this.#closeRequested = true;
      return;
    }
    const first = this.#pending[0];
    if (first !== undefined && first.filled % first.elementSize !== 0) {
      const error = new TypeError("A byte stream ended in the middle of an element.");
      this.error(error);
      throw error;
    }
    this.#finish();
  }

  error(reason) {
    if (this.#stream.state !== "readable") return;
    this.#invalidateRequest();
    this.#pending = [];
    this.#clearQueue();
    this.#source = {};
    this.#stream.error(reason);
  }

  pullSteps(request) {
    if (this.#queued > 0) {
      request.chunk(this.#shiftPiece());
      return;
    }
    if (this.#autoAllocate !== undefined) {
      const size = this.#autoAllocate;
      this.#pending.push(new PullInto(new ArrayBuffer(size), 0, size, 1, Uint8Array, "default"));
    }
    this.#stream.reader.requests.push(request);
    this.#pullIfNeeded();
  }

  pullInto(view, min, request) {
    const { byteOffset, byteLength, constructor } = view;
    const elementSize = constructor.BYTES_PER_ELEMENT ?? 1;
    const buffer = view.buffer.transfer();
    const pullInto = new PullInto(buffer, byteOffset, byteLength, min * elementSize, constructor, "byob");
    if (this.#pending.length > 0) {
      this.#pending.push(pullInto);
      this.#stream.reader.requests.push(request);
      return;
    }
    if (this.#stream.state === "closed") {
      request.close(new constructor(pullInto.buffer, byteOffset, 0));
      return;
    }
    this.#pullIntoNow(pullInto, request);
  }

  cancelSteps(reason) {
    this.#invalidateRequest();
    this.#pending = [];
    this.#clearQueue();
    const cancel = this.#source.cancel;
    this.#source = {};
    return cancel === undefined ? Promise.resolve() : cancel(reason);
  }

  releaseSteps() {
    const first = this.#pending[0];
    if (first === undefined) return;
    first.readerType = "none";
    this.#pending = [first];
  }

  /** The source has written `bytesWritten` bytes into the first pull-into. */
  respond(bytesWritten) {
    const first = this.#pending[0];
    if (this.#stream.state === "closed") {
      if (bytesWritten !== 0) throw new TypeError("bytesWritten must be 0 once the stream is closed.");
    } else {
      if (bytesWritten === 0) throw new TypeError("bytesWritten must be more than 0.");
      if (first.filled + bytesWritten > first.byteLength) {
        throw new RangeError("bytesWritten is more than the buffer holds.");
      }
    }
    first.buffer = first.buffer.transfer();
    this.#respondFirst(bytesWritten);
  }

  /** The source has filled another view of the same memory instead. */
  respondWithNewView(view) {
    const first = this.#pending[0];
    if (this.#stream.state === "closed" && view.byteLength !== 0) {
      throw new TypeError("The view must be empty once the stream is closed.");
    }
    if (this.#stream.state !== "closed" && view.byteLength === 0) {
      throw new TypeError("The view must not be empty.");
    }
    const misplaced = first.byteOffset + first.filled !== view.byteOffset;
    const resized = first.bufferByteLength !== view.buffer.byteLength;
    if (misplaced || resized || first.filled + view.byteLength > first.byteLength) {
      throw new RangeError("The view is not the part of the buffer that was asked for.");
    }
    const { byteLength } = view;
    first.buffer = view.buffer.transfer();
    this.#respondFirst(byteLength);
  }

  #pullIntoNow(pullInto, request) {
    if (this.#queued > 0) {
      if (this.#fill(pullInto)) {
        const view = pullInto.view();
        this.#afterDrain();
        request.chunk(view);
        return;
      }
      if (this.#closeRequested && !isPedantic() && pullInto.filled % pullInto.elementSize === 0) {
        this.#finish();
        request.close(pullInto.view());
        return;
      }
      if (this.#closeRequested) {
        const error = new TypeError("A byte stream ended in the middle of an element.");
        this.error(error);
        request.error(error);
        return;
      }
    }
    this.#pending.push(pullInto);
    this.#stream.reader.requests.push(request);
    this.#pullIfNeeded();
  }

  #respondFirst(bytesWritten) {
    const first = this.#pending[0];
    this.#invalidateRequest();
    if (this.#stream.state === "closed") this.#respondClosed(first);
    else this.#respondReadable(first, bytesWritten);
    this.#pullIfNeeded();
  }

  #respondClosed(first) {
    if (first.readerType === "none") this.#pending.shift();
    while (this.#stream.reader?.byob && this.#stream.waitingReads > 0) {
      const pullInto = this.#pending.shift();
      this.#stream.fulfill(pullInto.view(), true);
    }
  }

  #respondReadable(first, bytesWritten) {
    first.filled += bytesWritten;
    if (first.readerType === "none") {
      this.#pending.shift();
      this.#keepFilled(first, first.filled);
      this.#fillPending();
      this.#serveReads();
      return;
    }
    if (first.filled < first.minimumFill) return;
    this.#pending.shift();
    const remainder = first.filled % first.elementSize;
    this.#keepFilled(first, remainder);
    first.filled -= remainder;
    this.#commitAll([first, ...this.#takeFilled()]);
  }

  // Puts the last `count` filled bytes of a pull-into back into the queue.
  #keepFilled(pullInto, count) {
    if (count === 0) return;
    const end = pullInto.byteOffset + pullInto.filled;
    const buffer = pullInto.buffer.slice(end - count, end);
    this.#append({ buffer, byteOffset: 0, byteLength: count });
  }

  #commit(pullInto) {
    const done = this.#stream.state === "closed";
    this.#stream.fulfill(pullInto.view(), done);
  }

  #commitAll(filled) {
    for (const pullInto of filled) this.#commit(pullInto);
  }

  #fillPending() {
    this.#commitAll(this.#takeFilled());
  }

  // The pull-intos that the queue can satisfy. All are taken before the first is handed over, since that may run a
  // script's code.
  #takeFilled() {
    const filled = [];
    while (this.#pending.length > 0 && this.#queued > 0 && this.#fill(this.#pending[0])) {
      this.#invalidateRequest();
      filled.push(this.#pending.shift());
    }
    return filled;
  }

  // Moves bytes from the queue into a pull-into; true when it has enough to be handed over.
  #fill(pullInto) {
    const available = Math.min(this.#queued, pullInto.byteLength - pullInto.filled);
    const reachable = pullInto.filled + available;
    const aligned = reachable - (reachable % pullInto.elementSize);
    const ready = aligned >= pullInto.minimumFill;
    let remaining = ready ? aligned - pullInto.filled : available;
    while (remaining > 0) {
      const piece = this.#pieces[0];
      const count = Math.min(remaining, piece.byteLength);
      pullInto.rest().set(new Uint8Array(piece.buffer, piece.byteOffset, count));
      pullInto.filled += count;
      this.#consume(piece, count);
      remaining -= count;
    }
    return ready;
  }

  #consume(piece, count) {
    if (count === piece.byteLength) {
      this.#pieces.shift();
    } else {
      piece.byteOffset += count;
      piece.byteLength -= count;
    }
    this.#queued -= count;
  }

  #answerRead(piece) {
    if (this.#pending.length > 0) this.#pending.shift();
    const { buffer, byteOffset, byteLength } = piece;
    this.#stream.fulfill(new Uint8Array(buffer, byteOffset, byteLength), false);
  }

  // Gives queued bytes to default reads, which wait beside them only after a BYOB reader has let go of its buffer.
  #serveReads() {
    while (!this.#stream.reader?.byob && this.#stream.waitingReads > 0 && this.#queued > 0) {
      this.#stream.fulfill(this.#shiftPiece(), false);
    }
  }

  // The buffer of a pending request was handed to the source: it must not be able to write into it from here on.
  #detachFirstRequest() {
    const first = this.#pending[0];
    this.#invalidateRequest();
    first.buffer = first.buffer.transfer();
    if (first.readerType !== "none") return;
    this.#keepFilled(first, first.filled);
    this.#pending.shift();
  }

  #append(piece) {
    this.#pieces.push(piece);
    this.#queued += piece.byteLength;
  }

  #shiftPiece() {
    const { buffer, byteOffset, byteLength } = this.#pieces.shift();
    this.#queued -= byteLength;
    this.#afterDrain();
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  #afterDrain() {
    if (this.#queued === 0 && this.#closeRequested) this.#finish();
    else this.#pullIfNeeded();
  }

  // By the standard the source has to answer a read into a buffer after the end as well, or the read waits for ever. In
  // workerd it may, and so it may here.
  #finish() {
    this.#source = {};
    this.#stream.close();
    if (this.#pending.length === 0 || isPedantic()) return;
    queueMicrotask(() => {
      if (this.#pending.length > 0) this.respond(0);
    });
  }

  #clearQueue() {
    this.#pieces = [];
    this.#queued = 0;
  }

  #invalidateRequest() {
    this.onRequestInvalid?.();
    this.onRequestInvalid = undefined;
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
