// The Cache API. What is stored, for how long, and what answers a request is the service's to say; here arguments are
// checked, with workerd's words. The file is one function: it gets the natives of the cell and the capability's number.
(natives, cap) => {
  "use strict";

  const CREATE = Symbol("create");

  const fail = (method, position, type) => {
    throw new TypeError(`Failed to execute '${method}' on 'Cache': parameter ${position} is not of type '${type}'.`);
  };

  const unimplemented = (method, interfaceName) => {
    throw new Error(`Failed to execute '${method}' on '${interfaceName}': the method is not implemented.`);
  };

  // A URL stands for the GET request of it. Headers are looked at, the body is not.
  const requestOf = (method, given, input) => {
    if (given === 0) fail(method, 1, "Request or string");
    return input instanceof Request ? input : new Request(input);
  };

  const isGet = (request, options = {}) => {
    const { ignoreMethod, ignoreSearch, ignoreVary } = options ?? {};
    for (const [name, value] of Object.entries({ ignoreSearch, ignoreVary })) {
      if (value !== undefined) throw new Error(`The '${name}' field on 'CacheQueryOptions' is not implemented.`);
    }
    return request.method === "GET" || Boolean(ignoreMethod);
  };

  const requireStorable = (request, response) => {
    if (!(response instanceof Response)) fail("put", 2, "Response");
    if (request.method !== "GET") throw new TypeError("Cannot cache response to non-GET request.");
    if (response.status === 206) {
      throw new TypeError("Cannot cache response to a range request (206 Partial Content).");
    }
    const vary = response.headers.get("vary") ?? "";
    if (vary.split(",").some((name) => name.trim() === "*")) {
      throw new TypeError("Cannot cache response with 'Vary: *' header.");
    }
    if (response.webSocket !== null) throw new TypeError("Cannot cache WebSocket upgrade response.");
    if (response.bodyUsed) {
      throw new TypeError(
        "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.",
      );
    }
  };

  class Cache {
    #name;

    constructor(token, name) {
      if (token !== CREATE) throw new TypeError("Illegal constructor");
      this.#name = name;
    }

    async match(input, options) {
      const request = requestOf("match", arguments.length, input);
      if (!isGet(request, options)) return undefined;
      const lookup = { cache: this.#name, url: request.url, headers: [...request.headers] };
      const found = await natives.match(cap, JSON.stringify(lookup));
      if (found === null) return undefined;
      const { status, statusText, headers } = found;
      const body = found.hasBody ? natives.readStream(found.content) : null;
      return new Response(body, { status, statusText, headers });
    }

    async put(input, response) {
      const request = requestOf("put", arguments.length, input);
      requireStorable(request, response);
      const { status, statusText, headers } = response;
      const entry = {
        cache: this.#name, url: request.url, requestHeaders: [...request.headers],
        status, statusText, headers: [...headers],
      };
      await natives.put(cap, JSON.stringify(entry), response.body ?? "");
    }

    async delete(input, options) {
      const request = requestOf("delete", arguments.length, input);
      if (!isGet(request, options)) return false;
      return natives.delete(cap, JSON.stringify({ cache: this.#name, url: request.url }));
    }

    add() {
      unimplemented("add", "Cache");
    }
    addAll() {
      unimplemented("addAll", "Cache");
    }
    matchAll() {
      unimplemented("matchAll", "Cache");
    }
    keys() {
      unimplemented("keys", "Cache");
    }

    get [Symbol.toStringTag]() {
      return "Cache";
    }
  }

  class CacheStorage {
    #default = new Cache(CREATE, "");

    constructor(token) {
      if (token !== CREATE) throw new TypeError("Illegal constructor");
    }

    get default() {
      return this.#default;
    }

    // A name of its own, so that no name that a script may choose is that of the default cache.
    async open(name) {
      return new Cache(CREATE, `=${name}`);
    }

    delete() {
      unimplemented("delete", "CacheStorage");
    }
    has() {
      unimplemented("has", "CacheStorage");
    }
    keys() {
      unimplemented("keys", "CacheStorage");
    }
    match() {
      unimplemented("match", "CacheStorage");
    }

    get [Symbol.toStringTag]() {
      return "CacheStorage";
    }
  }

  for (const [name, value] of Object.entries({ Cache, CacheStorage, caches: new CacheStorage(CREATE) })) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
};
