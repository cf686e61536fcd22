// Headers. From and to the outside a header list is one string, "name\nvalue\n…" (no field can hold a newline):
// it becomes a map only when a script looks, so that a request whose headers nobody reads costs nothing.

import { isPedantic } from "./flags.js";
import { natives } from "./natives.js";
import { byteString } from "./pedantic.js";
import { argumentError, finishInterface, ListIterator, recordEntries } from "./webidl.js";

// The method by which an object of another language hands a list of pairs of texts over at once, as `[name, value, name,
// value, …]`; it gives undefined where it is something else, which is then read pair by pair.
const TEXT_PAIRS = Symbol.for("hognose.textPairs");

// Names as scripts write them, and as they are kept: those that nearly every message has, in the two ways in which they are
// written, and what else has been asked for, so that few names have to be checked twice.
const KNOWN_NAMES = new Map([
  "accept", "accept-encoding", "accept-language", "accept-ranges", "access-control-allow-credentials",
  "access-control-allow-headers", "access-control-allow-methods", "access-control-allow-origin",
  "access-control-expose-headers", "access-control-max-age", "age", "allow", "authorization", "cache-control",
  "cf-connecting-ip", "cf-ipcountry", "cf-ray", "cf-visitor", "connection", "content-disposition", "content-encoding",
  "content-language", "content-length", "content-location", "content-range", "content-security-policy", "content-type",
  "cookie", "date", "etag", "expect", "expires", "forwarded", "host", "if-match", "if-modified-since", "if-none-match",
  "if-range", "if-unmodified-since", "keep-alive", "last-modified", "link", "location", "origin", "pragma", "range",
  "referer", "referrer-policy", "retry-after", "server", "server-timing", "set-cookie", "strict-transport-security",
  "transfer-encoding", "upgrade", "user-agent", "vary", "via", "www-authenticate", "x-content-type-options",
  "x-forwarded-for", "x-forwarded-proto", "x-frame-options", "x-real-ip", "x-request-id", "x-requested-with",
].flatMap((name) => [[name, name], [name.replace(/(^|-)[a-z]/g, (first) => first.toUpperCase()), name]]));
const KNOWN_NAMES_MAX = 1024;
const KNOWN_NAME_LENGTH_MAX = 64;

let adopt;
let flatten;
let freeze;

/** https://fetch.spec.whatwg.org/#headers-class */
export class Headers {
  // The list as it came, until somebody looks; then a Map of lower-case name to array of values.
  #flat;
  #map;
  // The list as iterators give it, until the next change.
  #list;
  #immutable = false;

