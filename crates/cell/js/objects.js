// Namespaces of Durable Objects, as `env` has them: ids, and stubs that call objects. The file is one function: it gets
// the natives of ids and what stubs are made with, and returns the class of namespaces.
(natives, rpc) => {
  "use strict";

  const DIGITS = /^[0-9a-fA-F]{64}$/;
  const JURISDICTIONS = new Set(["eu", "fedramp", "fedramp-high", "us"]);

  class DurableObjectId {
    #digits;
    #name;
    #jurisdiction;

    constructor(digits, name, jurisdiction) {
      this.#digits = digits;
      this.#name = name;
      this.#jurisdiction = jurisdiction;
    }

    static digitsOf = (id) => id.#digits;

    toString() {
      return this.#digits;
    }

    equals(other) {
      return this.#digits === DurableObjectId.digitsOf(other);
    }

    get name() {
      return this.#name;
    }

    get jurisdiction() {
      return this.#jurisdiction;
    }

    get [Symbol.toStringTag]() {
      return "DurableObjectId";
    }
  }

  const isId = (value) => Object.prototype.toString.call(value) === "[object DurableObjectId]";

  class DurableObject {}

  // A stub; which object it calls goes with each call.
  const makeStub = (cap, id) => {
    const target = natives.target(cap, `${id}`, id.name);
    return rpc.makeObjectStub(DurableObject, target, { id, name: id.name });
  };

  rpc.receiveObjects((reference, digits, name) => {
    const id = new DurableObjectId(digits, name);
    const target = natives.target(`${reference.number()}`, digits, name);
    return rpc.makeObjectStub(DurableObject, target, { id, name }, reference);
  });

  class DurableObjectNamespace {
    #cap;
    #key;
    #jurisdiction;

    constructor(cap, key, jurisdiction) {
      this.#cap = cap;
      this.#key = key;
      this.#jurisdiction = jurisdiction;
    }

    // A jurisdiction has ids of its own, so that those of another are recognised.
    get #space() {
      return this.#jurisdiction === undefined ? this.#key : `${this.#key}\0${this.#jurisdiction}`;
    }

    newUniqueId(options) {
      const space = options?.jurisdiction == null ? this : this.jurisdiction(options.jurisdiction);
      return space.#id(natives.uniqueId(space.#space));
    }

    idFromName(name) {
      return this.#id(natives.idFromName(this.#space, `${name}`), `${name}`);
    }

    idFromString(text) {
      const digits = `${text}`;
      if (!DIGITS.test(digits)) throw new TypeError("Invalid Durable Object ID: must be 64 hex digits");
      const lower = digits.toLowerCase();
      const spaces = [this, ...(this.#jurisdiction === undefined ? this.#subspaces() : [])];
      const owner = spaces.find((space) => natives.ownsId(space.#space, lower));
      if (owner === undefined) throw new TypeError("Durable Object ID is not valid for this namespace.");
      return owner.#id(lower);
    }

    get(id, _options) {
      if (!isId(id)) {
        throw new TypeError(
          "Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not of type 'DurableObjectId'.",
        );
      }
      if (this.#jurisdiction !== undefined && id.jurisdiction !== this.#jurisdiction) {
        throw new TypeError(
          "get called on jurisdictional subnamespace with an ID from a different jurisdiction",
        );
      }
      this.idFromString(`${id}`);
      return makeStub(this.#cap, id);
    }

    getByName(name, options) {
      return this.get(this.idFromName(name), options);
    }

    jurisdiction(name) {
      if (name == null) return new DurableObjectNamespace(this.#cap, this.#key);
      if (!JURISDICTIONS.has(name)) throw new TypeError(`"${name}" is not a jurisdiction that is known.`);
      return new DurableObjectNamespace(this.#cap, this.#key, name);
    }

    #subspaces() {
      return [...JURISDICTIONS].map((name) => this.jurisdiction(name));
    }

    #id(digits, name) {
      return new DurableObjectId(digits, name, this.#jurisdiction);
    }
  }

  return { DurableObjectNamespace, DurableObjectId };
};
