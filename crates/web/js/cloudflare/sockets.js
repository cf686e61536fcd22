// cloudflare:sockets: TCP connections, made by the host.
// https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/

import { natives } from "../natives.js";
import { ReadableStream } from "../streams/readable.js";
import { IncomingBody } from "../streams/sources.js";
import { WritableStream } from "../streams/writable.js";
import { bytesOf, finishInterface, illegalConstructor, isBufferSource, toDictionary } from "../webidl.js";

const CREATE = Symbol("create");
const MODES = ["off", "on", "starttls"];
const HOST_MAX_BYTES = 255;
const PORT_MAX = 65_535;

/** Connects to `"host:port"` or `{ hostname, port }`. */
export function connect(address, options) {
  const { hostname, port } = parseAddress(address);
  const { secureTransport = "off", allowHalfOpen = false } = toDictionary(options, "connect", "Socket", 2);
  if (!MODES.includes(secureTransport)) {
    throw new TypeError(`Unsupported value in secureTransport socket option: ${secureTransport}`);
  }
  const establish = (writes, done) => natives.connectSocket(hostname, port, secureTransport, writes, done);
  return new Socket(CREATE, { hostname, secureTransport, allowHalfOpen: Boolean(allowHalfOpen) }, establish);
}

function parseAddress(address) {
  if (typeof address === "object" && address !== null) {
    const { hostname, port } = address;
    return { hostname: checkHost(`${hostname}`.replace(/^\[(.*)\]$/, "$1")), port: checkPort(Number(port)) };
  }
  const text = checkHost(`${address}`);
  const parts = /^(?:\[([0-9a-f:.]+)\]|([^:/?#@\s[\]]+))(?::(\d{1,5}))?$/i.exec(text);
  if (parts === null) throw new TypeError("Specified address could not be parsed.");
  if (parts[3] === undefined) throw new TypeError("Specified address is missing port.");
  return { hostname: parts[1] ?? parts[2], port: checkPort(Number(parts[3])) };
}

function checkHost(host) {
  if (host !== "" && host.length <= HOST_MAX_BYTES && /^[!-~]+$/.test(host)) return host;
  throw new TypeError("Specified address is empty string, contains unsupported characters or is too long.");
}

function checkPort(port) {
  if (Number.isInteger(port) && port > 0 && port <= PORT_MAX) return port;
  throw new TypeError("Specified address could not be parsed.");
}

/** A connection. Its streams can be used before it is open. */
export class Socket {
  #options;
  #opened;
  #closed = Promise.withResolvers();
  #readable;
  #writable;
  #writes = natives.openBody(undefined);
  // The body that is read; undefined until the connection is open.
  #incoming;
  #number = 0;
  #upgraded = false;
  #readingEnded = false;
  #writingEnded = false;

  constructor(token, options, establish) {
    if (token !== CREATE) throw illegalConstructor();
    this.#options = options;
    this.#opened = this.#establish(establish);
    this.#opened.catch((error) => this.#fail(error));
    this.#closed.promise.catch(() => {});
    this.#readable = this.#makeReadable();
    this.#writable = this.#makeWritable();
  }

  get readable() {
    return this.#readable;
  }
  get writable() {
    return this.#writable;
  }
  get opened() {
    return this.#opened;
  }
  get closed() {
    return this.#closed.promise;
  }
  get upgraded() {
    return this.#upgraded;
  }
  get secureTransport() {
    return this.#options.secureTransport;
  }

  /** Closes both directions, after what has been written. */
  async close() {
    this.#endWriting();
    this.#endReading();
    return this.#closed.promise;
  }

  /** Goes on with TLS, in a socket of its own. This one is over. */
  startTls(options) {
    const { expectedServerHostname = this.#options.hostname } = toDictionary(options, "startTls", "Socket");
    if (this.#options.secureTransport !== "starttls") {
      throw new TypeError("The `secureTransport` socket option must be set to 'starttls' for startTls to be used.");
    }
    if (this.#upgraded) throw new TypeError("The socket has already been upgraded to TLS.");
    if (this.#readable.locked || this.#writable.locked) {
      throw new TypeError("The socket's streams are locked. Release their readers and writers before startTls().");
    }
    this.#upgraded = true;
    const upgrade = async (writes, done) => {
      try {
        await this.#opened;
      } catch (error) {
        return done(error);
      }
      natives.startTls(this.#number, `${expectedServerHostname}`, writes, done);
      this.#endWriting();
      this.#endReading();
    };
    return new Socket(CREATE, { ...this.#options, secureTransport: "on" }, upgrade);
  }

  #establish(establish) {
    const { promise, resolve, reject } = Promise.withResolvers();
    establish(this.#writes, (error, connection) => {
      if (error !== undefined) return reject(error);
      const [number, localAddress, remoteAddress, reads] = connection;
      this.#number = number;
      this.#incoming = new IncomingBody(reads, undefined);
      // Closed before it was open.
      if (this.#readingEnded) this.#incoming.cancel(undefined);
      return resolve({ remoteAddress, localAddress });
    });
    return promise;
  }

  #makeReadable() {
    const pull = async (controller) => {
      await this.#opened;
      const chunk = this.#readingEnded ? null : await this.#read();
      if (chunk !== null) return controller.enqueue(chunk);
      this.#finishReading();
      controller.close();
      return controller.byobRequest?.respond(0);
    };
    return new ReadableStream({ type: "bytes", pull, cancel: () => this.#endReading() }, { highWaterMark: 0 });
  }

  async #read() {
    try {
      return await this.#incoming.read();
    } catch (error) {
      if (this.#readingEnded) return null;
      this.#fail(error);
      throw error;
    }
  }

  #makeWritable() {
    return new WritableStream(
      {
        write: async (chunk) => {
          if (!isBufferSource(chunk)) throw new TypeError("Sockets take bytes: write an ArrayBuffer or a view of one.");
          await this.#opened;
          if (this.#writingEnded) throw new TypeError("This socket has been closed.");
          await this.#write(bytesOf(chunk).slice());
        },
        close: () => this.#endWriting(),
        abort: (reason) => {
          natives.abortBody(this.#writes, reason);
          this.#writingEnded = true;
          this.#endReading();
        },
      },
      { highWaterMark: 1 },
    );
  }

  #write(bytes) {
    const { promise, resolve, reject } = Promise.withResolvers();
    natives.writeBody(this.#writes, bytes, (error) => (error === undefined ? resolve() : reject(error)));
    return promise;
  }

  // The other side will send no more.
  #finishReading() {
    this.#readingEnded = true;
    if (!this.#options.allowHalfOpen) this.#endWriting();
    this.#settle();
  }

  // Nobody here wants more.
  #endReading() {
    if (!this.#readingEnded) {
      this.#readingEnded = true;
      this.#incoming?.cancel(undefined);
    }
    this.#settle();
  }

  #endWriting() {
    if (!this.#writingEnded) {
      this.#writingEnded = true;
      natives.closeBody(this.#writes);
    }
    this.#settle();
  }

  #settle() {
    if (this.#readingEnded && this.#writingEnded) this.#closed.resolve();
  }

  #fail(error) {
    this.#closed.reject(error);
    if (!this.#writingEnded) natives.abortBody(this.#writes, error);
    this.#readingEnded = true;
    this.#writingEnded = true;
  }
}

finishInterface(Socket);

export default { connect };
