// `finished`: who wants to know that a stream is over. https://nodejs.org/api/stream.html#streamfinishedstream-options-callback

import { currentFrame, runInFrame } from "../../async-frame.js";
import { ReadableStream } from "../../streams/readable.js";
import { WritableStream } from "../../streams/writable.js";
import { lifeOf, soon } from "./base.js";
import { abortError, invalidType, prematureClose } from "./errors.js";

/** Calls back once when the stream has ended, failed or closed; gives a function that stops listening. */
export function finished(stream, optionsOrCallback, callbackGiven) {
  const [options, given] =
    typeof optionsOrCallback === "function" ? [{}, optionsOrCallback] : [optionsOrCallback ?? {}, callbackGiven];
  if (typeof given !== "function") throw invalidType("callback", "of type function", given);
  if (typeof options !== "object") throw invalidType("options", "of type object", options);
  const frame = currentFrame();
  const callback = function (...args) {
    return runInFrame(frame, given, this, args);
  };
  if (stream instanceof ReadableStream || stream instanceof WritableStream) return finishedWeb(stream, callback);
  if (typeof stream?.on !== "function") throw invalidType("stream", "an instance of ReadableStream, WritableStream, or Stream", stream);
  return new Watch(stream, options, callback).begin();
}

// A stream of the web's tells of its end only who has its lock; one more reader would take its chunks.
function finishedWeb(stream, callback) {
  const holder = stream instanceof ReadableStream ? stream.getReader() : stream.getWriter();
  holder.closed.then(() => callback(), callback);
  holder.releaseLock();
  return () => {};
}

/** Somebody who waits for a stream's end. */
class Watch {
  #stream;
  #options;
  #callback;
  #listeners;
  #done = false;

  constructor(stream, options, callback) {
    this.#stream = stream;
    this.#options = options;
    this.#callback = callback;
    const { _readableState: readable, _writableState: writable } = stream;
    this.readable = options.readable ?? (readable ? readable.readable !== false : false);
    this.writable = options.writable ?? (writable ? writable.writable !== false : false);
    this.#listeners = [
      ["end", () => this.#ended()],
      ["finish", () => this.#ended()],
      ["error", (error) => this.#end(error)],
      ["close", () => this.#closed()],
    ];
  }

  begin() {
    const stream = this.#stream;
    for (const [name, listener] of this.#listeners) {
      if (name !== "error" || this.#options.error !== false) stream.on(name, listener);
    }
    const { signal } = this.#options;
    if (signal) this.#follow(signal);
    const life = lifeOf(stream);
    if (life?.closed || life?.closeEmitted) soon(() => this.#closed());
    else if (life?.errorEmitted) soon(() => this.#closed());
    else if (this.#isOver && !this.#willClose) soon(() => this.#end());
    return () => this.#stop();
  }

  get #readableOver() {
    return !this.readable || (this.#stream._readableState?.endEmitted ?? false);
  }

  get #writableOver() {
    return !this.writable || (this.#stream._writableState?.finished ?? false);
  }

  get #isOver() {
    return this.#readableOver && this.#writableOver;
  }

  // As good as over: all has been read or written, but nobody has been told.
  get #hasNothingLeft() {
    const { _readableState: readable, _writableState: writable } = this.#stream;
    const isEmpty = (side) => side !== undefined && side.ended && side.length === 0;
    return (this.#readableOver || isEmpty(readable)) && (this.#writableOver || isEmpty(writable));
  }

  // A stream that destroys itself says "close" after all else.
  get #willClose() {
    const life = lifeOf(this.#stream);
    if (life === undefined || life.closed || life.closeEmitted) return false;
    const { _readableState: readable, _writableState: writable } = this.#stream;
    const whole = (!readable || this.readable) && (!writable || this.writable);
    return life.autoDestroy && life.emitsClose && whole;
  }

  #follow(signal) {
    const abort = () => this.#end(abortError(signal.reason));
    if (signal.aborted) soon(abort);
    else signal.addEventListener("abort", abort, { once: true });
    this.#listeners.push([undefined, () => signal.removeEventListener("abort", abort)]);
  }

  #ended() {
    if (this.#isOver && !this.#willClose) this.#end();
  }

  #closed() {
    const { errored } = this.#stream;
    if (errored && typeof errored !== "boolean") this.#end(errored);
    else if (this.#hasNothingLeft) this.#end();
    else this.#end(prematureClose());
  }

  #end(error) {
    if (this.#done) return;
    this.#done = true;
    if (this.#options.cleanup) this.#stop();
    if (error === undefined || error === null) this.#callback.call(this.#stream);
    else this.#callback.call(this.#stream, error);
  }

  #stop() {
    this.#done = true;
    for (const [name, listener] of this.#listeners) {
      if (name === undefined) listener();
      else this.#stream.removeListener(name, listener);
    }
  }
}
