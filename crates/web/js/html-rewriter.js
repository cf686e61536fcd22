// HTMLRewriter: runs a response's body through the parser, and the script's handlers over its tokens.
// https://developers.cloudflare.com/workers/runtime-apis/html-rewriter/

import { Comment, Doctype, DocumentEnd, Element, EndTag, finishToken, Text } from "./html-tokens.js";
import { natives } from "./natives.js";
import { Response } from "./response.js";
import { ReadableStream } from "./streams/readable.js";
import { argumentError, finishInterface, requireArguments } from "./webidl.js";

const ELEMENT_KINDS = ["element", "comments", "text"];
/** As much output as waits for a reader. */
const OUTPUT_MAX_BYTES = 64 * 1024;
const DOCUMENT_KINDS = ["doctype", "comments", "text", "end"];

export class HTMLRewriter {
  // `{ kind, selector, run }`, in the order in which they were given.
  #handlers = [];

  on(selector, handlers) {
    requireArguments(arguments.length, 2, "on", "HTMLRewriter");
    const problem = natives.checkSelector(`${selector}`);
    if (problem !== undefined) throw new TypeError(`Parser error: ${problem}`);
    this.#add(ELEMENT_KINDS, handlers, `${selector}`);
    return this;
  }

  onDocument(handlers) {
    requireArguments(arguments.length, 1, "onDocument", "HTMLRewriter");
    this.#add(DOCUMENT_KINDS, handlers);
    return this;
  }

  transform(response) {
    if (!(response instanceof Response)) throw argumentError(1, "transform", "HTMLRewriter", "Response");
    if (response.type === "error") throw new TypeError("HTMLRewriter cannot transform an error response");
    if (response.body === null) return response;
    const charset = /charset\s*=\s*["']?([^\s;"']+)/i.exec(response.headers.get("content-type") ?? "");
    const document = new Document(this.#handlers, charset?.[1] ?? "utf-8");
    const transformed = new Response(streamThrough(document, response.body.getReader()), response);
    transformed.headers.delete("content-length");
    return transformed;
  }

  #add(kinds, handlers, selector) {
    for (const kind of kinds) {
      const run = handlers[kind];
      if (typeof run === "function") this.#handlers.push({ kind, selector, run: (token) => run.call(handlers, token) });
    }
  }
}

finishInterface(HTMLRewriter);

/** The document's output as a stream. It starts at once, and reads on until so much output waits for a reader. */
function streamThrough(document, reader) {
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        try {
          const bytes = await document.next(reader);
          if (bytes !== undefined) return controller.enqueue(bytes);
        } catch (error) {
          document.stop();
          await reader.cancel(error).catch(() => {});
          throw error;
        }
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel(reason) {
        document.stop();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: OUTPUT_MAX_BYTES },
  );
}

/** One document on its way through the parser. */
class Document {
  #drive;
  // By number. Those for end tags are added on the way, and run once.
  #runs = new Map();
  #lastRun = 0;
  #ended = false;

  constructor(handlers, charset) {
    const registered = handlers.map(({ kind, selector, run }) => ({ handler: this.#number(run), kind, selector }));
    this.#drive = natives.newRewriter(charset, registered);
  }

  /** The next bytes of output; undefined at the end. */
  async next(reader) {
    while (true) {
      const bytes = this.#drive("output");
      if (bytes.length > 0) return bytes;
      if (this.#ended) return undefined;
      const { done, value } = await reader.read();
      const handled = this.#handle(done ? this.#drive("end") : this.#drive("write", value));
      if (handled !== undefined) await handled;
      this.#ended = done;
    }
  }

  /** Gives the rest of the document up. */
  stop() {
    this.#drive("stop");
  }

  // Runs handlers until the parser wants more input. Gives a promise only if one of them did.
  #handle(token) {
    let next = token;
    while (next !== undefined) {
      const changes = this.#changesFor(next);
      if (typeof changes.then === "function") return this.#handleSlowly(changes);
      next = this.#drive("changes", changes);
    }
    return undefined;
  }

  async #handleSlowly(changes) {
    let next = this.#drive("changes", await changes);
    while (next !== undefined) next = this.#drive("changes", await this.#changesFor(next));
  }

  #number(run) {
    this.#lastRun += 1;
    this.#runs.set(this.#lastRun, run);
    return this.#lastRun;
  }

  // `shown` is what the parser says: kind, handler, whether it is removed, texts, attributes.
  #changesFor(shown) {
    const kind = shown[0];
    const token = this.#makeToken(kind, shown[2], shown[3], shown[4]);
    const result = this.#runs.get(shown[1])(token);
    if (kind === "endTag") this.#runs.delete(shown[1]);
    if (typeof result?.then !== "function") return finishToken(token);
    return Promise.resolve(result).then(() => finishToken(token));
  }

  #makeToken(kind, removed, texts, attributes) {
    switch (kind) {
      case "element":
        return new Element(removed, texts, attributes, (run) => this.#number(run));
      case "endTag":
        return new EndTag(texts);
      case "text":
        return new Text(removed, texts);
      case "comment":
        return new Comment(removed, texts);
      case "doctype":
        return new Doctype(texts);
      default:
        return new DocumentEnd();
    }
  }
}
