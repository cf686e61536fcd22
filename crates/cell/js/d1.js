// The client half of a D1 database: statements are put together and results shaped here; the SQL is the service's.
// The file is one function: it gets the natives of the cell and returns the class.
(natives) => {
  "use strict";

  const FROM_PRIMARY = "first-primary";
  const UNCONSTRAINED = "first-unconstrained";

  // The prefix says which method failed, the cause what SQLite said.
  const prefixed = (prefix, message) =>
    new Error(`${prefix}: ${message}`, { cause: new Error(message) });

  const typeError = (value) =>
    prefixed("D1_TYPE_ERROR", `Type '${typeof value}' not supported for value '${String(value)}'`);

  const isByte = (value) => typeof value === "number" && value >= 0 && value < 256;

  const bytesOf = (value) => {
    if (Array.isArray(value)) return value.every(isByte) ? Uint8Array.from(value) : undefined;
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (value instanceof DataView) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    // Element by element, whatever its elements are.
    return ArrayBuffer.isView(value) ? Uint8Array.from(value) : undefined;
  };

  const parameter = (value) => {
    if (value === null || typeof value === "number" || typeof value === "string") return value;
    if (typeof value === "boolean") return value ? 1 : 0;
    const bytes = typeof value === "object" ? bytesOf(value) : undefined;
    if (bytes === undefined) throw typeError(value);
    return bytes;
  };

  // What statements of one database or session are run through.
  class Connection {
    #cap;
    #constraint;
    #bookmark = null;

    constructor(cap, constraint) {
      this.#cap = cap;
      this.#constraint = constraint;
      if (constraint !== FROM_PRIMARY && constraint !== UNCONSTRAINED) this.#bookmark = constraint;
    }

    get bookmark() {
      return this.#bookmark;
    }

    async query(statements, asArrays, prefix = "D1_ERROR", place = "") {
      try {
        const { results, bookmark } = await natives.query(this.#cap, statements, asArrays);
        if (this.#bookmark === null || bookmark > this.#bookmark) this.#bookmark = bookmark;
        return results;
      } catch (error) {
        throw prefixed(prefix, place + error.message);
      }
    }
  }

  const toResult = ({ rows, meta }) => ({ success: true, results: rows, meta });

  const NO_STATEMENTS = "batch() takes an array of D1PreparedStatement objects.";

  let partsOf;

  class D1PreparedStatement {
    #connection;
    #sql;
    #params;

    static {
      partsOf = (statement) => {
        if (typeof statement !== "object" || statement === null || !(#sql in statement)) {
          throw new TypeError(NO_STATEMENTS);
        }
        return [statement.#sql, statement.#params];
      };
    }

    constructor(connection, sql, params) {
      this.#connection = connection;
      this.#sql = sql;
      this.#params = params;
    }

    bind(...values) {
      return new D1PreparedStatement(this.#connection, this.#sql, values.map(parameter));
    }

    #query(asArrays) {
      return this.#connection.query([[this.#sql, this.#params]], asArrays);
    }

    async first(column) {
      const { rows } = (await this.#query(false))[0];
      if (rows.length === 0) return null;
      if (column === undefined || column === null) return rows[0];
      if (!Object.hasOwn(rows[0], column)) {
        throw new Error(`D1_COLUMN_NOTFOUND: Column not found (${column})`, {
          cause: new Error("Column not found"),
        });
      }
      return rows[0][column];
    }

    async all() {
      return toResult((await this.#query(false))[0]);
    }

    async run() {
      return toResult((await this.#query(false))[0]);
    }

    async raw(options) {
      const { columns, rows } = (await this.#query(true))[0];
      return options?.columnNames ? [columns, ...rows] : rows;
    }
  }

  const batch = async (connection, statements) => {
    // An array, or a Python list as it is.
    if (typeof statements?.[Symbol.iterator] !== "function") throw new TypeError(NO_STATEMENTS);
    const results = await connection.query(Array.from(statements, partsOf), false);
    return results.map(toResult);
  };

  class D1DatabaseSession {
    #connection;

    constructor(connection) {
      this.#connection = connection;
    }

    prepare(sql) {
      return new D1PreparedStatement(this.#connection, String(sql), []);
    }

    async batch(statements) {
      return batch(this.#connection, statements);
    }

    // The newest state that this session has seen, or the one it was to begin with.
    getBookmark() {
      return this.#connection.bookmark;
    }
  }

  class D1Database {
    #cap;
    #connection;

    constructor(cap) {
      this.#cap = cap;
      this.#connection = new Connection(cap, FROM_PRIMARY);
    }

    prepare(sql) {
      return new D1PreparedStatement(this.#connection, String(sql), []);
    }

    async batch(statements) {
      return batch(this.#connection, statements);
    }

    // Each line is a statement list of its own; all run in one transaction.
    async exec(sql) {
      const lines = String(sql).trim().split("\n");
      const statements = lines.filter((line) => line.trim() !== "").map((line) => [line, []]);
      const place = `Error in line 1: ${lines[0]}: `;
      const results = await this.#connection.query(statements, false, "D1_EXEC_ERROR", place);
      return { count: results.length, duration: results.reduce((sum, { meta }) => sum + meta.duration, 0) };
    }

    // One database holds one state: whatever a session asks for, it sees the newest.
    withSession(constraintOrBookmark) {
      const given = String(constraintOrBookmark ?? "").trim();
      return new D1DatabaseSession(new Connection(this.#cap, given === "" ? UNCONSTRAINED : given));
    }

    async dump() {
      throw prefixed("D1_DUMP_ERROR", "Status + 404");
    }

    async query() {
      const flag = "d1_binding_jsrpc";
      throw prefixed(
        "D1_ERROR",
        `D1Database.query() requires the ${flag} compatibility flag. Enable ${flag} before calling query().`,
      );
    }
  }

  return D1Database;
};
