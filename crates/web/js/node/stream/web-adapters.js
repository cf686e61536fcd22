// Between Node's streams and the web's. https://nodejs.org/api/stream.html#streamreadabletowebstreamreadable-options

import { Buffer } from "../buffer.js";
import { CountQueuingStrategy } from "../../streams/basics.js";
import { ReadableStream } from "../../streams/readable.js";
import { WritableStream } from "../../streams/writable.js";
import { Duplex } from "./duplex.js";
import { finished } from "./finished.js";
import { Readable } from "./readable.js";
import { Writable } from "./writable.js";

const quiet = () => {};

function reading(stream) {
  const reader = stream.getReader();
  return {
    read() {
      reader.read().then(
        ({ value, done }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      );
    },
    stop: (error) => reader.cancel(error),
  };
}

function writing(stream) {
  const writer = stream.getWriter();
  writer.closed.catch(quiet);
  return {
    write(chunk, _encoding, callback) {
      writer.ready.then(() => writer.write(chunk)).then(() => callback(), callback);
    },
    final(callback) {
      writer.close().then(() => callback(), callback);
    },
    stop: (error) => (error ? writer.abort(error) : writer.close()),
  };
}

// Lets the other side go when the stream is destroyed; what that fails with, nobody waits for.
const destroying = (...sides) => (error, callback) => {
  Promise.allSettled(sides.map(async (side) => side.stop(error))).then(() => callback(error));
};

export function readableFromWeb(stream, options) {
  const { read, stop } = reading(stream);
  return new Readable({ ...options, read, destroy: destroying({ stop }) });
}

export function writableFromWeb(stream, options) {
  const { write, final, stop } = writing(stream);
  return new Writable({ ...options, write, final, destroy: destroying({ stop }) });
}

export function duplexFromWeb({ readable, writable }, options) {
  const [source, sink] = [reading(readable), writing(writable)];
  return new Duplex({
    ...options,
    read: source.read,
    write: sink.write,
    final: sink.final,
    destroy: destroying(source, sink),
  });
}

const strategyOf = (stream, options) => {
  if (options?.strategy) return options.strategy;
  if (stream.readableObjectMode) return new CountQueuingStrategy({ highWaterMark: stream.readableHighWaterMark });
  return { highWaterMark: stream.readableHighWaterMark, size: (chunk) => chunk.length };
};

export function readableToWeb(stream, options) {
  let stop = quiet;
  const start = (controller) => {
    stop = finished(stream, { writable: false }, (error) => {
      if (error) controller.error(error);
      else controller.close();
    });
    stream.on("error", quiet);
    stream.on("data", (chunk) => {
      const bytes = chunk instanceof Buffer && !stream.readableObjectMode ? new Uint8Array(chunk) : chunk;
      controller.enqueue(bytes);
      if (controller.desiredSize <= 0) stream.pause();
    });
    stream.pause();
  };
  const cancel = (reason) => {
    stop();
    stream.destroy(reason);
  };
  return new ReadableStream({ start, pull: () => void stream.resume(), cancel }, strategyOf(stream, options));
}

export function writableToWeb(stream) {
  stream.on("error", quiet);
  return new WritableStream({
    write(chunk) {
      if (stream.write(chunk)) return undefined;
      return new Promise((resolve, reject) => {
        stream.once("drain", resolve);
        finished(stream, { readable: false }, (error) => (error ? reject(error) : resolve()));
      });
    },
    close: () => new Promise((resolve, reject) => stream.end((error) => (error ? reject(error) : resolve()))),
    abort: (reason) => void stream.destroy(reason),
  });
}

export const duplexToWeb = (stream) => ({ readable: readableToWeb(stream), writable: writableToWeb(stream) });

Object.assign(Readable, { fromWeb: readableFromWeb, toWeb: readableToWeb });
Object.assign(Writable, { fromWeb: writableFromWeb, toWeb: writableToWeb });
Object.assign(Duplex, { fromWeb: duplexFromWeb, toWeb: duplexToWeb });
