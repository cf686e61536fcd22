// A JavaScript Worker's entrypoints: what its main module exports, and how its handlers are called. The file is one
// function: it gets the module's namespace, the classes of `cloudflare:workers` and `env`.
(namespace, classes, env) => {
  "use strict";

  const KINDS = [
    [classes.WorkerEntrypoint, "entrypoint"],
    [classes.DurableObject, "durable_object"],
    [classes.WorkflowEntrypoint, "workflow"],
  ];

  const isClass = (value) => typeof value === "function" && value.prototype !== undefined;

  // A class that extends none of the runtime's own is a Durable Object, as Workers wrote them at first.
  const kindOf = (value) => {
    if (!isClass(value)) return "handlers";
    const known = KINDS.find(([base]) => value.prototype instanceof base);
    return known ? known[1] : "durable_object";
  };

  const methodsOf = (value) => {
    const names = new Set();
    const start = isClass(value) ? value.prototype : value;
    for (let object = start; object && object !== Object.prototype; object = Object.getPrototypeOf(object)) {
      for (const name of Object.getOwnPropertyNames(object)) {
        const { value: method } = Object.getOwnPropertyDescriptor(object, name);
        if (name !== "constructor" && typeof method === "function") names.add(name);
      }
    }
    return [...names].sort();
  };

  const isEntrypoint = (value) => isClass(value) || (typeof value === "object" && value !== null);

  const handlerOf = (event, target) => {
    // Tail handlers were called otherwise at first.
    const handler = target[event] ?? (event === "tail" ? target.trace : undefined);
    if (typeof handler !== "function") throw new Error(`Handler does not export a ${event}() function.`);
    return handler;
  };

  const exportedAs = (entrypoint) => {
    const name = entrypoint ?? "default";
    const exported = namespace[name];
    if (!isEntrypoint(exported)) throw new TypeError(`The main module has no export "${name}" that could serve this.`);
    return exported;
  };

  // The functions of a plain object take one argument of the caller's, then `env` and `ctx`; what they do not declare they
  // do not get to see. One that declares more would take `env` for an argument of the caller's.
  const methodsWithContext = (exported, ctx) => {
    const call = (name) => (...values) => {
      if (exported[name].length > 3) {
        throw new TypeError(
          `Cannot call handler function "${name}" over RPC because it has the wrong number of arguments. A simple ` +
            "function handler can only be called over RPC if it has exactly the arguments (arg, env, ctx), where only " +
            "the first argument comes from the client. To support multi-argument RPC functions, use class-based syntax " +
            "(extending WorkerEntrypoint) instead.",
        );
      }
      if (values.length !== 1) {
        throw new TypeError(
          `Attempted to call RPC function "${name}" with the wrong number of arguments. When calling a top-level ` +
            "handler function that is not declared as part of a class, you must always send exactly one argument. In " +
            "order to support variable numbers of arguments, the server must use class-based syntax (extending " +
            "WorkerEntrypoint) instead.",
        );
      }
      return exported[name](values[0], env, ctx);
    };
    return Object.fromEntries(methodsOf(exported).map((name) => [name, call(name)]));
  };

  // The run is told how it ends before the event is over.
  const runWorkflow = async (instance, run) => {
    let output;
    try {
      output = await handlerOf("run", instance).call(instance, run.event, run.step);
    } catch (error) {
      await run.fail(error);
      throw error;
    }
    await run.complete(output);
  };

  return {
    exports: () =>
      Object.entries(namespace)
        .filter(([, value]) => isEntrypoint(value))
        .map(([name, value]) => [name, kindOf(value), methodsOf(value)]),

    target: (entrypoint, ctx) => {
      const exported = exportedAs(entrypoint);
      return isClass(exported) ? new exported(ctx, env) : methodsWithContext(exported, ctx);
    },

    instance: (name, ctx) => {
      const exported = exportedAs(name);
      if (!isClass(exported)) throw new TypeError(`The main module exports no class "${name}".`);
      return new exported(ctx, env);
    },

    classHas: (name, handler) => typeof exportedAs(name).prototype?.[handler] === "function",

    serveObject: (event, instance, argument) => handlerOf(event, instance).call(instance, argument),

    // A class that does not have the handler ignores the event.
    serveSocket: (event, instance, values) => instance[event]?.(...values),

    serve: (event, entrypoint, argument, ctx) => {
      const exported = exportedAs(entrypoint);
      if (!isClass(exported)) return handlerOf(event, exported).call(exported, argument, env, ctx);
      const instance = new exported(ctx, env);
      if (event === "run") return runWorkflow(instance, argument);
      return handlerOf(event, instance).call(instance, argument);
    },
  };
};
