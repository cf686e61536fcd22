// Writable. https://nodejs.org/api/stream.html#writable-streams

import { Buffer } from "../buffer.js";
import { callable } from "../callable.js";
import { beginLife, construct, failStream, lifeOf, once, SideState, soon, Stream } from "./base.js";
import {
  alreadyFinished, cannotPipe, destroyedError, invalidType, multipleCallbacks, notImplemented, nullValue, unknownEncoding,
  writeAfterEnd,
} from "./errors.js";
import { highWaterMark } from "./readable.js";

class WritableState extends SideState {
  bufferProcessing = false;
  /** What waits for its turn: `{ chunk, encoding, callback }`. */
  buffered = [];
  corked = 0;
  ended = false;
  ending = false;
  finalCalled = false;
  finished = false;
  length = 0;
  needDrain = false;
  /** Who wants to hear of the end. */
  onFinished = [];
  /** How many callbacks are still to be called. */
  pendingcb = 0;
  prefinished = false;
  sync = true;
  writable = undefined;
  writing = false;

  constructor(stream, options) {
    super(stream);
    this.objectMode = !!(options.objectMode || options.writableObjectMode);
    this.highWaterMark = highWaterMark(options, "writable", this.objectMode);
    this.decodeStrings = options.decodeStrings !== false;
    this.defaultEncoding = options.defaultEncoding ?? "utf8";
    if (!Buffer.isEncoding(this.defaultEncoding)) throw unknownEncoding(this.defaultEncoding);
  }

  get bufferedRequestCount() {
    return this.buffered.length;
  }

  getBuffer() {
    return this.buffered;
  }
}

/** Gives a stream its writable side. */
export function beginWritable(stream, options = {}) {
  stream._writableState = new WritableState(stream, options ?? {});
  Object.defineProperty(stream, "_writableState", { enumerable: false });
  beginLife(stream, options ?? {});
}

/** Goes on with what was written before a stream was constructed. */
export function continueWriting(stream) {
  const state = stream._writableState;
  if (!state.writing) writeBuffered(stream);
  finishMaybe(stream, false);
}

/** A stream that is written to. */
class Writable extends Stream {
  constructor(options) {
    super(options);
    initialize.call(this, options);
  }

  /** A Duplex is one, too. */
  static [Symbol.hasInstance](object) {
    if (Function.prototype[Symbol.hasInstance].call(this, object)) return true;
    return this === CallableWritable && object?._writableState instanceof WritableState;
  }

  get writable() {
    const state = this._writableState;
    return state.writable !== false && !this.destroyed && !this.errored && !state.ending && !state.ended;
  }
  set writable(value) {
    this._writableState.writable = !!value;
  }
  get writableAborted() {
    const state = this._writableState;
    return state.writable !== false && (this.destroyed || this.errored !== null) && !state.finished;
  }
  get writableBuffer() {
    return this._writableState.buffered;
  }
  get writableCorked() {
    return this._writableState.corked;
  }
  get writableEnded() {
    return this._writableState.ending;
  }
  get writableFinished() {
    return this._writableState.finished;
  }
  get writableHighWaterMark() {
    return this._writableState.highWaterMark;
  }
  get writableLength() {
    return this._writableState.length;
  }
  get writableNeedDrain() {
    const state = this._writableState;
    return !this.destroyed && !state.ending && state.needDrain;
  }
  get writableObjectMode() {
    return this._writableState.objectMode;
  }

  pipe() {
    failStream(this, cannotPipe());
  }

  _write(chunk, encoding, callback) {
    if (!this._writev) throw notImplemented("_write()");
    this._writev([{ chunk, encoding }], callback);
  }

  /** Takes a chunk; false where it is better to wait for "drain" before the next one. */
  write(chunk, encodingOrCallback, callback) {
    const [encoding, done] =
      typeof encodingOrCallback === "function" ? [undefined, encodingOrCallback] : [encodingOrCallback, callback];
    return write(this, chunk, encoding, done) === true;
  }

  end(chunkOrCallback, encodingOrCallback, callback) {
    const given = [chunkOrCallback, encodingOrCallback, callback];
    const done = given.find((value) => typeof value === "function");
    const [chunk, encoding] = given.map((value) => (typeof value === "function" ? undefined : value));
    end(this, chunk, encoding, done);
    return this;
  }

