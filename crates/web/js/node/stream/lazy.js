// A Transform that becomes one when it is first used as a stream. Most hashes never are, and to make the two sides of a
// stream takes longer than to hash a short text.

import { Transform } from "./duplex.js";

const OPTIONS = Symbol("options");

export class LazyTransform {
  constructor(options) {
    Object.defineProperty(this, OPTIONS, { value: options });
  }

  destroy(error) {
    begin(this);
    return super.destroy(error);
  }
}

Object.setPrototypeOf(LazyTransform, Transform);
Object.setPrototypeOf(LazyTransform.prototype, Transform.prototype);

function begin(stream) {
  if (!Object.hasOwn(stream, "_readableState")) Transform.call(stream, stream[OPTIONS]);
}

// All that a stream does looks at one of these first.
for (const side of ["_readableState", "_writableState"]) {
  Object.defineProperty(LazyTransform.prototype, side, {
    configurable: true,
    get() {
      // The prototype itself is looked at, too, by whoever lists its members.
      if (!Object.hasOwn(this, OPTIONS)) return undefined;
      begin(this);
      return this[side];
    },
    set(value) {
      Object.defineProperty(this, side, { value, writable: true, configurable: true, enumerable: false });
    },
  });
}
