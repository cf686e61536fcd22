// Workflows: the binding, and how values are kept. The file is one function: it gets the natives of the cell and what
// `rpc.js` returned. What the calls mean is in the wire crate's `workflows`.
(natives, rpc) => {
  "use strict";

  const VALUE_MAX = 1024 * 1024;
  const BATCH_MAX = 100;
  const YEAR_MS = 365 * 24 * 3600 * 1000;
  const UNITS_MS = {
    second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_592_000_000, year: YEAR_MS,
  };

  /** Thrown in a step, it is not tried again. */
  class NonRetryableError extends Error {
    constructor(message, name = "NonRetryableError") {
      super(message);
      this.name = name;
    }
  }

  const toBase64 = (parts) => {
    let text = "";
    for (const part of parts) {
      const bytes = ArrayBuffer.isView(part)
        ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
        : new Uint8Array(part);
      for (let start = 0; start < bytes.length; start += 8192) {
        text += String.fromCharCode(...bytes.subarray(start, start + 8192));
      }
    }
    return btoa(text);
  };

  // A value as text. JSON never begins with the mark that sets bytes apart.
  const pack = (value) => {
    const { text, blobs, caps, streams } = rpc.encode(value);
    if (caps.length + streams.length > 0) {
      throw new DOMException("Functions, stubs and streams cannot be kept by a workflow.", "DataCloneError");
    }
    return blobs.length === 0 ? text : `~${toBase64(blobs)}~${text}`;
  };

  const unpack = (packed) => {
    if (!packed.startsWith("~")) return rpc.decode(packed, new ArrayBuffer(0), [], []);
    const end = packed.indexOf("~", 1);
    const bytes = Uint8Array.from(atob(packed.slice(1, end)), (letter) => letter.charCodeAt(0));
    return rpc.decode(packed.slice(end + 1), bytes.buffer, [], []);
  };

  const request = async (cap, invocation, method, argument) => {
    const answer = await natives.call(cap, invocation, method, JSON.stringify(argument));
    return JSON.parse(answer);
  };

  const ID = /^[a-zA-Z0-9_][a-zA-Z0-9-_]{0,99}$/;
  const STEP_TYPES = ["do", "sleep", "waitForEvent"];
  const EVENT_TYPE = /^[a-zA-Z0-9-_]{1,100}$/;

  const milliseconds = (duration, what) => {
    if (typeof duration === "number" && duration >= 0) return duration;
    const [, count, unit] = /^\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week|month|year)s?\s*$/.exec(duration) ?? [];
    if (unit === undefined) throw new Error(`${what} is not a duration: ${String(duration)}`);
    return Number(count) * UNITS_MS[unit];
  };

  const checkEventType = (type) => {
    if (typeof type === "string" && EVENT_TYPE.test(type)) return;
    throw new Error("WorkflowError: The type of an event has up to 100 letters, digits, '-' and '_'.");
  };

  const keptMs = (retention, key) =>
    retention?.[key] === undefined ? null : Math.round(milliseconds(retention[key], `retention.${key}`));

  const limited = (packed, what) => {
    if (packed.length > VALUE_MAX) throw new Error(`WorkflowError: ${what} is too large. Maximum allowed size is 1MiB.`);
    return packed;
  };

  const newInstance = ({ id = crypto.randomUUID(), params = {}, retention } = {}) => {
    if (typeof id !== "string" || !ID.test(id)) throw new Error("WorkflowError: Workflow instance has invalid id");
    return {
      id,
      params: limited(pack(params), "The value of params"),
      successKeptMs: keptMs(retention, "successRetention"),
      errorKeptMs: keptMs(retention, "errorRetention"),
    };
  };

  // The step that an instance is run again from, as the service is told.
  const stepIn = ({ name, count = 1, type = "do" }) => {
    const isValid = typeof name === "string" && Number.isInteger(count) && count > 0 && STEP_TYPES.includes(type);
    if (isValid) return { name, count, kind: type };
    const types = STEP_TYPES.join(", ");
    throw new TypeError(`restart() takes { from: { name, count?, type? } }: count is 1 or more, type one of ${types}`);
  };

  const checkDeleted = (ids) => {
    const refuse = (code, message) => {
      throw new Error(`WorkflowError: (${code}) ${message}`);
    };
    if (!Array.isArray(ids)) refuse("body", "Provided argument is invalid");
    if (ids.length > BATCH_MAX) refuse("body", `batchDeleteInstances only supports ${BATCH_MAX} instances at a time`);
    if (ids.length === 0) refuse("body", "batchDeleteInstances should have at least 1 instance");
    if (!ids.every((id) => typeof id === "string" && ID.test(id))) refuse("instance.invalid_id", "Instance ID is invalid");
  };

  // In the numbers and words of Cloudflare's API.
  const notDeleted = ({ message }) =>
    message.includes("(instance.not_found)")
      ? { code: 10400, message: "workflows.api.error.instance.not_found" }
      : { code: 10001, message: "workflows.api.error.internal_server" };

  class WorkflowInstance {
    #cap;

    constructor(cap, id) {
      this.#cap = cap;
      this.id = id;
    }

    #call(method, argument) {
      return request(this.#cap, undefined, method, { id: this.id, ...argument });
    }

    async #control(action, from) {
      await this.#call("control", { action, from });
    }

    async status() {
      const { status, output, error } = await this.#call("status", {});
      const found = { status, output: output === null ? null : unpack(output) };
      if (error !== null) found.error = error;
      return found;
    }

    pause() {
      return this.#control("pause");
    }

    resume() {
      return this.#control("resume");
    }

    async restart({ from } = {}) {
      await this.#control("restart", from && stepIn(from));
    }

    terminate() {
      return this.#control("terminate");
    }

    delete() {
      return this.#control("delete");
    }

    async sendEvent({ type, payload }) {
      checkEventType(type);
      await this.#call("sendEvent", { kind: type, payload: limited(pack(payload), "The event's payload") });
    }
  }

  class WorkflowImpl {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async create(options) {
      const instances = [newInstance(options ?? undefined)];
      const [id] = await request(this.#cap, undefined, "create", { instances, isBatch: false });
      return new WorkflowInstance(this.#cap, id);
    }

    async createBatch(batch) {
      if (batch.length === 0) throw new Error("WorkflowError: batchCreate should have at least 1 instance");
      if (batch.length > BATCH_MAX) throw new Error(`WorkflowError: A batch has at most ${BATCH_MAX} instances`);
      const instances = Array.from(batch, newInstance);
      const ids = await request(this.#cap, undefined, "create", { instances, isBatch: true });
      return ids.map((id) => new WorkflowInstance(this.#cap, id));
    }

    async get(id) {
      const instance = new WorkflowInstance(this.#cap, String(id));
      await instance.status();
      return instance;
    }

    async deleteBatch(ids) {
      checkDeleted(ids);
      const outcomes = new Map();
      for (const id of new Set(ids)) {
        const deleted = new WorkflowInstance(this.#cap, id).delete();
        outcomes.set(id, await deleted.then(() => undefined, (error) => ({ id, ...notDeleted(error) })));
      }
      const result = { deleted: [], errors: [] };
      for (const id of ids) {
        const error = outcomes.get(id);
        if (error === undefined) result.deleted.push({ id });
        else result.errors.push(error);
      }
      return result;
    }
  }

  const shared = { VALUE_MAX, YEAR_MS, checkEventType, limited, milliseconds, pack, request, unpack };
  return { WorkflowImpl, NonRetryableError, shared };
};
