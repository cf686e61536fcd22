// Request: what came in, or what a script wants to fetch. An incoming request is one string of header fields, one of
// `cf` properties and a body nobody has touched; each becomes an object when a script asks.

import { AbortSignal, abortSignal, createSignal, onAbort } from "./abort.js";
import { Body, Content, contentOf, extractContent } from "./body.js";
import { isOn } from "./flags.js";
import { flattenHeaders, freezeHeaders, Headers, headersFromFlat } from "./headers.js";
import { natives } from "./natives.js";
import { checkCredentials, checkOptions } from "./pedantic.js";
import { argumentError, finishInterface, requireArguments, toDictionary, toUsvString } from "./webidl.js";

const INCOMING = Symbol("incoming");
const METHODS = new Set([
  "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PURGE", "COPY", "LOCK", "MKCOL",
  "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE", "MSEARCH",
  "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "QUERY", "BAN",
]);
/** Those that the fetch standard writes in capitals. */
const USUAL_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]);
const CACHE_MODES = new Set(["no-store", "no-cache"]);

// What is the same in every request from outside, so that the state of one need not be given it.
const USUAL_INCOMING = {
  immutable: true,
  redirect: "manual",
  integrity: "",
  cache: undefined,
  encodeResponseBody: undefined,
  headers: undefined,
  cf: undefined,
  signal: undefined,
};

const REST = Symbol.for("hognose.rest");

let stateOf;

/** https://fetch.spec.whatwg.org/#request-class */
export class Request extends Body {
  // method, url, redirect, cache, integrity, encodeResponseBody, plus what is built late: headers (from flatHeaders),
  // cf (from cfJson) and signal.
  #state;

  constructor(input, init) {
    if (input === INCOMING) {
      super(init.content);
      this.#state = init;
      return;
    }
    requireArguments(arguments.length, 1, "constructor", "Request", "Request or string");
    const options = toDictionary(init, "constructor", "Request", 2);
    const source = input instanceof Request ? input : undefined;
    // `new Request(url, request)` takes everything, the body included, from the other request.
    const template = source ?? (options instanceof Request ? options : undefined);
    const state = initialState(input, source, template);
    if (options !== template) applyInit(state, options);
    super(contentFor(state, options, template));
    this.#state = state;
  }

  static {
    stateOf = (request) => request.#state;
  }

