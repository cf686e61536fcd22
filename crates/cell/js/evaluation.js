// Code from strings: allowed while a Worker's top-level code runs, refused while it serves. The file is one function: it
// gets the native that says whether code is refused now.
//
// The guards are proxies and there from the start, so that a reference which top-level code keeps is guarded too. What is
// lost is direct eval: through a proxy the code sees the global scope only.
(isRefused) => {
  "use strict";

  const check = () => {
    if (isRefused()) throw new EvalError("Code generation from strings disallowed for this context");
  };

  const guarded = (native) =>
    new Proxy(native, {
      apply(target, receiver, values) {
        check();
        return Reflect.apply(target, receiver, values);
      },
      construct(target, values, newTarget) {
        check();
        return Reflect.construct(target, values, newTarget);
      },
    });

  const replace = (owner, name) => Object.defineProperty(owner, name, { value: guarded(owner[name]) });

  replace(globalThis, "eval");
  for (const example of [function () {}, async function () {}, function* () {}, async function* () {}]) {
    replace(Object.getPrototypeOf(example), "constructor");
  }
  Object.defineProperty(globalThis, "Function", { value: Function.prototype.constructor });
};
