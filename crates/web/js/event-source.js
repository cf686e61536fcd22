// EventSource: a text/event-stream read line by line, from a URL (again and again, as the standard has it) or, with
// workerd's EventSource.from, from a stream at hand.

import { AbortController } from "./abort.js";
import { defineHandler, ErrorEvent, Event, EventTarget, MessageEvent, trust } from "./events.js";
import { fetch } from "./fetch.js";
import { natives } from "./natives.js";
import { readableCoreOf } from "./streams/readable.js";
import { TextDecoderStream } from "./streams/transform.js";
import { argumentError, finishInterface, requireArguments, toDictionary, toUsvString } from "./webidl.js";

const STATES = { CONNECTING: 0, OPEN: 1, CLOSED: 2 };
const RECONNECTION_MS = 2000;
const FROM = Symbol("from");

/** https://html.spec.whatwg.org/#the-eventsource-interface */
export class EventSource extends EventTarget {
  #url = "";
  #fetcher;
  #state = STATES.CONNECTING;
  #controller = new AbortController();
  #lastEventId = "";
  #reconnectionMs = RECONNECTION_MS;

  constructor(url, options) {
    super();
    if (url === FROM) {
      // Not before the caller can listen.
      const consumed = Promise.resolve().then(() => this.#consume(options));
      consumed.then(
        () => this.close(),
        (error) => this.#end(error),
      );
      return;
    }
    requireArguments(arguments.length, 1, "constructor", "EventSource");
    const { fetcher, withCredentials } = toDictionary(options, "constructor", "EventSource", 2);
    if (withCredentials) {
      const message = "The init.withCredentials option is not supported. It must be false or undefined.";
      throw new DOMException(message, "NotSupportedError");
    }
    this.#url = natives.parseUrl(toUsvString(url));
    if (this.#url === undefined) throw new DOMException("Cannot open an EventSource to an invalid URL.", "SyntaxError");
    this.#fetcher = fetcher;
    this.#run();
  }

  /** workerd's: the events of a stream. */
  static from(stream) {
    if (readableCoreOf(stream) === undefined) throw argumentError(1, "from", "EventSource", "ReadableStream");
    return new EventSource(FROM, stream);
  }

  get url() {
    return this.#url;
  }
  get withCredentials() {
    return false;
  }
  get readyState() {
    return this.#state;
  }

  close() {
    this.#state = STATES.CLOSED;
    this.#controller.abort();
  }

  async #run() {
    while (this.#state !== STATES.CLOSED) {
      try {
        const response = await this.#connect();
        if (response !== undefined) await this.#consume(response.body);
      } catch (error) {
        if (this.#state !== STATES.CLOSED) this.#fail(error);
      }
      if (this.#state === STATES.CLOSED) return;
      this.#state = STATES.CONNECTING;
      await new Promise((resolve) => natives.setTimer(this.#reconnectionMs, false, resolve));
    }
  }

  // The answer to listen to; undefined where there will be none, ever.
  async #connect() {
    const headers = { accept: "text/event-stream", "cache-control": "no-cache" };
    if (this.#lastEventId !== "") headers["last-event-id"] = this.#lastEventId;
    const init = { headers, signal: this.#controller.signal };
    const response = await (this.#fetcher?.fetch(this.#url, init) ?? fetch(this.#url, init));
    const type = response.headers.get("content-type") ?? "";
    if (response.status === 200 && response.body !== null && /^text\/event-stream\s*(;|$)/i.test(type)) return response;
    response.body?.cancel();
    this.#end(new Error(`The EventSource got status ${response.status} and content type "${type}".`));
    return undefined;
  }

  async #consume(stream) {
    this.#state = STATES.OPEN;
    this.dispatchEvent(trust(new Event("open")));
    const parser = new EventParser();
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      for (const event of parser.push(text)) {
        if (this.#state === STATES.CLOSED) return;
        this.#dispatch(event);
      }
      this.#reconnectionMs = parser.retryMs ?? this.#reconnectionMs;
    }
    this.#fail();
  }

  #dispatch({ type, data, lastEventId }) {
    this.#lastEventId = lastEventId;
    this.dispatchEvent(trust(new MessageEvent(type, { data, lastEventId, origin: this.#url })));
  }

  #fail(error) {
    this.dispatchEvent(trust(new ErrorEvent("error", { error, message: error === undefined ? "" : `${error}` })));
  }

  #end(error) {
    this.close();
    this.#fail(error);
  }
}

for (const type of ["open", "message", "error"]) defineHandler(EventSource, type);
finishInterface(EventSource, STATES);

/** https://html.spec.whatwg.org/#parsing-an-event-stream */
class EventParser {
  retryMs;
  #rest = "";
  #type = "";
  #data = [];
  #lastEventId = "";

  /** The events that are complete with this piece of text. */
  *push(text) {
    // A carriage return at the end may be half of a line's end.
    const whole = this.#rest + text;
    const held = whole.endsWith("\r") ? 1 : 0;
    const lines = whole.slice(0, whole.length - held).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() + whole.slice(whole.length - held);
    for (const line of lines) {
      if (line !== "") this.#field(line);
      else if (this.#data.length > 0) yield this.#event();
      else this.#type = "";
    }
  }

  #event() {
    const event = { type: this.#type || "message", data: this.#data.join("\n"), lastEventId: this.#lastEventId };
    this.#type = "";
    this.#data = [];
    return event;
  }

  #field(line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#type = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#lastEventId = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) this.retryMs = Number(value);
  }
}