  /** What an init has beside the usual, for who sends a Request to another Worker. The client's own signal stays here. */
  [REST]() {
    const { cache, encodeResponseBody, isSignalGiven, signal } = this.#state;
    const rest = { cf: cfIn(this.#state), cache, encodeResponseBody, signal: isSignalGiven ? signal : undefined };
    return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  }

  get method() {
    return this.#state.method;
  }
  get url() {
    return this.#state.url;
  }
  get headers() {
    return headersIn(this.#state);
  }
  get redirect() {
    return this.#state.redirect;
  }
  get fetcher() {
    return null;
  }
  get signal() {
    return signalIn(this.#state);
  }
  get cf() {
    return cfIn(this.#state);
  }
  get integrity() {
    return this.#state.integrity;
  }
  get keepalive() {
    return false;
  }
  get cache() {
    return this.#state.cache;
  }

  clone() {
    const content = contentOf(this).clone();
    const state = copyState(this.#state);
    return new Request(INCOMING, { ...state, content });
  }
}

finishInterface(Request);

export { stateOf };

/** A request from outside: immutable headers, manual redirects, a signal that fires when the client goes away. */
export function incomingRequest(method, url, flatHeaders, cfJson, body, bodyLength) {
  const content = Content.incoming(body, bodyLength);
  return new Request(INCOMING, { __proto__: USUAL_INCOMING, method, url, flatHeaders, cfJson, content });
}

/** The client of an incoming request is gone. */
export function abortRequest(request, reason) {
  abortSignal(signalIn(stateOf(request)), reason);
}

/** The flat header list of a request, without building Headers for it. */
export function flatHeadersOf(state) {
  return state.headers === undefined ? state.flatHeaders : flattenHeaders(state.headers);
}

/** The `cf` properties of a request as JSON, without parsing what came as JSON. */
export function cfJsonOf(state) {
  if (state.cf === undefined) return state.cfJson;
  return JSON.stringify(state.cf);
}

function headersIn(state) {
  if (state.headers === undefined) {
    state.headers = headersFromFlat(state.flatHeaders);
    if (state.immutable) freezeHeaders(state.headers);
  }
  return state.headers;
}

function cfIn(state) {
  if (state.cf === undefined && state.cfJson !== undefined) state.cf = JSON.parse(state.cfJson);
  return state.cf;
}

function signalIn(state) {
  state.signal ??= createSignal();
  return state.signal;
}

function initialState(input, source, template) {
  const url = source === undefined ? requestUrl(input) : stateOf(source).url;
  if (template !== undefined) return { ...copyState(stateOf(template)), url };
  return { method: "GET", url, redirect: "follow", integrity: "", cache: undefined, flatHeaders: "" };
}

// The headers of a copy may be changed even when the original's may not.
function copyState(state) {
  return {
    method: state.method,
    url: state.url,
    redirect: state.redirect,
    integrity: state.integrity,
    cache: state.cache,
    encodeResponseBody: state.encodeResponseBody,
    flatHeaders: flatHeadersOf(state),
    cf: state.cf && { ...state.cf },
    cfJson: state.cfJson,
    signal: state.signal && followingSignal(state.signal),
    isSignalGiven: state.isSignalGiven,
  };
}

function followingSignal(source) {
  const signal = createSignal();
  if (source.aborted) abortSignal(signal, source.reason);
  else onAbort(source, (reason) => abortSignal(signal, reason));
  return signal;
}

function requestUrl(input) {
  const text = toUsvString(input);
  const href = natives.parseUrl(text);
  if (href === undefined) throw new TypeError(`Invalid URL: ${text}`);
  checkCredentials(href);
  return href;
}

function applyInit(state, options) {
  const { method, headers, redirect, signal, cf, cache, integrity, encodeResponseBody } = options;
  if (method !== undefined && method !== null) state.method = normalizeMethod(`${method}`);
  if (headers !== undefined && headers !== null) state.headers = new Headers(headers);
  if (redirect !== undefined && redirect !== null) state.redirect = checkRedirect(`${redirect}`);
  if (signal !== undefined) {
    state.signal = checkSignal(signal);
    state.isSignalGiven = state.signal !== undefined;
  }
  if (cf !== undefined && cf !== null) state.cf = checkCf(cf);
  if (cache !== undefined && cache !== null) state.cache = checkCache(`${cache}`);
  if (state.cache !== undefined && state.cf?.cacheControl !== undefined) {
    throw new TypeError("The 'cacheControl' option on cf cannot be used together with the 'cache' option.");
  }
  if (integrity !== undefined && integrity !== null) checkIntegrity(`${integrity}`);
  if (encodeResponseBody !== undefined) state.encodeResponseBody = checkEncoding(`${encodeResponseBody}`);
  checkOptions(options, state);
}

function contentFor(state, options, template) {
  const { body } = options;
  const given = options !== template && body !== undefined && body !== null;
  if (given && (state.method === "GET" || state.method === "HEAD")) {
    throw new TypeError("Request with a GET or HEAD method cannot have a body.");
  }
  if (given) return givenContent(state, body);
  if (template === undefined || (options !== template && body === null)) return Content.none();
  const content = contentOf(template);
  if (content.isUsed) throw new TypeError("Cannot reconstruct a Request with a used body.");
  return content.move();
}

function givenContent(state, body) {
  const { content, type } = extractContent(body);
  if (type === undefined) return content;
  if (state.headers === undefined && state.flatHeaders === "") {
    state.flatHeaders = `content-type\n${type}\n`;
  } else if (!headersIn(state).has("content-type")) {
    state.headers.set("content-type", type);
  }
  return content;
}

function normalizeMethod(method) {
  const upper = method.toUpperCase();
  const isCase = upper === method || USUAL_METHODS.has(upper) || isOn("upper_case_all_http_methods");
  if (!METHODS.has(upper) || !isCase) throw new TypeError(`Invalid HTTP method string: ${method}`);
  return upper;
}

function checkRedirect(redirect) {
  if (redirect === "follow" || redirect === "manual") return redirect;
  throw new TypeError(
    'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not ' +
      "make sense at the edge; use \"manual\" and check the response status code).",
  );
}

function checkSignal(signal) {
  if (signal === null) return undefined;
  if (!(signal instanceof AbortSignal)) throw argumentError(2, "constructor", "Request", "AbortSignal");
  return signal;
}

function checkCf(cf) {
  if (typeof cf !== "object") throw argumentError(2, "constructor", "Request", "object");
  if (cf.cacheControl !== undefined && cf.cacheTtl !== undefined) {
    throw new TypeError("The 'cacheControl' and 'cacheTtl' options on cf are mutually exclusive.");
  }
  return { ...cf };
}

function checkCache(cache) {
  if (!isOn("cache_option_enabled")) {
    throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.");
  }
  if (CACHE_MODES.has(cache) && (cache !== "no-cache" || isOn("cache_no_cache_enabled"))) return cache;
  throw new TypeError(`Unsupported cache mode: ${cache}`);
}

function checkIntegrity(integrity) {
  if (integrity !== "") throw new TypeError("Subresource integrity checking is not supported.");
}

function checkEncoding(encoding) {
  if (encoding === "automatic" || encoding === "manual") return encoding;
  throw new TypeError(`encodeResponseBody: unexpected value: ${encoding}`);
}
