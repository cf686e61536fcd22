// `node:timers/promises`: https://nodejs.org/api/timers.html#timers-promises-api

import * as timers from "../../timers.js";

/** A promise of the value, after the delay in milliseconds. */
export function setTimeout(delay, value, { signal } = {}) {
  const { promise, resolve, reject } = Promise.withResolvers();
  if (signal?.aborted) return Promise.reject(signal.reason);
  const id = timers.setTimeout(() => resolve(value), delay);
  const abort = () => {
    timers.clearTimeout(id);
    reject(signal.reason);
  };
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
