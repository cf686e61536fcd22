// What a Request or Response carries. A body stays what it was given as (a string, bytes, a body from outside) until
// somebody asks for its stream; most never become one.

import { Blob, blobBytes, blobFromBytes } from "./blob.js";
import { isOn } from "./flags.js";
import { encodeMultipart, FormData, parseFormData } from "./form-data.js";
import { natives } from "./natives.js";
import { readableCoreOf, readableFrom, wrapReadable } from "./streams/readable.js";
import { DefaultReaderCore } from "./streams/readable-core.js";
import { packing } from "./streams/compression.js";
import { forwardedStream, IncomingBody, joined, PackedBody, streamOfBytes, streamOfIncoming } from "./streams/sources.js";
import { tee } from "./streams/tee.js";
import { pipedBytes } from "./streams/transform.js";
import { URLSearchParams } from "./url.js";
import { bytesOf, finishInterface, illegalConstructor, isBufferSource } from "./webidl.js";

// How a body goes out, as src/body.rs reads it.
export const NONE = 0;
export const WHOLE = 1;
const STREAM = 2;
const UNTOUCHED = 3;

/** The content of one body. `kind` is "none", "text", "bytes", "incoming" or "stream". */
export class Content {
  used = false;

  constructor(kind, data) {
    this.kind = kind;
    this.data = data;
  }

  static none() {
    return new Content("none", undefined);
  }

  /** A body as the host hands it over: nothing, bytes, or the number of a body to be read. */
  static incoming(data, length) {
    if (data === undefined) return Content.none();
    if (typeof data === "number") return new Content("incoming", new IncomingBody(data, length));
    return new Content("bytes", data);
  }

  /** A body that the network brought, packed in this format. */
  static packed(data, length, format) {
    const content = Content.incoming(data, length);
    return content.kind === "none" ? content : new Content("incoming", new PackedBody(content.data, format));
  }

  get isUsed() {
    if (this.used) return true;
    return this.kind === "stream" && readableCoreOf(this.data).disturbed;
  }

  /** The bytes at hand, or undefined when the body is not in memory. */
  get bytesInMemory() {
    if (this.kind === "text") return natives.encodeUtf8(this.data);
    if (this.kind === "bytes") return this.data;
    return this.kind === "none" ? new Uint8Array(0) : undefined;
  }

  /** The stream of this body, made when first asked for; null when there is no body. */
  get stream() {
    if (this.kind === "none") return null;
    if (this.kind !== "stream") this.#becomeStream();
    return this.data;
  }

  /** Throws if the body cannot be taken. */
  requireUnused() {
    if (this.isUsed) {
      throw new TypeError(
        "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.",
      );
    }
    if (this.kind === "stream" && this.data.locked) {
      throw new TypeError("This ReadableStream is currently locked to a reader.");
    }
  }

  /** All bytes, for a method that uses the body up: at once where they are in memory, else as a promise. */
  take() {
    if (this.kind === "incoming") this.data.throwIfBroken();
    this.requireUnused();
    const bytes = this.bytesInMemory;
    this.used = this.kind !== "none";
    if (bytes !== undefined) return bytes;
    return this.kind === "incoming" ? this.data.readAll() : readStream(readableCoreOf(this.data));
  }

  /** Hands this body's content to another one and counts as used. */
  move() {
    this.requireUnused();
    const { kind, data } = this;
    this.used = kind !== "none";
    return kind === "stream" ? moveStream(readableCoreOf(data)) : new Content(kind, data);
  }

  /** Tells the stream that nobody will read it. */
  cancel(reason) {
    if (this.kind === "stream" && !this.isUsed) readableCoreOf(this.data).cancel(reason).catch(() => {});
  }

  /** A second body with the same bytes. */
  clone() {
    this.requireUnused();
    if (this.kind === "bytes") return new Content("bytes", this.data.slice());
    if (this.kind === "none" || this.kind === "text") return new Content(this.kind, this.data);
    const [first, second] = tee(readableCoreOf(this.stream));
    this.data = wrapReadable(first);
    return new Content("stream", wrapReadable(second));
  }

