// Response: what a handler answers, or what a fetch brought back. The one that most Workers make, a string with a
// status, never builds Headers or a stream.

import { Body, Content, contentOf, extractContent } from "./body.js";
import { isPedantic } from "./flags.js";
import { flattenHeaders, freezeHeaders, Headers, headersFromFlat } from "./headers.js";
import { natives } from "./natives.js";
import { byteString } from "./pedantic.js";
import { finishInterface, requireArguments, toDictionary, toUsvString } from "./webidl.js";

const CREATE = Symbol("create");
/** Answers that have no body. https://fetch.spec.whatwg.org/#null-body-status */
export const NULL_BODY_STATUSES = new Set([101, 204, 205, 304]);
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

// What most responses are like: the state of one names only what differs, since each member takes time to set.
const USUAL = {
  flatHeaders: "",
  headers: undefined,
  immutable: false,
  url: "",
  redirected: false,
  webSocket: null,
  cf: undefined,
  encodeBody: "automatic",
  type: "default",
};

let stateOf;

/** https://fetch.spec.whatwg.org/#response-class */
export class Response extends Body {
  // status, statusText, url, redirected, webSocket, encodeBody, type, plus what is built late: headers (from
  // flatHeaders) and cf.
  #state;

  constructor(body, init) {
    if (body === CREATE) {
      super(init.content);
      this.#state = init;
      return;
    }
    const state = init === undefined ? usualState(200) : stateFrom(initializerFrom(init));
    const { content, type } = extractContent(body);
    requireBodyAllowed(state.status, content);
    super(content);
    this.#state = state;
    if (type !== undefined) implyType(state, type);
  }

  static {
    stateOf = (response) => {
      const branded = typeof response === "object" && response !== null && #state in response;
      return branded ? response.#state : undefined;
    };
  }

  static error() {
    const content = Content.none();
    return new Response(CREATE, { __proto__: USUAL, status: 0, statusText: "", type: "error", immutable: true, content });
  }

  static redirect(url, status = 302) {
    requireArguments(arguments.length, 1, "redirect", "Response");
    const code = Number(status);
    if (!REDIRECT_STATUSES.has(code)) {
      throw new RangeError(
        `${status} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`,
      );
    }
    const text = toUsvString(url);
    const href = natives.parseUrl(text);
    if (href === undefined) throw new TypeError(`Unable to parse URL: ${text}`);
    const changes = { flatHeaders: `location\n${href}\n`, immutable: true, content: Content.none() };
    return new Response(CREATE, Object.assign(usualState(code), changes));
  }

  static json(value, init) {
    requireArguments(arguments.length, 1, "json", "Response", "JsonValue");
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("The value is not JSON serializable.");
    const response = new Response(null, init);
    const content = new Content("text", text);
    requireBodyAllowed(response.status, content);
    implyType(response.#state, "application/json");
    return new Response(CREATE, Object.assign(response.#state, { content }));
  }

  get status() {
    return this.#state.status;
  }
  get statusText() {
    return this.#state.statusText;
  }
  get headers() {
    return headersIn(this.#state);
  }
  get ok() {
    return this.#state.status >= 200 && this.#state.status <= 299;
  }
  get redirected() {
    return this.#state.redirected;
  }
  get url() {
    return this.#state.url;
  }
  get webSocket() {
    return this.#state.webSocket;
  }
  get cf() {
    return this.#state.cf;
  }
  get type() {
    return this.#state.type;
  }

  clone() {
    if (this.#state.webSocket !== null) throw new TypeError("Cannot clone a response to a WebSocket handshake.");
    const content = contentOf(this).clone();
    const changes = { headers: undefined, flatHeaders: flatHeadersOf(this.#state), content };
    return new Response(CREATE, { __proto__: USUAL, ...this.#state, ...changes });
  }
}

finishInterface(Response);

/** The state of a Response; undefined for anything else. */
export { stateOf };

/** A response that a fetch brought back: its headers cannot be changed. */
export function fetchedResponse(state, content) {
  const type = isPedantic() ? "basic" : "default";
  return new Response(CREATE, Object.assign(usualState(state.status), state, { type, immutable: true, content }));
}

/** The flat header list of a response, without building Headers for it. */
export function flatHeadersOf(state) {
  return state.headers === undefined ? state.flatHeaders : flattenHeaders(state.headers);
}

// `new Response(body, response)` takes status, headers and so on from the other response.
function initializerFrom(init) {
  const state = stateOf(init);
  if (state === undefined) return toDictionary(init, "constructor", "Response", 2);
  const { status, statusText, cf, webSocket, encodeBody } = state;
  return { status, statusText, headers: headersIn(state), cf, webSocket, encodeBody };
}

function headersIn(state) {
  if (state.headers === undefined) {
    state.headers = headersFromFlat(state.flatHeaders);
    if (state.immutable) freezeHeaders(state.headers);
  }
  return state.headers;
}

function usualState(status) {
  return { __proto__: USUAL, status, statusText: isPedantic() ? "" : (REASON_PHRASES[status] ?? "") };
}

function stateFrom(options) {
  const { status, statusText, headers, cf, webSocket, encodeBody } = options;
  const state = usualState(checkStatus(status ?? undefined, webSocket ?? null));
  if (statusText !== undefined && statusText !== null) state.statusText = checkStatusText(byteString(statusText));
  if (headers !== undefined && headers !== null) state.headers = new Headers(headers);
  if (encodeBody !== undefined && encodeBody !== null) state.encodeBody = checkEncoding(`${encodeBody}`);
  if (cf !== undefined && cf !== null) state.cf = { ...cf };
  if (webSocket !== undefined && webSocket !== null) state.webSocket = webSocket;
  return state;
}

function checkStatus(status, webSocket) {
  const code = status === undefined ? (webSocket === null ? 200 : 101) : Math.trunc(Number(status)) || 0;
  if (webSocket !== null) {
    if (code !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.");
  } else if (!(code >= 200 && code <= 599)) {
    throw new RangeError("Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
  }
  return code;
}

function checkStatusText(text) {
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(text)) throw new TypeError("Invalid statusText");
  return text;
}

function checkEncoding(encoding) {
  if (encoding === "automatic" || encoding === "manual") return encoding;
  throw new TypeError(`encodeBody: unexpected value: ${encoding}`);
}

// An empty buffer or string is tolerated where no body may be, as workerd does.
function requireBodyAllowed(status, content) {
  if (!NULL_BODY_STATUSES.has(status) || content.kind === "none") return;
  if (content.bytesInMemory?.byteLength === 0) {
    content.kind = "none";
    return;
  }
  throw new TypeError("Response with null body status (101, 204, 205, or 304) cannot have a body.");
}

function implyType(state, type) {
  if (state.headers === undefined) state.flatHeaders = `content-type\n${type}\n`;
  else if (!state.headers.has("content-type")) state.headers.set("content-type", type);
}

const REASON_PHRASES = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Payload Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a teapot",
  421: "Misdirected Request",
  422: "Unprocessable Entity",
  423: "Locked",
  424: "Failed Dependency",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required",
};
