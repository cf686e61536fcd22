// `pipe` of streams that are mere emitters: the first kind that Node had.

import { Stream } from "./base.js";

Stream.prototype.pipe = function pipe(destination, options) {
  const listeners = [
    [this, "data", (chunk) => destination.writable && destination.write(chunk) === false && this.pause?.()],
    [destination, "drain", () => this.readable && this.resume?.()],
    [this, "error", (error) => fail(this, error)],
    [destination, "error", (error) => fail(destination, error)],
    [this, "end", () => cleanUp()],
    [this, "close", () => cleanUp()],
    [destination, "close", () => cleanUp()],
    ...(options?.end === false ? [] : endings(this, destination)),
  ];
  const cleanUp = () => {
    for (const [emitter, name, listener] of listeners) emitter.removeListener(name, listener);
  };
  const fail = (emitter, error) => {
    cleanUp();
    if (!emitter.listenerCount?.("error")) emitter.emit("error", error);
  };
  for (const [emitter, name, listener] of listeners) {
    if (name === "error") emitter.prependListener(name, listener);
    else emitter.on(name, listener);
  }
  destination.emit("pipe", this);
  return destination;
};

// How the destination ends: with the source, once.
function endings(source, destination) {
  let ended = false;
  const once = (finish) => () => {
    if (!ended) finish();
    ended = true;
  };
  return [
    [source, "end", once(() => destination.end())],
    [source, "close", once(() => destination.destroy?.())],
  ];
}
