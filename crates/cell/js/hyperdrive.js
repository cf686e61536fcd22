// A Hyperdrive binding: where a database is and how a client gets in, all from one connection string, and a socket to
// it. The file is one function: it gets what connects sockets, and returns the class.
(connect) => {
  "use strict";

  const PORTS = { "postgres:": 5432, "postgresql:": 5432, "mysql:": 3306 };

  class Hyperdrive {
    #connectionString;
    #url;

    constructor(connectionString) {
      this.#connectionString = connectionString;
      this.#url = new URL(connectionString);
    }

    get connectionString() {
      return this.#connectionString;
    }

    get host() {
      return this.#url.hostname;
    }

    get ip() {
      return this.#url.hostname;
    }

    get port() {
      return Number(this.#url.port) || PORTS[this.#url.protocol];
    }

    get user() {
      return decodeURIComponent(this.#url.username);
    }

    get password() {
      return decodeURIComponent(this.#url.password);
    }

    get database() {
      return decodeURIComponent(this.#url.pathname.slice(1));
    }

    connect() {
      return connect(`${this.host}:${this.port}`);
    }

    get [Symbol.toStringTag]() {
      return "Hyperdrive";
    }
  }

  return Hyperdrive;
};
