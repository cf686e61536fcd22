// Queues in JavaScript: the producer's binding, and the batch that a consumer's handler gets.
// The file is one function: it gets the natives of the cell and what `rpc.js` returned, and returns both.
(natives, rpc) => {
  "use strict";

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  // Options that are absent, undefined or null are no options.
  const options = (method, expected, value, owner) => {
    if (value === undefined || value === null) return {};
    if (isObject(value)) return value;
    throw new TypeError(`Failed to execute '${method}' on '${owner}': parameter 2 is not of type '${expected}'.`);
  };

  const delayOf = (value) => {
    if (value === undefined || value === null) return undefined;
    const number = Number(value);
    return Number.isFinite(number) ? Math.trunc(number) : 0;
  };

  const wrongType = (type, expected, value) =>
    new TypeError(
      `Content Type "${type}" requires a value of type ${expected}, but received: ${typeof value}`,
    );

  // A structured clone as bytes: the length of its text, the text, and the bytes that are beside it.
  const toBytes = (value) => {
    const { text, blobs, caps, streams } = rpc.encode(value);
    if (caps.length + streams.length > 0) {
      throw new DOMException("Functions, stubs and streams cannot be in a queue's message.", "DataCloneError");
    }
    const encoded = new TextEncoder().encode(text);
    const parts = blobs.map((blob) =>
      ArrayBuffer.isView(blob) ? new Uint8Array(blob.buffer, blob.byteOffset, blob.byteLength) : new Uint8Array(blob),
    );
    const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 4 + encoded.length));
    new DataView(bytes.buffer).setUint32(0, encoded.length, true);
    let end = 4;
    for (const part of [encoded, ...parts]) {
      bytes.set(part, end);
      end += part.length;
    }
    return bytes;
  };

  const fromBytes = (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = 4 + view.getUint32(0, true);
    return rpc.decode(new TextDecoder().decode(bytes.subarray(4, end)), bytes.slice(end).buffer, [], []);
  };

  // By dates: JSON from 2024-03-18 on.
  const defaultContentType = () => (natives.isOn("queues_json_messages") ? "json" : "v8");

  // By dates: from 2026-03-12 on the cause and its number. Cloudflare's numbers for causes are not published, so that
  // each has the one that stands for none.
  const failure = (method, cause) =>
    natives.isOn("queue_expose_error_codes") ? `${cause} (15000)` : `Queue ${method} failed: ${cause}`;

  // A body in its wire form, by its content type.
  const serialize = (body, contentType) => {
    if (body === undefined) throw new TypeError("Message body cannot be undefined");
    const isGiven = contentType !== undefined && contentType !== null;
    const type = isGiven ? String(contentType).toLowerCase() : defaultContentType();
    switch (type) {
      case "json":
        return [type, JSON.stringify(body) ?? "null"];
      case "text":
        if (typeof body !== "string") throw wrongType(type, "string", body);
        return [type, body];
      case "bytes":
        if (!ArrayBuffer.isView(body)) throw wrongType(type, "ArrayBufferView", body);
        return [type, body];
      case "v8":
        return [type, toBytes(body)];
      default:
        throw new TypeError(`Unsupported queue message content type: ${contentType}`);
    }
  };

  // The bytes of a view, whose buffer has none afterwards: as on Cloudflare, `send` keeps them, and `sendBatch` does not.
  const take = (view) => {
    const { buffer, byteOffset, byteLength } = view;
    if (!(buffer instanceof ArrayBuffer) || buffer.immutable) return view;
    return new Uint8Array(buffer.transfer(), byteOffset, byteLength);
  };

  const deserialize = (type, content) => {
    switch (type) {
      case "json":
        return JSON.parse(content);
      case "v8":
        return fromBytes(content);
      default:
        return content;
    }
  };

  const dressedMetrics = ({ backlogCount, backlogBytes, oldestMessageMs }) => {
    const metrics = { backlogCount, backlogBytes };
    if (oldestMessageMs !== null) metrics.oldestMessageTimestamp = new Date(oldestMessageMs);
    return metrics;
  };

  class WorkerQueue {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async #send(method, messages, delay) {
      try {
        const metrics = await natives.send(this.#cap, method === "sendBatch", delay, messages);
        return { metadata: { metrics: dressedMetrics(metrics) } };
      } catch (error) {
        throw new Error(failure(method, error.message));
      }
    }

    async send(body, sendOptions) {
      const { contentType, delaySeconds } = options("send", "SendOptions", sendOptions, "WorkerQueue");
      const [type, content] = serialize(body, contentType);
      const taken = type === "bytes" ? take(content) : content;
      return this.#send("send", [[type, taken, delayOf(delaySeconds)]], undefined);
    }

    async sendBatch(messages, batchOptions) {
      const { delaySeconds } = options("sendBatch", "SendBatchOptions", batchOptions, "WorkerQueue");
      const list = Array.from(messages, (message) => [
        ...serialize(message.body, message.contentType),
        delayOf(message.delaySeconds),
      ]);
      if (list.length === 0) throw new TypeError("sendBatch() requires at least one message");
      return this.#send("sendBatch", list, delayOf(delaySeconds));
    }

    async metrics() {
      return dressedMetrics(await natives.metrics(this.#cap));
    }

    get [Symbol.toStringTag]() {
      return "WorkerQueue";
    }

    get [Symbol.for("hognose.unserializable")]() {
      return "A queue binding cannot be serialized.";
    }
  }

  // What a handler has decided. What comes too late is passed over, with a warning.
  class Decisions {
    acks = new Set();
    retries = new Map();
    ackAll = false;
    retryAll = false;
    retryAllDelay = undefined;

    static #warn(method, earlier, subject) {
      console.warn(
        `Received a call to ${method}() on ${subject} after ${earlier}() was already called. Calling ${method}() on a ` +
          `message after calling ${earlier}() has no effect.`,
      );
    }

    ack(id) {
      if (this.ackAll) return;
      if (this.retryAll) return Decisions.#warn("ack", "retryAll", `message ${id}`);
      if (this.retries.has(id)) return Decisions.#warn("ack", "retry", `message ${id}`);
      this.acks.add(id);
    }

    retry(id, delay) {
      if (this.ackAll) return Decisions.#warn("retry", "ackAll", `message ${id}`);
      if (this.acks.has(id)) return Decisions.#warn("retry", "ack", `message ${id}`);
      this.retries.set(id, delay);
    }

    acknowledgeAll() {
      if (this.retryAll) return Decisions.#warn("ackAll", "retryAll", "the batch");
      this.ackAll = true;
    }

    retryThemAll(delay) {
      if (this.ackAll) return Decisions.#warn("retryAll", "ackAll", "the batch");
      this.retryAll = true;
      this.retryAllDelay = delay;
    }

    toJSON() {
      const { ackAll, retryAll, retryAllDelay } = this;
      const retries = Array.from(this.retries, ([id, delay]) => [id, delay ?? null]);
      return { ackAll, retryAll, retryAllDelay, acks: [...this.acks], retries };
    }
  }

  class QueueMessage {
    #decisions;

    constructor(decisions, [id, timestamp, attempts, type, content]) {
      this.#decisions = decisions;
      this.id = id;
      this.timestamp = new Date(timestamp);
      this.attempts = attempts;
      this.body = deserialize(type, content);
    }

    ack() {
      this.#decisions.ack(this.id);
    }

    retry(retryOptions) {
      const given = options("retry", "QueueRetryOptions", retryOptions, "QueueMessage");
      this.#decisions.retry(this.id, delayOf(given.delaySeconds));
    }
  }

  class QueueController {
    #decisions;

    constructor(decisions, queue, messages, metrics) {
      this.#decisions = decisions;
      this.queue = queue;
      this.messages = messages.map((message) => new QueueMessage(decisions, message));
      this.metadata = { metrics: dressedMetrics(metrics) };
    }

    ackAll() {
      this.#decisions.acknowledgeAll();
    }

    retryAll(retryOptions) {
      const given = options("retryAll", "QueueRetryOptions", retryOptions, "QueueController");
      this.#decisions.retryThemAll(delayOf(given.delaySeconds));
    }
  }

  // The batch, and a function that tells as JSON what was decided about it.
  const makeBatch = (queue, messages, metrics) => {
    const decisions = new Decisions();
    return [new QueueController(decisions, queue, messages, metrics), () => JSON.stringify(decisions)];
  };

  // The same of messages that another Worker hands over, whose bodies are values already.
  const makeHandedBatch = (queue, messages, metrics) => {
    const decisions = new Decisions();
    const opened = messages.map(({ id, timestamp, attempts, body }) => [id, timestamp, attempts, "value", body]);
    const report = (failed) => JSON.stringify({ ...decisions.toJSON(), failed });
    return [new QueueController(decisions, queue, opened, metrics), report];
  };

  return { WorkerQueue, makeBatch, makeHandedBatch };
};
