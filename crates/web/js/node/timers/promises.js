// `node:timers/promises`: https://nodejs.org/api/timers.html#timers-promises-api

import { AbortSignal } from "../../abort.js";
import * as timers from "../../timers.js";
import { withCode } from "../errors.js";
import { abortError } from "../stream/errors.js";

const check = (isRight, name, type) => {
  if (!isRight) throw withCode(new TypeError(`The "${name}" argument must be of type ${type}.`), "ERR_INVALID_ARG_TYPE");
};

function signalIn(options) {
  check(typeof options === "object" && options !== null, "options", "object");
  const { signal, ref = true } = options;
  check(signal === undefined || signal instanceof AbortSignal, "options.signal", "AbortSignal");
  check(typeof ref === "boolean", "options.ref", "boolean");
  return signal;
}

/** A promise of the value, after the delay in milliseconds. */
export async function setTimeout(delay, value, options = {}) {
  check(delay === undefined || typeof delay === "number", "delay", "number");
  const signal = signalIn(options);
  if (signal?.aborted) throw abortError(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers();
  const abort = () => {
    timers.clearTimeout(id);
    reject(abortError(signal.reason));
  };
  const id = timers.setTimeout(() => {
    signal?.removeEventListener("abort", abort);
    resolve(value);
  }, delay);
  signal?.addEventListener("abort", abort, { once: true });
  return promise;
}

export const setImmediate = (value, options) => setTimeout(0, value, options);

/** The value again and again, with the delay between. */
export async function* setInterval(delay, value, options) {
  while (true) yield await setTimeout(delay, value, options);
}

export const scheduler = { wait: (delay, options) => setTimeout(delay, undefined, options), yield: () => setImmediate() };

export default { scheduler, setImmediate, setInterval, setTimeout };
