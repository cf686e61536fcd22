// node:test, in the parts that tests use: suites, hooks, subtests, and mocks of functions. Tests run in their order, one
// at a time. A line tells of each; one that fails is reported as an uncaught error too, so that a script ends with 1.

import { reportError } from "../events.js";
import { mock, MockTracker } from "./mock.js";

export { mock, MockTracker };

/** A suite, or a test with subtests. */
class Node {
  #name;
  #parent;
  #hooks = { before: [], after: [], beforeEach: [], afterEach: [] };
  // What the body has registered runs one after the other, in this chain.
  #children = Promise.resolve();
  #failures = 0;

  constructor(name, parent) {
    this.#name = name;
    this.#parent = parent;
  }

  get fullName() {
    return this.#parent?.fullName ? `${this.#parent.fullName} > ${this.#name}` : this.#name;
  }

  addHook(kind, run) {
    this.#hooks[kind].push(run);
  }

  /** Registers a test or suite; the promise is of its end. */
  add(kind, args) {
    const { name, options, body } = readArguments(args);
    const child = new Node(name, this);
    const ended = this.#children.then(() => child.#run(kind, options, body));
    this.#children = ended;
    return ended;
  }

  async #run(kind, { skip, todo, timeout, signal }, body) {
    if (skip || body === undefined) return report("skipped", this.fullName);
    try {
      if (kind === "suite") await this.#suite(body);
      else await limited(this.#test(body), timeout, signal);
      if (this.#failures > 0) throw new Error(`${this.#failures} failed in "${this.fullName}"`);
      report("ok", this.fullName);
    } catch (error) {
      report(todo ? "todo" : "failed", this.fullName);
      if (todo) return;
      this.#parent.#failures += 1;
      reportError(error);
    }
  }

  async #suite(body) {
    // The body registers synchronously; what it registers belongs to this suite.
    const outer = registering;
    registering = this;
    try {
      await body(new TestContext(this));
    } finally {
      registering = outer;
    }
    await this.#runHooks("before");
    await this.#children;
    await this.#runHooks("after");
  }

  async #test(body) {
    const context = new TestContext(this);
    const ancestors = [...this.#ancestors()].reverse();
    for (const ancestor of ancestors) await ancestor.#runHooks("beforeEach", context);
    try {
      await callBody(body, context);
      await this.#children;
    } finally {
      for (const ancestor of ancestors.reverse()) await ancestor.#runHooks("afterEach", context);
      await this.#runHooks("after", context);
      context.mock.reset();
    }
  }

  *#ancestors() {
    for (let node = this.#parent; node !== undefined; node = node.#parent) yield node;
  }

  async #runHooks(kind, context) {
    for (const hook of this.#hooks[kind]) await callBody(hook, context);
  }
}

/** What a test's body is given. */
class TestContext {
  #node;
  mock = new MockTracker();

  constructor(node) {
    this.#node = node;
  }

  get name() {
    return this.#node.fullName;
  }
  test(...args) {
    return this.#node.add("test", args);
  }
  before(run) {
    this.#node.addHook("before", run);
  }
  after(run) {
    this.#node.addHook("after", run);
  }
  beforeEach(run) {
    this.#node.addHook("beforeEach", run);
  }
  afterEach(run) {
    this.#node.addHook("afterEach", run);
  }
  diagnostic(message) {
    console.log(`# ${message}`);
  }
}

const root = new Node("", undefined);
let registering = root;

function readArguments(args) {
  const name = args.find((argument) => typeof argument === "string");
  const body = args.find((argument) => typeof argument === "function");
  const options = args.find((argument) => typeof argument === "object" && argument !== null) ?? {};
  return { name: name ?? (body?.name || "<anonymous>"), options, body };
}

// A body that takes a second argument calls it when it is done.
function callBody(body, context) {
  if (body.length < 2) return body(context);
  return new Promise((resolve, reject) => body(context, (error) => (error ? reject(error) : resolve())));
}

async function limited(promise, timeout, signal) {
  if (timeout === undefined && signal === undefined) return promise;
  const { promise: stopped, reject } = Promise.withResolvers();
  signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  const late = () => reject(new Error(`test timed out after ${timeout}ms`));
  const timer = timeout === undefined ? undefined : setTimeout(late, timeout);
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    clearTimeout(timer);
  }
}

function report(outcome, name) {
  console.log(`${outcome}: ${name}`);
}

function withVariants(kind) {
  const register = (...args) => registering.add(kind, args);
  const variant = (options) => (...args) => {
    const { name, options: given, body } = readArguments(args);
    return registering.add(kind, [name, { ...given, ...options }, body]);
  };
  return Object.assign(register, { skip: variant({ skip: true }), todo: variant({ todo: true }) });
}

export const test = withVariants("test");
export const it = test;
export const suite = withVariants("suite");
export const describe = suite;
export const before = (run) => registering.addHook("before", run);
export const after = (run) => registering.addHook("after", run);
export const beforeEach = (run) => registering.addHook("beforeEach", run);
export const afterEach = (run) => registering.addHook("afterEach", run);

export default Object.assign(test, { test, it, suite, describe, before, after, beforeEach, afterEach, mock });
