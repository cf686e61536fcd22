// The asynchronous frame: what AsyncLocalStorage has stored for the code that runs now. Timers and microtasks carry it
// along by themselves; promises only once somebody asks for a storage (`followPromises`), since it costs each of them.
//
// QuickJS tells nobody when a promise's reactions run, and `await` is none of JavaScript's business. But before it
// waits for a promise, the engine reads the promise's `constructor`, and if that is not its own, it calls `then`, whose
// getter sees the frame of the code that waits. The continuation is then one microtask, so two more of them, one before
// and one after, set the frame for it. An `await` of anything but a promise reads nothing, and one of a promise of a script's own
// class reads another constructor: both lose the frame.

const NONE = undefined;
let current = NONE;

/** The frame now: a Map of storages to values, never changed once it is a frame; undefined where nothing is stored. */
export function currentFrame() {
  return current;
}

/** Makes this the frame of the code that runs now. */
export function enterFrame(frame) {
  current = frame;
}

/** Calls a function in a frame. */
export function runInFrame(frame, run, self, args) {
  const before = current;
  current = frame;
  try {
    return Reflect.apply(run, self, args);
  } finally {
    current = before;
  }
}

/** The function, so that it runs in the frame of now. */
export function keepFrame(run) {
  if (current === NONE || typeof run !== "function") return run;
  const frame = current;
  return function (...args) {
    return runInFrame(frame, run, this, args);
  };
}

const defer = globalThis.queueMicrotask;
const { then } = Promise.prototype;
let isFollowing = false;

/** Lets promises keep frames from now on. */
export function followPromises() {
  if (isFollowing) return;
  isFollowing = true;
  // The promise whose `constructor` the engine has just looked at on its way to wait for it.
  let awaited;
  Object.defineProperty(Promise.prototype, "constructor", {
    configurable: true,
    get() {
      if (current === NONE) return Promise;
      awaited = this;
      return undefined;
    },
    set: overwrite("constructor"),
  });
  Object.defineProperty(Promise.prototype, "then", {
    configurable: true,
    get() {
      if (current === NONE) return then;
      const isAwait = awaited === this;
      awaited = undefined;
      return isAwait ? continueIn(current) : reactIn(current);
    },
    set: overwrite("then"),
  });
}

// What a script sets on one promise, or on a class of its own, becomes a plain property there.
function overwrite(name) {
  return function (value) {
    Object.defineProperty(this, name, { value, writable: true, configurable: true });
  };
}

// `then` for a script: its callbacks run in the frame in which it gave them.
function reactIn(frame) {
  const keep = (callback) =>
    typeof callback === "function" ? (value) => runInFrame(frame, callback, NONE, [value]) : callback;
  return function (onFulfilled, onRejected) {
    return withoutFrame(() => Reflect.apply(then, this, [keep(onFulfilled), keep(onRejected)]));
  };
}

// `then` for the engine: settling is what makes the continuation a microtask.
function continueIn(frame) {
  const wrap = (settle) => (value) => {
    defer(() => {
      current = frame;
    });
    settle(value);
    defer(() => {
      current = NONE;
    });
  };
  return function (resolve, reject) {
    return withoutFrame(() => Reflect.apply(then, this, [wrap(resolve), wrap(reject)]));
  };
}

// The engine's own `then` looks for a constructor too, and is to find the real one.
function withoutFrame(run) {
  return runInFrame(NONE, run, NONE, []);
}
