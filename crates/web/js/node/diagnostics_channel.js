// `node:diagnostics_channel`: named channels between the parts of a program that tell and those that listen.
// https://nodejs.org/api/diagnostics_channel.html

import { reportError } from "../events.js";

const channels = new Map();

const typeError = (name, type) =>
  Object.assign(new TypeError(`The "${name}" argument must be of type ${type}.`), { code: "ERR_INVALID_ARG_TYPE" });

/** One named channel. */
export class Channel {
  #subscribers = [];
  // Map of AsyncLocalStorage to what makes its value of a message.
  #stores = new Map();

  constructor(name) {
    this.name = name;
  }

  get hasSubscribers() {
    return this.#subscribers.length > 0 || this.#stores.size > 0;
  }

  subscribe(listener) {
    if (typeof listener !== "function") throw typeError("subscription", "function");
    this.#subscribers = [...this.#subscribers, listener];
  }

  unsubscribe(listener) {
    const at = this.#subscribers.indexOf(listener);
    if (at < 0) return false;
    this.#subscribers = this.#subscribers.toSpliced(at, 1);
    return true;
  }

  publish(message) {
    for (const listener of this.#subscribers) {
      try {
        listener(message, this.name);
      } catch (error) {
        // As an uncaught one, so that who publishes does not see it.
        queueMicrotask(() => reportError(error));
      }
    }
  }

  bindStore(store, transform = (message) => message) {
    this.#stores.set(store, transform);
  }

  unbindStore(store) {
    return this.#stores.delete(store);
  }

  /** Publishes and calls `run`, with the bound stores set. */
  runStores(message, run, self, ...args) {
    const innermost = () => {
      this.publish(message);
      return Reflect.apply(run, self, args);
    };
    const nest = (inner, [store, transform]) => () => store.run(transform(message), inner);
    return [...this.#stores].reduce(nest, innermost)();
  }
}

/** The channel of this name. */
export function channel(name) {
  if (typeof name !== "string" && typeof name !== "symbol") throw typeError("channel", "string or symbol");
  if (!channels.has(name)) channels.set(name, new Channel(name));
  return channels.get(name);
}

export const hasSubscribers = (name) => channels.get(name)?.hasSubscribers ?? false;
export const subscribe = (name, listener) => channel(name).subscribe(listener);
export const unsubscribe = (name, listener) => channel(name).unsubscribe(listener);

const TRACED = ["start", "end", "asyncStart", "asyncEnd", "error"];

/** Five channels about one kind of work. */
export class TracingChannel {
  constructor(nameOrChannels) {
    for (const event of TRACED) {
      this[event] =
        typeof nameOrChannels === "string" ? channel(`tracing:${nameOrChannels}:${event}`) : nameOrChannels[event];
    }
  }

  get hasSubscribers() {
    return TRACED.some((event) => this[event].hasSubscribers);
  }

  subscribe(listeners) {
    for (const event of TRACED) if (listeners[event]) this[event].subscribe(listeners[event]);
  }

  unsubscribe(listeners) {
    return TRACED.filter((event) => listeners[event]).every((event) => this[event].unsubscribe(listeners[event]));
  }

  traceSync(run, context = {}, self = undefined, ...args) {
    return this.start.runStores(context, () => {
      try {
        context.result = Reflect.apply(run, self, args);
        return context.result;
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  tracePromise(run, context = {}, self = undefined, ...args) {
    const settle = (result) => {
      context.result = result;
      this.#finish(context);
      return result;
    };
    const fail = (error) => {
      this.#fail(context, error);
      this.#finish(context);
      throw error;
    };
    return this.start.runStores(context, () => {
      try {
        return Promise.resolve(Reflect.apply(run, self, args)).then(settle, fail);
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  traceCallback(run, position = -1, context = {}, self = undefined, ...args) {
    const callback = args.at(position);
    if (typeof callback !== "function") throw typeError("callback", "function");
    const traced = (error, result) => {
      if (error) this.#fail(context, error);
      else context.result = result;
      return this.asyncStart.runStores(context, () => {
        try {
          return callback(error, result);
        } finally {
          this.asyncEnd.publish(context);
        }
      });
    };
    args.splice(position, 1, traced);
    return this.start.runStores(context, () => {
      try {
        return Reflect.apply(run, self, args);
      } catch (error) {
        this.#fail(context, error);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  #fail(context, error) {
    context.error = error;
    this.error.publish(context);
  }

  #finish(context) {
    this.asyncStart.publish(context);
    this.asyncEnd.publish(context);
  }
}

export const tracingChannel = (nameOrChannels) => new TracingChannel(nameOrChannels);

export default { Channel, channel, hasSubscribers, subscribe, tracingChannel, TracingChannel, unsubscribe };
