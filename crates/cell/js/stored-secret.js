// A secret of a Secrets Store in JavaScript. On Cloudflare it is a stub of a service, and is called so. The file is one
// function: it gets the natives of the cell and returns the class.
(natives) => {
  "use strict";

  class Fetcher {
    #cap;

    constructor(cap) {
      this.#cap = cap;
    }

    async get() {
      return natives.call(this.#cap, "get", "null");
    }
  }

  return Fetcher;
}
