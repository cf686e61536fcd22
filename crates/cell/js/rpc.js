// What Workers call of each other: bindings to Workers, stubs of functions and objects that live elsewhere, and what
// this isolate lets others call. The file is one function: it gets the natives of the cell and the text of `clone.js`
// as a function, and returns the classes and what the cell calls.
(natives, makeClone) => {
  "use strict";

  const DISPOSED = "RPC stub used after being disposed.";
  const RESERVED_HERE = new Set(["dup", "constructor"]);
  const RESERVED_OF_ENTRYPOINTS = new Set([
    ...RESERVED_HERE, "fetch", "connect", "alarm", "webSocketMessage", "webSocketClose", "webSocketError",
  ]);
  const PATH_MAX = 64;

  const isPyProxy = (value) => Object.prototype.toString.call(value) === "[object PyProxy]";

  /** Objects of classes that extend this are passed by reference. */
  class RpcTarget {}

  class RpcPromise {}

  class RpcProperty {}

  class RpcStub {
    constructor(target) {
      // Python lends what it passes for the time of the call only.
      return local(isPyProxy(target) ? target.copy() : target);
    }
  }

  // What stands behind a proxy: its class, and the reference it holds, if it holds one.
  const behind = new WeakMap();

  // A reference to something in another isolate, shared by a stub and its duplicates.
  class Reference {
    constructor(cap) {
      this.cap = cap;
      this.holders = 1;
      this.broken = undefined;
    }

    number() {
      if (this.broken !== undefined) throw new Error(this.broken);
      return this.cap;
    }

    release(broken = DISPOSED) {
      if (this.broken !== undefined) return;
      this.broken = broken;
      natives.release(this.cap);
    }
  }

  // The references that came to an invocation, which end with it.
  const referencesOf = new Map();

  const adoptReference = (cap) => {
    const reference = new Reference(cap);
    const invocation = natives.currentInvocation();
    if (!referencesOf.has(invocation)) referencesOf.set(invocation, new Set());
    referencesOf.get(invocation).add(reference);
    return reference;
  };

  // Bindings that this isolate has asked for and not got yet: until then they cannot be passed on.
  const asked = new Set();

  const allGiven = () => Promise.allSettled(asked);

  const remote = (reference) => {
    const call = async (path, read, values) => {
      if (asked.size > 0) await allGiven();
      return natives.call(reference.number(), path.slice(0, -1), path.at(-1) ?? "", read, encodeArguments(values));
    };
    return {
      invoke: (path, values) => call(path, false, values),
      read: (path) => call(path, true, []),
    };
  };

  // What is called on a result that is still to come waits for it here: it is one turn away, not one network.
  const pipelined = (promise) => {
    const follow = (value, path) => path.reduce((object, name) => object[name], value);
    return {
      async invoke(path, values) {
        const receiver = follow(await promise, path.slice(0, -1));
        const method = path.length > 0 ? receiver[path.at(-1)] : receiver;
        if (typeof method !== "function") throw new TypeError(`"${path.join(".")}" is not a function.`);
        return Reflect.apply(method, receiver, values);
      },
      async read(path) {
        return follow(await promise, path);
      },
    };
  };

  // What has been disposed of fails the calls made on it, as they would fail elsewhere: later, and as promises.
  const checked = (endpoint, check) => ({
    async invoke(path, values) {
      check();
      return endpoint.invoke(path, values);
    },
    async read(path) {
      check();
      return endpoint.read(path);
    },
  });

  const settled = (promise, name) => promise[name].bind(promise);

  /** What can be called and has every property, and passes for an instance of a class. */
  const callable = (Class, traps) => new Proxy(function () {}, { getPrototypeOf: () => Class.prototype, ...traps });

  const isThenable = (name) => name === "then" || name === "catch" || name === "finally";

  const makeProperty = (endpoint, path) => {
    if (path.length > PATH_MAX) throw new TypeError(`RPC pipelined property path is too deep (max ${PATH_MAX}).`);
    let reading;
    const proxy = callable(RpcProperty, {
      apply: (_target, _receiver, values) => makePromise(endpoint.invoke(path, values)),
      get(_target, name) {
        if (name === "constructor") return RpcProperty;
        // Looking for `then` is not reading yet.
        if (isThenable(name)) return (...reactions) => (reading ??= endpoint.read(path))[name](...reactions);
        return typeof name === "symbol" ? undefined : makeProperty(endpoint, [...path, name]);
      },
    });
    behind.set(proxy, { class: RpcProperty });
    return proxy;
  };

  const makePromise = (promise) => {
    const endpoint = pipelined(promise);
    const proxy = callable(RpcPromise, {
      apply: (_target, _receiver, values) => makePromise(endpoint.invoke([], values)),
      get(_target, name) {
        if (name === "constructor") return RpcPromise;
        if (isThenable(name)) return settled(promise, name);
        if (name === Symbol.dispose) return () => promise.then((value) => value?.[Symbol.dispose]?.(), () => {});
        return typeof name === "symbol" ? undefined : makeProperty(endpoint, [name]);
      },
    });
    behind.set(proxy, { class: RpcPromise });
    return proxy;
  };

  const makeStub = (reference) => {
    let disposed = false;
    const dispose = () => {
      if (disposed) return;
      disposed = true;
      reference.holders -= 1;
      if (reference.holders === 0) reference.release();
    };
    const check = () => {
      if (disposed) throw new Error(DISPOSED);
    };
    const endpoint = checked(remote(reference), check);
    const dup = () => {
      check();
      reference.holders += 1;
      return makeStub(reference);
    };
    const proxy = callable(RpcStub, {
      apply: (_target, _receiver, values) => makePromise(endpoint.invoke([], values)),
      get(_target, name) {
        if (name === "constructor") return RpcStub;
        if (name === "dup") return dup;
        if (name === Symbol.dispose) return dispose;
        if (typeof name === "symbol" || name === "then") return undefined;
        return makeProperty(endpoint, [name]);
      },
    });
    behind.set(proxy, { class: RpcStub, reference, check, dispose });
    return proxy;
  };

  // Something that lives here, shared by its stubs, here and elsewhere: with the last of them it is disposed of.
  class Held {
    holders = 1;

    constructor(target) {
      this.target = target;
    }

    hold() {
      this.holders += 1;
      return this;
    }

    release() {
      this.holders -= 1;
      if (this.holders === 0) Promise.resolve(this.target).then(disposeOf);
    }
  }

  const disposeOf = (target) => {
    if (isPyProxy(target)) target.destroy();
    else target[Symbol.dispose]?.();
  };

  // A stub of something that lives here.
  const local = (target, held = new Held(target)) => {
    let disposed = false;
    const check = () => {
      if (disposed) throw new Error(DISPOSED);
    };
    const inner = pipelined(Promise.resolve({ target }));
    const endpoint = checked(
      {
        invoke: (path, values) => inner.invoke(["target", ...path], values),
        read: (path) => inner.read(["target", ...path]),
      },
      check,
    );
    const dispose = () => {
      if (disposed) return;
      disposed = true;
      held.release();
    };
    const dup = () => {
      check();
      return local(target, held.hold());
    };
    const proxy = callable(RpcStub, {
      apply: (_target, _receiver, values) => makePromise(endpoint.invoke([], values)),
      get(_target, name) {
        if (name === "constructor") return RpcStub;
        if (name === "dup") return dup;
        if (name === Symbol.dispose) return dispose;
        if (typeof name === "symbol" || name === "then") return undefined;
        return makeProperty(endpoint, [name]);
      },
    });
    behind.set(proxy, { class: RpcStub, held, check, dispose });
    return proxy;
  };

  // Whether a call leaves its arguments to the caller: stubs, and targets that have `dup()`, are duplicated. Results, and
  // before a flag arguments too, are given away.
  const DUPLICATED = "rpc_params_dup_stubs";
  let isLending = false;
  // What is given away in the value that is being encoded, in which a stub may be mentioned twice.
  let given = [];

  // A stub that was given away is let go of once the value has been sent.
  const encode = (value) => {
    try {
      return clone.encode(value);
    } finally {
      const gone = given;
      given = [];
      if (gone.length > 0) queueMicrotask(() => gone.forEach((known) => known.dispose?.()));
    }
  };

  // A stub of something elsewhere can be passed on again whatever the flag says.
  let isCalling = false;

  const encodeArguments = (values) => {
    isCalling = true;
    isLending = globalThis.Cloudflare?.compatibilityFlags?.[DUPLICATED] === true;
    try {
      return encode(values);
    } finally {
      isCalling = isLending = false;
    }
  };

  // What is hosted for who gets a stub of something here.
  const handOut = (known) => {
    known.check();
    if (!isLending) given.push(known);
    return known.held.hold();
  };

  const duplicate = (target) => (isLending && typeof target.dup === "function" ? target.dup() : target);

  // The events that a Worker can hand to another one by its binding, which a flag allows. Until the Worker is known there
  // are no flags.
  const HANDED = "service_binding_extra_handlers";
  const isHanded = (name) => Object.hasOwn(handed, name) && globalThis.Cloudflare?.compatibilityFlags?.[HANDED] === true;

  const handed = {
    async scheduled(reference, options) {
      const { scheduledTime = Date.now(), cron = "" } = options ?? {};
      const { failed, noRetry } = await natives.scheduled(reference.number(), `${cron}`, Number(scheduledTime));
      return { outcome: outcomeOf(failed), noRetry };
    },

    async queue(reference, name, messages, metadata) {
      const { metrics = {} } = metadata ?? {};
      const { backlogCount = 0, backlogBytes = 0, oldestMessageTimestamp = null } = metrics;
      const oldestMessageMs = oldestMessageTimestamp === null ? null : Number(oldestMessageTimestamp);
      const values = [`${name}`, Array.from(messages, handedMessage), { backlogCount, backlogBytes, oldestMessageMs }];
      const decided = await natives.queue(reference.number(), clone.encode(values));
      return {
        outcome: outcomeOf(decided.failed),
        ackAll: decided.ackAll,
        retryBatch: { retry: decided.retryAll, ...delayed(decided.retryAllDelay) },
        explicitAcks: decided.acks,
        retryMessages: decided.retries.map(([msgId, delay]) => ({ msgId, ...delayed(delay) })),
      };
    },
  };

  const outcomeOf = (failed) => (failed ? "exception" : "ok");

  const delayed = (delaySeconds) => (delaySeconds === null ? {} : { delaySeconds });

  const handedMessage = (message) => {
    const { id, timestamp, attempts, body } = message;
    if (body === undefined) throw new TypeError("Each message needs a body; serialized ones are not taken here.");
    return { id: `${id}`, timestamp: Number(timestamp), attempts: Number(attempts), body };
  };

  /** A binding to a Worker. */
  class Fetcher {
    constructor(cap) {
      const reference = cap instanceof Reference ? cap : new Reference(cap);
      const endpoint = remote(reference);
      const fetch = (input, init) => natives.fetchThrough(`${reference.number()}`)(input, init);
      const connect = () => {
        throw new Error("A Worker cannot be connected to by a socket.");
      };
      const proxy = new Proxy(this, {
        get(target, name) {
          if (name === "fetch") return fetch;
          if (name === "connect") return connect;
          if (name === "then") return undefined;
          if (typeof name === "symbol" || name === "constructor") return Reflect.get(target, name);
          if (isHanded(name)) return (...values) => handed[name](reference, ...values);
          return makeProperty(endpoint, [name]);
        },
      });
      behind.set(proxy, { class: Fetcher, reference });
      return proxy;
    }

    get [Symbol.toStringTag]() {
      return "Fetcher";
    }
  }

  // What looks like the binding that `promise`, which need only be thenable, gives.
  const fetcherTo = (promise) => {
    const endpoint = pipelined(promise);
    return new Proxy(Object.create(Fetcher.prototype), {
      get(target, name) {
        if (name === "fetch") return async (input, init) => (await promise).fetch(input, init);
        if (name === "then") return undefined;
        if (typeof name === "symbol" || name === "constructor") return Reflect.get(target, name);
        if (isHanded(name)) return async (...values) => (await promise)[name](...values);
        return makeProperty(endpoint, [name]);
      },
    });
  };

  // A stub of what is sought, by the promise of a reference, when it is used for the first time. It is this isolate's own.
  const lazyFetcher = (find) => {
    let found;
    const then = (...reactions) => {
      found ??= find().then((reference) => new Fetcher(reference));
      return found.then(...reactions);
    };
    const proxy = fetcherTo({ then });
    behind.set(proxy, { class: Fetcher });
    return proxy;
  };

  // A binding to a Worker that is still to be given. It can be passed on once it was, unless `refusal` says why not.
  const lateFetcher = (promise, refusal) => {
    const proxy = fetcherTo(promise);
    const known = { class: Fetcher, reference: undefined, refusal };
    behind.set(proxy, known);
    const take = (fetcher) => {
      if (refusal === undefined) known.reference = behind.get(fetcher).reference;
    };
    // What cannot be passed on is not waited for.
    if (refusal === undefined) asked.add(promise);
    promise.then(take, () => {}).finally(() => asked.delete(promise));
    return proxy;
  };

  const DYNAMIC =
    "Entrypoints to dynamically-loaded workers cannot be transferred to other Workers, because the system does not know " +
    "how to reload this Worker from scratch. Instead, have the parent Worker expose an entrypoint which constructs the " +
    "dynamic worker and forwards to it.";

  // A binding to a Worker that was loaded at run time, by the promise of its number.
  const dynamicFetcher = (number) => lateFetcher(number.then((cap) => new Fetcher(adoptReference(cap))), DYNAMIC);

  // One of the Worker's own entrypoints: usable as it is, and, called with props, another one that has them.
  class LoopbackServiceStub {
    constructor(cap) {
      const plain = new Fetcher(cap);
      const specialize = (options) => {
        const given = natives.specialize(cap, JSON.stringify(options?.props ?? {}));
        return lateFetcher(given.then((number) => new Fetcher(adoptReference(number))));
      };
      const proxy = new Proxy(function () {}, {
        apply: (_target, _receiver, [options]) => specialize(options),
        get: (_target, name) => (name === "constructor" ? LoopbackServiceStub : plain[name]),
      });
      behind.set(proxy, behind.get(plain));
      return proxy;
    }
  }

  /**
   * A stub of a Durable Object, which `target` says; it has properties of its own. One that came from elsewhere stands on
   * a reference.
   */
  const makeObjectStub = (Class, target, own, reference) => {
    const number = () => {
      reference?.number();
      return target;
    };
    const endpoint = remote({ number });
    const fetch = (input, init) => natives.fetchThrough(number())(input, init);
    const proxy = new Proxy(Object.assign(new Class(), own), {
      get(object, name) {
        if (Object.hasOwn(object, name)) return object[name];
        if (name === "fetch") return fetch;
        if (name === "then") return undefined;
        if (typeof name === "symbol" || name === "constructor") return Reflect.get(object, name);
        return makeProperty(endpoint, [name]);
      },
    });
    behind.set(proxy, { class: Class, object: { target, reference } });
    return proxy;
  };

  // What `clone.js` knows of a stub of a Durable Object: what was received is passed on as it is, an object of a namespace
  // by its id.
  const objectReference = ({ target, reference }) => {
    const [number, digits, ...name] = target.split(" ");
    const more = [digits, name.length > 0 ? name.join(" ") : null];
    const cap = reference === undefined ? [false, Number(number), digits] : [false, reference.number()];
    return { tag: "O", cap, more };
  };

  // Makes a stub of one that came from elsewhere; what namespaces are made of says how.
  let makeReceived;

  // The stubs of the value that is being decoded, and those of each that was.
  let adopted = [];
  const adoptedWith = new WeakMap();

  const decode = (text, buffer, caps, streams) => {
    adopted = [];
    const value = clone.decode(text, buffer, caps, streams);
    if (adopted.length > 0) adoptedWith.set(Object(value), adopted);
    return value;
  };

  const disposeWith = (value) => adoptedWith.get(value)?.forEach((known) => known.dispose());

  // What `clone.js` asks about values that are passed by reference. A capability is `[true, target]` where the target
  // is hosted here, and `[false, number]` where it is hosted elsewhere.
  const stubs = {
    referenceOf(value) {
      const known = behind.get(value);
      if (known === undefined) {
        const byReference = typeof value === "function" || value instanceof RpcTarget;
        return byReference ? { tag: "f", cap: stubs.hosted(value) } : undefined;
      }
      if (known.held !== undefined) return { tag: "f", cap: [true, handOut(known)] };
      if (known.object !== undefined) return objectReference(known.object);
      if (known.reference === undefined) {
        const unserializable =
          `Could not serialize object of type "${known.class.name}". This type does not support serialization.`;
        throw new DOMException(known.refusal ?? unserializable, "DataCloneError");
      }
      known.check?.();
      if (!isCalling) given.push(known);
      return { tag: known.class === Fetcher ? "F" : "f", cap: [false, known.reference.number()] };
    },
    // Python lends its functions for the time of a call only.
    hosted: (target) => [true, isPyProxy(target) ? target.copy() : duplicate(target)],
    target: (methods) => Object.assign(Object.create(Sink.prototype), { methods }),
    adoptObject: (cap, digits, name) => makeReceived(adoptReference(cap), digits, name),
    adopt(tag, cap) {
      const reference = adoptReference(cap);
      if (tag === "F") return new Fetcher(reference);
      const stub = makeStub(reference);
      adopted.push(behind.get(stub));
      return stub;
    },
    // What a stream is written to lives as long as the stream.
    adoptSink: (cap) => makeStub(adoptReference(cap)),
  };

  // The writing end of a stream, as another isolate sees it.
  class Sink extends RpcTarget {
    write(chunk) {
      return this.methods.write(chunk);
    }

    close() {
      return this.methods.close();
    }

    abort(reason) {
      return this.methods.abort(reason);
    }
  }

  const clone = makeClone(stubs);

  const unstorable = (value, Class = value.constructor) =>
    Class === Function
      ? `${value} could not be cloned.`
      : `Could not serialize object of type "${Class?.name ?? "Object"}". This type does not support serialization.`;

  // What is stored is data: nothing in it can be called or still flow.
  const storedClone = makeClone({
    referenceOf(value) {
      if (typeof value === "function" || behind.has(value) || value instanceof RpcTarget || value instanceof Blob) {
        throw new DOMException(unstorable(value, behind.get(value)?.class), "DataCloneError");
      }
      return undefined;
    },
  });

  const encodeStored = (value) => {
    const encoded = storedClone.encode(value);
    if (encoded.streams.length + encoded.caps.length > 0) {
      throw new DOMException("A stream cannot be stored. Read it first.", "DataCloneError");
    }
    return encoded;
  };

  // Python need not wait for a promise that is marked so: it is settled when it is given out.
  const immediate = (promise) => Object.defineProperty(promise, "hognose.immediate", { value: true });

  const unknown = (name) => new TypeError(`The RPC receiver does not implement the method "${name}".`);

  // A property that may be reached from outside is one that the classes of the object define, neither the instance nor
  // what those classes extend. A Proxy may say that it has more than is to be found there.
  const memberOf = (object, name) => {
    if (Object.hasOwn(object, name) || !(name in object) || isOfBase(object, name)) throw unknown(name);
    return object[name];
  };

  const isOfBase = (object, name) => {
    let level = Object.getPrototypeOf(object);
    while (level && !BASES.has(level) && !Object.hasOwn(level, name)) level = Object.getPrototypeOf(level);
    return [...BASES].some((base) => Object.hasOwn(base, name)) && (!level || BASES.has(level));
  };

  const BASES = new Set([Object.prototype, Function.prototype, RpcTarget.prototype]);

  const isTarget = (value) => value instanceof RpcTarget || value?.[ENTRYPOINT] === true;

  const ENTRYPOINT = Symbol("entrypoint");

  const step = (object, name) => {
    if (isTarget(object)) return memberOf(object, name);
    // A stub that is held here leads on.
    if (behind.has(object)) return object[name];
    const holds = typeof object === "function" || (typeof object === "object" && object !== null);
    if (!holds || !Object.hasOwn(object, name)) throw unknown(name);
    return object[name];
  };

  const NO_RPC =
    "The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. " +
    "In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from " +
    "the module \"cloudflare:workers\".";

  const dispatch = (hosted, path, method, read, values) => {
    const target = hosted instanceof Held ? hosted.target : hosted;
    if (method === "" && path.length === 0) {
      if (typeof target !== "function") throw new TypeError("The RPC receiver is not a function.");
      return target(...values);
    }
    const reserved = target?.[ENTRYPOINT] ? RESERVED_OF_ENTRYPOINTS : RESERVED_HERE;
    const [first] = [...path, method];
    if (reserved.has(first)) throw new TypeError(`'${first}' is a reserved method and cannot be called over RPC.`);
    const receiver = path.reduce(step, target);
    const member = step(receiver, method);
    if (read) return member;
    if (typeof member !== "function") throw new TypeError(`"${[...path, method].join(".")}" is not a function.`);
    return Reflect.apply(member, receiver, values);
  };

  // Gives a result of plain data the power to dispose of the stubs in it.
  const disposable = (result) => {
    if (result === null || typeof result !== "object" || Object.getPrototypeOf(result) !== Object.prototype) return result;
    const dispose = () => disposeWith(result);
    return Object.defineProperty(result, Symbol.dispose, { value: dispose, configurable: true, writable: true });
  };

  // An error that came from elsewhere. Its own text stands for one of a class that is not known here.
  const received = (error, { message, ...own }, durableObjectId) => {
    const mark = durableObjectId === undefined ? { remote: true } : { remote: true, durableObjectId };
    return Object.assign(message === undefined ? error : new Error(message), own, mark);
  };

  return {
    Fetcher,
    LoopbackServiceStub,
    RpcPromise,
    RpcProperty,
    RpcStub,
    RpcTarget,
    adopt: adoptReference,
    allGiven,
    dynamicFetcher,
    lazyFetcher,
    makeObjectStub,
    receiveObjects: (make) => { makeReceived = make; },
    stored: { encode: encodeStored, decode: storedClone.decode, immediate },
    encode,
    decode,
    disposable,
    encodeOwn: clone.encodeOwn,
    received,
    markEntrypoint: (instance) => Object.defineProperty(instance, ENTRYPOINT, { value: true }),
    addBase: (base) => BASES.add(base.prototype),
    dispatchToObject(target, path, method, read, values) {
      if (!target[ENTRYPOINT]) return Promise.reject(new TypeError(NO_RPC));
      return this.dispatch(target, path, method, read, values);
    },
    async dispatch(target, path, method, read, values) {
      try {
        const result = await dispatch(target, path, method, read, values);
        if (asked.size > 0) await allGiven();
        return result;
      } finally {
        // They end with the call unless they were duplicated, but not before the result is read, which may mention them: in
        // the reaction that follows.
        queueMicrotask(() => queueMicrotask(() => disposeWith(values)));
      }
    },
    released(target) {
      if (target instanceof Held) target.release();
      else disposeOf(target);
    },
    end(invocation, broken) {
      referencesOf.get(invocation)?.forEach((reference) => reference.release(broken));
      referencesOf.delete(invocation);
    },
  };
};
