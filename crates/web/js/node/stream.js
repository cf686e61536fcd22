// `node:stream`: https://nodejs.org/api/stream.html

import { destroyOnAbort, getDefaultHighWaterMark, lifeOf, setDefaultHighWaterMark, Stream } from "./stream/base.js";
import { callable } from "./callable.js";
import { Duplex, duplexPair, PassThrough, Transform } from "./stream/duplex.js";
import { abortError, invalidType } from "./stream/errors.js";
import { finished } from "./stream/finished.js";
import "./stream/legacy.js";
import "./stream/operators.js";
import { pipeline } from "./stream/pipeline.js";
import promises from "./stream/promises.js";
import { Readable } from "./stream/readable.js";
import { Writable } from "./stream/writable.js";

/** Destroys a stream, Node's or the web's, when a signal aborts; gives the stream. */
export function addAbortSignal(signal, stream) {
  if (!(signal instanceof AbortSignal)) throw invalidType("signal", "an instance of AbortSignal", signal);
  if (lifeOf(stream) === undefined) throw invalidType("stream", "an instance of Stream", stream);
  destroyOnAbort(signal, stream);
  return stream;
}

/** Ends a stream at once; with an error, where it has not come to its end. */
export function destroy(stream, error) {
  const isOver = stream._readableState?.endEmitted !== false && stream._writableState?.finished !== false;
  return stream.destroy(error ?? (isOver ? undefined : abortError()));
}

export const isDestroyed = (stream) => (lifeOf(stream ?? {}) === undefined ? null : stream.destroyed);
export const isErrored = (stream) => !!stream?.errored;
export const isReadable = (stream) => (stream?._readableState === undefined ? null : stream.readable);
export const isWritable = (stream) => (stream?._writableState === undefined ? null : stream.writable);

/** Whether anything has been read of a stream, or it can no longer be read. */
export const isDisturbed = (stream) => !!(stream?.readableDidRead || stream?.readableAborted);

export const _isUint8Array = (value) => value instanceof Uint8Array;
export const _isArrayBufferView = (value) => ArrayBuffer.isView(value);

const CallableStream = callable(Stream);

Object.assign(CallableStream, {
  Duplex, PassThrough, Readable, Stream: CallableStream, Transform, Writable, _isArrayBufferView, _isUint8Array, addAbortSignal,
  destroy, duplexPair, finished, getDefaultHighWaterMark, isDestroyed, isDisturbed, isErrored, isReadable, isWritable, pipeline,
  promises, setDefaultHighWaterMark,
});

export {
  CallableStream as Stream, Duplex, duplexPair, finished, getDefaultHighWaterMark, PassThrough, pipeline, promises, Readable,
  setDefaultHighWaterMark, Transform, Writable,
};
export default CallableStream;
