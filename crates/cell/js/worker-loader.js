// Worker Loader in JavaScript: checks the code that a Worker gives, and hands it over.
// The file is one function: it gets the natives of the cell and what `rpc.js` and `facets.js` returned, and returns
// the binding's class.
(natives, rpc, facets) => {
  "use strict";

  const { DurableObjectClass } = facets;

  const CODE_MAX = 64 * 1024 * 1024;
  const ENV_MAX = 1024 * 1024;
  const KINDS = ["js", "cjs", "text", "data", "json", "py", "wasm"];
  const encoder = new TextEncoder();

  const isPyProxy = (value) => Object.prototype.toString.call(value) === "[object PyProxy]";

  const dataCloneError = (message) => {
    throw new DOMException(message, "DataCloneError");
  };

  const byItsName = (name, isPython) => {
    if (name.endsWith(".py")) return "py";
    if (name.endsWith(".js")) return "js";
    if (isPython && name.startsWith("python_modules/")) return "text";
    const advice = /\.(ts|tsx|jsx)$/.test(name) ? ". TypeScript has to become JavaScript first." : "";
    throw new TypeError(
      "Module name must end with '.js' or '.py' (or the content must be an object indicating the type explicitly). " +
        `Got: ${name}${advice}`,
    );
  };

  const byItsProperty = (name, content) => {
    const given = KINDS.filter((kind) => content[kind] !== undefined);
    if (given.length !== 1) {
      throw new TypeError(
        "Each module must contain exactly one of 'js', 'cjs', 'text', 'data', 'json', 'py', or 'wasm'. " +
          `Module '${name}' contained ${given.length} properties.`,
      );
    }
    const [kind] = given;
    if (kind === "wasm") {
      throw new TypeError(`Module "${name}" is a WebAssembly module; this runtime does not run those.`);
    }
    return [kind, content[kind]];
  };

  const bytesOf = (kind, content) => {
    if (kind === "json") return encoder.encode(JSON.stringify(content) ?? "null");
    if (kind !== "data") return encoder.encode(`${content}`);
    // Copied, for the code goes out later, when its owner may have changed it.
    if (ArrayBuffer.isView(content)) return new Uint8Array(content.buffer, content.byteOffset, content.byteLength).slice();
    if (content instanceof ArrayBuffer) return new Uint8Array(content.slice());
    throw new TypeError("The content of a data module must be an ArrayBuffer or a view of one.");
  };

  // A name is a path within the Worker.
  const checkName = (name) => {
    const isPath = name !== "" && !name.includes("\0") && !name.split("/").some((part) => part === ".." || part === "");
    if (!isPath) throw new TypeError(`Module name "${name}" is not a relative path.`);
    return name.replace(/^(\.\/)+/, "");
  };

  const moduleOf = (name, content, isPython) => {
    const [kind, given] = typeof content === "string" ? [byItsName(name, isPython), content] : byItsProperty(name, content);
    if (kind === "py" && !isPython) {
      throw new TypeError(`Module "${name}" is a Python module, but the main module isn't a Python module.`);
    }
    return [checkName(name), kind, bytesOf(kind, given)];
  };

  const modulesOf = (main, modules) => {
    const entries = Object.entries(modules ?? {});
    if (entries.length === 0) throw new TypeError("Dynamic Worker code must contain at least one module.");
    const isPython = main.endsWith(".py");
    const made = entries.map(([name, content]) => moduleOf(name, content, isPython));
    const size = made.reduce((sum, [, , bytes]) => sum + bytes.byteLength, 0);
    if (size > CODE_MAX) {
      throw new Error(`Dynamic Worker code size (${size} bytes) exceeds the maximum allowed size of ${CODE_MAX} bytes.`);
    }
    if (!made.some(([name]) => name === checkName(main))) throw new Error(`The main module "${main}" is not among the modules.`);
    return made;
  };

  // What travels beside the modules: `env`, the Worker that `fetch()` leads to, and those that are told of invocations.
  const surroundingsOf = (env, outbound, tails) => {
    const encoded = rpc.encode([env ?? {}, ...(outbound === undefined || outbound === null ? [] : [outbound]), ...tails]);
    const isForeign = encoded.caps.some(([isHosted]) => isHosted);
    if (isForeign || encoded.streams.length > 0) dataCloneError("The env of a dynamic Worker holds data, bindings to Workers and stubs of objects only.");
    const size = encoder.encode(encoded.text).byteLength + encoded.blobs.reduce((sum, blob) => sum + blob.byteLength, 0);
    if (size > ENV_MAX) {
      throw new Error(`Dynamic Worker env size (${size} bytes) exceeds the maximum allowed size of ${ENV_MAX} bytes.`);
    }
    return encoded;
  };

  const outboundOf = (outbound) => {
    if (outbound === undefined) return "inherited";
    return outbound === null ? "nothing" : "worker";
  };

  // The arguments of `natives.load` between the capability and the surroundings.
  const loadOf = (id, code) => {
    if (code === null || typeof code !== "object") throw new TypeError("The code of a dynamic Worker must be an object.");
    const { compatibilityDate, compatibilityFlags = [], mainModule, modules, globalOutbound } = code;
    for (const [name, value] of Object.entries({ compatibilityDate, mainModule })) {
      if (typeof value !== "string") throw new TypeError(`The code of a dynamic Worker needs a "${name}".`);
    }
    const made = modulesOf(mainModule, modules);
    const flags = Array.from(compatibilityFlags, String);
    return [id, compatibilityDate, flags, checkName(mainModule), outboundOf(globalOutbound), made];
  };

  const propsOf = (props) => {
    const { caps, streams } = rpc.encode(props ?? {});
    if (caps.length + streams.length > 0) dataCloneError("The props of a dynamic Worker's entrypoint must be plain data.");
    return JSON.stringify(props ?? {});
  };

  /** A loaded Worker, or one that is being loaded. */
  class WorkerStub {
    #loaded;

    constructor(loaded) {
      this.#loaded = loaded;
      // Who asks for an entrypoint hears of what went wrong.
      loaded.catch(() => {});
    }

    getEntrypoint(name, options) {
      const entrypoint = name === undefined || name === null || name === "default" ? null : `${name}`;
      const props = propsOf(options?.props);
      return rpc.dynamicFetcher(this.#loaded.then((loaded) => natives.enter(loaded.number(), entrypoint, props)));
    }

    getDurableObjectClass(name, options) {
      const entrypoint = name === undefined || name === null ? "default" : `${name}`;
      return new DurableObjectClass(entrypoint, propsOf(options?.props), this.#loaded);
    }

    get [Symbol.toStringTag]() {
      return "WorkerStub";
    }
  }

  /** The binding. */
  class WorkerLoader {
    #cap;
    // What this isolate is loading, by id, so that it asks for the code once.
    #loading = new Map();

    constructor(cap) {
      this.#cap = cap;
    }

    get(id, getCode) {
      if (id === undefined || id === null) return new WorkerStub(this.#load(null, this.#ask(getCode)));
      const name = `${id}`;
      const code = isPyProxy(getCode) ? getCode.copy() : getCode;
      const loading = this.#loading.get(name) ?? this.#findOrLoad(name, code);
      this.#loading.set(name, loading);
      loading.catch(() => {}).finally(() => this.#loading.delete(name));
      return new WorkerStub(loading);
    }

    load(code) {
      return new WorkerStub(this.#hand(loadOf(null, code), code));
    }

    async #findOrLoad(name, getCode) {
      const found = await natives.find(this.#cap, name);
      return found === null ? this.#load(name, this.#ask(getCode)) : rpc.adopt(found);
    }

    async #ask(getCode) {
      return getCode();
    }

    async #load(name, asked) {
      const code = await asked;
      return this.#hand(loadOf(name, code), code);
    }

    async #hand(load, { env, globalOutbound, tails }) {
      await rpc.allGiven();
      const listening = Array.from(tails ?? []);
      const surroundings = surroundingsOf(env, globalOutbound, listening);
      return rpc.adopt(await natives.load(this.#cap, ...load, surroundings, listening.length));
    }

    get [Symbol.toStringTag]() {
      return "WorkerLoader";
    }

    get [Symbol.for("hognose.unserializable")]() {
      return "A Worker Loader binding cannot be serialized.";
    }
  }

  return WorkerLoader;
};
