// `node:timers`: https://nodejs.org/api/timers.html

import * as timers from "../timers.js";

export const { clearInterval, clearTimeout, setInterval, setTimeout } = timers;

/** Runs the callback after what is under way. */
export const setImmediate = (callback, ...args) => timers.setTimeout(callback, 0, ...args);
export const clearImmediate = (id) => timers.clearTimeout(id);

export default { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout };
