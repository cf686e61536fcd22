// The crypto global: random values here, the algorithms in the folder crypto/.

import { DigestStream } from "./crypto/digest.js";
import { subtle } from "./crypto/subtle.js";
import { natives } from "./natives.js";
import { argumentError, bytesOf, finishInterface, illegalConstructor } from "./webidl.js";

/** The most bytes one call may ask for. */
const RANDOM_MAX_BYTES = 65_536;
const CREATE = Symbol("create");
const INTEGER_VIEWS = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array,
  BigUint64Array,
];

/** https://w3c.github.io/webcrypto/#crypto-interface */
export class Crypto {
  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
  }

  get subtle() {
    return subtle;
  }

  get DigestStream() {
    return DigestStream;
  }

  getRandomValues(view) {
    if (!ArrayBuffer.isView(view)) throw argumentError(1, "getRandomValues", "Crypto", "ArrayBufferView");
    if (!INTEGER_VIEWS.some((kind) => view instanceof kind)) {
      throw new DOMException(
        "The data argument to getRandomValues() must be an integer-typed TypedArray.",
        "TypeMismatchError",
      );
    }
    if (view.byteLength > RANDOM_MAX_BYTES) {
      throw new DOMException(
        `getRandomValues() only accepts buffers of size <= 64K but provided ${view.byteLength} bytes.`,
        "QuotaExceededError",
      );
    }
    bytesOf(view).set(natives.randomBytes(view.byteLength));
    return view;
  }

  randomUUID() {
    return natives.randomUuid();
  }
}

finishInterface(Crypto);

/** The one Crypto object. */
export const crypto = new Crypto(CREATE);
