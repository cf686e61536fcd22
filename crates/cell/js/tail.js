// What a `tail` handler gets: the traces of other Workers' invocations, as Cloudflare has them. The file is one function;
// it returns a function that makes the items from what the supervisor tells.
() => {
  "use strict";

  const REDACTED = "REDACTED";
  const SECRET_HEADER = /^(set-)?cookie$|auth|key|secret|token|jwt/i;

  // Long numbers in hexadecimal digits, and what looks like random text in base64.
  const isId = (word) => {
    const count = (pattern) => word.match(pattern)?.length ?? 0;
    const digits = count(/\d/g);
    if (count(/[\da-f]/gi) >= 32 && /^[\da-f_+-]+$/i.test(word)) return true;
    return word.length >= 21 && count(/[A-Z]/g) >= 2 && count(/[a-z]/g) >= 2 && digits >= 2;
  };

  const redactedUrl = (url) => url.replace(/[\w+-]+/g, (word) => (isId(word) ? REDACTED : word));

  const redactedHeaders = (headers) =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, SECRET_HEADER.test(name) ? REDACTED : value]),
    );

  class FetchEventInfoRequest {
    #given;

    constructor(given, isRedacted = true) {
      this.#given = given;
      const { url, method, headers, cf } = given;
      if (cf !== null) this.cf = cf;
      this.headers = isRedacted ? redactedHeaders(headers) : headers;
      this.method = method;
      this.url = isRedacted ? redactedUrl(url) : url;
    }

    getUnredacted() {
      return new FetchEventInfoRequest(this.#given, false);
    }
  }

  class FetchEventInfoResponse {
    constructor(status) {
      this.status = status;
    }
  }

  class FetchEventInfo {
    constructor({ status, ...request }) {
      if (status !== null) this.response = new FetchEventInfoResponse(status);
      this.request = new FetchEventInfoRequest(request);
    }
  }

  class EventInfo {
    constructor(given) {
      Object.assign(this, given);
    }
  }

  const eventOf = ({ kind, ...given }) => {
    if (kind === "fetch") return new FetchEventInfo(given);
    if (kind === "alarm") return new EventInfo({ scheduledTime: new Date(given.scheduledTime) });
    return new EventInfo(given);
  };

  class TraceLog {
    constructor({ timestamp, level, text, given }) {
      Object.assign(this, { timestamp, level, message: [text], ...given });
    }
  }

  class TraceException {
    constructor({ stack, ...given }) {
      Object.assign(this, given);
      if (stack !== "") this.stack = stack;
    }
  }

  class TraceItem {
    constructor({ event, logs, exceptions, ...given }) {
      this.event = event === null ? null : eventOf(event);
      Object.assign(this, given);
      this.logs = logs.map((log) => new TraceLog(log));
      this.exceptions = exceptions.map((exception) => new TraceException(exception));
      this.diagnosticsChannelEvents = [];
    }
  }

  return (items) => items.map((item) => new TraceItem(item));
};
