// `readable.pipe(writable)`: https://nodejs.org/api/stream.html#readablepipedestination-options

import { failStream, lifeOf, soon } from "./base.js";

/** One stream's way into another. */
class Pipe {
  #source;
  #destination;
  #listeners;
  #drain;
  #waits = false;

  constructor(source, destination, ends) {
    this.#source = source;
    this.#destination = destination;
    const leave = () => source.unpipe(destination);
    this.#drain = [destination, "drain", () => this.drained()];
    this.#listeners = [
      [source, "data", (chunk) => this.#write(chunk)],
      [source, "end", ends ? () => destination.end() : leave],
      [destination, "unpipe", (from) => from === source && this.#cleanUp()],
      [destination, "close", leave],
      [destination, "finish", leave],
      [destination, "error", (error) => this.#failed(error)],
    ];
  }

  begin() {
    const source = this.#source;
    const ended = source._readableState.endEmitted;
    for (const [emitter, name, listener] of this.#listeners) {
      if (name === "error") emitter.prependListener(name, listener);
      else if (name === "end" && ended) soon(listener);
      else emitter.on(name, listener);
    }
    this.#destination.emit("pipe", source);
    if (this.#destination.writableNeedDrain === true) this.#wait();
    else if (!source._readableState.flowing) source.resume();
  }

  #write(chunk) {
    if (this.#destination.write(chunk) === false) this.#wait();
  }

  #wait() {
    this.#waits = true;
    // Whoever is never full has nobody listen.
    if (!this.#listeners.includes(this.#drain)) {
      this.#listeners.push(this.#drain);
      this.#destination.on("drain", this.#drain[2]);
    }
    this.#source._readableState.fullPipes.add(this.#destination);
    this.#source.pause();
  }

  drained() {
    if (!this.#waits) return;
    this.#waits = false;
    const state = this.#source._readableState;
    state.fullPipes.delete(this.#destination);
    if (state.fullPipes.size === 0 && this.#source.listenerCount("data") > 0) this.#source.resume();
  }

  #failed(error) {
    const destination = this.#destination;
    this.#source.unpipe(destination);
    if (destination.listenerCount?.("error") > 0) return;
    if (lifeOf(destination) !== undefined) failStream(destination, error);
    else destination.emit("error", error);
  }

  #cleanUp() {
    for (const [emitter, name, listener] of this.#listeners) emitter.removeListener(name, listener);
    this.drained();
  }
}

export function pipe(source, destination, options) {
  source._readableState.pipes.push(destination);
  new Pipe(source, destination, options?.end !== false).begin();
  return destination;
}

/** Takes one destination away, or all. */
export function unpipe(source, destination) {
  const state = source._readableState;
  const gone = destination === undefined ? state.pipes : state.pipes.filter((other) => other === destination).slice(0, 1);
  if (gone.length === 0) return source;
  state.pipes = destination === undefined ? [] : state.pipes.toSpliced(state.pipes.indexOf(destination), 1);
  if (state.pipes.length === 0) source.pause();
  for (const stream of gone) stream.emit("unpipe", source, { hasUnpiped: false });
  return source;
}
