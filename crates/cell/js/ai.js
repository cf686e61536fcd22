// The client half of Workers AI: which input is sent as bytes, and what the response becomes. Everything else is the
// service's. The file is one function: it gets the natives of the cell and returns the class.
(natives) => {
  "use strict";

  const JSON_TYPE = "application/json";
  const NO_GATEWAY = "AI Gateway is not provided by hognose: calls go to the engines straight";
  const DOCUMENTS_MAX = 64;

  class AiInternalError extends Error {
    constructor(message, name = "AiInternalError") {
      super(message);
      this.name = name;
    }
  }

  class InferenceUpstreamError extends Error {
    constructor(message, name = "InferenceUpstreamError") {
      super(message);
      this.name = name;
    }
  }

  const named = (name, message) => Object.assign(new Error(message), { name });

  // What `toMarkdown` takes; pictures only where a model describes them.
  const OFFICE = "application/vnd.openxmlformats-officedocument";
  const SUPPORTED = [
    [".pdf", "application/pdf"],
    [".html", "text/html"],
    [".xml", "application/xml"],
    [".csv", "text/csv"],
    [".json", "application/json"],
    [".txt", "text/plain"],
    [".md", "text/markdown"],
    [".docx", `${OFFICE}.wordprocessingml.document`],
    [".xlsx", `${OFFICE}.spreadsheetml.sheet`],
    [".xlsm", "application/vnd.ms-excel.sheet.macroenabled.12"],
    [".odt", "application/vnd.oasis.opendocument.text"],
    [".ods", "application/vnd.oasis.opendocument.spreadsheet"],
    [".jpeg", "image/jpeg"],
    [".jpg", "image/jpeg"],
    [".png", "image/png"],
    [".webp", "image/webp"],
  ];

  const isStream = (value) => value instanceof ReadableStream || value instanceof FormData;

  const isStreamInput = (value) => isStream(value) || (typeof value === "object" && isStream(value?.body));

  // Bytes travel as lists of numbers; `JSON.stringify` alone would make an object of a typed array.
  const asLists = (_key, value) => {
    if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value));
    return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value) : value;
  };

  // A form is sent as the bytes that it is on the wire, whose boundary only its type says.
  const asStream = (source, { contentType } = {}) => {
    if (!(source instanceof FormData)) return { body: source, contentType };
    const { body, headers } = new Response(source);
    return { body, contentType: headers.get("content-type") };
  };

  const streamOf = (source) => (source instanceof ReadableStream ? source : new Response(source).body);

  // Rejects when the signal fires, and gives up what was asked for: its engine stops.
  const unlessAborted = (signal, { response: promise, cancel }) => {
    if (signal === undefined || signal === null) return promise;
    return new Promise((resolve, reject) => {
      const abort = () => {
        cancel();
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      const done = (settle) => (value) => {
        signal.removeEventListener("abort", abort);
        settle(value);
      };
      promise.then(done(resolve), done(reject));
    });
  };

  // The gateway that there is not: Workers AI's models are run as they are without one, and nothing is logged.
  class AiGateway {
    #ai;

    constructor(ai) {
      this.#ai = ai;
    }

    async run(given, options) {
      const [first] = Array.isArray(given) ? given : [given];
      if (first?.provider !== "workers-ai") {
        throw named("AiGatewayInternalError", `${NO_GATEWAY}; of providers only "workers-ai" is known.`);
      }
      return this.#ai.run(first.endpoint, first.query, { ...options, returnRawResponse: true });
    }

    async getLog() {
      throw named("AiGatewayLogNotFound", `${NO_GATEWAY}, and no logs are kept.`);
    }

    async patchLog() {
      throw named("AiGatewayLogNotFound", `${NO_GATEWAY}, and no logs are kept.`);
    }

    async getUrl() {
      throw named("AiGatewayInternalError", `${NO_GATEWAY}, and there is no URL.`);
    }
  }

  const NO_SEARCH =
    "AI Search (AutoRAG) is not provided by hognose: the example `retrieval` does the same with Vectorize and Workers AI.";

  class AutoRAG {
    async list() {
      throw named("AutoRAGInternalError", NO_SEARCH);
    }

    async search() {
      throw named("AutoRAGInternalError", NO_SEARCH);
    }

    async aiSearch() {
      throw named("AutoRAGInternalError", NO_SEARCH);
    }
  }

  // Documents as Markdown.
  class ToMarkdownService {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async transform(files, options) {
      const given = Array.isArray(files) ? files : [files];
      if (given.length > DOCUMENTS_MAX) throw new AiInternalError(`At most ${DOCUMENTS_MAX} documents are converted at once.`);
      const parts = await Promise.all(given.map(({ blob }) => new Blob([blob]).arrayBuffer()));
      const heads = given.map(({ name, blob }, index) => [String(name), blob.type ?? "", parts[index].byteLength]);
      const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      const asked = JSON.stringify(options?.conversionOptions ?? {});
      const results = await natives.toMarkdown(this.#cap, bytes, JSON.stringify(heads), asked).catch((error) => {
        throw new AiInternalError(error.message);
      });
      return Array.isArray(files) ? results : results[0];
    }

    async supported() {
      return SUPPORTED.map(([extension, mimeType]) => ({ extension, mimeType }));
    }
  }

  class Ai {
    #cap;
    lastRequestId = null;
    aiGatewayLogId = null;
    lastRequestHttpStatusCode = null;
    lastRequestInternalStatusCode = null;

    constructor(cap) {
      this.#cap = cap;
    }

    #begin(model, inputs, options, gateway) {
      const keys = Object.keys(inputs).filter((key) => isStreamInput(inputs[key]));
      if (keys.length === 0) {
        const body = JSON.stringify(inputs, asLists);
        return natives.run(this.#cap, String(model), options, body, undefined, undefined, undefined);
      }
      if (keys.length > 1) {
        const found = keys.join(", ");
        throw new AiInternalError(
          `Multiple ReadableStreams are not supported. Found streams in keys: [${found}]`,
        );
      }
      if (gateway) throw new AiInternalError("AI Gateway does not support ReadableStreams yet.");
      const [key] = keys;
      const { [key]: input, ...others } = inputs;
      const { body, contentType } = isStream(input) ? asStream(input) : asStream(input.body, input);
      if (!contentType) throw new AiInternalError("Content-Type is required with ReadableStream inputs");
      const rest = JSON.stringify(others, asLists);
      return natives.run(this.#cap, String(model), options, body, key, String(contentType), rest);
    }

    async run(model, inputs, given) {
      const { signal, returnRawResponse, websocket, ...options } = given ?? {};
      if (websocket) throw new AiInternalError("Models behind WebSockets are not provided by hognose.");
      if (inputs === null || typeof inputs !== "object") {
        throw new InferenceUpstreamError("3003: Request is missing headers or body", "AiError");
      }
      signal?.throwIfAborted();
      this.lastRequestId = "";
      const running = this.#begin(model, inputs, JSON.stringify(options), options.gateway);
      const { status, headers, body } = await unlessAborted(signal, running);
      const fields = new Headers(headers);
      this.lastRequestId = fields.get("cf-ai-req-id");
      this.lastRequestHttpStatusCode = status;
      if (returnRawResponse) return new Response(natives.readStream(body), { status, headers });
      if (status < 200 || status > 299) throw this.#error(await natives.readText(body));
      if (fields.get("content-type") === JSON_TYPE) return JSON.parse(await natives.readText(body));
      return streamOf(natives.readStream(body));
    }

    #error(content) {
      let parsed;
      try {
        parsed = JSON.parse(content);
      } catch {
        return new InferenceUpstreamError(content);
      }
      if (parsed?.internalCode) {
        this.lastRequestInternalStatusCode = parsed.internalCode;
        return new InferenceUpstreamError(`${parsed.internalCode}: ${parsed.description}`, parsed.name);
      }
      const [first] = parsed?.errors ?? [];
      return new InferenceUpstreamError(first ? `${first.code}: ${first.message}` : content);
    }

    async models(params) {
      return natives.models(this.#cap, JSON.stringify(params ?? {}));
    }

    toMarkdown(files, options) {
      const service = new ToMarkdownService(this.#cap);
      return files === undefined || files === null ? service : service.transform(files, options);
    }

    gateway() {
      return new AiGateway(this);
    }

    autorag() {
      return new AutoRAG();
    }

    aiSearch() {
      throw named("AutoRAGInternalError", NO_SEARCH);
    }

    getLogs() {
      return [];
    }

    get [Symbol.toStringTag]() {
      return "Ai";
    }

    get [Symbol.for("hognose.unserializable")]() {
      return "A Workers AI binding cannot be serialized.";
    }
  }

  return Ai;
};
