// TransformStream, and the byte pipes built on it: IdentityTransformStream, FixedLengthStream and the two text
// streams. https://streams.spec.whatwg.org/#ts

import { TextDecoder, TextEncoder } from "../encoding.js";
import { natives } from "../natives.js";
import {
  argumentError, bytesOf, finishInterfaces, illegalConstructor, isBufferSource, owned, toDictionary,
  toObject,
} from "../webidl.js";
import { call, highWaterMarkOf, invoke, methodOf, Outcome, sizeOf } from "./basics.js";
import { ByteControllerCore } from "./byte-core.js";
import { expectedLengthOf, wrapReadable } from "./readable.js";
import { DefaultControllerCore, ReadableCore } from "./readable-core.js";
import { WritableControllerCore, WritableCore, wrapWritable } from "./writable.js";

const CREATE = Symbol("create");

/** A writable and a readable side with a transformer between them. */
class TransformCore {
  readable = new ReadableCore();
  writable = new WritableCore();
  #transformer;
  #sink;
  #source;
  #backpressure = true;
  #backpressureChange = new Outcome();
  #finishing = undefined;

  /** `transformer`: transform(chunk), flush(), cancel(reason), all answering with promises, all optional. */
  constructor(transformer, writableStrategy, readableStrategy) {
    this.#transformer = transformer;
    const sink = {
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: (reason) => this.#abort(reason),
    };
    const source = { pull: () => this.#pull(), cancel: (reason) => this.#cancel(reason) };
    this.#sink = new WritableControllerCore(
      this.writable, sink, writableStrategy.highWaterMark, writableStrategy.size,
    );
    this.#source = new DefaultControllerCore(
      this.readable, source, readableStrategy.highWaterMark, readableStrategy.size,
    );
  }

  /**
   * Lets both sides begin once `result`, what the transformer's start() returned, is there. The promise within a
   * promise is the standard's: a cancel in the same turn comes first.
   */
  start(result) {
    const started = new Promise((resolve) => resolve(Promise.resolve(result)));
    this.#sink.start(started);
    this.#source.start(started);
  }

  get desiredSize() {
    return this.#source.desiredSize;
  }

  enqueue(chunk) {
    if (!this.#source.canEnqueue) throw new TypeError("The readable side of this TransformStream is not open.");
    try {
      this.#source.enqueue(chunk);
    } catch (error) {
      this.#errorWritable(error);
      throw this.readable.storedError;
    }
    if (this.#source.hasBackpressure !== this.#backpressure) this.#setBackpressure(true);
  }

  error(reason) {
    this.#source.error(reason);
    this.#errorWritable(reason);
  }

  terminate() {
    if (this.#source.canEnqueue) this.#source.close();
    this.#errorWritable(new TypeError("This TransformStream has been terminated."));
  }

  #write(chunk) {
    if (!this.#backpressure) return this.#transform(chunk);
    return this.#backpressureChange.promise.then(() => {
      if (this.writable.state === "erroring") throw this.writable.storedError;
      return this.#transform(chunk);
    });
  }

  #transform(chunk) {
    return this.#transformed(chunk).catch((error) => {
      this.error(error);
      throw error;
    });
  }

  #transformed(chunk) {
    const { transform } = this.#transformer;
    return transform === undefined ? invoke(this, this.enqueue, chunk) : transform(chunk);
  }

  #close() {
    return this.#finish(this.#transformer.flush, undefined, () => {
      if (this.readable.state === "errored") throw this.readable.storedError;
      if (this.#source.canEnqueue) this.#source.close();
    });
  }

  #abort(reason) {
    return this.#finish(this.#transformer.cancel, reason, () => {
      if (this.readable.state === "errored") throw this.readable.storedError;
      this.#source.error(reason);
    });
  }

  #cancel(reason) {
    return this.#finish(this.#transformer.cancel, reason, () => {
      if (this.writable.state === "errored") throw this.writable.storedError;
      this.writable.controller.error(reason);
      this.#unblockWrite();
    });
  }

  // The one end of a transform: whichever side comes first runs the transformer's last method, the other waits for it.
  #finish(method, reason, settle) {
    if (this.#finishing !== undefined) return this.#finishing;
    // There before the method runs, which may end the other side itself.
    const { promise, resolve, reject } = Promise.withResolvers();
    this.#finishing = promise;
    this.#runLast(method, reason, settle).then(resolve, reject);
    return promise;
  }

  async #runLast(method, reason, settle) {
    this.#transformer = {};
    try {
      await method?.(reason);
    } catch (error) {
      this.#source.error(error);
      this.#errorWritable(error);
      throw error;
    }
    settle();
  }

  #pull() {
    this.#setBackpressure(false);
    return this.#backpressureChange.promise;
  }

  #setBackpressure(backpressure) {
    this.#backpressureChange.resolve();
    this.#backpressureChange = new Outcome();
    this.#backpressure = backpressure;
  }

  #errorWritable(reason) {
    this.#transformer = {};
    this.writable.controller.error(reason);
    this.#unblockWrite();
  }

  #unblockWrite() {
    if (this.#backpressure) this.#setBackpressure(false);
  }
}

