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
    const handler = target[event];
    if (typeof handler !== "function") throw new TypeError(`Handler does not export a ${event}() function.`);
    return handler;
  };

  return {
    exports: () =>
      Object.entries(namespace)
        .filter(([, value]) => isEntrypoint(value))
        .map(([name, value]) => [name, kindOf(value), methodsOf(value)]),

    serve: (event, entrypoint, argument, ctx) => {
      const name = entrypoint ?? "default";
      const exported = namespace[name];
      if (!isEntrypoint(exported)) throw new TypeError(`The main module has no export "${name}" that could serve this.`);
      if (!isClass(exported)) return handlerOf(event, exported).call(exported, argument, env, ctx);
      const instance = new exported(ctx, env);
      return handlerOf(event, instance).call(instance, argument);
    },
  };
};
