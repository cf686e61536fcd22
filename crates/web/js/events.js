// Events without a tree: listeners sit on one target, there is no capture and no bubbling, as in workerd.
// The global scope is an event target too; an error that nobody caught is dispatched there before it is logged.

import { isPedantic } from "./flags.js";
import { natives } from "./natives.js";
import {
  argumentError, finishInterface, finishInterfaces, illegalConstructor, requireArguments, toDictionary, toUsvString,
} from "./webidl.js";

const PHASES = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 };

let beginDispatch;
let endDispatch;
let isStopped;
let setPassive;
let trust;

/** https://dom.spec.whatwg.org/#interface-event */
export class Event {
  #type;
  #bubbles;
  #cancelable;
  #composed;
  #target = null;
  #phase = PHASES.NONE;
  #prevented = false;
  #stopped = false;
  #propagationStopped = false;
  #passive = false;
  #trusted = false;
  #timeStamp = natives.monotonic();

  constructor(type, options) {
    requireArguments(arguments.length, 1, "constructor", "Event");
    const { bubbles, cancelable, composed } = toDictionary(options, "constructor", "Event", 2);
    this.#type = `${type}`;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#composed = Boolean(composed);
  }

  static {
    beginDispatch = (event, target) => {
      event.#target = target;
      event.#phase = PHASES.AT_TARGET;
      event.#stopped = false;
    };
    endDispatch = (event) => {
      event.#phase = PHASES.NONE;
    };
    isStopped = (event) => event.#stopped;
    setPassive = (event, passive) => {
      event.#passive = passive;
    };
    trust = (event) => {
      event.#trusted = true;
      return event;
    };
  }

  get type() {
    return this.#type;
  }
  get bubbles() {
    return this.#bubbles;
  }
  get cancelable() {
    return this.#cancelable;
  }
  get composed() {
    return this.#composed;
  }
  get target() {
    return this.#target;
  }
  get srcElement() {
    return this.#target;
  }
  get currentTarget() {
    return this.#phase === PHASES.NONE ? null : this.#target;
  }
  get eventPhase() {
    return this.#phase;
  }
  get defaultPrevented() {
    return this.#prevented;
  }
  get returnValue() {
    return !this.#prevented;
  }
  set returnValue(value) {
    if (!value) this.preventDefault();
  }
  get cancelBubble() {
    return this.#propagationStopped;
  }
  set cancelBubble(value) {
    if (value) this.#propagationStopped = true;
  }
  get timeStamp() {
    return this.#timeStamp;
  }
  get isTrusted() {
    return this.#trusted;
  }

