// The client half of a KV namespace: arguments are coerced and checked here, everything else is the service's.
// The file is one function: it gets the natives of the cell and returns the class.
(natives) => {
  "use strict";

  const MAX_KEY_BYTES = 512;
  const encoder = new TextEncoder();

  const fail = (method, position, expected) => {
    throw new TypeError(
      `Failed to execute '${method}' on 'KvNamespace': parameter ${position} is not of type '${expected}'.`,
    );
  };

  const checkKey = (operation, key) => {
    if (key === "") throw new TypeError("Key name cannot be empty.");
    if (key === "." || key === "..") throw new TypeError(`"${key}" is not allowed as a key name.`);
    // A character has at most three bytes: short keys need not be counted.
    const length = key.length * 3 > MAX_KEY_BYTES ? encoder.encode(key).length : 0;
    if (length > MAX_KEY_BYTES) {
      throw new Error(
        `KV ${operation} failed: 414 UTF-8 encoded length of ${length} exceeds key length limit of ${MAX_KEY_BYTES}.`,
      );
    }
    return key;
  };

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  // Options that are absent, undefined or null are no options.
  const options = (method, position, expected, value) => {
    if (value === undefined || value === null) return {};
    if (!isObject(value)) fail(method, position, expected);
    return value;
  };

  const integer = (value) => {
    if (value === undefined) return undefined;
    if (typeof value === "bigint") throw new TypeError("Cannot convert a BigInt value to a number");
    const number = Math.trunc(Number(value));
    if (!Number.isFinite(number)) return 0;
    if (Math.abs(number) >= 2 ** 31) {
      throw new TypeError("Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
    }
    return number;
  };

  const string = (value) => (value === undefined || value === null ? undefined : String(value));

  const TEXT = { type: "text", cacheTtl: undefined };

  const readOptions = (method, value) => {
    if (value === undefined) return TEXT;
    if (typeof value === "string") return { type: value, cacheTtl: undefined };
    const { type, cacheTtl } = options(method, 2, "GetOptions", value);
    return { type: type === undefined ? "text" : String(type), cacheTtl: integer(cacheTtl) };
  };

  // A small value comes whole.
  const streamOf = (source) => (source instanceof ReadableStream ? source : new Response(source).body);

  const convert = (type, body) => {
    switch (type) {
      case "text":
        return natives.readText(body);
      case "json":
        return Promise.resolve(natives.readText(body)).then(JSON.parse);
      case "arrayBuffer":
        return natives.readArrayBuffer(body);
      case "stream":
        return streamOf(natives.readStream(body));
      default:
        natives.discard(body);
        throw new TypeError(
          'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".',
        );
    }
  };

  const parse = (text) => (text === null ? null : JSON.parse(text));

  const bulkValue = (type, text) => (type === "json" ? JSON.parse(text) : text);

  class KvNamespace {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async get(key, typeOrOptions) {
      const { type, cacheTtl } = readOptions("get", typeOrOptions);
      if (Array.isArray(key)) {
        const entries = await natives.getBulk(this.#cap, key.map(String), type, cacheTtl);
        return new Map(entries.map(([name, text]) => [name, text === null ? null : bulkValue(type, text)]));
      }
      const found = await natives.get(this.#cap, checkKey("GET", String(key)), cacheTtl);
      return found === null ? null : convert(type, found.body);
    }

    async getWithMetadata(key, typeOrOptions) {
      const { type, cacheTtl } = readOptions("getWithMetadata", typeOrOptions);
      if (Array.isArray(key)) {
        const entries = await natives.getBulk(this.#cap, key.map(String), type, cacheTtl);
        return new Map(
          entries.map(([name, text, metadata]) => [
            name,
            text === null ? null : { value: bulkValue(type, text), metadata: parse(metadata) },
          ]),
        );
      }
      const found = await natives.get(this.#cap, checkKey("GET", String(key)), cacheTtl);
      if (found === null) return { value: null, metadata: null, cacheStatus: null };
      return { value: await convert(type, found.body), metadata: parse(found.metadata), cacheStatus: null };
    }

    async put(key, value, putOptions) {
      const { expiration, expirationTtl, metadata } = options("put", 3, "PutOptions", putOptions);
      const name = checkKey("PUT", String(key));
      // Not `String`, which a symbol would pass.
      const body = isObject(value) ? value : `${value}`;
      if (isObject(value) && !natives.isPuttable(value)) {
        throw new TypeError(
          "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.",
        );
      }
      const json = metadata === undefined || metadata === null ? undefined : JSON.stringify(metadata);
      await natives.put(this.#cap, name, body, integer(expiration), integer(expirationTtl), json);
    }

    async delete(key) {
      await natives.delete(this.#cap, checkKey("DELETE", String(key)));
    }

    async list(listOptions) {
      const { prefix, limit, cursor } = options("list", 1, "ListOptions", listOptions);
      const page = await natives.list(this.#cap, string(prefix), integer(limit), string(cursor));
      const keys = page.keys.map(([name, expiration, metadata]) => {
        const entry = { name };
        if (expiration !== null) entry.expiration = expiration;
        if (metadata !== null) entry.metadata = JSON.parse(metadata);
        return entry;
      });
      if (page.cursor === null) return { keys, list_complete: true, cacheStatus: null };
      return { keys, list_complete: false, cursor: page.cursor, cacheStatus: null };
    }

    get [Symbol.toStringTag]() {
      return "KvNamespace";
    }

    get [Symbol.for("hognose.unserializable")]() {
      return "A KV namespace binding cannot be serialized.";
    }
  }

  return KvNamespace;
};
