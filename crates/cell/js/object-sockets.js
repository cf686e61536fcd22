// The WebSockets of a Durable Object that hibernate: what `ctx` offers of them, and how what comes on them becomes the
// arguments of a handler. The file is one function: it gets the natives, the structured clone of stored values and what
// the web platform knows of such sockets, and returns the class of an object's sockets.
//
// The supervisor has all that must outlive this instance; here are only the sockets that were asked for.
(natives, stored, hibernation) => {
  "use strict";

  const TAGS_MAX = 10;
  const TAG_MAX_BYTES = 256;
  const ATTACHMENT_MAX_BYTES = 16_384;
  const AUTO_RESPONSE_MAX_BYTES = 2048;
  const EVENT_MAX_MS = 604_800_000;
  const ACCEPTED_BEFORE = "Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`";
  const PAIR_IS_USED =
    "Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.";

  const encoder = new TextEncoder();
  const bytesOf = (text) => encoder.encode(text).length;

  hibernation.useAttachments({
    encode(value) {
      const { text, blobs } = stored.encode(value);
      const bytes = natives.pack(text, blobs);
      if (bytes.byteLength > ATTACHMENT_MAX_BYTES) {
        throw new Error(
          `A WebSocket 'attachment' cannot be larger than ${ATTACHMENT_MAX_BYTES} bytes.'attachment' was ` +
            `${bytes.byteLength} bytes.`,
        );
      }
      return bytes;
    },
    decode(bytes) {
      const [text, buffer] = natives.unpack(bytes);
      return stored.decode(text, buffer, [], []);
    },
  });

  const distinctTags = (tags) => {
    const distinct = new Set();
    for (const given of tags ?? []) {
      const tag = `${given}`;
      if (distinct.size >= TAGS_MAX) {
        throw new Error(`a Hibernatable WebSocket cannot have more than ${TAGS_MAX} tags`);
      }
      if (bytesOf(tag) > TAG_MAX_BYTES) {
        throw new Error(`"${tag}" is longer than the max tag length (${TAG_MAX_BYTES} characters).`);
      }
      distinct.add(tag);
    }
    return [...distinct];
  };

  const checkAutoResponse = (what, text) => {
    const size = bytesOf(text);
    if (size > AUTO_RESPONSE_MAX_BYTES) {
      throw new RangeError(
        `${what} cannot be larger than ${AUTO_RESPONSE_MAX_BYTES} bytes. A ${what.toLowerCase()} of size ${size} was ` +
          "provided.",
      );
    }
    return text;
  };

  return class ObjectSockets {
    #object;
    #name;
    // Those that were asked for, by number, and the numbers of all that were ever here.
    #sockets = new Map();
    #numbers = new WeakMap();
    // Those whose object has been told of their end.
    #ended = [];

    constructor(object, name) {
      this.#object = object;
      this.#name = name;
    }

    accept(socket, tags) {
      const distinct = distinctTags(tags);
      hibernation.check(socket, ACCEPTED_BEFORE, PAIR_IS_USED);
      const [number, capability] = natives.acceptSocket(this.#object, distinct, this.#name);
      this.#keep(number, socket);
      hibernation.accept(socket, this.#endOf(number), capability);
    }

    // In the order in which they were accepted.
    list(tag) {
      return natives.sockets(this.#object, tag).map(([number, ...closed]) => this.#socket(number, closed));
    }

    tags(socket) {
      return natives.socketTags(this.#object, this.#numberOf(socket, "getTags"));
    }

    autoRespond(pair) {
      if (pair == null) return natives.autoRespond(this.#object, undefined, undefined);
      const request = checkAutoResponse("Request", pair.request);
      return natives.autoRespond(this.#object, request, checkAutoResponse("Response", pair.response));
    }

    get autoResponse() {
      const pair = natives.autoResponse(this.#object);
      return pair.length === 0 ? null : new WebSocketRequestResponsePair(...pair);
    }

    autoRespondedAt(socket) {
      const time = natives.autoRespondedAt(this.#object, this.#numberOf(socket, "getWebSocketAutoResponseTimestamp"));
      return time === null ? null : new Date(time);
    }

    limitEvents(time) {
      const ms = Math.trunc(Number(time ?? 0)) || 0;
      if (ms > EVENT_MAX_MS) throw new Error(`Event timeout should not exceed ${EVENT_MAX_MS} ms.`);
      natives.limitEvents(this.#object, ms > 0 ? ms : undefined);
    }

    get eventLimit() {
      return natives.eventLimit(this.#object);
    }

    // The handler for what has come, and its arguments.
    receive([number, kind, data]) {
      for (const ended of this.#ended.splice(0)) this.#sockets.delete(ended);
      const socket = this.#socket(number, [false, false]);
      const [handler, ...values] = hibernation.receive(socket, kind, data);
      if (handler !== "webSocketMessage") this.#ended.push(number);
      return [handler, [socket, ...values]];
    }

    #keep(number, socket) {
      this.#sockets.set(number, socket);
      this.#numbers.set(socket, number);
      return socket;
    }

    #socket(number, [closedIncoming, closedOutgoing]) {
      return (
        this.#sockets.get(number) ??
        this.#keep(number, hibernation.wake(this.#endOf(number), closedIncoming, closedOutgoing))
      );
    }

    #numberOf(socket, method) {
      const number = this.#numbers.get(socket);
      if (number === undefined) {
        throw new Error(`only hibernatable websockets can be passed to ${method}(): accept it with acceptWebSocket().`);
      }
      return number;
    }

    #endOf(number) {
      const object = this.#object;
      return hibernation.makeEnd((...message) => natives.sendOnSocket(object, number, ...message), {
        keep: (bytes) => natives.attach(object, number, bytes),
        get: () => natives.attachment(object, number),
      });
    }
  };
};