  cork() {
    this._writableState.corked += 1;
  }

  uncork() {
    const state = this._writableState;
    if (state.corked === 0) return;
    state.corked -= 1;
    if (!state.writing) writeBuffered(this);
  }

  setDefaultEncoding(encoding) {
    const name = `${encoding}`.toLowerCase();
    if (!Buffer.isEncoding(name)) throw unknownEncoding(encoding);
    this._writableState.defaultEncoding = name;
    return this;
  }

  /** What waits will not be written any more. */
  _abandon() {
    const state = this._writableState;
    if (state !== undefined && (state.buffered.length > 0 || state.onFinished.length > 0)) soon(failBuffered, this);
  }
}

function initialize(options) {
  beginWritable(this, options);
  construct(this, () => continueWriting(this));
}

function write(stream, given, encodingGiven, callback = () => {}) {
  const state = stream._writableState;
  const [chunk, encoding] = chunkOf(state, given, encodingGiven);
  const error = state.ending ? writeAfterEnd() : stream.destroyed ? destroyedError("write") : undefined;
  if (error !== undefined) {
    soon(callback, error);
    failStream(stream, error, true);
    return error;
  }
  state.pendingcb += 1;
  return writeOrBuffer(stream, chunk, encoding, callback);
}

function chunkOf(state, chunk, given) {
  const encoding = given || state.defaultEncoding;
  if (encoding !== "buffer" && !Buffer.isEncoding(encoding)) throw unknownEncoding(encoding);
  if (chunk === null) throw nullValue();
  if (state.objectMode) return [chunk, encoding];
  if (typeof chunk === "string") {
    return state.decodeStrings ? [Buffer.from(chunk, encoding), "buffer"] : [chunk, encoding];
  }
  if (chunk instanceof Buffer) return [chunk, "buffer"];
  if (ArrayBuffer.isView(chunk)) return [Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), "buffer"];
  throw invalidType("chunk", "of type string or an instance of Buffer, TypedArray, or DataView", chunk);
}

const sizeOf = (state, chunk) => (state.objectMode ? 1 : chunk.length);

function writeOrBuffer(stream, chunk, encoding, callback) {
  const state = stream._writableState;
  state.length += sizeOf(state, chunk);
  const hasRoom = state.length < state.highWaterMark;
  if (!hasRoom) state.needDrain = true;
  if (state.writing || state.corked > 0 || stream.errored || !lifeOf(stream).constructed) {
    state.buffered.push({ chunk, encoding, callback });
  } else {
    doWrite(stream, sizeOf(state, chunk), callback, (done) => stream._write(chunk, encoding, done));
  }
  return hasRoom && !stream.errored && !stream.destroyed;
}

// Hands a chunk, or several, to the stream's own code.
function doWrite(stream, size, callback, run) {
  const state = stream._writableState;
  let called = false;
  const done = (error) => {
    if (called) {
      failStream(stream, multipleCallbacks());
      return;
    }
    called = true;
    written(stream, size, callback, error);
  };
  state.writing = true;
  state.sync = true;
  run(done);
  state.sync = false;
}

function written(stream, size, callback, error) {
  const state = stream._writableState;
  state.writing = false;
  state.length -= size;
  if (error) {
    lifeOf(stream).errored ??= error;
    if (state.sync) soon(writeFailed, stream, error, callback);
    else writeFailed(stream, error, callback);
    return;
  }
  if (state.buffered.length > 0) writeBuffered(stream);
  if (state.sync) soon(afterWrite, stream, callback);
  else afterWrite(stream, callback);
}

function writeFailed(stream, error, callback) {
  stream._writableState.pendingcb -= 1;
  callback(error);
  failBuffered(stream);
  failStream(stream, error);
}

function afterWrite(stream, callback) {
  const state = stream._writableState;
  if (!state.ending && !stream.destroyed && state.length === 0 && state.needDrain) {
    state.needDrain = false;
    stream.emit("drain");
  }
  state.pendingcb -= 1;
  callback(null);
  if (stream.destroyed) failBuffered(stream);
  finishMaybe(stream, false);
}

