// node:async_hooks: AsyncLocalStorage and AsyncResource.

import { currentFrame, enterFrame, followPromises, runInFrame } from "../async-frame.js";

followPromises();

/** https://nodejs.org/api/async_context.html#class-asynclocalstorage */
export class AsyncLocalStorage {
  #defaultValue;
  #name;

  constructor({ defaultValue, name = "" } = {}) {
    this.#defaultValue = defaultValue;
    this.#name = `${name}`;
  }

  /** A function that runs others in the frame of now. */
  static snapshot() {
    const frame = currentFrame();
    return (run, ...args) => runInFrame(frame, run, undefined, args);
  }
  static bind(run) {
    const frame = currentFrame();
    return function (...args) {
      return runInFrame(frame, run, this, args);
    };
  }

  get name() {
    return this.#name;
  }
  getStore() {
    const frame = currentFrame();
    return frame?.has(this) ? frame.get(this) : this.#defaultValue;
  }
  run(store, run, ...args) {
    return runInFrame(new Map(currentFrame()).set(this, store), run, undefined, args);
  }
  exit(run, ...args) {
    return runInFrame(this.#without(), run, undefined, args);
  }
  enterWith(store) {
    enterFrame(new Map(currentFrame()).set(this, store));
  }
  disable() {
    enterFrame(this.#without());
  }

  #without() {
    const frame = new Map(currentFrame());
    frame.delete(this);
    return frame.size === 0 ? undefined : frame;
  }
}

/** https://nodejs.org/api/async_context.html#class-asyncresource */
export class AsyncResource {
  #frame = currentFrame();
  #type;

  constructor(type) {
    if (typeof type !== "string") {
      const error = new TypeError(`The "type" argument must be of type string. Received ${typeof type}`);
      throw Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" });
    }
    this.#type = type;
  }

  static bind(run, type) {
    return new AsyncResource(type ?? (run.name || "bound-anonymous-fn")).bind(run);
  }

  get type() {
    return this.#type;
  }
  bind(run) {
    const resource = this;
    return function (...args) {
      return resource.runInAsyncScope(run, this, ...args);
    };
  }
  runInAsyncScope(run, self, ...args) {
    return runInFrame(this.#frame, run, self, args);
  }
  emitDestroy() {
    return this;
  }
  asyncId() {
    return 0;
  }
  triggerAsyncId() {
    return 0;
  }
}

/** As workerd has them: there are no hooks, and no ids. */
export function createHook() {
  const hook = { enable: () => hook, disable: () => hook };
  return hook;
}
export const executionAsyncId = () => 0;
export const triggerAsyncId = () => 0;
export const executionAsyncResource = () => ({});

export default {
  AsyncLocalStorage, AsyncResource, createHook, executionAsyncId, executionAsyncResource, triggerAsyncId,
};
