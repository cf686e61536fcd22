// Timers. The host keeps the time and the ids; this file binds the arguments and catches what a callback throws.

import { onAbort } from "./abort.js";
import { keepFrame } from "./async-frame.js";
import { reportError } from "./events.js";
import { natives } from "./natives.js";
import { argumentError, finishInterface, illegalConstructor, toDictionary } from "./webidl.js";

const DELAY_MAX_MS = 2 ** 31 - 1;
const CREATE = Symbol("create");

function start(name, repeat, callback, delay, args) {
  if (typeof callback !== "function") {
    throw argumentError(1, name, "ServiceWorkerGlobalScope", "function");
  }
  return natives.setTimer(delayFrom(delay), repeat, keepFrame(() => callReporting(callback, args)));
}

function callReporting(callback, args) {
  try {
    callback(...args);
  } catch (error) {
    reportError(error);
  }
}

function delayFrom(delay) {
  const milliseconds = Number(delay);
  return milliseconds > 0 ? Math.min(Math.trunc(milliseconds), DELAY_MAX_MS) : 0;
}

/** https://html.spec.whatwg.org/#dom-settimeout */
export function setTimeout(callback, delay = 0, ...args) {
  return start("setTimeout", false, callback, delay, args);
}

/** https://html.spec.whatwg.org/#dom-setinterval */
export function setInterval(callback, delay = 0, ...args) {
  return start("setInterval", true, callback, delay, args);
}

/** https://html.spec.whatwg.org/#dom-cleartimeout; an id that means nothing is ignored. */
export function clearTimeout(id) {
  const number = Number(id);
  if (number > 0) natives.clearTimer(number);
}

/** https://html.spec.whatwg.org/#dom-clearinterval */
export function clearInterval(id) {
  clearTimeout(id);
}

const defer = globalThis.queueMicrotask;

/** https://html.spec.whatwg.org/#dom-queuemicrotask */
export function queueMicrotask(callback) {
  if (typeof callback !== "function") {
    throw argumentError(1, "queueMicrotask", "ServiceWorkerGlobalScope", "function");
  }
  defer(keepFrame(() => callReporting(callback, [])));
}

/** `scheduler.wait(ms, {signal})` */
export class Scheduler {
  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
  }

  wait(delay, options) {
    const { signal } = toDictionary(options, "wait", "Scheduler", 2);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers();
    let forgetSignal = () => {};
    const id = natives.setTimer(delayFrom(delay), false, () => {
      forgetSignal();
      resolve();
    });
    if (signal !== undefined) {
      forgetSignal = onAbort(signal, (reason) => {
        natives.clearTimer(id);
        reject(reason);
      });
    }
    return promise;
  }
}

finishInterface(Scheduler);

/** The one scheduler. */
export const scheduler = new Scheduler(CREATE);
