// Two streams from one. A byte stream's branches are byte streams again, each with bytes of its own; a branch that is
// read into a buffer (BYOB) has the source read into that buffer. https://streams.spec.whatwg.org/#abstract-opdef-readablestreamtee

import { isPedantic } from "../flags.js";
import { ByobReaderCore, ByteControllerCore } from "./byte-core.js";
import { DefaultControllerCore, DefaultReaderCore, ReadableCore } from "./readable-core.js";

/** Splits `stream`, which is locked from now on, into two cores. */
export function tee(stream) {
  const kind = stream.controller instanceof ByteControllerCore ? ByteTee : Tee;
  return new kind(stream).branches;
}

class Tee {
  #stream;
  #reading = false;
  // The branches that asked for more while a read was under way, oldest first.
  #asked = new Set();
  #cancelled = [undefined, undefined];
  #settled = Promise.withResolvers();
  reader;
  branches;

  constructor(stream) {
    this.#stream = stream;
    this.readWith(DefaultReaderCore);
    this.branches = [this.#branch(0), this.#branch(1)];
    for (const branch of this.branches) branch.expectedLength = stream.expectedLength;
  }

  /** Locks the stream with a reader of this kind, and lets go of another kind. */
  readWith(kind) {
    if (this.reader instanceof kind) return;
    this.reader?.release();
    const reader = new kind(this.#stream);
    this.reader = reader;
    reader.closed.promise.catch((reason) => {
      if (this.reader === reader) this.fail(reason);
    });
  }

  /** Whether a branch still takes chunks. */
  wants(branch) {
    return this.#cancelled[this.branches.indexOf(branch)] === undefined;
  }

  /** The controllers of the branches that still take chunks. */
  get open() {
    return this.branches.filter((branch) => this.wants(branch)).map((branch) => branch.controller);
  }

  /** Asks the stream for a chunk on behalf of a branch. */
  read() {
    this.reader.read(this.request((chunk) => this.deliver(chunk)));
  }

  /** Gives a chunk to both branches. */
  deliver(chunk) {
    for (const controller of this.open) controller.enqueue(chunk);
  }

  /** A read request whose chunk goes to `deliver`. */
  request(deliver, close = () => this.closeBranches()) {
    return {
      // A microtask later, so that an error of the source reaches the branches before its last chunk would.
      chunk: (chunk) =>
        queueMicrotask(() => {
          this.#asked.clear();
          deliver(chunk);
          this.#finishRead();
        }),
      close: (view) => {
        this.#reading = false;
        close(view);
        if (this.open.length > 0) this.#settled.resolve();
      },
      error: () => {
        this.#reading = false;
      },
    };
  }

  /** Ends the branches, as the stream has ended. */
  closeBranches() {
    for (const controller of this.open) controller.close();
  }

  /** Breaks the branches off. */
  fail(reason) {
    for (const { controller } of this.branches) controller.error(reason);
    if (this.open.length > 0) this.#settled.resolve();
  }

  /** Breaks the branches off, and the source with them: a chunk could not be copied. */
  abandon(reason) {
    for (const { controller } of this.branches) controller.error(reason);
    this.#settled.resolve(this.#stream.cancel(reason));
  }

  /** The controller of a branch. */
  control(core, source) {
    return new DefaultControllerCore(core, source, 1, () => 1);
  }

  #branch(index) {
    const core = new ReadableCore();
    const source = { pull: () => this.#pull(core), cancel: (reason) => this.#cancel(index, reason) };
    this.control(core, source).start(Promise.resolve());
    return core;
  }

  #pull(branch) {
    if (this.#reading) {
      this.#asked.add(branch);
    } else {
      this.#reading = true;
      this.read(branch);
    }
    return Promise.resolve();
  }

  #finishRead() {
    this.#reading = false;
    const [next] = this.branches.filter((branch) => this.#asked.has(branch));
    if (next !== undefined) this.#pull(next);
  }

  #cancel(index, reason) {
    this.#cancelled[index] = { reason };
    if (this.open.length === 0) {
      this.#settled.resolve(this.#stream.cancel(this.#cancelled.map((entry) => entry.reason)));
    }
    // By the standard the first of the two waits for the second to be cancelled; in workerd it does not.
    return this.open.length === 0 || isPedantic() ? this.#settled.promise : Promise.resolve();
  }
}

class ByteTee extends Tee {
  control(core, source) {
    return new ByteControllerCore(core, source, 0);
  }

  read(branch) {
    const pending = branch.controller.firstPending;
    if (pending === undefined) {
      this.readWith(DefaultReaderCore);
      super.read();
      return;
    }
    this.readWith(ByobReaderCore);
    const request = this.request(
      (chunk) => this.#answer(branch, chunk),
      (chunk) => this.#closeWith(branch, chunk),
    );
    this.reader.readInto(pending.rest(), 1, request);
  }

  deliver(chunk) {
    const [first, second] = this.open;
    const copy = second === undefined ? undefined : this.#copy(chunk);
    if (second !== undefined && copy === undefined) return;
    first?.enqueue(chunk);
    second?.enqueue(copy);
  }

  closeBranches() {
    const { open } = this;
    for (const controller of open) controller.close();
    for (const controller of open) if (controller.firstPending !== undefined) controller.respond(0);
  }

  // A chunk that was read into a branch's own buffer: the branch gets it back, the other one a copy.
  #answer(branch, chunk) {
    const other = this.#other(branch);
    const copy = this.wants(other) ? this.#copy(chunk) : undefined;
    if (this.wants(other) && copy === undefined) return;
    if (this.wants(branch)) branch.controller.respondWithNewView(chunk);
    if (copy !== undefined) other.controller.enqueue(copy);
  }

  #closeWith(branch, chunk) {
    const { controller } = this.#other(branch);
    const { open } = this;
    for (const each of open) each.close();
    if (chunk === undefined) return;
    if (this.wants(branch)) branch.controller.respondWithNewView(chunk);
    if (open.includes(controller) && controller.firstPending !== undefined) controller.respond(0);
  }

  #other(branch) {
    return this.branches.find((each) => each !== branch);
  }

  #copy(chunk) {
    try {
      return chunk.slice();
    } catch (error) {
      this.abandon(error);
      return undefined;
    }
  }
}
