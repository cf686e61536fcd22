// WeakRef. QuickJS counts references and lets go at once; the language promises that what a WeakRef was made of, or has
// given, stays until the code that runs has ended.

import { queueMicrotask } from "./timers.js";

const Native = globalThis.WeakRef;
const kept = new Set();

function keep(target) {
  if (kept.size === 0) queueMicrotask(() => kept.clear());
  kept.add(target);
}

/** https://tc39.es/ecma262/#sec-weak-ref-objects */
export class WeakRef extends Native {
  constructor(target) {
    super(target);
    keep(target);
  }

  deref() {
    const target = super.deref();
    if (target !== undefined) keep(target);
    return target;
  }
}

Object.defineProperty(WeakRef.prototype, Symbol.toStringTag, { value: "WeakRef", configurable: true });
