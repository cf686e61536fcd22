// Two streams from one. A byte stream's branches are byte streams again, each with bytes of its own.

import { ByteControllerCore } from "./byte-core.js";
import { DefaultControllerCore, DefaultReaderCore, ReadableCore } from "./readable-core.js";

/** Splits `stream`, which is locked from now on, into two cores. */
export function tee(stream) {
  return new Tee(stream).branches;
}

class Tee {
  #reader;
  #reading = false;
  #readAgain = false;
  #reasons = [undefined, undefined];
  #settled = Promise.withResolvers();
  branches;

  constructor(stream) {
    const bytes = stream.controller instanceof ByteControllerCore;
    this.#reader = new DefaultReaderCore(stream);
    this.branches = [this.#branch(0, bytes), this.#branch(1, bytes)];
    for (const branch of this.branches) branch.expectedLength = stream.expectedLength;
    this.#reader.closed.promise.catch((reason) => this.#error(reason));
  }

  #branch(index, bytes) {
    const core = new ReadableCore();
    const source = { pull: () => this.#pull(), cancel: (reason) => this.#cancel(index, reason) };
    const controller = bytes
      ? new ByteControllerCore(core, source, 0)
      : new DefaultControllerCore(core, source, 1, () => 1);
    controller.start(Promise.resolve());
    return core;
  }

  #pull() {
    if (this.#reading) {
      this.#readAgain = true;
      return Promise.resolve();
    }
    this.#reading = true;
    this.#reader.read({
      // A microtask later, so that an error of the source reaches the branches before its last chunk would.
      chunk: (chunk) => queueMicrotask(() => this.#deliver(chunk)),
      close: () => this.#close(),
      error: () => {
        this.#reading = false;
      },
    });
    return Promise.resolve();
  }

  #deliver(chunk) {
    this.#readAgain = false;
    const [first, second] = this.#open();
    // Copied before the first branch takes the chunk's memory away.
    const copy = second?.controller instanceof ByteControllerCore ? chunk.slice() : chunk;
    first?.controller.enqueue(chunk);
    second?.controller.enqueue(copy);
    this.#reading = false;
    if (this.#readAgain) this.#pull();
  }

  #close() {
    this.#reading = false;
    for (const { controller } of this.#open()) {
      controller.close();
      if (controller instanceof ByteControllerCore && controller.firstPending !== undefined) controller.respond(0);
    }
    this.#settled.resolve();
  }

  #error(reason) {
    for (const { controller } of this.branches) controller.error(reason);
    this.#settled.resolve();
  }

  #cancel(index, reason) {
    this.#reasons[index] = { reason };
    if (this.#reasons.every((entry) => entry !== undefined)) {
      const reasons = this.#reasons.map((entry) => entry.reason);
      this.#settled.resolve(this.#reader.cancel(reasons));
    }
    return this.#settled.promise;
  }

  // The branches that still take chunks.
  #open() {
    return this.branches.filter(({ controller }) => controller.canEnqueue);
  }
}