  /**
   * Sends the body away: `[how, data, length]`, where data is the string or bytes, the number of the stream that is
   * now being written, or the number of the incoming body that is passed on. `fail(reason)` is told when a stream
   * breaks off.
   */
  send(fail = () => {}) {
    this.requireUnused();
    const { kind, data } = this;
    if (kind === "none") return [NONE, undefined, undefined];
    this.used = true;
    if (kind === "incoming") return sendIncoming(data, fail);
    if (kind !== "stream") return [WHOLE, data, undefined];
    return sendStream(readableCoreOf(data), fail);
  }

  /** As `send`, but packed in this format; what came packed so goes on as it came. */
  sendPacked(format, fail) {
    this.requireUnused();
    const { kind, data } = this;
    if (kind === "none") return this.send(fail);
    const unread = kind === "stream" && !readableCoreOf(data).disturbed ? readableCoreOf(data).origin : data;
    if (unread instanceof PackedBody && unread.format === format) {
      this.move();
      return sendRaw(unread.raw);
    }
    const stream = this.stream.pipeThrough(packing(format));
    return new Content("stream", stream).send(fail);
  }

  #becomeStream() {
    this.data = this.kind === "incoming" ? streamOfIncoming(this.data) : streamOfBytes(this.bytesInMemory);
    this.kind = "stream";
    if (this.used) lock(readableCoreOf(this.data));
  }
}

// Locks a stream for good and marks it as used.
function lock(core) {
  core.disturbed = true;
  return new DefaultReaderCore(core);
}

// The content of a stream that stays behind locked and used. Bytes that nobody has read yet move as they are.
function moveStream(core) {
  const { origin, expectedLength } = core;
  const untouched = origin !== undefined && !core.disturbed;
  const reader = lock(core);
  if (!untouched) return new Content("stream", forwardedStream(reader, expectedLength));
  return new Content(origin instanceof IncomingBody ? "incoming" : "bytes", origin);
}

function sendIncoming(body, fail) {
  if (!(body instanceof PackedBody)) return sendRaw(body);
  const core = readableCoreOf(streamOfIncoming(body));
  core.origin = undefined;
  return sendStream(core, fail);
}

function sendRaw(raw) {
  return raw instanceof Uint8Array ? [WHOLE, raw, undefined] : [UNTOUCHED, raw.id, raw.length];
}

function sendStream(core, fail) {
  // Nothing has been said yet, so that whoever sends can say this instead.
  if (core.state === "errored") throw core.storedError;
  if (core.origin !== undefined && !core.disturbed) return moveStream(core).send(fail);
  const length = core.expectedLength;
  const id = natives.openBody(length);
  new OutgoingBody(core, id, fail).next();
  return [STREAM, id, length];
}

/** Carries a stream's chunks to the host, one at a time. */
class OutgoingBody {
  #reader;
  #id;
  #fail;

  constructor(core, id, fail) {
    this.#reader = new DefaultReaderCore(core);
    this.#id = id;
    this.#fail = fail;
  }

  next() {
    this.#reader.read({
      chunk: (chunk) => this.#write(chunk),
      close: () => natives.closeBody(this.#id),
      error: (reason) => this.#abort(reason),
    });
  }

  #abort(reason) {
    natives.abortBody(this.#id, reason);
    this.#fail(reason);
  }

  #write(chunk) {
    try {
      natives.writeBody(this.#id, pipedBytes(chunk), (error) => this.#written(error));
    } catch (error) {
      this.#abort(error);
      this.#cancel(error);
    }
  }

  #written(error) {
    // A fresh job, so that a host which takes chunks at once cannot make the stack grow.
    if (error === undefined) queueMicrotask(() => this.next());
    else this.#cancel(error);
  }

  #cancel(reason) {
    this.#reader.cancel(reason).catch(() => {});
  }
}

function readStream(core) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const reader = new DefaultReaderCore(core);
  const chunks = [];
  const fail = (error) => {
    reader.cancel(error).catch(() => {});
    reject(error);
  };
  const request = {
    chunk(chunk) {
      try {
        chunks.push(pipedBytes(chunk));
        queueMicrotask(next);
      } catch (error) {
        fail(error);
      }
    },
    close: () => resolve(joined(chunks)),
    error: reject,
  };
  const next = () => reader.read(request);
  next();
  return promise;
}

