// DigestStream.

import { natives } from "../natives.js";
import { WritableStream } from "../streams/writable.js";
import { bytesOf, finishInterface, isBufferSource } from "../webidl.js";
import { hashNamed, nameOf, STREAM_DIGESTS } from "./parameters.js";

/** https://developers.cloudflare.com/workers/runtime-apis/web-crypto/#constructors */
export class DigestStream extends WritableStream {
  #digest;
  #dispose;
  #bytesWritten = 0n;

  constructor(algorithm) {
    const update = natives.newDigest(hashNamed(nameOf(algorithm), STREAM_DIGESTS));
    const { promise, resolve, reject } = Promise.withResolvers();
    let fail;
    // Nobody need look at the promise of a stream that was aborted.
    promise.catch(() => {});
    super({
      start(controller) {
        fail = (error) => controller.error(error);
      },
      write: (chunk) => {
        const bytes = bytesOfChunk(chunk, reject);
        this.#bytesWritten += BigInt(bytes.byteLength);
        update(bytes);
      },
      close: () => resolve(update().buffer),
      abort: reject,
    });
    this.#digest = promise;
    this.#dispose = (error) => {
      reject(error);
      fail(error);
    };
  }

  /** Gives the digest up: nothing more can be written. */
  [Symbol.dispose]() {
    this.#dispose(new TypeError("The DigestStream was disposed."));
  }

  get digest() {
    return this.#digest;
  }
  get bytesWritten() {
    return this.#bytesWritten;
  }
}

// A chunk of the wrong type ends the stream without a call of abort, so it ends the digest here.
function bytesOfChunk(chunk, reject) {
  if (typeof chunk === "string") return natives.encodeUtf8(chunk);
  if (isBufferSource(chunk)) return bytesOf(chunk);
  const type = "non-ArrayBuffer/ArrayBufferView/string type";
  const error = new TypeError(`DigestStream is a byte stream but received an object of ${type} on its writable side.`);
  reject(error);
  throw error;
}

finishInterface(DigestStream);
