// Sockets that hibernate, those of Durable Objects: the host holds their connections, and whatever is here of them may
// go and be made again. What objects are and where their sockets' messages go is the cell's business, which gets
// `hibernation` from the entry.

import { finishInterface, requireArguments, toUsvString } from "../webidl.js";
import { CLOSE } from "./ends.js";

/** What a socket sends through while it hibernates; what it receives comes as events of its object. */
export class HibernatingEnd {
  #send;
  #aborted;

  /** `send(kind, first, second)` gives whether it could send; `attachments` keeps bytes beside the socket. */
  constructor(send, attachments) {
    this.#send = send;
    this.attachments = attachments;
  }

  watch(aborted) {
    this.#aborted = aborted;
  }

  send(kind, data) {
    const [first, second] = kind === CLOSE ? data : [data, undefined];
    if (!this.#send(kind, first, second)) this.#aborted();
  }
}

/** A text that is answered with another without waking the object. */
export class WebSocketRequestResponsePair {
  #request;
  #response;

  constructor(request, response) {
    requireArguments(arguments.length, 2, "constructor", "WebSocketRequestResponsePair");
    this.#request = toUsvString(request);
    this.#response = toUsvString(response);
  }

  get request() {
    return this.#request;
  }
  get response() {
    return this.#response;
  }
}

finishInterface(WebSocketRequestResponsePair);
