// fetch(): a Request goes to the host, a Response comes back. What lies between (connections, redirects, decoding,
// who may be reached) is the host's business.

import { onAbort } from "./abort.js";
import { Content, contentOf, NONE as SENT_NOTHING, WHOLE as SENT_WHOLE } from "./body.js";
import { packingOf } from "./headers.js";
import { natives } from "./natives.js";
import { checkPort } from "./pedantic.js";
import { cfJsonOf, flatHeadersOf, Request, stateOf } from "./request.js";
import { fetchedResponse, NULL_BODY_STATUSES } from "./response.js";
import { heldWebSocket } from "./websocket.js";

const HTTP_URL = /^https?:/;

/** https://fetch.spec.whatwg.org/#fetch-method */
export function fetch(input, init) {
  return send(undefined, input, init);
}

/** The fetch of a capability, such as a service binding: whatever host the URL names, the request goes to it. */
export function fetchThrough(target) {
  return function fetch(input, init) {
    return send(target, input, init);
  };
}

async function send(target, input, init) {
  const request = new Request(input, init);
  const state = stateOf(request);
  if (target === undefined && state.url.startsWith("data:")) return dataResponse(state);
  if (!HTTP_URL.test(state.url)) throw new TypeError(`Fetch API cannot load: ${state.url}`);
  if (target === undefined) checkPort(state.url);
  if (state.signal?.aborted) {
    contentOf(request).cancel(state.signal.reason);
    throw state.signal.reason;
  }
  const { promise, resolve, reject } = Promise.withResolvers();
  const [how, data, length] = contentOf(request).send(reject);
  const headers = target === undefined ? flatHeadersOf(state) : framedHeaders(flatHeadersOf(state), how, data, length);
  const raw = state.encodeResponseBody === "manual";
  const packed = !raw;
  let forgetSignal = () => {};
  const done = (error, parts) => {
    forgetSignal();
    if (error === undefined) resolve(responseFrom(parts, state, packed));
    else reject(error);
  };
  const handle = natives.fetch(
    state.method, state.url, headers, cfJsonOf(state), state.redirect, how, data, length, raw, target, done,
  );
  if (state.signal !== undefined) {
    forgetSignal = onAbort(state.signal, (reason) => {
      natives.cancelFetch(handle);
      reject(reason);
    });
  }
  return promise;
}

// A request over HTTP says how long its body is; one to a binding says it here.
function framedHeaders(flatHeaders, how, data, length) {
  const bytes = typeof data === "string" ? natives.encodeUtf8(data) : data;
  const known = how === SENT_WHOLE ? bytes.byteLength : length;
  if (how === SENT_NOTHING || flatHeaders.includes("content-length\n")) return flatHeaders;
  return flatHeaders + (known === undefined ? "transfer-encoding\nchunked\n" : `content-length\n${known}\n`);
}

// https://fetch.spec.whatwg.org/#scheme-fetch
function dataResponse(state) {
  const [type, bytes] = natives.readDataUrl(state.url) ?? [];
  if (type === undefined) throw new TypeError(`Fetch API cannot load: ${state.url}`);
  const content = contentFrom(state.method, 200, bytes);
  const flatHeaders = `content-type\n${type}\n`;
  return fetchedResponse({ status: 200, statusText: "OK", flatHeaders, url: state.url }, content);
}

// A response that may have a body has one, be it empty.
function contentFrom(method, status, body, length) {
  if (method === "HEAD" || NULL_BODY_STATUSES.has(status)) return Content.none();
  return Content.incoming(body ?? new Uint8Array(0), length);
}

// `packed`: whether a Content-Encoding is still on the body.
function responseFrom(parts, { method, signal }, packed) {
  const [status, statusText, flatHeaders, body, bodyLength, url, redirected, webSocket] = parts;
  const format = packed ? packingOf(flatHeaders) : undefined;
  const content =
    format === undefined
      ? contentFrom(method, status, body, bodyLength)
      : Content.packed(body, bodyLength, format);
  if (signal !== undefined && content.kind === "incoming") content.data.follow(signal);
  const socket = webSocket === null ? null : heldWebSocket(webSocket);
  return fetchedResponse({ status, statusText, flatHeaders, url, redirected, webSocket: socket }, content);
}
