// Streams whose bytes do not come from a script: a buffer in memory, or a body that comes from outside. Such a
// stream keeps its `origin`: while nobody has read from it, its bytes can be passed on without becoming chunks.

import { onAbort } from "../abort.js";
import { natives } from "../natives.js";
import { ByteControllerCore } from "./byte-core.js";
import { wrapReadable } from "./readable.js";
import { DefaultControllerCore, ReadableCore } from "./readable-core.js";

/** A body that comes from outside, read chunk by chunk through the host. */
export class IncomingBody {
  // Why no more may be read, once a signal has said so; and who waits for the next chunk.
  #failure;
  #waiting;

  constructor(id, length) {
    this.id = id;
    this.length = length;
  }

  /** Asks for the next chunk: `done(error)` or `done(undefined, chunk)`, with null for the end. */
  pull(done) {
    natives.readBody(this.id, done);
  }

  /** From now on an abort of `signal` breaks the body off. */
  follow(signal) {
    onAbort(signal, (reason) => {
      const waiting = this.#waiting;
      this.#failure = { reason };
      this.#waiting = undefined;
      this.cancel(reason);
      waiting?.(reason);
    });
  }

  /** Throws why it was broken off, if it was. */
  throwIfBroken() {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /** The next chunk, or null at the end. */
  read() {
    const { promise, resolve, reject } = Promise.withResolvers();
    this.#request((error, chunk) => (error === undefined ? resolve(chunk) : reject(error)));
    return promise;
  }

  /** All that is left, as one array. */
  readAll() {
    const { promise, resolve, reject } = Promise.withResolvers();
    const chunks = [];
    const next = () => this.#request(received);
    const received = (error, chunk) => {
      if (error !== undefined) {
        reject(error);
      } else if (chunk === null) {
        resolve(joined(chunks));
      } else {
        chunks.push(chunk);
        // A fresh job, so that a host which answers at once cannot make the stack grow.
        queueMicrotask(next);
      }
    };
    next();
    return promise;
  }

  cancel(reason) {
    natives.cancelBody(this.id, reason);
  }

  #request(done) {
    if (this.#failure !== undefined) {
      done(this.#failure.reason);
      return;
    }
    this.#waiting = done;
    this.pull((error, chunk) => {
      if (this.#waiting !== done) return;
      this.#waiting = undefined;
      done(error, chunk);
    });
  }
}

/** A body that comes packed, as its Content-Encoding says, and is read unpacked. */
export class PackedBody extends IncomingBody {
  #pump;
  // Whether all that is packed has been handed to the pump, and whether there was any.
  #ended = false;
  #begun = false;

  /** `raw` is an IncomingBody, or the packed bytes themselves; `format` is a compression format. */
  constructor(raw, format) {
    super(raw.id, undefined);
    this.raw = raw;
    this.format = format;
    this.#pump = natives.newDecompressor(format);
    if (raw instanceof Uint8Array) {
      this.#take(raw);
      this.#take(null);
    }
  }

  pull(done) {
    let chunk;
    try {
      chunk = this.#begun ? this.#pump.next() : undefined;
    } catch (error) {
      done(error);
      return;
    }
    if (chunk !== undefined) done(undefined, chunk);
    else if (this.#ended) done(undefined, null);
    else super.pull((error, packed) => this.#received(error, packed, done));
  }

  cancel(reason) {
    if (this.id !== undefined) super.cancel(reason);
  }

  #received(error, packed, done) {
    if (error !== undefined) {
      done(error);
      return;
    }
    this.#take(packed);
    // A fresh job, so that a host which answers at once cannot make the stack grow.
    queueMicrotask(() => this.pull(done));
  }

  #take(packed) {
    if (packed === null) {
      this.#ended = true;
      this.#pump.finish();
    } else if (packed.byteLength > 0) {
      this.#begun = true;
      this.#pump.feed(packed);
    }
  }
}

/** Several chunks as one array; a single one is handed on as it is. */
export function joined(chunks) {
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** A byte stream of one array, which the caller gives away. */
export function streamOfBytes(bytes) {
  const source = {
    async pull() {
      controller.enqueue(bytes);
      finish(controller);
    },
  };
  const controller = byteController(source, bytes, bytes.byteLength);
  if (bytes.byteLength === 0) controller.close();
  return wrapReadable(controller.stream);
}

/** A byte stream over a body from outside. */
export function streamOfIncoming(incoming) {
  const source = {
    async pull() {
      const chunk = await incoming.read();
      if (chunk !== null) controller.enqueue(chunk);
      else finish(controller);
    },
    async cancel(reason) {
      incoming.cancel(reason);
    },
  };
  const controller = byteController(source, incoming, incoming.length);
  return wrapReadable(controller.stream);
}

/** A stream of what `reader` reads from another one. */
export function forwardedStream(reader, expectedLength) {
  const core = new ReadableCore();
  core.expectedLength = expectedLength;
  const source = {
    pull() {
      const { promise, resolve, reject } = Promise.withResolvers();
      reader.read({
        chunk: (chunk) => resolve(controller.enqueue(chunk)),
        close: () => resolve(controller.close()),
        error: reject,
      });
      return promise;
    },
    cancel: (reason) => reader.cancel(reason),
  };
  const controller = new DefaultControllerCore(core, source, 0, () => 1);
  controller.start(Promise.resolve());
  return wrapReadable(core);
}

function byteController(source, origin, expectedLength) {
  const core = new ReadableCore();
  core.origin = origin;
  core.expectedLength = expectedLength;
  const controller = new ByteControllerCore(core, source, 0);
  controller.start();
  return controller;
}

function finish(controller) {
  controller.close();
  if (controller.firstPending !== undefined) controller.respond(0);
}
