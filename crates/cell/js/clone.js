// Values on their way between Workers: structured clones as text, with what is no text beside it. The file is one
// function: it gets what knows stubs, and returns `encode` and `decode`.
//
// A value becomes a tree for JSON. Strings, booleans, null and ordinary numbers stand for themselves; everything else is
// an array that begins with a tag. Objects are numbered in the order in which they are met, so that a second mention
// (a cycle, a shared reference) is a number. Bytes are appended to the text; functions and stubs, and streams, are listed.
(stubs) => {
  "use strict";

  const { AbortController, AbortSignal, Blob, DOMException, File, Headers, ReadableStream, Request, Response, WritableStream } = globalThis;
  const VIEWS = [
    "DataView", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array",
    "Uint32Array", "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
  ];
  const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
  const ENHANCED = "enhanced_error_serialization";
  const UNSERIALIZABLE = Symbol.for("hognose.unserializable");
  const BYTES = Symbol.for("hognose.bytes");
  const REST = Symbol.for("hognose.rest");

  const refuse = (message) => {
    throw new DOMException(message, "DataCloneError");
  };

  const refuseType = (value) => {
    const name = value.constructor?.name || "Object";
    refuse(`Could not serialize object of type "${name}". This type does not support serialization.`);
  };

  const isEnhanced = () => globalThis.Cloudflare?.compatibilityFlags?.[ENHANCED] === true;

  // What is told of an error beside its class and its text: since a flag all that it owns but where it was made. One of
  // a class that others do not know is an `Error` to them, which says its name.
  const ownOf = (error) => {
    const isKnown = error.name in ERRORS;
    if (!isEnhanced()) return isKnown ? {} : { message: `${error.name}: ${error.message}` };
    const names = Object.getOwnPropertyNames(error).filter((name) => name !== "message" && name !== "stack");
    const own = Object.fromEntries(names.map((name) => [name, error[name]]));
    return isKnown ? own : { ...own, message: error.message, name: error.name };
  };

  class Encoder {
    constructor() {
      this.blobs = [];
      this.blobsLength = 0;
      this.caps = [];
      this.streams = [];
      this.seen = new Map();
    }

    node(value) {
      switch (typeof value) {
        case "string":
        case "boolean":
          return value;
        case "number":
          return Number.isFinite(value) && !Object.is(value, -0) ? value : ["n", Object.is(value, -0) ? "-0" : `${value}`];
        case "undefined":
          return ["u"];
        case "bigint":
          return ["i", `${value}`];
        case "symbol":
          return refuse(`${String(value)} could not be cloned.`);
        default:
          return value === null ? null : this.object(value);
      }
    }

    object(value) {
      const reference = stubs.referenceOf(value);
      if (reference !== undefined) return [reference.tag, this.caps.push(reference.cap) - 1, ...(reference.more ?? [])];
      const known = this.seen.get(value);
      if (known !== undefined) return ["r", known];
      this.seen.set(value, this.seen.size);
      if (Array.isArray(value)) return ["a", ...value.map((element) => this.node(element))];
      const prototype = Object.getPrototypeOf(value);
      if (prototype === Object.prototype) return this.properties(value);
      return this.special(value);
    }

    properties(value) {
      const node = ["o"];
      for (const key of Object.keys(value)) node.push(key, this.node(value[key]));
      return node;
    }

    special(value) {
      if (value instanceof Map) return ["m", ...[...value].flat().map((part) => this.node(part))];
      if (value instanceof Set) return ["s", ...[...value].map((element) => this.node(element))];
      if (value instanceof Date) return ["d", this.node(value.getTime())];
      if (value instanceof RegExp) return ["x", value.source, value.flags];
      if (ArrayBuffer.isView(value)) return ["v", VIEWS.indexOf(this.viewName(value)), ...this.bytes(value)];
      if (value instanceof ArrayBuffer) return ["b", ...this.bytes(value)];
      if (value instanceof DOMException) return ["D", value.message, value.name];
      if (value instanceof Error) return this.error(value);
      if (value instanceof Number || value instanceof String || value instanceof Boolean) {
        return ["w", this.node(value.valueOf())];
      }
      return this.platform(value);
    }

    viewName(value) {
      return value instanceof DataView ? "DataView" : value[Symbol.toStringTag];
    }

    bytes(value) {
      const start = this.blobsLength;
      this.blobs.push(value);
      this.blobsLength += value.byteLength;
      return [start, value.byteLength];
    }

    error(value) {
      const known = value.name in ERRORS;
      if (isEnhanced()) {
        const [, ...own] = this.properties(ownOf(value));
        return ["E", known ? value.name : "Error", `${value.message}`, ...own];
      }
      const message = known ? value.message : `${value.name}: ${value.message}`;
      const cause = "cause" in value ? [this.node(value.cause)] : [];
      return ["e", known ? value.name : "Error", `${message}`, `${value.stack ?? ""}`, ...cause];
    }

    platform(value) {
      if (value instanceof Headers) return ["H", ...[...value].flat()];
      if (value instanceof Blob) return this.blob(value);
      if (value instanceof Request) return this.request(value);
      if (value instanceof Response) return this.response(value);
      if (value instanceof ReadableStream) return ["S", this.stream(value)];
      if (value instanceof WritableStream) return ["W", this.caps.push(stubs.hosted(this.sink(value))) - 1];
      if (value instanceof AbortSignal) return ["A", ...this.signal(value)];
      if (UNSERIALIZABLE in value) return refuse(value[UNSERIALIZABLE]);
      return refuseType(value);
    }

    blob(value) {
      const named = value instanceof File ? [value.name, value.lastModified] : [];
      return ["B", ...this.bytes(value[BYTES]()), value.type, ...named];
    }

    // One that can still abort is followed through a stream, which brings the reason.
    signal(value) {
      return value.aborted ? [true, this.node(value.reason)] : [false, this.stream(reasonOf(value))];
    }

    stream(value) {
      if (value.locked) throw new TypeError("The ReadableStream has been locked to a reader.");
      return this.streams.push(value) - 1;
    }

    body(message) {
      if (message.bodyUsed) throw new TypeError("Body has already been used. It can only be used once.");
      return message.body === null ? -1 : this.stream(message.body);
    }

    request(value) {
      const { url, method, headers, redirect } = value;
      return ["Q", url, method, [...headers].flat(), this.body(value), redirect, this.node(value[REST]())];
    }

    response(value) {
      const { status, statusText, headers, cf } = value;
      return ["P", status, statusText, [...headers].flat(), this.body(value), this.node(cf)];
    }

    sink(value) {
      if (value.locked) throw new TypeError("The WritableStream has been locked to a writer.");
      const writer = value.getWriter();
      return stubs.target({
        write: (chunk) => writer.write(chunk),
        close: () => writer.close(),
        abort: (reason) => writer.abort(reason),
      });
    }
  }

  // A stream of bytes that ends with the reason of an abort, as text.
  const reasonOf = (signal) => {
    let send;
    return new ReadableStream({
      type: "bytes",
      start(controller) {
        send = () => {
          controller.enqueue(new TextEncoder().encode(reasonText(signal.reason)));
          controller.close();
        };
        signal.addEventListener("abort", send, { once: true });
      },
      cancel: () => signal.removeEventListener("abort", send),
    });
  };

  // What is no mere text stays behind.
  const reasonText = (reason) => textOf(reason) ?? JSON.stringify(["D", "The operation was aborted", "AbortError"]);

  const textOf = (value) => {
    const encoder = new Encoder();
    try {
      const text = JSON.stringify(encoder.node(value));
      if (encoder.blobs.length + encoder.caps.length + encoder.streams.length === 0) return text;
    } catch {
      // It cannot be cloned.
    }
    return undefined;
  };

  const follow = async (controller, stream) => {
    const text = await new Response(stream).text();
    if (text !== "") controller.abort(new Decoder(new ArrayBuffer(0), [], []).value(JSON.parse(text)));
  };

  const pairs = (flat) => Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index], flat[2 * index + 1]]);

  class Decoder {
    constructor(buffer, caps, streams) {
      this.buffer = buffer;
      this.caps = caps;
      this.streams = streams;
      this.known = [];
    }

    value(node) {
      return Array.isArray(node) ? this.tagged(node) : node;
    }

    // Remembers an object under its number before what it holds is made, which may mention it.
    keep(object, fill = () => {}) {
      this.known.push(object);
      fill(object);
      return object;
    }

    // As `keep`, of what is made of objects that have numbers of their own, after its.
    keepMade(make) {
      const number = this.known.push(undefined) - 1;
      this.known[number] = make();
      return this.known[number];
    }

    tagged(node) {
      const [tag, first, second, third, fourth, fifth, sixth] = node;
      switch (tag) {
        case "u": return undefined;
        case "n": return Number(first);
        case "i": return BigInt(first);
        case "r": return this.known[first];
        case "f": case "F": return stubs.adopt(tag, this.caps[first]);
        case "O": return stubs.adoptObject(this.caps[first], second, third ?? undefined);
        case "a": return this.keep([], (array) => this.each(node, (element) => array.push(element)));
        case "s": return this.keep(new Set(), (set) => this.each(node, (element) => set.add(element)));
        case "m": return this.keep(new Map(), (map) => {
          for (let index = 1; index < node.length; index += 2) map.set(this.value(node[index]), this.value(node[index + 1]));
        });
        case "o": return this.keep({}, (object) => {
          for (let index = 1; index < node.length; index += 2) this.define(object, node[index], node[index + 1]);
        });
        case "d": return this.keep(new Date(this.value(first)));
        case "x": return this.keep(new RegExp(first, second));
        case "v": return this.keep(this.view(VIEWS[first], this.buffer.slice(second, second + third)));
        case "b": return this.keep(this.buffer.slice(first, first + second));
        case "D": return this.keep(new DOMException(first, second));
        case "e": return this.error(node);
        case "E": return this.keep(new (ERRORS[first] ?? Error)(second), (error) => {
          for (let index = 3; index < node.length; index += 2) this.define(error, node[index], node[index + 1]);
        });
        case "w": return this.keep(Object(this.value(first)));
        case "H": return this.keep(new Headers(pairs(node.slice(1))));
        case "Q": return this.keepMade(() => this.request(first, second, third, fourth, fifth, sixth));
        case "P": return this.keepMade(() => this.response(first, second, third, fourth, fifth));
        case "B": return this.keep(this.blob(first, second, third, fourth, fifth));
        case "S": return this.keep(this.stream(first));
        case "W": return this.keep(this.writable(stubs.adoptSink(this.caps[first])));
        case "A": return this.keepMade(() => this.signal(first, second));
        default: throw new TypeError("A value came in a form that is not known.");
      }
    }

    each(node, take) {
      for (let index = 1; index < node.length; index += 1) take(this.value(node[index]));
    }

    define(object, key, node) {
      Object.defineProperty(object, key, {
        value: this.value(node), writable: true, enumerable: true, configurable: true,
      });
    }

    view(name, buffer) {
      const View = globalThis[name];
      return new View(buffer);
    }

    error([, name, message, stack, ...cause]) {
      const Class = ERRORS[name] ?? Error;
      return this.keep(new Class(message), (error) => {
        if (stack !== "") Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true });
        if (cause.length > 0) {
          Object.defineProperty(error, "cause", { value: this.value(cause[0]), writable: true, configurable: true });
        }
      });
    }

    blob(start, length, type, name, lastModified) {
      const content = [this.buffer.slice(start, start + length)];
      return name === undefined ? new Blob(content, { type }) : new File(content, name, { type, lastModified });
    }

    stream(index) {
      const stream = this.streams[index];
      return stream instanceof ReadableStream ? stream : new Response(stream).body;
    }

    body(index) {
      return index < 0 ? null : this.stream(index);
    }

    request(url, method, headers, body, redirect, rest) {
      const init = { method, headers: pairs(headers), body: this.body(body) ?? undefined, redirect };
      return new Request(url, { ...init, ...this.value(rest) });
    }

    response(status, statusText, headers, body, cf) {
      return new Response(this.body(body), { status, statusText, headers: pairs(headers), cf: this.value(cf) });
    }

    writable(sink) {
      return new WritableStream({
        write: (chunk) => sink.write(chunk),
        close: () => sink.close(),
        abort: (reason) => sink.abort(reason),
      });
    }

    signal(aborted, reason) {
      if (aborted) return AbortSignal.abort(this.value(reason));
      const controller = new AbortController();
      // Where the other side ends first there is nothing left that could abort.
      follow(controller, this.stream(reason)).catch(() => {});
      return controller.signal;
    }
  }

  return {
    encode(value) {
      const encoder = new Encoder();
      const text = JSON.stringify(encoder.node(value));
      return { text, blobs: encoder.blobs, caps: encoder.caps, streams: encoder.streams };
    },
    // What an error that was thrown has beside its name and its text, as text; nothing where it is no mere data.
    encodeOwn(error) {
      if (!(error instanceof Error) || error instanceof DOMException) return undefined;
      const own = ownOf(error);
      if (Object.keys(own).length === 0) return undefined;
      return textOf(own);
    },
    decode: (text, buffer, caps, streams) => new Decoder(buffer, caps, streams).value(JSON.parse(text)),
  };
};
