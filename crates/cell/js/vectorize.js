// The client half of a Vectorize index: arguments are brought into one form here, everything else is the service's.
// The file is one function: it gets the natives of the cell and returns the class.
(natives) => {
  "use strict";

  const LEVELS = ["none", "indexed", "all"];
  const TOP_K = 5;

  // Stored as floats of 32 bits. What is no number at all becomes NaN, which the service refuses.
  const floats = (values) => (values instanceof Float32Array ? values : Float32Array.from(values));

  const json = (value) => (value === undefined || value === null ? undefined : JSON.stringify(value));

  const text = (value) => (value === undefined || value === null ? undefined : String(value));

  const list = (method, value) => {
    if (Array.isArray(value)) return value;
    throw new TypeError(`${method} takes an array, not ${value === null ? "null" : typeof value}.`);
  };

  const prepared = (vector) => [
    String(vector.id),
    floats(vector.values),
    text(vector.namespace),
    json(vector.metadata),
  ];

  // `cause` is the message without what was being done.
  const withCause = async (promise) => {
    try {
      return await promise;
    } catch (error) {
      const start = error.message.indexOf(": ");
      throw new Error(error.message, { cause: new Error(error.message.slice(start < 0 ? 0 : start + 2)) });
    }
  };

  // As on Cloudflare, the level is written into the caller's options where it was a boolean.
  const levelOf = (options) => {
    const given = options.returnMetadata;
    if (given === true) options.returnMetadata = "all";
    if (given === undefined || given === null || given === false) return "none";
    if (given !== true && !LEVELS.includes(given)) {
      throw new Error(
        `Invalid returnMetadata option. Expected: true, false, "none", "indexed" or "all"; got: ${given}`,
      );
    }
    return options.returnMetadata;
  };

  const shaped = ({ namespace, metadata, values, ...found }) => {
    if (values !== null) found.values = values;
    if (namespace !== null) found.namespace = namespace;
    if (metadata !== null) found.metadata = JSON.parse(metadata);
    return found;
  };

  class VectorizeIndexImpl {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async #query(target, given) {
      const options = given ?? {};
      const level = levelOf(options);
      const found = await withCause(
        natives.query(
          this.#cap,
          target,
          Math.trunc(Number(options.topK ?? TOP_K)),
          Boolean(options.returnValues),
          level === "all",
          level === "indexed",
          text(options.namespace),
          json(options.filter),
        ),
      );
      return { count: found.length, matches: found.map(shaped) };
    }

    async describe() {
      const { processedUpToMs, ...about } = await withCause(natives.describe(this.#cap));
      const processedUpToDatetime = processedUpToMs === null ? null : new Date(processedUpToMs).toISOString();
      return { ...about, processedUpToDatetime };
    }

    async query(vector, options) {
      return this.#query(floats(vector), options);
    }

    async queryById(vectorId, options) {
      return this.#query(String(vectorId), options);
    }

    async insert(vectors) {
      const batch = list("insert()", vectors).map(prepared);
      return { mutationId: await withCause(natives.insert(this.#cap, batch)) };
    }

    async upsert(vectors) {
      const batch = list("upsert()", vectors).map(prepared);
      return { mutationId: await withCause(natives.upsert(this.#cap, batch)) };
    }

    async getByIds(ids) {
      const found = await withCause(natives.get(this.#cap, list("getByIds()", ids).map(String)));
      return found.map(shaped);
    }

    async deleteByIds(ids) {
      const names = list("deleteByIds()", ids).map(String);
      return { mutationId: await withCause(natives.delete(this.#cap, names)) };
    }

    get [Symbol.toStringTag]() {
      return "VectorizeIndexImpl";
    }

    get [Symbol.for("hognose.unserializable")]() {
      return "A Vectorize index binding cannot be serialized.";
    }
  }

  return VectorizeIndexImpl;
};
