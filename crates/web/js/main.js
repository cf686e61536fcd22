// Puts the web platform on the global object, and hands Rust (src/lib.rs) the functions it calls.

import { AbortController, AbortSignal } from "./abort.js";
import { Blob, File } from "./blob.js";
import { Body, contentOf, extractContent } from "./body.js";
import { console } from "./console.js";
import { Crypto, crypto } from "./crypto.js";
import { CryptoKey } from "./crypto/key.js";
import { SubtleCrypto } from "./crypto/subtle.js";
import { atob, btoa, TextDecoder, TextEncoder } from "./encoding.js";
import * as events from "./events.js";
import { EventSource } from "./event-source.js";
import { fetch, fetchThrough } from "./fetch.js";
import { setFlags } from "./flags.js";
import { FormData } from "./form-data.js";
import { Headers, packingOf } from "./headers.js";
import { HTMLRewriter } from "./html-rewriter.js";
import { defineLocaleMethods } from "./locale.js";
import { MessageChannel, MessagePort } from "./message-channel.js";
import { natives } from "./natives.js";
import { notYet } from "./not-yet.js";
import * as timing from "./performance.js";
import { abortRequest, incomingRequest, Request } from "./request.js";
import { flatHeadersOf, Response, stateOf } from "./response.js";
import * as strategies from "./streams/basics.js";
import { CompressionStream, DecompressionStream } from "./streams/compression.js";
import * as readable from "./streams/readable.js";
import { IncomingBody, streamOfIncoming } from "./streams/sources.js";
import * as transform from "./streams/transform.js";
import * as writable from "./streams/writable.js";
import { structuredClone } from "./structured-clone.js";
import * as timers from "./timers.js";
import { URL, URLSearchParams } from "./url.js";
import { URLPattern } from "./url-pattern.js";
import { WeakRef } from "./weak-ref.js";
import { argumentError, finishInterface, finishInterfaces, illegalConstructor } from "./webidl.js";
import { giveWebSocket, hibernation, WebSocket, WebSocketPair } from "./websocket.js";
import { WebSocketRequestResponsePair } from "./websocket/hibernation.js";

const CREATE = Symbol("create");

/** https://html.spec.whatwg.org/#navigator */
class Navigator {
  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
  }
  get userAgent() {
    return "Cloudflare-Workers";
  }
  get hardwareConcurrency() {
    return 1;
  }
  get platform() {
    return "";
  }
  get language() {
    return "en";
  }
  get languages() {
    return ["en"];
  }
  sendBeacon(url, body) {
    fetch(url, { method: "POST", body }).catch(events.reportError);
    return true;
  }
}

/** https://html.spec.whatwg.org/#workerglobalscope */
class WorkerGlobalScope extends events.EventTarget {
  constructor() {
    throw illegalConstructor();
  }
}

/** https://w3c.github.io/ServiceWorker/#serviceworkerglobalscope-interface */
class ServiceWorkerGlobalScope extends WorkerGlobalScope {}

finishInterfaces(Navigator, WorkerGlobalScope, ServiceWorkerGlobalScope);
finishInterface(DOMException);

const target = events.globalTarget;

