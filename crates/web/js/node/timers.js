// `node:timers`: https://nodejs.org/api/timers.html

import * as timers from "../timers.js";

// Something that was started. Nothing ends a Worker early for want of work, so that `ref` and `unref` only remember.
class Started {
  #id;
  #start;
  #isRef = true;
  #isClosed = false;

  constructor(start) {
    this.#start = start;
    this.#id = start();
  }

  ref() {
    this.#isRef = true;
    return this;
  }

  unref() {
    this.#isRef = false;
    return this;
  }

  hasRef() {
    return this.#isRef;
  }

  [Symbol.dispose]() {
    this.#isClosed = true;
    timers.clearTimeout(this.#id);
  }

  static again(started) {
    if (started.#isClosed) return;
    timers.clearTimeout(started.#id);
    started.#id = started.#start();
  }

  static number(started) {
    return started.#id;
  }
}

const { again, number } = Started;
delete Started.again;
delete Started.number;

/** https://nodejs.org/api/timers.html#class-timeout */
class Timeout extends Started {
  /** Lets the delay begin anew. */
  refresh() {
    again(this);
    return this;
  }

  close() {
    this[Symbol.dispose]();
    return this;
  }

  [Symbol.toPrimitive]() {
    return number(this);
  }
}

/** https://nodejs.org/api/timers.html#class-immediate */
class Immediate extends Started {}

export const setTimeout = (...given) => new Timeout(() => timers.setTimeout(...given));
export const setInterval = (...given) => new Timeout(() => timers.setInterval(...given));

/** Runs the callback after what is under way. */
export const setImmediate = (callback, ...args) => new Immediate(() => timers.setTimeout(callback, 0, ...args));

/** Takes what was started, or its number. */
export function clearTimeout(timer) {
  if (timer instanceof Started) timer[Symbol.dispose]();
  else timers.clearTimeout(timer);
}

export const clearInterval = clearTimeout;
export const clearImmediate = clearTimeout;

export default { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout };
