// Text and bytes: the Encoding standard's classes over encoding_rs, and base64 with workerd's error texts.

import { natives } from "./natives.js";
import { argumentError, bytesOf, finishInterfaces, isBufferSource, requireArguments, toDictionary } from "./webidl.js";

/** https://encoding.spec.whatwg.org/#interface-textencoder */
export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(input = "") {
    return natives.encodeUtf8(`${input}`);
  }

  encodeInto(source, destination) {
    if (!(destination instanceof Uint8Array)) {
      throw argumentError(2, "encodeInto", "TextEncoder", "Uint8Array");
    }
    const text = `${source}`;
    const [bytes, read] = natives.encodeUtf8Prefix(text, destination.byteLength);
    destination.set(bytes);
    return { read, written: bytes.byteLength };
  }
}

/** https://encoding.spec.whatwg.org/#interface-textdecoder */
export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBom;
  // Made for the first text, and used for those that follow: it begins anew after the end of one.
  #decode;

  constructor(label = "utf-8", options) {
    const { fatal, ignoreBOM } = toDictionary(options, "constructor", "TextDecoder", 2);
    this.#encoding = natives.encodingName(`${label}`);
    if (this.#encoding === undefined) throw new RangeError(`"${label}" is not a valid encoding.`);
    this.#fatal = Boolean(fatal);
    this.#ignoreBom = Boolean(ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBom;
  }

  decode(input, options) {
    const bytes = input instanceof Uint8Array ? input : bytesToDecode(input);
    const stream = options !== undefined && Boolean(toDictionary(options, "decode", "TextDecoder", 2).stream);
    this.#decode ??= natives.newDecoder(this.#encoding, this.#fatal, this.#ignoreBom);
    const text = this.#decode(bytes, !stream);
    if (text === undefined) {
      this.#decode = undefined;
      throw new TypeError("Failed to decode input.");
    }
    return text;
  }
}

function bytesToDecode(input) {
  if (input === undefined) return new Uint8Array(0);
  if (!isBufferSource(input)) throw argumentError(1, "decode", "TextDecoder", "ArrayBuffer or ArrayBufferView");
  return bytesOf(input);
}

finishInterfaces(TextEncoder, TextDecoder);

const decodeBase64 = globalThis.atob;
const encodeBase64 = globalThis.btoa;

/** https://html.spec.whatwg.org/#dom-atob */
export function atob(data) {
  requireArguments(arguments.length, 1, "atob", "ServiceWorkerGlobalScope");
  try {
    return decodeBase64(`${data}`);
  } catch {
    throw new DOMException(
      "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to " +
        "two terminal '=' signs when the input data length is divisible by 4 are allowed.)",
      "InvalidCharacterError",
    );
  }
}

/** https://html.spec.whatwg.org/#dom-btoa */
export function btoa(data) {
  requireArguments(arguments.length, 1, "btoa", "ServiceWorkerGlobalScope");
  try {
    return encodeBase64(`${data}`);
  } catch {
    throw new DOMException(
      "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.",
      "InvalidCharacterError",
    );
  }
}
