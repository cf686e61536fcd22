// `node:util`: https://nodejs.org/api/util.html

import { TextDecoder, TextEncoder } from "../encoding.js";
import { formatArguments, inspect as inspectValue } from "../inspect.js";
import { isDeepEqual } from "./comparisons.js";
import types from "./types.js";

export { TextDecoder, TextEncoder, types };

const typeError = (message) => Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });

function requireFunction(value, name) {
  if (typeof value !== "function") throw typeError(`The "${name}" argument must be of type function.`);
}

export const inspect = Object.assign((value, options) => inspectValue(value, options ?? {}), {
  custom: Symbol.for("nodejs.util.inspect.custom"),
  defaultOptions: { depth: 2 },
});

export const format = (...args) => formatArguments(args);
export const formatWithOptions = (_options, ...args) => formatArguments(args);
export const isDeepStrictEqual = (a, b) => isDeepEqual(a, b, true);
export const isArray = Array.isArray;

const customPromisify = Symbol.for("nodejs.util.promisify.custom");

/** A function that gives a promise, of one that takes a callback as its last argument. */
export const promisify = Object.assign(
  (original) => {
    requireFunction(original, "original");
    if (original[customPromisify]) return original[customPromisify];
    return function promisified(...args) {
      return new Promise((resolve, reject) => {
        original.call(this, ...args, (error, value) => (error ? reject(error) : resolve(value)));
      });
    };
  },
  { custom: customPromisify },
);

/** The other way round. */
export function callbackify(original) {
  requireFunction(original, "original");
  return function callbackified(...args) {
    const callback = args.pop();
    requireFunction(callback, "last argument");
    original.apply(this, args).then(
      (value) => queueMicrotask(() => callback(null, value)),
      (error) => queueMicrotask(() => callback(error ?? new Error("Promise was rejected with a falsy value"))),
    );
  };
}

/** Makes instances of one constructor inherit from another's. */
export function inherits(constructor, parent) {
  requireFunction(constructor, "ctor");
  requireFunction(parent, "superCtor");
  Object.defineProperty(constructor, "super_", { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

/** A function that warns at its first call. */
export function deprecate(original, message, code) {
  let warned = false;
  return function deprecated(...args) {
    if (!warned) console.warn(`DeprecationWarning: ${code ? `[${code}] ` : ""}${message}`);
    warned = true;
    return new.target ? Reflect.construct(original, args, new.target) : original.apply(this, args);
  };
}

/** Debug output is never on in a Worker. */
export const debuglog = () => Object.assign(() => {}, { enabled: false });
export const debug = debuglog;

export const toUSVString = (value) => String(value).toWellFormed();
export const stripVTControlCharacters = (text) => text.replace(/[\u001b\u009b][[\]()#;?]*(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g, "");

export const aborted = (signal) =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));

export default {
  aborted, callbackify, debug, debuglog, deprecate, format, formatWithOptions, inherits, inspect, isArray, isDeepStrictEqual,
  promisify, stripVTControlCharacters, TextDecoder, TextEncoder, toUSVString, types,
};
