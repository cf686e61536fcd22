// Readable. https://nodejs.org/api/stream.html#readable-streams

import { Buffer } from "../buffer.js";
import { callable } from "../callable.js";
import { StringDecoder } from "../string_decoder.js";
import { beginLife, construct, failStream, getDefaultHighWaterMark, lifeOf, SideState, soon, Stream } from "./base.js";
import { invalidType, notImplemented, outOfRange, pushAfterEnd, unshiftAfterEnd } from "./errors.js";
import { pipe, unpipe } from "./pipe.js";

/** The largest buffer that a `read(n)` makes a stream keep, in bytes. */
const READ_MAX_BYTES = 2 ** 30;

/** How much a side of a stream buffers, by its options. */
export function highWaterMark(options, side, objectMode) {
  const name = (options.highWaterMark ?? undefined) === undefined ? `${side}HighWaterMark` : "highWaterMark";
  const given = options[name];
  if (given === undefined || given === null) return getDefaultHighWaterMark(objectMode);
  if (Number.isInteger(given) && given >= 0) return given;
  const error = new TypeError(`The property 'options.${name}' is invalid. Received ${given}`);
  throw Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
}

class ReadableState extends SideState {
  buffer = [];
  dataEmitted = false;
  decoder = null;
  emittedReadable = false;
  encoding = null;
  endEmitted = false;
  ended = false;
  flowing = null;
  length = 0;
  needReadable = false;
  paused = false;
  pipes = [];
  /** The destinations that are full. */
  fullPipes = new Set();
  readable = undefined;
  readableListening = false;
  reading = false;
  readingMore = false;
  resumeScheduled = false;
  sync = true;

  constructor(stream, options) {
    super(stream);
    this.objectMode = !!(options.objectMode || options.readableObjectMode);
    this.highWaterMark = highWaterMark(options, "readable", this.objectMode);
    this.defaultEncoding = options.defaultEncoding ?? "utf8";
    if (options.encoding) this.decode(options.encoding);
  }

  decode(encoding) {
    this.decoder = new StringDecoder(encoding);
    this.encoding = this.decoder.encoding;
  }

  sizeOf(chunk) {
    return this.objectMode ? 1 : chunk.length;
  }

  /** How much of what is buffered a `read(wanted)` takes; NaN asks for what there is. */
  amount(wanted, flowing) {
    if (wanted <= 0 || (this.length === 0 && this.ended)) return 0;
    if (this.objectMode) return 1;
    if (Number.isNaN(wanted)) return flowing && this.length > 0 ? this.buffer[0].length : this.length;
    if (wanted <= this.length) return wanted;
    return this.ended ? this.length : 0;
  }

  take(amount) {
    if (this.length === 0) return null;
    if (this.objectMode) return this.buffer.shift();
    if (this.buffer[0].length === amount) return this.buffer.shift();
    const all = this.decoder === null ? Buffer.concat(this.buffer) : this.buffer.join("");
    this.buffer = amount < all.length ? [all.slice(amount)] : [];
    return all.slice(0, amount);
  }
}

/** Gives a stream its readable side. */
export function beginReadable(stream, options = {}) {
  stream._readableState = new ReadableState(stream, options ?? {});
  Object.defineProperty(stream, "_readableState", { enumerable: false });
  beginLife(stream, options ?? {});
}

/** A stream that is read from. */
class Readable extends Stream {
  constructor(options) {
    super(options);
    initialize.call(this, options);
  }

  get readable() {
    const state = this._readableState;
    return state.readable !== false && !this.destroyed && !state.endEmitted && !this.errored;
  }
  set readable(value) {
    this._readableState.readable = !!value;
  }
  get readableAborted() {
    const state = this._readableState;
    return state.readable !== false && (this.destroyed || this.errored !== null) && !state.endEmitted;
  }
  get readableDidRead() {
    return this._readableState.dataEmitted;
  }
  get readableEncoding() {
    return this._readableState.encoding;
  }
  get readableEnded() {
    return this._readableState.endEmitted;
  }
  get readableFlowing() {
    return this._readableState.flowing;
  }
  set readableFlowing(value) {
    this._readableState.flowing = value;
  }
  get readableHighWaterMark() {
    return this._readableState.highWaterMark;
  }
  get readableLength() {
    return this._readableState.length;
  }
  get readableObjectMode() {
    return this._readableState.objectMode;
  }

  _read() {
    throw notImplemented("_read()");
  }

  setEncoding(encoding) {
    const state = this._readableState;
    state.decode(encoding);
    const text = state.buffer.map((chunk) => state.decoder.write(chunk)).join("");
    state.buffer = text === "" ? [] : [text];
    state.length = text.length;
    return this;
  }

  /** Adds a chunk, null being the end; false where enough is buffered. */
  push(chunk, encoding) {
    return add(this, chunk, encoding, false);
  }

  /** Puts a chunk back in front. */
  unshift(chunk, encoding) {
    return add(this, chunk, encoding, true);
  }

