// Rate limits in JavaScript. The file is one function: it gets the natives of the cell and returns the class.
(natives) => {
  "use strict";

  const KNOWN = ["key", "limit", "period"];

  // Texts and order are those of the local simulator; the hosted service documents none.
  const check = (options) => {
    if (typeof options !== "object" || options === null) throw new Error("invalid rate limit options");
    const unknown = Object.keys(options).filter((name) => !KNOWN.includes(name));
    if (unknown.length > 0) throw new Error(`bad rate limit options: [${unknown.join(",")}]`);
    const { key = "", limit, period } = options;
    if (typeof key !== "string") throw new Error(`invalid key: ${key}`);
    if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) {
      throw new Error(`limit must be a number: ${limit}`);
    }
    if (period !== undefined && period !== 10 && period !== 60) throw new Error(`unsupported period: ${period}`);
    return { key, limit, period };
  };

  class Ratelimit {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async limit(options) {
      return natives.call(this.#cap, "limit", JSON.stringify(check(options)));
    }
  }

  return Ratelimit;
}