  initEvent(type, bubbles = false, cancelable = false) {
    requireArguments(arguments.length, 1, "initEvent", "Event");
    if (this.#phase !== PHASES.NONE) return;
    this.#type = `${type}`;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#prevented = false;
    this.#propagationStopped = false;
    this.#stopped = false;
    this.#trusted = false;
    this.#target = null;
  }

  preventDefault() {
    if (this.#cancelable && !this.#passive) this.#prevented = true;
  }
  stopPropagation() {
    this.#propagationStopped = true;
  }
  stopImmediatePropagation() {
    this.#propagationStopped = true;
    this.#stopped = true;
  }
  composedPath() {
    return this.#phase === PHASES.NONE ? [] : [this.#target];
  }
}

/** https://dom.spec.whatwg.org/#interface-customevent */
export class CustomEvent extends Event {
  #detail;

  constructor(type, options) {
    super(type, options);
    this.#detail = options?.detail ?? null;
  }

  get detail() {
    return this.#detail;
  }
}

/** https://html.spec.whatwg.org/#errorevent */
export class ErrorEvent extends Event {
  #init;

  constructor(type, options) {
    super(type, options);
    const { message = "", filename = "", lineno = 0, colno = 0, error } = options ?? {};
    this.#init = { message: `${message}`, filename: `${filename}`, lineno: lineno >>> 0, colno: colno >>> 0, error };
  }

  get message() {
    return this.#init.message;
  }
  get filename() {
    return this.#init.filename;
  }
  get lineno() {
    return this.#init.lineno;
  }
  get colno() {
    return this.#init.colno;
  }
  get error() {
    return this.#init.error;
  }
}

/** https://html.spec.whatwg.org/#promiserejectionevent */
export class PromiseRejectionEvent extends Event {
  #promise;
  #reason;

  constructor(type, options) {
    super(type, options);
    this.#promise = options?.promise;
    this.#reason = options?.reason;
  }

  get promise() {
    return this.#promise;
  }
  get reason() {
    return this.#reason;
  }
}

/** https://html.spec.whatwg.org/#messageevent, without ports */
export class MessageEvent extends Event {
  #init;

  constructor(type, options) {
    super(type, options);
    const { data = null, origin = "", lastEventId = "", source = null, ports = [] } = options ?? {};
    this.#init = { data, origin: `${origin}`, lastEventId: `${lastEventId}`, source, ports: [...ports] };
  }

  get data() {
    return this.#init.data;
  }
  get origin() {
    return this.#init.origin;
  }
  get lastEventId() {
    return this.#init.lastEventId;
  }
  get source() {
    return this.#init.source;
  }
  get ports() {
    return this.#init.ports;
  }
}

/** https://websockets.spec.whatwg.org/#closeevent */
export class CloseEvent extends Event {
  #init;

  constructor(type, options) {
    super(type, options);
    const { wasClean = false, code = 0, reason = "" } = options ?? {};
    this.#init = { wasClean: Boolean(wasClean), code: code & 0xffff, reason: toUsvString(reason) };
  }

  get wasClean() {
    return this.#init.wasClean;
  }
  get code() {
    return this.#init.code;
  }
  get reason() {
    return this.#init.reason;
  }
}

/** https://w3c.github.io/ServiceWorker/#extendableevent; only the runtime could make one that extends anything. */
export class ExtendableEvent extends Event {
  constructor() {
    throw illegalConstructor();
  }
}

/** https://dom.spec.whatwg.org/#interface-eventtarget */
export class EventTarget {
  // Map of type to listeners; made with the first listener, since most signals never get one.
  #listeners;

  addEventListener(type, callback, options) {
    requireArguments(arguments.length, 2, "addEventListener", "EventTarget");
    const { capture, once, passive, signal } = listenerOptions(options);
    if (callback === null || callback === undefined || signal?.aborted) return;
    if (typeof callback !== "function" && typeof callback !== "object") {
      throw argumentError(2, "addEventListener", "EventTarget", "EventListener");
    }
    if (capture) throw new TypeError("addEventListener(): options.capture must be false.");
    if (passive && !isPedantic()) throw new TypeError("addEventListener(): options.passive must be false.");
    this.#add(`${type}`, { callback, once, passive, removed: false });
    signal?.addEventListener("abort", () => this.removeEventListener(type, callback), { once: true });
  }

  removeEventListener(type, callback, options) {
    requireArguments(arguments.length, 2, "removeEventListener", "EventTarget");
    const capture = typeof options === "object" ? options?.capture : options;
    if (capture && !isPedantic()) throw new TypeError("removeEventListener(): options.capture must be false.");
    const listeners = this.#listeners?.get(`${type}`);
    const index = listeners?.findIndex((listener) => listener.callback === callback) ?? -1;
    if (index < 0) return;
    listeners[index].removed = true;
    listeners.splice(index, 1);
  }

  dispatchEvent(event) {
    if (!(event instanceof Event)) throw argumentError(1, "dispatchEvent", "EventTarget", "Event");
    const target = this === globalTarget ? globalThis : this;
    beginDispatch(event, target);
    for (const listener of [...(this.#listeners?.get(event.type) ?? [])]) {
      if (listener.removed) continue;
      if (listener.once) this.removeEventListener(event.type, listener.callback);
      setPassive(event, listener.passive);
      callListener(listener.callback, target, event);
      if (isStopped(event)) break;
    }
    setPassive(event, false);
    endDispatch(event);
    return !event.defaultPrevented;
  }

  #add(type, listener) {
    this.#listeners ??= new Map();
    const listeners = this.#listeners.get(type);
    if (listeners === undefined) this.#listeners.set(type, [listener]);
    else if (!listeners.some(({ callback }) => callback === listener.callback)) listeners.push(listener);
  }
}

function listenerOptions(options) {
  const isDictionary = typeof options === "object" || typeof options === "function";
  const { capture, once, passive, signal } = isDictionary ? (options ?? {}) : { capture: options };
  if (signal !== undefined && !isSignal(signal)) throw argumentError(3, "addEventListener", "EventTarget", "AbortSignal");
  return { capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), signal };
}

// AbortSignal is an EventTarget itself, so its class cannot be imported here.
function isSignal(value) {
  return value instanceof EventTarget && "throwIfAborted" in value;
}

function callListener(callback, target, event) {
  try {
    const result = typeof callback === "function" ? callback.call(target, event) : callback.handleEvent(event);
    // As `onerror` has it: true means that the error has been taken care of.
    if (result === true && event instanceof ErrorEvent) event.preventDefault();
  } catch (error) {
    reportError(error);
  }
}

/**
 * Defines `on<type>` on a class: an ordinary listener whose function can be replaced in place. `onSet(target)` is told
 * when it is set.
 */
export function defineHandler(constructor, type, onSet = () => {}) {
  const handlers = new WeakMap();
  Object.defineProperty(constructor.prototype, `on${type}`, {
    get() {
      return handlers.get(this)?.handler ?? null;
    },
    set(handler) {
      // Any object is kept, as Web IDL has it; only a function is ever called.
      const kept = typeof handler === "function" || typeof handler === "object" ? handler : null;
      const slot = handlers.get(this);
      if (slot !== undefined) {
        slot.handler = kept;
      } else if (kept !== null) {
        const listener = { handler: kept };
        handlers.set(this, listener);
        this.addEventListener(type, (event) => {
          if (typeof listener.handler === "function") return listener.handler.call(this, event);
        });
      }
      onSet(this);
    },
    enumerable: true,
    configurable: true,
  });
}

finishInterface(Event, PHASES);
finishInterfaces(CustomEvent, ErrorEvent, ExtendableEvent, PromiseRejectionEvent, MessageEvent, CloseEvent, EventTarget);

/** Marks an event as the platform's own, and returns it. */
export { trust };

/** The listeners of the global scope. */
export const globalTarget = new EventTarget();

// What a listener of "error" fails with goes to the log alone: reporting it to the listener again would never end.
let isReporting = false;

/** https://html.spec.whatwg.org/#dom-reporterror: listeners of "error" first, then the log. */
export function reportError(error) {
  if (isReporting) {
    natives.reportError(error);
    return;
  }
  const message = `Uncaught ${error instanceof Error ? `${error.name}: ${error.message}` : error}`;
  const event = new ErrorEvent("error", { error, message, cancelable: true });
  isReporting = true;
  try {
    if (globalTarget.dispatchEvent(event)) natives.reportError(error);
  } finally {
    isReporting = false;
  }
}

/** A promise was rejected and nobody listens: "unhandledrejection" first, then the log. */
export function reportUnhandledRejection(promise, reason) {
  const event = new PromiseRejectionEvent("unhandledrejection", { promise, reason, cancelable: true });
  if (globalTarget.dispatchEvent(event)) natives.reportError(reason);
}

/** A rejection that was reported as unhandled has found its handler after all. */
export function reportHandledRejection(promise, reason) {
  globalTarget.dispatchEvent(new PromiseRejectionEvent("rejectionhandled", { promise, reason }));
}
