// Facets: objects below a Durable Object, which starts them with classes of its choice. The file is one function: it gets
// the natives of the cell, what stubs are made with and the class of ids, and returns the class of `ctx.facets` and what
// makes classes that facets can be started with.
(natives, rpc, DurableObjectId) => {
  "use strict";

  const NAME_MAX = 256;
  const NO_CLASS =
    "A facet is started by an object with the property `class`: a class of ctx.exports, or one that a dynamic Worker's " +
    "getDurableObjectClass() gives.";

  const isPyProxy = (value) => Object.prototype.toString.call(value) === "[object PyProxy]";

  // What stands behind a class: its name, its props as JSON, and where it is not the Worker's own the promise of the
  // dynamic Worker that has it.
  const behind = new WeakMap();

  class DurableObjectClass {
    constructor(name, props, loaded) {
      behind.set(this, { name, props, loaded });
    }

    get [Symbol.toStringTag]() {
      return "DurableObjectClass";
    }
  }

  /** A class of the Worker's own: usable as it is, and, called with props, another one that has them. */
  const loopbackClass = (name, target) => {
    const specialize = (options) => new DurableObjectClass(name, JSON.stringify(options?.props ?? {}));
    const made = new Proxy(function () {}, {
      apply: (_target, _receiver, [options]) => specialize(options),
      get(_target, property) {
        const value = Reflect.get(target, property);
        return typeof value === "function" && property !== "constructor" ? value.bind(target) : value;
      },
      getPrototypeOf: () => Object.getPrototypeOf(target),
    });
    behind.set(made, { name, props: "{}" });
    return made;
  };

  /** A class of Durable Objects of the Worker's that nothing is kept for: facets can have it. */
  class LoopbackDurableObjectClass {}

  const checkName = (name) => {
    const text = `${name}`;
    if (text.length > NAME_MAX) throw new TypeError(`Facet name is too long (max ${NAME_MAX} characters).`);
    return text;
  };

  // `ctx.id` of a facet: as two texts, of which the first is empty where the id is no `DurableObjectId`.
  const identify = (id, own) => {
    const given = id ?? own;
    if (given instanceof DurableObjectId) return [`${given}`, given.name ?? null];
    return ["", `${given}`];
  };

  class DurableObjectFacets {
    #number;
    #id;
    #starting = new Map();

    constructor(number, id) {
      this.#number = number;
      this.#id = id;
    }

    get(name, getStartupOptions) {
      const text = checkName(name);
      const start = isPyProxy(getStartupOptions) ? getStartupOptions.copy() : getStartupOptions;
      return rpc.lazyFetcher(() => this.#find(text, start));
    }

    abort(name, reason) {
      natives.abort(this.#number, checkName(name), `${reason?.message ?? reason}`);
    }

    delete(name) {
      natives.delete(this.#number, checkName(name));
    }

    #find(name, getStartupOptions) {
      const found = natives.find(this.#number, name);
      if (found !== null) return Promise.resolve(rpc.adopt(found));
      const starting = this.#starting.get(name) ?? this.#start(name, getStartupOptions);
      this.#starting.set(name, starting);
      const over = () => this.#starting.delete(name);
      starting.then(over, over);
      return starting;
    }

    async #start(name, getStartupOptions) {
      const given = await getStartupOptions();
      const options = isPyProxy(given) ? given.toJs({ dict_converter: Object.fromEntries }) : given;
      const known = behind.get(Object(options?.class));
      if (known === undefined) throw new TypeError(NO_CLASS);
      const loaded = known.loaded === undefined ? null : (await known.loaded).number();
      const id = identify(options.id, this.#id);
      return rpc.adopt(natives.start(this.#number, name, loaded, known.name, known.props, ...id));
    }

    get [Symbol.toStringTag]() {
      return "DurableObjectFacets";
    }
  }

  return { DurableObjectClass, DurableObjectFacets, LoopbackDurableObjectClass, loopbackClass };
};
