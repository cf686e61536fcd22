// fetch(): a Request goes to the host, a Response comes back. What lies between (connections, redirects, decoding,
// who may be reached) is the host's business.

import { onAbort } from "./abort.js";
import { Content, contentOf } from "./body.js";
import { packingOf } from "./headers.js";
import { natives } from "./natives.js";
import { cfJsonOf, flatHeadersOf, Request, stateOf } from "./request.js";
import { fetchedResponse } from "./response.js";

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
  state.signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers();
  const [how, data, length] = contentOf(request).send(reject);
  const raw = state.encodeResponseBody === "manual";
  const packed = target === undefined && !raw;
  let forgetSignal = () => {};
  const done = (error, parts) => {
    forgetSignal();
    if (error === undefined) resolve(responseFrom(parts, state.signal, packed));
    else reject(error);
  };
  const handle = natives.fetch(
    state.method, state.url, flatHeadersOf(state), cfJsonOf(state), state.redirect, how, data, length, raw, target, done,
  );
  if (state.signal !== undefined) {
    forgetSignal = onAbort(state.signal, (reason) => {
      natives.cancelFetch(handle);
      reject(reason);
    });
  }
  return promise;
}

// https://fetch.spec.whatwg.org/#scheme-fetch
function dataResponse(state) {
  const [type, bytes] = natives.readDataUrl(state.url) ?? [];
  if (type === undefined) throw new TypeError(`Fetch API cannot load: ${state.url}`);
  const content = Content.incoming(state.method === "HEAD" ? undefined : bytes);
  const flatHeaders = `content-type\n${type}\n`;
  return fetchedResponse({ status: 200, flatHeaders, url: state.url }, content);
}

// `packed`: whether a Content-Encoding is still on the body.
function responseFrom(parts, signal, packed) {
  const [status, statusText, flatHeaders, body, bodyLength, url, redirected, webSocket] = parts;
  const format = packed ? packingOf(flatHeaders) : undefined;
  const content =
    format === undefined ? Content.incoming(body, bodyLength) : Content.packed(body, bodyLength, format);
  if (signal !== undefined && content.kind === "incoming") content.data.follow(signal);
  return fetchedResponse({ status, statusText, flatHeaders, url, redirected, webSocket }, content);
}
