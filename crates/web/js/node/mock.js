// Mocked functions, for node:test. https://nodejs.org/api/test.html#mocking

/** What a mocked function remembers. */
class MockFunctionContext {
  #calls = [];
  #original;
  #implementation;
  #once = new Map();
  #restore;

  constructor(original, implementation, restore = () => {}) {
    this.#original = original;
    this.#implementation = implementation;
    this.#restore = restore;
  }

  get calls() {
    return [...this.#calls];
  }

  callCount() {
    return this.#calls.length;
  }

  resetCalls() {
    this.#calls.length = 0;
  }

  mockImplementation(implementation) {
    this.#implementation = implementation;
  }

  mockImplementationOnce(implementation, call = this.#calls.length) {
    this.#once.set(call, implementation);
  }

  restore() {
    this.#implementation = this.#original;
    this.#restore();
  }

  /** Calls what stands for the function, and takes a note of it. */
  run(target, self, args) {
    const index = this.#calls.length;
    const call = { arguments: args, error: undefined, result: undefined, stack: new Error(), target, this: self };
    this.#calls.push(call);
    const implementation = this.#once.get(index) ?? this.#implementation;
    this.#once.delete(index);
    try {
      call.result = target ? Reflect.construct(implementation, args, target) : Reflect.apply(implementation, self, args);
      return call.result;
    } catch (error) {
      call.error = error;
      throw error;
    }
  }
}

function mocked(original, implementation, restore) {
  const context = new MockFunctionContext(original, implementation, restore);
  return new Proxy(original, {
    apply: (_, self, args) => context.run(undefined, self, args),
    construct: (_, args, target) => context.run(target, undefined, args),
    get: (target, name, receiver) => (name === "mock" ? context : Reflect.get(target, name, receiver)),
  });
}

/** Makes mocks and puts back what they stood for. */
export class MockTracker {
  #mocks = [];

  fn(original = () => {}, implementation = original) {
    const chosen = typeof implementation === "function" ? implementation : original;
    return this.#track(mocked(original, chosen));
  }

  method(object, name, implementation) {
    const descriptor = this.#descriptor(object, name);
    const original = descriptor.value ?? descriptor.get ?? descriptor.set;
    const own = Object.hasOwn(object, name);
    const restore = () => (own ? Object.defineProperty(object, name, descriptor) : delete object[name]);
    const chosen = typeof implementation === "function" ? implementation : original;
    const mock = this.#track(mocked(original, chosen, restore));
    Object.defineProperty(object, name, { configurable: true, enumerable: descriptor.enumerable, writable: true, value: mock });
    return mock;
  }

  #descriptor(object, name) {
    for (let holder = object; holder; holder = Object.getPrototypeOf(holder)) {
      const descriptor = Object.getOwnPropertyDescriptor(holder, name);
      if (descriptor) return descriptor;
    }
    throw Object.assign(new TypeError(`The property '${String(name)}' is not a method.`), { code: "ERR_INVALID_ARG_VALUE" });
  }

  #track(mock) {
    this.#mocks.push(mock);
    return mock;
  }

  restoreAll() {
    for (const mock of this.#mocks) mock.mock.restore();
  }

  reset() {
    this.restoreAll();
    this.#mocks.length = 0;
  }
}

export const mock = new MockTracker();
