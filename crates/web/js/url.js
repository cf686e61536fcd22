// URL and URLSearchParams. The parser is Ada, as in workerd; a URL object is its serialisation and where the parts of
// that begin and end.

import { natives } from "./natives.js";
import { argumentError, finishInterfaces, recordEntries, requireArguments, toUsvString } from "./webidl.js";

const PARTS = ["protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

let connect;
let replacePairs;

/** https://url.spec.whatwg.org/#interface-urlsearchparams */
export class URLSearchParams {
  #pairs = [];
  // Tells the URL this list belongs to that it has changed.
  #changed;

  constructor(init = "") {
    if ((typeof init === "object" && init !== null) || typeof init === "function") this.#pairs = pairsFrom(init);
    else this.#pairs = parsePairs(`${init}`.replace(/^\?/, ""));
  }

  static {
    connect = (params, changed) => {
      params.#changed = changed;
    };
    replacePairs = (params, query) => {
      params.#pairs = parsePairs(query);
    };
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    requireArguments(arguments.length, 2, "append", "URLSearchParams");
    this.#pairs.push([toUsvString(name), toUsvString(value)]);
    this.#changed?.();
  }

  delete(name, value) {
    requireArguments(arguments.length, 1, "delete", "URLSearchParams");
    const matches = matcher(name, value);
    this.#pairs = this.#pairs.filter((pair) => !matches(pair));
    this.#changed?.();
  }

  get(name) {
    requireArguments(arguments.length, 1, "get", "URLSearchParams");
    return this.#pairs.find(matcher(name))?.[1] ?? null;
  }

  getAll(name) {
    requireArguments(arguments.length, 1, "getAll", "URLSearchParams");
    return this.#pairs.filter(matcher(name)).map((pair) => pair[1]);
  }

  has(name, value) {
    requireArguments(arguments.length, 1, "has", "URLSearchParams");
    return this.#pairs.some(matcher(name, value));
  }

  set(name, value) {
    requireArguments(arguments.length, 2, "set", "URLSearchParams");
    const matches = matcher(name);
    const replacement = [toUsvString(name), toUsvString(value)];
    const index = this.#pairs.findIndex(matches);
    if (index < 0) {
      this.#pairs.push(replacement);
    } else {
      this.#pairs[index] = replacement;
      this.#pairs = this.#pairs.filter((pair, at) => at <= index || !matches(pair));
    }
    this.#changed?.();
  }

  sort() {
    this.#pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    this.#changed?.();
  }

  forEach(callback, thisArgument) {
    if (typeof callback !== "function") throw argumentError(1, "forEach", "URLSearchParams", "function");
    for (const [name, value] of this) callback.call(thisArgument, value, name, this);
  }

  toString() {
    return natives.serializeForm(this.#pairs.flat());
  }

  // Live, as the standard has it: a list changed during the loop is seen changed.
  *entries() {
    for (let index = 0; index < this.#pairs.length; index += 1) yield [...this.#pairs[index]];
  }
  *keys() {
    for (let index = 0; index < this.#pairs.length; index += 1) yield this.#pairs[index][0];
  }
  *values() {
    for (let index = 0; index < this.#pairs.length; index += 1) yield this.#pairs[index][1];
  }
}

Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, {
  value: URLSearchParams.prototype.entries,
  writable: true,
  configurable: true,
});

function matcher(name, value) {
  const wanted = toUsvString(name);
  if (value === undefined) return (pair) => pair[0] === wanted;
  const wantedValue = toUsvString(value);
  return (pair) => pair[0] === wanted && pair[1] === wantedValue;
}

function parsePairs(query) {
  const flat = natives.parseForm(query);
  const pairs = [];
  for (let index = 0; index < flat.length; index += 2) pairs.push([flat[index], flat[index + 1]]);
  return pairs;
}

function pairsFrom(init) {
  if (typeof init[Symbol.iterator] !== "function") {
    // A record: names that become the same string are one entry, with the last value.
    const record = new Map();
    for (const [name, value] of recordEntries(init)) record.set(toUsvString(name), toUsvString(value));
    return [...record];
  }
  return Array.from(init, (item) => {
    const pair = [...item];
    if (pair.length !== 2) {
      throw new TypeError(
        "Invalid URL search params sequence. Each inner sequence must have exactly two elements.",
      );
    }
    return pair.map(toUsvString);
  });
}

/** https://url.spec.whatwg.org/#api */
export class URL {
  // The serialisation, then two numbers for each part: where it begins and ends.
  #dissected;
  #searchParams;

  constructor(url, base) {
    if (arguments.length < 1) throw argumentError(1, "constructor", "URL", "string");
    const dissected = natives.dissectUrl(url, base);
    if (dissected === undefined) throw new TypeError("Invalid URL string.");
    this.#dissected = dissected;
  }

  static canParse(url, base) {
    requireArguments(arguments.length, 1, "canParse", "URL");
    return parse(url, base) !== undefined;
  }

  static parse(url, base) {
    requireArguments(arguments.length, 1, "parse", "URL");
    const href = parse(url, base);
    return href === undefined ? null : new URL(href);
  }

  static createObjectURL() {
    throw new Error("URL.createObjectURL() is not implemented");
  }

  static revokeObjectURL() {
    throw new Error("URL.revokeObjectURL() is not implemented");
  }

  get href() {
    return this.#dissected[0];
  }
  set href(value) {
    this.#take(natives.dissectUrl(value));
    this.#renewPairs();
  }

  get origin() {
    return natives.urlOrigin(this.#dissected[0]);
  }

  get searchParams() {
    if (this.#searchParams === undefined) {
      this.#searchParams = new URLSearchParams(this.search);
      connect(this.#searchParams, () => this.#setPart("search", `${this.#searchParams}`));
    }
    return this.#searchParams;
  }

  toString() {
    return this.#dissected[0];
  }
  toJSON() {
    return this.#dissected[0];
  }

  #take(dissected) {
    if (dissected === undefined) throw new TypeError("Invalid URL string.");
    this.#dissected = dissected;
  }

  #setPart(name, value) {
    this.#take(natives.dissectUrl(natives.urlWith(this.#dissected[0], name, value)));
  }

  #renewPairs() {
    if (this.#searchParams !== undefined) replacePairs(this.#searchParams, this.search.slice(1));
  }

  static {
    PARTS.forEach((name, index) => {
      Object.defineProperty(URL.prototype, name, {
        get() {
          const dissected = this.#dissected;
          return dissected[0].slice(dissected[2 * index + 1], dissected[2 * index + 2]);
        },
        set(value) {
          this.#setPart(name, toUsvString(value));
          this.#renewPairs();
        },
        configurable: true,
      });
    });
  }
}

function parse(url, base) {
  return natives.parseUrl(url, base);
}

finishInterfaces(URLSearchParams, URL);
