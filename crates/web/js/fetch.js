// fetch(): a Request goes to the host, a Response comes back. What lies between (connections, redirects, decoding,
// who may be reached) is the host's business.

import { onAbort } from "./abort.js";
import { Content, contentOf } from "./body.js";
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
  if (!HTTP_URL.test(state.url)) throw new TypeError(`Fetch API cannot load: ${state.url}`);
  state.signal?.throwIfAborted();
  const [how, data, length] = contentOf(request).send();
  return transfer(state, (done) =>
    natives.fetch(
      state.method, state.url, flatHeadersOf(state), cfJsonOf(state), state.redirect, how, data, length,
      state.encodeResponseBody === "manual", target, done,
    ),
  );
}

function transfer(state, start) {
  const { promise, resolve, reject } = Promise.withResolvers();
  let forgetSignal = () => {};
  const handle = start((error, parts) => {
    forgetSignal();
    if (error === undefined) resolve(responseFrom(parts, state.signal));
    else reject(error);
  });
  if (state.signal !== undefined) {
    forgetSignal = onAbort(state.signal, (reason) => {
      natives.cancelFetch(handle);
      reject(reason);
    });
  }
  return promise;
}

function responseFrom(parts, signal) {
  const [status, statusText, flatHeaders, body, bodyLength, url, redirected, webSocket] = parts;
  const content = Content.incoming(body, bodyLength);
  if (signal !== undefined && content.kind === "incoming") content.data.follow(signal);
  return fetchedResponse({ status, statusText, flatHeaders, url, redirected, webSocket }, content);
}