/** Everything a script finds by name, besides what the language has. */
const globals = {
  AbortController, AbortSignal, Blob, Body, CompressionStream, Crypto, CryptoKey, DecompressionStream, EventSource, File, FormData,
  Headers, HTMLRewriter, MessageChannel, MessagePort, Navigator, Request, Response, ServiceWorkerGlobalScope, SubtleCrypto, TextDecoder,
  TextEncoder, URL, URLPattern, URLSearchParams, WebSocket, WebSocketPair, WebSocketRequestResponsePair, WorkerGlobalScope,
  CloseEvent: events.CloseEvent,
  CustomEvent: events.CustomEvent,
  ErrorEvent: events.ErrorEvent,
  ExtendableEvent: events.ExtendableEvent,
  Event: events.Event,
  EventTarget: events.EventTarget,
  MessageEvent: events.MessageEvent,
  PromiseRejectionEvent: events.PromiseRejectionEvent,
  ByteLengthQueuingStrategy: strategies.ByteLengthQueuingStrategy,
  CountQueuingStrategy: strategies.CountQueuingStrategy,
  ReadableByteStreamController: readable.ReadableByteStreamController,
  ReadableStream: readable.ReadableStream,
  ReadableStreamBYOBReader: readable.ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest: readable.ReadableStreamBYOBRequest,
  ReadableStreamDefaultController: readable.ReadableStreamDefaultController,
  ReadableStreamDefaultReader: readable.ReadableStreamDefaultReader,
  FixedLengthStream: transform.FixedLengthStream,
  IdentityTransformStream: transform.IdentityTransformStream,
  TextDecoderStream: transform.TextDecoderStream,
  TextEncoderStream: transform.TextEncoderStream,
  TransformStream: transform.TransformStream,
  TransformStreamDefaultController: transform.TransformStreamDefaultController,
  WritableStream: writable.WritableStream,
  WritableStreamDefaultController: writable.WritableStreamDefaultController,
  WritableStreamDefaultWriter: writable.WritableStreamDefaultWriter,
  Scheduler: timers.Scheduler,
  atob, btoa, console, crypto, fetch, structuredClone,
  clearInterval: timers.clearInterval,
  clearTimeout: timers.clearTimeout,
  queueMicrotask: timers.queueMicrotask,
  scheduler: timers.scheduler,
  setInterval: timers.setInterval,
  setTimeout: timers.setTimeout,
  navigator: new Navigator(CREATE),
  origin: "null",
  Performance: timing.Performance,
  PerformanceEntry: timing.PerformanceEntry,
  PerformanceMark: timing.PerformanceMark,
  PerformanceMeasure: timing.PerformanceMeasure,
  PerformanceObserver: timing.PerformanceObserver,
  PerformanceObserverEntryList: timing.PerformanceObserverEntryList,
  performance: timing.performance,
  Intl: notYet("Intl"),
  WeakRef,
  WebAssembly: notYet("WebAssembly"),
  reportError(error) {
    if (arguments.length === 0) throw argumentError(1, "reportError", "ServiceWorkerGlobalScope", "Value");
    events.reportError(error);
  },
  self: globalThis,
  addEventListener: (type, callback, options) => target.addEventListener(type, callback, options),
  dispatchEvent: (event) => target.dispatchEvent(event),
  removeEventListener: (type, callback, options) => target.removeEventListener(type, callback, options),
};

for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

defineLocaleMethods();

/** What Rust calls. */
natives.entry = {
  setFlags,
  incomingRequest,
  abortRequest,
  fetchThrough,

  // What goes out for a handler's answer; undefined if it is not a Response.
  responseParts(response) {
    const state = stateOf(response);
    if (state === undefined) return undefined;
    if (state.type === "error") {
      throw new TypeError("Return value from serve handler must not be an error response (like Response.error())");
    };
    const headers = flatHeadersOf(state);
    const format = state.encodeBody === "automatic" ? packingOf(headers) : undefined;
    const socket = state.webSocket === null ? null : giveWebSocket(state.webSocket);
    const content = contentOf(response);
    // A client sees no more than that a body breaks off; the log says why.
    const fail = (reason) => natives.reportError(reason);
    const body = format === undefined ? content.send(fail) : content.sendPacked(format, fail);
    const packed = format !== undefined || state.encodeBody === "manual";
    return [state.status, state.statusText, headers, ...body, packed, socket];
  },

  hibernation,

  // Any value that may be a body (what `new Response(value)` takes), on its way out.
  sendBody: (body) => extractContent(body).content.send(),

  // A body from outside as a ReadableStream.
  streamOfBody: (id, length) => streamOfIncoming(new IncomingBody(id, length)),

  reportUnhandledRejection: events.reportUnhandledRejection,
  reportHandledRejection: events.reportHandledRejection,
  reportError: events.reportError,
};