function failBuffered(stream) {
  const state = stream._writableState;
  if (state.writing) return;
  const error = stream.errored ?? destroyedError("write");
  for (const { chunk, callback } of state.buffered.splice(0)) {
    state.length -= sizeOf(state, chunk);
    state.pendingcb -= 1;
    callback(error);
  }
  for (const callback of state.onFinished.splice(0)) callback(stream.errored ?? destroyedError("end"));
}

function writeBuffered(stream) {
  const state = stream._writableState;
  if (state.corked > 0 || state.bufferProcessing || stream.destroyed || !lifeOf(stream).constructed) return;
  if (state.buffered.length === 0) return;
  state.bufferProcessing = true;
  if (typeof stream._writev === "function" && state.buffered.length > 1) {
    writeTogether(stream);
  } else {
    while (state.buffered.length > 0 && !state.writing) {
      const { chunk, encoding, callback } = state.buffered.shift();
      doWrite(stream, sizeOf(state, chunk), callback, (done) => stream._write(chunk, encoding, done));
    }
  }
  state.bufferProcessing = false;
}

function writeTogether(stream) {
  const state = stream._writableState;
  const chunks = state.buffered.splice(0);
  chunks.allBuffers = chunks.every(({ encoding }) => encoding === "buffer");
  state.pendingcb -= chunks.length - 1;
  const tell = (error) => chunks.forEach(({ callback }) => callback(error));
  doWrite(stream, state.length, tell, (done) => stream._writev(chunks, done));
}

function end(stream, chunk, encoding, callback) {
  const state = stream._writableState;
  let error;
  if (chunk !== undefined && chunk !== null) {
    const outcome = write(stream, chunk, encoding);
    if (outcome instanceof Error) error = outcome;
  }
  if (state.corked > 0) {
    state.corked = 1;
    stream.uncork();
  }
  if (error === undefined) error = beginEnd(stream);
  if (callback === undefined) return;
  if (error) soon(callback, error);
  else if (state.finished) soon(callback, null);
  else state.onFinished.push(callback);
}

function beginEnd(stream) {
  const state = stream._writableState;
  if (!stream.errored && !state.ending) {
    state.ending = true;
    finishMaybe(stream, true);
    state.ended = true;
    return undefined;
  }
  if (state.finished) return alreadyFinished("end");
  return stream.destroyed ? destroyedError("end") : undefined;
}

function needsFinish(stream) {
  const state = stream._writableState;
  const life = lifeOf(stream);
  const isIdle = state.length === 0 && state.buffered.length === 0 && !state.writing;
  return state.ending && isIdle && !state.finished && life.constructed && !life.destroyed && !life.errored;
}

function finishMaybe(stream, sync) {
  if (!needsFinish(stream)) return;
  const state = stream._writableState;
  prefinish(stream);
  if (state.pendingcb > 0 || !state.prefinished) return;
  state.pendingcb += 1;
  if (sync) soon(() => (needsFinish(stream) ? finish(stream) : (state.pendingcb -= 1)));
  else if (needsFinish(stream)) finish(stream);
  else state.pendingcb -= 1;
}

function prefinish(stream) {
  const state = stream._writableState;
  if (state.prefinished || state.finalCalled) return;
  if (typeof stream._final === "function" && !stream.destroyed) {
    state.finalCalled = true;
    callFinal(stream);
  } else {
    state.prefinished = true;
    stream.emit("prefinish");
  }
}

function callFinal(stream) {
  const state = stream._writableState;
  state.pendingcb += 1;
  const done = once((error) => {
    state.pendingcb -= 1;
    if (error) {
      for (const callback of state.onFinished.splice(0)) callback(error);
      failStream(stream, error, true);
    } else if (needsFinish(stream)) {
      state.prefinished = true;
      stream.emit("prefinish");
      state.pendingcb += 1;
      soon(finish, stream);
    }
  }, stream);
  state.sync = true;
  try {
    stream._final(done);
  } catch (error) {
    done(error);
  }
  state.sync = false;
}

function finish(stream) {
  const state = stream._writableState;
  state.pendingcb -= 1;
  state.finished = true;
  for (const callback of state.onFinished.splice(0)) callback(null);
  stream.emit("finish");
  const readable = stream._readableState;
  const isOver = !readable || readable.endEmitted || readable.readable === false;
  if (lifeOf(stream).autoDestroy && isOver) stream.destroy();
}

const CallableWritable = callable(Writable, initialize);
export { CallableWritable as Writable };
