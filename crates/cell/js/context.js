// The ExecutionContext that every handler gets, and the modules that the SDK and `import_from_javascript` ask for.
// The file is one function: it gets the natives of the cell and returns what the cell needs.
(natives, rpc) => {
  "use strict";

  const isPyProxy = (value) => Object.prototype.toString.call(value) === "[object PyProxy]";

  // A coroutine that Python passes in is only lent for the call; its copy lives until it has run.
  const keep = (value) => (isPyProxy(value) ? value.copy() : value);

  const waitUntil = (invocation, value) => {
    natives.waitUntil(invocation, Promise.resolve(keep(value)));
  };

  // The Worker's own exports, filled once it has loaded; nothing where the Worker does not want them.
  const exports = {};
  let isExported = false;

  // A class of Durable Objects comes with what their ids are made of, unless nothing is kept for it.
  const bindExports = (entries, Namespace, { LoopbackDurableObjectClass, loopbackClass }) => {
    isExported = true;
    for (const [name, cap, kind, key] of entries) {
      const object = () => (key === undefined ? new LoopbackDurableObjectClass() : new Namespace(cap, key));
      exports[name] = kind === "object" ? loopbackClass(name, object()) : new rpc.LoopbackServiceStub(cap);
    }
  };

  // A span of a Worker's own, which is not recorded: traces here are made of what the runtime sees.
  class Span {
    get isTraced() {
      return false;
    }

    setAttribute() {
      return this;
    }

    setAttributes() {
      return this;
    }

    end() {}
  }

  class Tracing {
    enterSpan(name, callback, ...rest) {
      return callback(new Span(), ...rest);
    }

    startActiveSpan(name, callback, ...rest) {
      return callback(new Span(), ...rest);
    }

    startSpan() {
      return new Span();
    }
  }

  const tracing = new Tracing();

  class ExecutionContext {
    #invocation;
    #props;

    constructor(invocation, props) {
      this.#invocation = invocation;
      this.#props = props;
    }

    get exports() {
      return isExported ? exports : undefined;
    }

    // Keeps the invocation going until the promise has settled, at most for the time the platform allows.
    waitUntil(promise) {
      waitUntil(this.#invocation, promise);
    }

    // There is no origin behind a Worker here that could answer in its place.
    passThroughOnException() {}

    get props() {
      return this.#props;
    }

    // Who is let in is decided before a request comes here.
    get access() {
      return undefined;
    }

    // No cache stands in front of a Worker here.
    get cache() {
      return undefined;
    }

    get tracing() {
      return tracing;
    }

    get [Symbol.toStringTag]() {
      return "ExecutionContext";
    }
  }

  class WorkerEntrypoint {
    constructor(ctx, env) {
      rpc.markEntrypoint(this);
      this.ctx = ctx;
      this.env = env;
    }
  }

  class DurableObject {
    constructor(ctx, env) {
      rpc.markEntrypoint(this);
      this.ctx = ctx;
      this.env = env;
    }
  }

  class WorkflowEntrypoint {
    constructor(ctx, env) {
      this.ctx = ctx;
      this.env = env;
    }
  }

  const { RpcPromise, RpcProperty, RpcStub, RpcTarget } = rpc;
  for (const base of [WorkerEntrypoint, DurableObject, WorkflowEntrypoint]) rpc.addBase(base);

  // What modules import: `visible` shows what `replace` says while it runs, else what `own` gives. Replaced by nothing it
  // is empty.
  const replaceable = (own) => {
    let overrides;
    const current = () => overrides?.getStore() ?? own();
    const traps = new Proxy({}, { get: (_traps, name) => (_target, ...rest) => Reflect[name](current(), ...rest) });
    const replace = (values, work) => {
      overrides ??= new (natives.importNow("node:async_hooks").AsyncLocalStorage)();
      const shown = values ?? {};
      return overrides.run(Object(shown) === shown ? shown : own(), work);
    };
    return { visible: new Proxy({}, traps), replace };
  };

  const makeWorkersModule = (first) => {
    let ownEnv = first;
    const importedEnv = replaceable(() => ownEnv);
    const importedExports = replaceable(() => exports);
    return {
      get env() {
        return importedEnv.visible;
      },
      set env(value) {
        ownEnv = value;
      },
      withEnv: importedEnv.replace,
      exports: importedExports.visible,
      withExports: importedExports.replace,
      withEnvAndExports: (env, exports, work) => importedEnv.replace(env, () => importedExports.replace(exports, work)),
      // As `ctx.cache`, which is undefined: it has nothing in it.
      cache: Object.freeze({}),
      tracing,
      waitUntil: (promise) => waitUntil(natives.currentInvocation(), promise),
      DurableObject,
      RpcPromise,
      RpcProperty,
      RpcStub,
      RpcTarget,
      ServiceStub: rpc.Fetcher,
      WorkerEntrypoint,
      WorkflowEntrypoint,
    };
  };

  const makeEntrypointHelper = (workersModule) => ({
    workerEntrypoint: WorkerEntrypoint,
    cloudflareWorkersModule: workersModule,
    // The SDK wants it without waiting; it is read when it does.
    get cloudflareSocketsModule() {
      return natives.importNow("cloudflare:sockets");
    },
    // The context keeps coroutines by itself.
    patchWaitUntil() {},
    async doAnImport(name) {
      return name === "cloudflare:workers" ? workersModule : import(name);
    },
    // Overrides properties of env until the iteration goes on.
    *patch_env_helper(overrides) {
      const values = isPyProxy(overrides) ? overrides.toJs({ dict_converter: Object.fromEntries }) : overrides;
      const { env } = workersModule;
      const before = Object.getOwnPropertyDescriptors(env);
      Object.assign(env, values);
      try {
        yield;
      } finally {
        for (const name of Object.keys(values)) {
          if (name in before) Object.defineProperty(env, name, before[name]);
          else delete env[name];
        }
      }
    },
  });

  // Node.js's globals, each made when it is first touched, and those that a flag puts in the place of the web's own.
  const NODE_GLOBALS = {
    Buffer: ["node:buffer", "Buffer"],
    clearImmediate: ["node:timers", "clearImmediate"],
    process: ["node:process", "default"],
    setImmediate: ["node:timers", "setImmediate"],
  };
  const NODE_TIMERS = Object.fromEntries(
    ["clearInterval", "clearTimeout", "setInterval", "setTimeout"].map((name) => [name, ["node:timers", name]]),
  );

  const defineGlobal = (name, value) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, enumerable: false, writable: true });

  const nodeGlobal = (name, [module, exported], env) => {
    const value = natives.importNow(module)[exported];
    if (name === "process") {
      for (const [key, text] of Object.entries(env)) if (typeof text === "string") value.env[key] = text;
    }
    defineGlobal(name, value);
    return value;
  };

  const defineNodeGlobals = (env, hasTimers) => {
    defineGlobal("global", globalThis);
    for (const [name, where] of Object.entries(hasTimers ? { ...NODE_GLOBALS, ...NODE_TIMERS } : NODE_GLOBALS)) {
      const accessor = { get: () => nodeGlobal(name, where, env), set: (value) => defineGlobal(name, value) };
      Object.defineProperty(globalThis, name, { ...accessor, configurable: true, enumerable: false });
    }
  };

  return {
    defineNodeGlobals,
    bindExports,
    exported: () => (isExported ? exports : undefined),
    makeContext: (invocation, props) => new ExecutionContext(invocation, props),
    makeWorkersModule,
    makeEntrypointHelper,
  };
};
