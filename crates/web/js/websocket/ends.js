// What WebSockets are made of: ends that messages go into and come out of. A pair has two within this isolate; a socket
// that leads outside has one whose messages are two bodies of the host's, one each way. When one end of a pair is given
// away, the other is joined to what lies outside, so that no message takes a detour.

import { natives } from "../natives.js";

/** Kinds of messages, with what their data is. The first four are the wire's. */
export const TEXT = 0; // a string
export const BINARY = 1; // bytes; an ArrayBuffer when it comes
export const CLOSE = 2; // [code, reason]
export const FAILED = 3; // why
export const LOST = 4; // nothing: the other side has gone without a close

/** The code of a close that has none. */
export const NO_CODE = 1005;

const isLast = (kind) => kind >= CLOSE;

/** One of two ends within this isolate. */
export class PairEnd {
  #peer;
  // What the peer was given away to.
  #remote;
  #queue = [];
  #receive;
  #isDraining = false;
  // What takes its place where its peer hibernates.
  #held;
  #isUsed = false;

  static pair() {
    const [one, other] = [new PairEnd(), new PairEnd()];
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  /** Whether the other end was opened or given away. */
  get isPeerUsed() {
    return this.#peer.#isUsed;
  }

  /** From now on the peer is the other side of a socket that the host holds under this capability. */
  hibernate(capability) {
    this.#peer.#held = new HeldEnd(capability);
  }

  open() {
    this.#isUsed = true;
    return this.#held?.open() ?? this;
  }

  /** This end is given away: what of it goes. */
  give() {
    this.#isUsed = true;
    return this.#held ?? this;
  }

  send(kind, data) {
    if (this.#remote !== undefined) this.#remote.send(kind, data);
    else this.#peer.#arrive(kind, kind === BINARY ? data.slice().buffer : data);
  }

  /** From now on messages go to `receive(kind, data)`, those that have waited first. */
  start(receive) {
    this.#receive = receive;
    if (this.#queue.length > 0) this.#drainSoon();
    else this.#remote?.start(receive);
  }

  /** Calls `aborted` when what is sent reaches nobody any more. */
  watch(aborted) {
    this.aborted = aborted;
    this.#remote?.watch(aborted);
  }

  /** This end is given away: its peer is joined to `remote`, a RemoteEnd. */
  join(remote) {
    const peer = this.#peer;
    for (const [kind, data] of this.#queue.splice(0)) remote.send(kind, kind === BINARY ? new Uint8Array(data) : data);
    if (peer.#remote !== undefined) return relay(peer.#remote, remote);
    peer.#remote = remote;
    if (peer.aborted !== undefined) remote.watch(peer.aborted);
    if (peer.#receive !== undefined && !peer.#isDraining) remote.start(peer.#receive);
    return undefined;
  }

  #arrive(kind, data) {
    this.#queue.push([kind, data]);
    if (this.#receive !== undefined) this.#drainSoon();
  }

  // Each message has a turn of its own, as if it had come from outside.
  #drainSoon() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    queueMicrotask(() => {
      this.#receive(...this.#queue.shift());
      this.#isDraining = false;
      if (this.#queue.length > 0) this.#drainSoon();
      else this.#remote?.start(this.#receive);
    });
  }
}

/** The end of a socket that leads outside: a body for each direction. */
export class RemoteEnd {
  #writes;
  #reads;
  #receive;
  #isSending = true;
  #isReceiving = true;
  #over = Promise.withResolvers();

  /** Without `reads`, they are named later (`connect`). */
  constructor(writes, reads) {
    this.#writes = writes;
    this.#reads = reads;
    natives.keepAlive(this.#over.promise);
  }

  open() {
    return this;
  }

  connect(reads) {
    this.#reads = reads;
    if (this.#receive !== undefined) this.#read();
  }

  send(kind, data) {
    if (!this.#isSending) return;
    const [first, second] = kind === CLOSE ? data : [data, undefined];
    if (!natives.sendMessage(this.#writes, kind, first, second)) return this.#stop();
    if (kind === CLOSE) {
      natives.closeBody(this.#writes);
      this.#isSending = false;
      this.#settle();
    }
  }

  start(receive) {
    this.#receive = receive;
    if (this.#reads !== undefined) this.#read();
  }

  watch(aborted) {
    natives.watchBody(this.#writes, () => {
      const wasSending = this.#isSending;
      this.#isSending = false;
      this.#settle();
      if (wasSending) aborted();
    });
  }

  /** It could not be opened. */
  lose() {
    this.#isSending = false;
    this.#end(LOST);
  }

  #read() {
    natives.receiveMessages(this.#reads, (error, messages) => {
      if (error !== undefined || messages === null) return this.#end(LOST);
      let index = 0;
      const step = () => {
        const [kind, data] = [messages[index], messages[index + 1]];
        index += 2;
        if (isLast(kind)) return this.#end(kind, data);
        this.#receive(kind, data);
        // Only now: a listener in Python may let other turns pass.
        if (index < messages.length) queueMicrotask(step);
        else this.#read();
        return undefined;
      };
      return step();
    });
  }

  #end(kind, data) {
    this.#isReceiving = false;
    if (this.#reads !== undefined) natives.cancelBody(this.#reads);
    this.#receive?.(kind, data);
    if (kind !== CLOSE) this.#stop();
    this.#settle();
  }

  // Nothing more can be sent: there is nobody left, or too much waits already.
  #stop() {
    if (this.#isSending) natives.abortBody(this.#writes, undefined);
    this.#isSending = false;
    this.#settle();
  }

  #settle() {
    if (!this.#isSending && !this.#isReceiving) this.#over.resolve();
  }
}

/** The end of a socket that came from outside and was not opened: the number of a capability. */
export class HeldEnd {
  constructor(capability) {
    this.capability = capability;
  }

  give() {
    return this;
  }

  open() {
    let end;
    const done = (error, reads) => (error === undefined ? end.connect(reads) : end.lose());
    end = new RemoteEnd(natives.openSocket(this.capability, (...result) => queueMicrotask(() => done(...result))));
    return end;
  }
}

// Both ends of a pair were given away.
function relay(one, other) {
  const carry = (to) => (kind, data) => {
    if (kind === BINARY) to.send(kind, new Uint8Array(data));
    else if (kind === LOST || kind === FAILED) to.lose();
    else to.send(kind, data);
  };
  one.start(carry(other));
  other.start(carry(one));
}