  read(wanted) {
    const state = this._readableState;
    const asked = wanted === undefined ? NaN : Number.parseInt(wanted, 10);
    if (asked > state.highWaterMark) state.highWaterMark = roundedUp(asked);
    if (asked !== 0) state.emittedReadable = false;
    else if (state.needReadable && isFull(state)) return tellOfBuffer(this);
    let amount = state.amount(asked, state.flowing);
    if (amount === 0 && state.ended) {
      if (state.length === 0) end(this);
      return null;
    }
    if (mayFill(this, amount)) {
      fill(this);
      if (!state.reading) amount = state.amount(asked, state.flowing);
    }
    return give(this, amount, asked);
  }

  on(name, listener) {
    super.on(name, listener);
    startFor(this, name);
    return this;
  }

  once(name, listener) {
    super.once(name, listener);
    startFor(this, name);
    return this;
  }

  removeListener(name, listener) {
    super.removeListener(name, listener);
    if (name === "readable") soon(updateListening, this);
    return this;
  }

  removeAllListeners(name) {
    super.removeAllListeners(name);
    if (name === "readable" || name === undefined) soon(updateListening, this);
    return this;
  }

  resume() {
    const state = this._readableState;
    if (!state.flowing) {
      state.flowing = !state.readableListening;
      scheduleResume(this);
    }
    state.paused = false;
    return this;
  }

  pause() {
    const state = this._readableState;
    if (state.flowing !== false) {
      state.flowing = false;
      this.emit("pause");
    }
    state.paused = true;
    return this;
  }

  isPaused() {
    return this._readableState.paused || this._readableState.flowing === false;
  }

  pipe(destination, options) {
    return pipe(this, destination, options);
  }

  unpipe(destination) {
    return unpipe(this, destination);
  }

  /** Reads what an older stream, which only emits events, gives. */
  wrap(stream) {
    this._read = () => stream.resume?.();
    stream.on("data", (chunk) => {
      if (!this.push(chunk)) stream.pause?.();
    });
    stream.on("end", () => this.push(null));
    stream.on("error", (error) => failStream(this, error));
    stream.on("close", () => this.destroy());
    stream.on("destroy", () => this.destroy());
    return this;
  }
}

Readable.prototype.addListener = Readable.prototype.on;
Readable.prototype.off = Readable.prototype.removeListener;

function initialize(options) {
  beginReadable(this, options);
  construct(this, () => {
    if (this._readableState.needReadable) readMore(this);
  });
}

const roundedUp = (bytes) => {
  if (bytes > READ_MAX_BYTES) throw outOfRange("size", "<= 1GiB", bytes);
  return 2 ** Math.ceil(Math.log2(bytes));
};

const isFull = (state) =>
  state.ended || (state.highWaterMark === 0 ? state.length > 0 : state.length >= state.highWaterMark);

function tellOfBuffer(stream) {
  const state = stream._readableState;
  if (state.length === 0 && state.ended) end(stream);
  else emitReadable(stream);
  return null;
}

function mayFill(stream, amount) {
  const state = stream._readableState;
  const { constructed, destroyed, errored } = lifeOf(stream);
  if (state.ended || state.reading || destroyed || errored || !constructed) return false;
  return state.needReadable || state.length === 0 || state.length - amount < state.highWaterMark;
}

function fill(stream) {
  const state = stream._readableState;
  state.reading = true;
  state.sync = true;
  if (state.length === 0) state.needReadable = true;
  try {
    stream._read(state.highWaterMark);
  } catch (error) {
    failStream(stream, error);
  }
  state.sync = false;
}

function give(stream, amount, asked) {
  const state = stream._readableState;
  const chunk = amount > 0 ? state.take(amount) : null;
  if (chunk === null) state.needReadable = state.length <= state.highWaterMark;
  else state.length -= amount;
  if (state.length === 0) {
    if (!state.ended) state.needReadable = true;
    if (asked !== (chunk === null ? 0 : amount) && state.ended) end(stream);
  }
  const life = lifeOf(stream);
  if (chunk !== null && !life.errored && !life.closeEmitted) {
    state.dataEmitted = true;
    stream.emit("data", chunk);
  }
  return chunk;
}

function add(stream, given, encoding, inFront) {
  const state = stream._readableState;
  if (given === null && !inFront) {
    state.reading = false;
    onEnd(stream);
    return false;
  }
  let chunk = given;
  try {
    chunk = state.objectMode ? given : chunkOf(state, given, encoding, inFront);
  } catch (error) {
    failStream(stream, error);
    return false;
  }
  if (inFront) return putInFront(stream, chunk);
  if (!state.objectMode && chunk.length === 0) {
    state.reading = false;
    maybeReadMore(stream);
  } else if (state.ended) {
    failStream(stream, pushAfterEnd());
    return false;
  } else if (stream.destroyed || stream.errored) {
    return false;
  } else {
    append(stream, chunk);
  }
  return !state.ended && (state.length < state.highWaterMark || state.length === 0);
}

