// A binding that hognose lacks: there, but each use of it is an error that says so. The file is one function: it gets the
// binding's name and the configuration's key of its kind, and returns the stand-in.
(name, key) => {
  "use strict";

  class UnsupportedBinding {}

  // What is looked at without being used: by `await`, `JSON.stringify`, and whoever asks what a value is.
  const INSPECTED = new Set(["constructor", "then", "toJSON"]);

  const refuse = (member) => {
    throw new Error(
      `env.${name}.${member} is not there: this version of hognose does not have "${key}". Remove the binding and what ` +
        "uses it, or use it only where the Worker runs at Cloudflare.",
    );
  };

  return new Proxy(new UnsupportedBinding(), {
    get(target, member) {
      if (typeof member === "symbol" || INSPECTED.has(member)) return target[member];
      return refuse(member);
    },
    set: (_target, member) => refuse(String(member)),
  });
};
