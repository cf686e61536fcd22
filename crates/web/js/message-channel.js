// MessageChannel: two ports of one isolate. A message is cloned when it is posted and delivered in a later turn. As in
// workerd, ports themselves cannot be transferred.

import { defineHandler, Event, EventTarget, MessageEvent, trust } from "./events.js";
import { natives } from "./natives.js";
import { structuredClone } from "./structured-clone.js";
import { finishInterfaces, illegalConstructor, requireArguments } from "./webidl.js";

const CREATE = Symbol("create");

let entangle;

/** https://html.spec.whatwg.org/#messageport */
export class MessagePort extends EventTarget {
  #peer;
  // What has come; kept until start().
  #messages = [];
  #started = false;

  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
    super();
  }

  static {
    entangle = (first, second) => {
      first.#peer = second;
      second.#peer = first;
    };
  }

  postMessage(message, options) {
    requireArguments(arguments.length, 1, "postMessage", "MessagePort", "any");
    const transfer = typeof options?.[Symbol.iterator] === "function" ? options : options?.transfer;
    const data = structuredClone(message, { transfer });
    this.#peer?.#receive(data);
  }

  start() {
    if (this.#started) return;
    this.#started = true;
    for (const data of this.#messages.splice(0)) this.#deliver(data);
  }

  close() {
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer === undefined) return;
    peer.#peer = undefined;
    for (const port of [this, peer]) natives.setTimer(0, false, () => port.dispatchEvent(trust(new Event("close"))));
  }

  #receive(data) {
    if (this.#started) this.#deliver(data);
    else this.#messages.push(data);
  }

  #deliver(data) {
    natives.setTimer(0, false, () => this.dispatchEvent(trust(new MessageEvent("message", { data }))));
  }
}

defineHandler(MessagePort, "message", (port) => port.start());
defineHandler(MessagePort, "messageerror");
// Of both ports, as in workerd; by the standard only of the other one.
defineHandler(MessagePort, "close");

/** https://html.spec.whatwg.org/#messagechannel */
export class MessageChannel {
  #port1 = new MessagePort(CREATE);
  #port2 = new MessagePort(CREATE);

  constructor() {
    entangle(this.#port1, this.#port2);
  }

  get port1() {
    return this.#port1;
  }
  get port2() {
    return this.#port2;
  }
}

finishInterfaces(MessagePort, MessageChannel);