// The bytes, or the text of a stream that decodes, of what was pushed.
function chunkOf(state, chunk, encoding, inFront) {
  if (typeof chunk === "string") {
    const name = encoding ?? state.defaultEncoding;
    if (state.encoding === name) return chunk;
    const bytes = Buffer.from(chunk, name);
    return state.encoding && inFront ? bytes.toString(state.encoding) : bytes;
  }
  if (chunk instanceof Buffer) return chunk;
  if (ArrayBuffer.isView(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk === undefined) return Buffer.alloc(0);
  throw invalidType("chunk", "of type string or an instance of Buffer, TypedArray, or DataView", chunk);
}

function putInFront(stream, chunk) {
  const state = stream._readableState;
  if (state.endEmitted) failStream(stream, unshiftAfterEnd());
  else if (stream.destroyed || stream.errored) return false;
  else if (state.objectMode || chunk.length > 0) store(stream, chunk, true);
  return !state.ended && (state.length < state.highWaterMark || state.length === 0);
}

function append(stream, bytes) {
  const state = stream._readableState;
  state.reading = false;
  const decodes = state.decoder !== null && typeof bytes !== "string";
  const chunk = decodes ? state.decoder.write(bytes) : bytes;
  if (state.objectMode || chunk.length > 0) store(stream, chunk, false);
  else maybeReadMore(stream);
}

function store(stream, chunk, inFront) {
  const state = stream._readableState;
  if (state.flowing && state.length === 0 && !state.sync && stream.listenerCount("data") > 0) {
    state.dataEmitted = true;
    stream.emit("data", chunk);
  } else {
    state.length += state.sizeOf(chunk);
    if (inFront) state.buffer.unshift(chunk);
    else state.buffer.push(chunk);
    if (state.needReadable) emitReadable(stream);
  }
  maybeReadMore(stream);
}

function onEnd(stream) {
  const state = stream._readableState;
  if (state.ended) return;
  const rest = state.decoder?.end() ?? "";
  if (rest.length > 0) {
    state.buffer.push(rest);
    state.length += state.sizeOf(rest);
  }
  state.ended = true;
  if (state.sync) {
    emitReadable(stream);
  } else {
    state.needReadable = false;
    state.emittedReadable = true;
    emitReadableNow(stream);
  }
}

function emitReadable(stream) {
  const state = stream._readableState;
  state.needReadable = false;
  if (state.emittedReadable) return;
  state.emittedReadable = true;
  soon(emitReadableNow, stream);
}

function emitReadableNow(stream) {
  const state = stream._readableState;
  if (!stream.destroyed && !stream.errored && (state.length > 0 || state.ended)) {
    stream.emit("readable");
    state.emittedReadable = false;
  }
  state.needReadable = !state.flowing && !state.ended && state.length <= state.highWaterMark;
  flow(stream);
}

function maybeReadMore(stream) {
  const state = stream._readableState;
  if (state.readingMore || !lifeOf(stream).constructed) return;
  state.readingMore = true;
  soon(readMore, stream);
}

function readMore(stream) {
  const state = stream._readableState;
  const wants = () => state.length < state.highWaterMark || (state.flowing && state.length === 0);
  while (!state.reading && !state.ended && wants()) {
    const { length } = state;
    stream.read(0);
    if (length === state.length) break;
  }
  state.readingMore = false;
}

// Who listens for chunks sets the stream going.
function startFor(stream, name) {
  if (name === "data") listenForData(stream);
  else if (name === "readable") listenForReadable(stream);
}

function listenForData(stream) {
  const state = stream._readableState;
  state.readableListening = stream.listenerCount("readable") > 0;
  if (state.flowing !== false) stream.resume();
}

function listenForReadable(stream) {
  const state = stream._readableState;
  if (state.endEmitted || state.readableListening) return;
  state.readableListening = true;
  state.needReadable = true;
  state.flowing = false;
  state.emittedReadable = false;
  if (state.length > 0) emitReadable(stream);
  else if (!state.reading) soon(() => stream.read(0));
}

function updateListening(stream) {
  const state = stream._readableState;
  state.readableListening = stream.listenerCount("readable") > 0;
  if (state.resumeScheduled && !state.paused) state.flowing = true;
  else if (stream.listenerCount("data") > 0) stream.resume();
  else if (!state.readableListening) state.flowing = null;
}

function scheduleResume(stream) {
  const state = stream._readableState;
  if (state.resumeScheduled) return;
  state.resumeScheduled = true;
  soon(() => {
    if (!state.reading) stream.read(0);
    state.resumeScheduled = false;
    stream.emit("resume");
    flow(stream);
    if (state.flowing && !state.reading) stream.read(0);
  });
}

/** Reads on as long as the stream flows. */
function flow(stream) {
  while (stream._readableState.flowing && stream.read() !== null);
}

function end(stream) {
  const state = stream._readableState;
  if (state.endEmitted) return;
  state.ended = true;
  soon(() => {
    const life = lifeOf(stream);
    if (life.errored || life.closeEmitted || state.endEmitted || state.length > 0) return;
    state.endEmitted = true;
    stream.emit("end");
    const writable = stream._writableState;
    if (writable && stream.allowHalfOpen === false && stream.writable && !writable.ending) soon(() => stream.end());
    else if (life.autoDestroy && (!writable || writable.finished || writable.writable === false)) stream.destroy();
  });
}

const CallableReadable = callable(Readable, initialize);
export { CallableReadable as Readable };