  constructor(init) {
    if (init === undefined) return;
    if (init === null || (typeof init !== "object" && typeof init !== "function")) {
      throw argumentError(1, "constructor", "Headers", "HeadersInitializer");
    }
    const iterate = init[Symbol.iterator];
    if (#map in init && iterate === Headers.prototype.entries) this.#copy(init);
    else this.#flat = natives.headerList(textsOf(init, iterate), isPedantic());
  }

  static {
    adopt = (flat) => {
      const headers = new Headers();
      headers.#flat = flat;
      return headers;
    };
    flatten = (headers) => headers.#flatten();
    freeze = (headers) => {
      headers.#immutable = true;
      return headers;
    };
  }

  append(name, value) {
    if (arguments.length < 2) throw missing(arguments.length, "append");
    if (this.#immutable) throw unchangeable();
    const key = KNOWN_NAMES.get(name) ?? normalizeName(name);
    const text = normalizeValue(value);
    const map = this.#map ?? this.#fields();
    const values = map.get(key);
    if (values === undefined) map.set(key, [text]);
    else values.push(text);
    this.#list = undefined;
  }

  set(name, value) {
    if (arguments.length < 2) throw missing(arguments.length, "set");
    if (this.#immutable) throw unchangeable();
    const key = KNOWN_NAMES.get(name) ?? normalizeName(name);
    const text = normalizeValue(value);
    (this.#map ?? this.#fields()).set(key, [text]);
    this.#list = undefined;
  }

  delete(name) {
    if (arguments.length < 1) throw missing(0, "delete");
    if (this.#immutable) throw unchangeable();
    this.#fields().delete(normalizeName(name));
    this.#list = undefined;
  }

  get(name) {
    if (arguments.length < 1) throw missing(0, "get");
    const values = (this.#map ?? this.#fields()).get(KNOWN_NAMES.get(name) ?? normalizeName(name));
    return values === undefined ? null : joined(values);
  }

  has(name) {
    if (arguments.length < 1) throw missing(0, "has");
    return this.#fields().has(normalizeName(name));
  }

  getAll(name) {
    if (arguments.length < 1) throw missing(0, "getAll");
    if (`${name}`.toLowerCase() !== "set-cookie") {
      throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
    }
    return this.getSetCookie();
  }

  getSetCookie() {
    return [...(this.#fields().get("set-cookie") ?? [])];
  }

  forEach(callback, thisArgument) {
    if (typeof callback !== "function") throw argumentError(1, "forEach", "Headers", "function");
    for (const [name, value] of this) callback.call(thisArgument, value, name, this);
  }

  entries() {
    return new ListIterator(() => this.#list ?? this.#sort());
  }
  keys() {
    return new ListIterator(() => this.#list ?? this.#sort(), 0);
  }
  values() {
    return new ListIterator(() => this.#list ?? this.#sort(), 1);
  }

  #fields() {
    if (this.#map === undefined) {
      this.#map = parse(this.#flat);
      this.#flat = undefined;
    }
    return this.#map;
  }

  #flatten() {
    if (this.#map === undefined) return this.#flat ?? "";
    let flat = "";
    for (const [name, values] of this.#map) {
      for (const value of values) flat += `${name}\n${value}\n`;
    }
    return flat;
  }

  #copy(source) {
    if (source.#map === undefined) this.#flat = source.#flat;
    else this.#map = new Map(Array.from(source.#map, ([name, values]) => [name, [...values]]));
  }

  // Sorted by name; the values of one name joined, but each cookie on its own.
  #sort() {
    const list = [];
    const fields = this.#fields();
    for (const name of [...fields.keys()].sort()) {
      const values = fields.get(name);
      if (name === "set-cookie") for (const value of values) list.push([name, value]);
      else list.push([name, joined(values)]);
    }
    this.#list = list;
    return list;
  }
}

Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
});
finishInterface(Headers);

function parse(flat) {
  const map = new Map();
  if (flat === undefined) return map;
  const fields = flat.split("\n");
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const values = map.get(fields[index]);
    if (values === undefined) map.set(fields[index], [fields[index + 1]]);
    else values.push(fields[index + 1]);
  }
  return map;
}

// The methods are short enough for calls of functions to show: what they check, they check themselves.
const unchangeable = () => new TypeError("Can't modify immutable headers.");
const missing = (given, method) => argumentError(given + 1, method, "Headers", "string");

// What a script gives in place of fields, as `[name, value, name, value, …]`.
function textsOf(init, iterate) {
  if (iterate === undefined || iterate === null) return recordEntries(init, byteString).flat();
  const handed = init[TEXT_PAIRS]?.();
  // A script can give its own objects such a method; whatever else it returns does not count.
  if (Array.isArray(handed)) return handed;
  const texts = [];
  for (const item of init) {
    const pair = [...item];
    if (pair.length !== 2) {
      throw new TypeError(
        "To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.",
      );
    }
    texts.push(`${pair[0]}`, `${pair[1]}`);
  }
  return texts;
}

function joined(values) {
  return values.length === 1 ? values[0] : values.join(", ");
}

function normalizeName(name) {
  const known = KNOWN_NAMES.get(name);
  if (known !== undefined) return known;
  const normalized = natives.headerName(name);
  if (normalized === undefined) throw new TypeError("Invalid header name.");
  const isShort = typeof name === "string" && name.length <= KNOWN_NAME_LENGTH_MAX;
  if (isShort && KNOWN_NAMES.size < KNOWN_NAMES_MAX) KNOWN_NAMES.set(name, normalized);
  return normalized;
}

function normalizeValue(value) {
  const normalized = natives.headerValue(value, isPedantic());
  if (normalized === undefined) throw new TypeError("Invalid header value.");
  return normalized;
}

// The content codings that are packed and unpacked on the way, and the formats they stand for.
const PACKINGS = new Map([["gzip", "gzip"], ["x-gzip", "gzip"], ["br", "brotli"], ["deflate", "deflate"]]);

/** The compression format that the Content-Encoding in a flat list asks for; undefined if it is none that we know. */
export function packingOf(flat) {
  if (!flat.includes("content-encoding\n")) return undefined;
  return PACKINGS.get(parse(flat).get("content-encoding")?.join(", ").toLowerCase());
}

/** Headers over a flat list whose names are already valid and in lower case. */
export { adopt as headersFromFlat };
/** The flat list of a Headers object. */
export { flatten as flattenHeaders };
/** Makes a Headers object refuse changes, and returns it. */
export { freeze as freezeHeaders };
