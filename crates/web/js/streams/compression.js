// CompressionStream and DecompressionStream. Rust packs and unpacks; output comes in chunks of bounded size.
// https://compression.spec.whatwg.org/

import { natives } from "../natives.js";
import { argumentError, bytesOf, finishInterfaces, isBufferSource, requireArguments } from "../webidl.js";
import { TransformStream } from "./transform.js";

// How much output waits for a reader. The standard has nothing wait; in workerd, and in programs made for it, a writer may
// finish before anybody reads.
const OUTPUT = { highWaterMark: 16 * 1024 * 1024, size: (chunk) => chunk.byteLength };

/** https://compression.spec.whatwg.org/#compression-stream */
export class CompressionStream extends TransformStream {
  constructor(format) {
    requireArguments(arguments.length, 1, "constructor", "CompressionStream");
    super(pumping(natives.newCompressor(`${format}`), "CompressionStream"), undefined, OUTPUT);
  }
}

/** https://compression.spec.whatwg.org/#decompression-stream */
export class DecompressionStream extends TransformStream {
  constructor(format) {
    requireArguments(arguments.length, 1, "constructor", "DecompressionStream");
    super(pumping(natives.newDecompressor(`${format}`), "DecompressionStream"), undefined, OUTPUT);
  }
}

finishInterfaces(CompressionStream, DecompressionStream);

/** A transform stream for the runtime's own use, which takes input only as fast as its output is read. */
export function packing(format) {
  return new TransformStream(pumping(natives.newCompressor(format), "CompressionStream"));
}

// A transformer that sends its chunks through Rust's `pump`.
function pumping(pump, interfaceName) {
  if (pump === undefined) {
    throw new TypeError("The compression format must be either 'deflate', 'deflate-raw', 'gzip' or 'brotli'.");
  }
  return {
    transform(chunk, controller) {
      if (!isBufferSource(chunk) || chunk instanceof SharedArrayBuffer || chunk.buffer instanceof SharedArrayBuffer) {
        throw argumentError(1, "transform", interfaceName, "BufferSource");
      }
      pump.feed(bytesOf(chunk));
      drain(pump, controller);
    },
    flush(controller) {
      pump.finish();
      drain(pump, controller);
    },
  };
}

function drain(pump, controller) {
  for (let chunk = pump.next(); chunk !== undefined; chunk = pump.next()) controller.enqueue(chunk);
}
