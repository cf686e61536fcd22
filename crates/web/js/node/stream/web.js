// `node:stream/web`: the web's own streams. https://nodejs.org/api/webstreams.html

import { ByteLengthQueuingStrategy, CountQueuingStrategy } from "../../streams/basics.js";
import { CompressionStream, DecompressionStream } from "../../streams/compression.js";
import {
  ReadableByteStreamController, ReadableStream, ReadableStreamBYOBReader, ReadableStreamBYOBRequest,
  ReadableStreamDefaultController, ReadableStreamDefaultReader,
} from "../../streams/readable.js";
import {
  TextDecoderStream, TextEncoderStream, TransformStream, TransformStreamDefaultController,
} from "../../streams/transform.js";
import { WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter } from "../../streams/writable.js";

const streams = {
  ByteLengthQueuingStrategy, CompressionStream, CountQueuingStrategy, DecompressionStream, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TextDecoderStream, TextEncoderStream, TransformStream, TransformStreamDefaultController, WritableStream,
  WritableStreamDefaultController, WritableStreamDefaultWriter,
};

export {
  ByteLengthQueuingStrategy, CompressionStream, CountQueuingStrategy, DecompressionStream, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TextDecoderStream, TextEncoderStream, TransformStream, TransformStreamDefaultController, WritableStream,
  WritableStreamDefaultController, WritableStreamDefaultWriter,
};

export default streams;