/** https://streams.spec.whatwg.org/#ts-class */
export class TransformStream {
  #readable;
  #writable;

  constructor(transformer, writableStrategy, readableStrategy) {
    if (transformer === CREATE) {
      this.#wrap(writableStrategy);
      return;
    }
    const source = toObject(transformer, "constructor", "TransformStream");
    if (source.readableType !== undefined) throw new RangeError("TransformStream: 'readableType' must be undefined.");
    if (source.writableType !== undefined) throw new RangeError("TransformStream: 'writableType' must be undefined.");
    const readable = strategyFrom(readableStrategy, 0, 3);
    const writable = strategyFrom(writableStrategy, 1, 2);
    this.#wrap(transformFrom(source, writable, readable));
  }

  get readable() {
    return this.#readable;
  }
  get writable() {
    return this.#writable;
  }

  #wrap(core) {
    this.#readable = wrapReadable(core.readable);
    this.#writable = wrapWritable(core.writable);
  }
}

function strategyFrom(strategy, fallback, position) {
  const options = toDictionary(strategy, "constructor", "TransformStream", position);
  return { highWaterMark: highWaterMarkOf(options, fallback), size: sizeOf(options) };
}

function transformFrom(source, writable, readable) {
  const start = methodOf(source, "start");
  const transform = methodOf(source, "transform");
  const flush = methodOf(source, "flush");
  const cancel = methodOf(source, "cancel");
  const controller = new TransformStreamDefaultController(CREATE);
  const transformer = {
    transform: transform && ((chunk) => invoke(source, transform, chunk, controller)),
    flush: flush && (() => invoke(source, flush, controller)),
    cancel: cancel && ((reason) => invoke(source, cancel, reason)),
  };
  const core = new TransformCore(transformer, writable, readable);
  core.readable.expectedLength = expectedLengthOf(source);
  controller[CREATE](core);
  core.start(call(source, start, controller));
  return core;
}

/** https://streams.spec.whatwg.org/#ts-default-controller-class */
export class TransformStreamDefaultController {
  #core;

  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
  }

  get desiredSize() {
    return this.#core.desiredSize;
  }
  enqueue(chunk) {
    this.#core.enqueue(owned(chunk));
  }
  error(reason) {
    this.#core.error(reason);
  }
  terminate() {
    this.#core.terminate();
  }
  [CREATE](core) {
    this.#core = core;
  }
}

/** A writable whose bytes come out of a readable byte stream; a write is done when its bytes have been read. */
class BytePipe {
  readable = new ReadableCore();
  writable = new WritableCore();
  #source;
  #wanted = new Outcome();
  #expected;
  #seen = 0;

  constructor(highWaterMark, expected) {
    this.#expected = expected;
    this.readable.expectedLength = expected;
    const source = { pull: () => this.#pull(), cancel: (reason) => this.#cancel(reason) };
    const sink = {
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: (reason) => this.#abort(reason),
    };
    this.#source = new ByteControllerCore(this.readable, source, 0);
    this.#source.start();
    // One chunk at a time unless the strategy allows for bytes, of which there are never more than will come.
    const [limit, size] =
      highWaterMark === undefined ? [1, () => 1] : [Math.min(highWaterMark, expected ?? Infinity), byteLengthOf];
    new WritableControllerCore(this.writable, sink, limit, size).start(Promise.resolve());
  }

  #pull() {
    this.#wanted.resolve();
    return Promise.resolve();
  }

  async #write(chunk) {
    const bytes = this.#checked(chunk);
    if (bytes.byteLength === 0) return;
    if (this.readable.waitingReads === 0) await this.#wanted.promise;
    this.#wanted = new Outcome();
    if (this.#source.canEnqueue) this.#source.enqueue(bytes.slice());
  }

