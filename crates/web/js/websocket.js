// WebSocket and WebSocketPair, as workerd has them: an end of a pair must be accepted before it is used, or be given
// away in a Response; `new WebSocket()` accepts itself. What carries the messages is in websocket/ends.js.

import { currentFrame, runInFrame } from "./async-frame.js";
import { Blob } from "./blob.js";
import { TextEncoder } from "./encoding.js";
import { CloseEvent, defineHandler, ErrorEvent, Event, EventTarget, MessageEvent, trust } from "./events.js";
import { fetch } from "./fetch.js";
import { isOn, isPedantic } from "./flags.js";
import { natives } from "./natives.js";
import { BINARY, CLOSE, FAILED, HeldEnd, LOST, NO_CODE, PairEnd, RemoteEnd, TEXT } from "./websocket/ends.js";
import { HibernatingEnd } from "./websocket/hibernation.js";
import { bytesOf, finishInterface, isBufferSource, requireArguments, toDictionary, toUsvString } from "./webidl.js";

const CREATE = Symbol("create");
const REASON_MAX_BYTES = 123;
const READY_STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };

// What a socket is at the time.
const CONNECTING = "connecting";
const WAITING = "waiting";
const ACCEPTED = "accepted";
const RELEASED = "released";

let endOf;

/** What the cell does with the sockets of Durable Objects. */
export let hibernation;

// How values that are attached to a socket become bytes and values again.
let attachments;

/** https://developers.cloudflare.com/workers/runtime-apis/websockets/ */
export class WebSocket extends EventTarget {
  #state = WAITING;
  #end;
  #url = null;
  #protocol = "";
  #extensions = "";
  #binaryType = isOn("websocket_standard_binary_type") ? "blob" : "arraybuffer";
  #allowHalfOpen = !isOn("web_socket_auto_reply_to_close");
  #closedIncoming = false;
  #closedOutgoing = false;
  // Nothing that is sent arrives any more.
  #isAborted = false;
  #error;
  #frame;
  #connecting;
  // Bytes, where it does not hibernate.
  #attachment;