/** `{ content, type }` of a body as a script gives it; `type` is the Content-Type it implies, if any. */
export function extractContent(body) {
  if (body === undefined || body === null) return { content: Content.none(), type: undefined };
  if (typeof body === "object" || typeof body === "function") return extractObject(body);
  return textContent(`${body}`);
}

function textContent(text) {
  return { content: new Content("text", text), type: "text/plain;charset=UTF-8" };
}

function extractObject(body) {
  if (isBufferSource(body)) return { content: new Content("bytes", bytesOf(body).slice()), type: undefined };
  if (readableCoreOf(body) !== undefined) return streamContent(body);
  if (body instanceof Blob) {
    return { content: new Content("bytes", blobBytes(body).slice()), type: body.type || undefined };
  }
  if (body instanceof URLSearchParams) {
    const content = new Content("text", body.toString());
    return { content, type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (body instanceof FormData) {
    const { bytes, type } = encodeMultipart(body);
    return { content: new Content("bytes", bytes), type };
  }
  if (isIterable(body) && isOn("fetch_iterable_type_support")) return streamContent(wrapReadable(readableFrom(body)));
  return textContent(`${body}`);
}

function streamContent(stream) {
  if (readableCoreOf(stream).disturbed) {
    throw new TypeError(
      "This ReadableStream is disturbed (has already been read from), and cannot be used as a body.",
    );
  }
  if (stream.locked) throw new TypeError("This ReadableStream is currently locked to a reader.");
  return { content: new Content("stream", stream), type: undefined };
}

function isIterable(value) {
  if (value instanceof String) return false;
  return typeof value[Symbol.asyncIterator] === "function" || typeof value[Symbol.iterator] === "function";
}

let contentOf;

/** https://fetch.spec.whatwg.org/#body-mixin; in workerd, and so here, a base class. */
export class Body {
  #content;

  constructor(content) {
    if (!(content instanceof Content)) throw illegalConstructor();
    this.#content = content;
  }

  static {
    contentOf = (body) => body.#content;
  }

  get body() {
    return this.#content.stream;
  }
  get bodyUsed() {
    return this.#content.isUsed;
  }

  async arrayBuffer() {
    return exactBuffer(await this.#content.take());
  }
  async bytes() {
    return this.#content.take();
  }
  async text() {
    if (this.#content.kind !== "text") return natives.decodeUtf8(await this.#content.take());
    this.#content.requireUnused();
    this.#content.used = true;
    return this.#content.data.toWellFormed();
  }
  async json() {
    if (this.#content.kind === "text") return JSON.parse(await this.text());
    return JSON.parse(natives.decodeUtf8(await this.#content.take()));
  }
  async formData() {
    const contentType = this.headers.get("content-type");
    return parseFormData(await this.#content.take(), contentType);
  }
  async blob() {
    return blobFromBytes(await this.#content.take(), mimeTypeIn(this.headers));
  }
}

finishInterface(Body);

const LISTED = /(?:[^,"]|"(?:\\.|[^"\\])*"?)+/g;

// https://fetch.spec.whatwg.org/#concept-header-extract-mime-type, as text: of several types the last that is one, with the
// charset that was named for the same before.
function mimeTypeIn(headers) {
  let [type, known, charset] = ["", undefined, undefined];
  for (const listed of headers.get("content-type")?.match(LISTED) ?? []) {
    const normal = natives.normalizeMime(listed.trim());
    const [essence] = normal.split(";", 1);
    if (essence === "" || essence === "*/*") continue;
    const given = /;charset=([^;]*)/.exec(normal)?.[1];
    if (essence !== known) [known, charset] = [essence, given];
    type = given === undefined && charset !== undefined ? `${normal};charset=${charset}` : normal;
  }
  return type;
}

function exactBuffer(bytes) {
  const { buffer, byteOffset, byteLength } = bytes;
  return byteOffset === 0 && byteLength === buffer.byteLength ? buffer : bytes.slice().buffer;
}

export { contentOf };