  #checked(chunk) {
    try {
      const bytes = typeof chunk === "string" ? natives.encodeUtf8(chunk) : pipedBytes(chunk);
      this.#count(bytes.byteLength);
      return bytes;
    } catch (error) {
      this.#source.error(error);
      throw error;
    }
  }

  #count(byteLength) {
    this.#seen += byteLength;
    if (this.#expected !== undefined && this.#seen > this.#expected) {
      throw new TypeError("Attempt to write too many bytes through a FixedLengthStream.");
    }
  }

  async #close() {
    if (this.#expected !== undefined && this.#seen < this.#expected) {
      const error = new TypeError("FixedLengthStream did not see all expected bytes before close().");
      this.#source.error(error);
      throw error;
    }
    if (!this.#source.canEnqueue) return;
    this.#source.close();
    if (this.#source.firstPending !== undefined) this.#source.respond(0);
  }

  async #abort(reason) {
    this.#source.error(reason);
    this.#wanted.resolve();
  }

  async #cancel(reason) {
    this.writable.controller.error(reason);
    this.#wanted.resolve();
  }
}

const byteLengthOf = (chunk) => (isBufferSource(chunk) ? bytesOf(chunk).byteLength : `${chunk}`.length);

/** The bytes of a chunk that must be bytes, or the TypeError that workerd gives. */
export function pipedBytes(chunk) {
  if (isBufferSource(chunk)) return bytesOf(chunk);
  if (typeof chunk === "string") {
    throw new TypeError(
      "This TransformStream is being used as a byte stream, but received a string on its writable side. " +
        "If you wish to write a string, you'll probably want to explicitly UTF-8-encode it with TextEncoder.",
    );
  }
  throw new TypeError(
    "This TransformStream is being used as a byte stream, but received an object of " +
      "non-ArrayBuffer/ArrayBufferView type on its writable side.",
  );
}

/** Cloudflare's pass-through for bytes. */
export class IdentityTransformStream extends TransformStream {
  constructor(strategy, fixed) {
    const name = strategy === CREATE ? "FixedLengthStream" : "IdentityTransformStream";
    const options = toDictionary(strategy === CREATE ? fixed.strategy : strategy, "constructor", name);
    const expected = strategy === CREATE ? fixed.length : undefined;
    super(CREATE, new BytePipe(highWaterMarkOf(options, undefined), expected));
  }
}

/** Cloudflare's pass-through for a known number of bytes: a body made of it has a Content-Length. */
export class FixedLengthStream extends IdentityTransformStream {
  constructor(expectedLength, strategy) {
    const length = Math.trunc(Number(expectedLength));
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new TypeError("FixedLengthStream requires an integer expected length less than 2^53.");
    }
    super(CREATE, { length, strategy });
  }
}

/** https://encoding.spec.whatwg.org/#interface-textencoderstream */
export class TextEncoderStream extends TransformStream {
  constructor() {
    const encoder = new TextEncoder();
    // The first half of a surrogate pair that a chunk ended with.
    let pending = "";
    super({
      transform(chunk, controller) {
        let text = pending + `${chunk}`;
        pending = /[\ud800-\udbff]$/.exec(text)?.[0] ?? "";
        text = text.slice(0, text.length - pending.length);
        if (text !== "") controller.enqueue(encoder.encode(text));
      },
      flush(controller) {
        if (pending !== "") controller.enqueue(encoder.encode(pending));
      },
    });
  }

  get encoding() {
    return "utf-8";
  }
}

/** https://encoding.spec.whatwg.org/#interface-textdecoderstream */
export class TextDecoderStream extends TransformStream {
  #decoder;

  constructor(label, options) {
    const decoder = new TextDecoder(label, options);
    super({
      transform(chunk, controller) {
        if (!isBufferSource(chunk)) throw argumentError(1, "transform", "TextDecoderStream", "BufferSource");
        const text = decoder.decode(chunk, { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
    this.#decoder = decoder;
  }

  get encoding() {
    return this.#decoder.encoding;
  }
  get fatal() {
    return this.#decoder.fatal;
  }
  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }
}

finishInterfaces(
  TransformStream,
  TransformStreamDefaultController,
  IdentityTransformStream,
  FixedLengthStream,
  TextEncoderStream,
  TextDecoderStream,
);