  constructor(url, protocols) {
    super();
    if (url === CREATE) {
      this.#end = protocols;
      return;
    }
    requireArguments(arguments.length, 1, "constructor", "WebSocket");
    this.#url = `${url}`;
    const request = handshake(this.#url, protocols);
    this.#state = CONNECTING;
    this.#frame = currentFrame();
    natives.keepAlive(this.#connect(request));
  }

  static {
    // The end of a socket that is given away in a Response.
    endOf = (socket) => {
      if (socket.#state === CONNECTING || (socket.#url !== null && socket.#state === ACCEPTED)) {
        throw new TypeError("Can't return WebSocket in a Response if it was created with `new WebSocket()`");
      }
      if (socket.#state === RELEASED) throw new TypeError("Can't return WebSocket that was already used in a response.");
      if (socket.#state === ACCEPTED) throw new TypeError("Can't return WebSocket in a Response after calling accept().");
      socket.#state = RELEASED;
      return socket.#end.give();
    };

    hibernation = {
      makeEnd: (send, attachments) => new HibernatingEnd(send, attachments),

      useAttachments(codec) {
        attachments = codec;
      },

      /** Whether a socket can be accepted for an object; if not, the fitting one of these texts says so. */
      check(socket, isAccepted, isPeerUsed) {
        if (socket.#state === ACCEPTED) throw new Error(isAccepted);
        if (socket.#state !== WAITING || (socket.#end.isPeerUsed ?? true)) throw new Error(isPeerUsed);
      },

      /** A socket that was checked is accepted; its peer is what the capability leads to. */
      accept(socket, end, capability) {
        socket.#end.hibernate(capability);
        socket.#hibernate(end);
        if (socket.#attachment !== undefined) end.attachments.keep(socket.#attachment);
      },

      /** A socket that was accepted before, perhaps by another instance. */
      wake(end, closedIncoming, closedOutgoing) {
        const socket = new WebSocket(CREATE);
        socket.#hibernate(end);
        socket.#closedIncoming = closedIncoming;
        socket.#closedOutgoing = closedOutgoing;
        return socket;
      },

      /** What has come: the name of the object's handler, and its arguments but the socket. */
      receive(socket, kind, data) {
        if (kind === TEXT || kind === BINARY) return ["webSocketMessage", data];
        socket.#closedIncoming = true;
        if (kind === FAILED) return ["webSocketError", new Error(data)];
        const [code, reason, wasClean] = data;
        if (!wasClean) socket.#isAborted = true;
        else if (!socket.#allowHalfOpen && !socket.#closedOutgoing) socket.#close([code, reason]);
        return ["webSocketClose", code, reason, wasClean];
      },
    };
  }

  accept(options) {
    const { allowHalfOpen } = toDictionary(options, "accept", "WebSocket");
    if (this.#state === CONNECTING) {
      throw new TypeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    }
    if (this.#state === RELEASED) throw new TypeError("Can't accept() WebSocket that was already used in a response.");
    if (this.#state === ACCEPTED) return;
    if (allowHalfOpen !== undefined) this.#allowHalfOpen = Boolean(allowHalfOpen);
    this.#accept();
  }

  send(message) {
    requireArguments(arguments.length, 1, "send", "WebSocket");
    if (this.#closedOutgoing) throw new TypeError("Can't call WebSocket send() after close().");
    if (this.#isAborted || this.#state === RELEASED) return;
    this.#requireAccepted();
    if (isBufferSource(message)) this.#end.send(BINARY, bytesOf(message));
    else this.#end.send(TEXT, toUsvString(message));
  }

  close(code, reason) {
    const why = checkClose(code === undefined ? undefined : code | 0, reason);
    if (this.#state === CONNECTING) return this.#connecting.abort(new Error("Called close before connection was established."));
    if (this.#closedOutgoing || this.#isAborted || this.#state === RELEASED) return undefined;
    this.#requireAccepted();
    if (this.#error !== undefined) throw this.#error;
    return this.#close(why);
  }

  serializeAttachment(value) {
    requireArguments(arguments.length, 1, "serializeAttachment", "WebSocket");
    const bytes = attachments.encode(value);
    if (this.#end?.attachments === undefined) this.#attachment = bytes;
    else this.#end.attachments.keep(bytes);
  }

  deserializeAttachment() {
    const bytes = this.#end?.attachments === undefined ? this.#attachment : this.#end.attachments.get();
    return bytes === undefined ? null : attachments.decode(bytes);
  }

  get readyState() {
    if ((this.#closedIncoming && this.#closedOutgoing) || this.#error !== undefined) return READY_STATES.CLOSED;
    if (this.#closedIncoming || this.#closedOutgoing) return READY_STATES.CLOSING;
    return this.#state === CONNECTING ? READY_STATES.CONNECTING : READY_STATES.OPEN;
  }
  get url() {
    return this.#url;
  }
  get protocol() {
    return this.#protocol;
  }
  get extensions() {
    return this.#extensions;
  }
  get binaryType() {
    return this.#binaryType;
  }
  set binaryType(type) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  #requireAccepted() {
    if (this.#state === ACCEPTED) return;
    throw new TypeError(
      "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.",
    );
  }

  #accept() {
    this.#state = ACCEPTED;
    this.#frame = currentFrame();
    this.#end = this.#end.open();
    this.#end.watch(() => {
      this.#isAborted = true;
    });
    this.#end.start((kind, data) => runInFrame(this.#frame, this.#receive, this, [kind, data]));
  }

  #hibernate(end) {
    this.#state = ACCEPTED;
    this.#end = end;
    end.watch(() => {
      this.#isAborted = true;
    });
  }

  async #connect({ url, headers }) {
    this.#connecting = new AbortController();
    try {
      const response = await fetch(url, { headers, signal: this.#connecting.signal, redirect: "manual" });
      if (response.webSocket === null) throw new TypeError(notSwitched(response.status));
      this.#end = endOf(response.webSocket);
      this.#protocol = response.headers.get("sec-websocket-protocol");
      this.#extensions = response.headers.get("sec-websocket-extensions");
      this.#accept();
      this.#dispatch(new Event("open"));
    } catch (error) {
      this.#state = RELEASED;
      this.#closedIncoming = true;
      this.#fail(error);
      this.#closed(1006, "Failed to establish websocket connection", false);
    }
  }

  #receive(kind, data) {
    if (kind === TEXT) this.#dispatch(new MessageEvent("message", { data }));
    else if (kind === BINARY) this.#dispatch(new MessageEvent("message", { data: this.#binary(data) }));
    else if (kind === CLOSE) this.#receiveClose(...data);
    else this.#receiveEnd(kind, data);
  }

  #binary(buffer) {
    return this.#binaryType === "blob" ? new Blob([buffer]) : buffer;
  }

  #receiveClose(code, reason) {
    this.#closedIncoming = true;
    if (!this.#allowHalfOpen && !this.#closedOutgoing && !this.#isAborted) this.#close([code, reason]);
    this.#closed(code, reason, true);
  }

  #receiveEnd(kind, why) {
    if (kind === LOST && !this.#closedIncoming) {
      this.#closed(1006, "WebSocket disconnected without sending Close frame.", false);
    }
    this.#closedIncoming = true;
    this.#isAborted = true;
    if (kind === FAILED) this.#fail(new Error(why));
  }

  #close(why) {
    this.#closedOutgoing = true;
    this.#end.send(CLOSE, why);
  }

  #closed(code, reason, wasClean) {
    this.#dispatch(new CloseEvent("close", { code, reason, wasClean }));
  }

  #fail(error) {
    this.#error = error;
    this.#isAborted = true;
    this.#dispatch(new ErrorEvent("error", { message: `Uncaught ${error}`, error }));
  }

  #dispatch(event) {
    this.dispatchEvent(trust(event));
  }
}

for (const type of ["open", "message", "close", "error"]) defineHandler(WebSocket, type);
const constants = Object.entries(READY_STATES);
finishInterface(WebSocket, Object.fromEntries([...constants, ...constants.map(([name, state]) => [`READY_STATE_${name}`, state])]));

/** Two sockets that are each other's other side, under the keys 0 and 1. */
export class WebSocketPair {
  constructor() {
    const [one, other] = PairEnd.pair();
    this[0] = new WebSocket(CREATE, one);
    this[1] = new WebSocket(CREATE, other);
  }

  *entries() {
    yield this[0];
    yield this[1];
  }

  [Symbol.iterator]() {
    return this.entries();
  }
}

finishInterface(WebSocketPair);

/** The socket that came with a response, under the number of its capability. */
export function heldWebSocket(capability) {
  return new WebSocket(CREATE, new HeldEnd(capability));
}

/**
 * A socket on its way out: the number of a capability that came from outside, or a function that is called with the
 * bodies of both directions when the other side opens it.
 */
export function giveWebSocket(socket) {
  if (!(socket instanceof WebSocket)) throw new TypeError("The property 'webSocket' of a Response must be a WebSocket.");
  const end = endOf(socket);
  return end instanceof HeldEnd ? end.capability : (writes, reads) => end.join(new RemoteEnd(writes, reads));
}

function notSwitched(status) {
  return (
    "Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 (switching " +
    `protocols), but received ${status} instead.`
  );
}

// The code and the reason as they are sent.
function checkClose(code, reason) {
  if (code !== undefined && !isCloseCode(code)) {
    throw new DOMException(`Invalid WebSocket close code: ${code}.`, "InvalidAccessError");
  }
  const text = reason === undefined ? "" : toUsvString(reason);
  const isLimited = isOn("websocket_close_reason_byte_limit");
  if (isLimited && new TextEncoder().encode(text).length > REASON_MAX_BYTES) {
    throw new DOMException("WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.", "SyntaxError");
  }
  if (reason !== undefined && code === undefined) {
    throw new DOMException("If you specify a WebSocket close reason, you must also specify a code.", "InvalidAccessError");
  }
  return [code ?? NO_CODE, text];
}

function isCloseCode(code) {
  if (isPedantic()) return code === 1000 || (code >= 3000 && code <= 4999);
  return code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);
}

// The request that asks for a socket.
function handshake(url, protocols) {
  const href = natives.parseUrl(url);
  if (href === undefined) throw syntaxError("The url is invalid.");
  if (!/^wss?:/.test(href)) throw syntaxError("The url scheme must be ws or wss.");
  if (href.includes("#")) throw syntaxError("The url fragment must be empty.");
  const headers = { Upgrade: "websocket" };
  const offered = protocols === undefined ? [] : checkProtocols(protocols);
  if (offered.length > 0) headers["Sec-WebSocket-Protocol"] = offered.join(", ");
  // Who names a user in the URL is to use the Authorization header.
  return { url: href.replace(/^ws(s?:\/\/)(?:[^/?]*@)?/, "http$1"), headers };
}

function checkProtocols(protocols) {
  const isList = typeof protocols === "object" && protocols !== null;
  const names = isList ? Array.from(protocols, (name) => `${name}`) : [`${protocols}`];
  if (!names.every((name) => /^[!#$%&'*+\-.0-9A-Z^_`a-z|~]+$/.test(name))) {
    const which = isList ? "One of the protocol header tokens" : "The protocol header token";
    throw syntaxError(`${which} is invalid.`);
  }
  if (new Set(names).size < names.length) throw syntaxError("The protocols header cannot have repeating values.");
  return names;
}

function syntaxError(text) {
  return new DOMException(`WebSocket Constructor: ${text}`, "SyntaxError");
}
