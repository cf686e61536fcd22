// What a Durable Object has of itself: `ctx`, its id, its storage. The file is one function: it gets the natives of the
// cell, the structured clone of stored values, the classes of an object's sockets and facets and what gives the Worker's exports, and
// returns what makes a `ctx`.
//
// Storage answers at once: the isolate waits for the supervisor, so the promises of the asynchronous methods are settled
// when they are given out, and nothing else of the object runs between a call and its result.
(natives, stored, namespaces, ObjectSockets, DurableObjectFacets, exported) => {
  "use strict";

  const { encode, decode, immediate } = stored;
  const { DurableObjectId } = namespaces;

  const BLOCKED_TOO_LONG =
    "A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was canceled and the Durable " +
    "Object was reset.";
  const BLOCK_MAX_MS = 30_000;
  const BLOCKS_MAX = 64;
  const NO_SQL =
    "SQL is not enabled for this Durable Object class. To enable it, change `new_classes` to `new_sqlite_classes` in " +
    "the migrations of your configuration.";
  const NO_KV =
    "The storage.kv (synchronous KV) API is only available for SQLite-backed Durable Objects, but this object's class " +
    "is not. To use it, change `new_classes` to `new_sqlite_classes` in the migrations of your configuration.";
  const BAD_PUT =
    "put() may only be called with a single key-value pair and optional options as put(key, value, options) or with " +
    "multiple key-value pairs and optional options as put(entries, options)";

  const isPyProxy = (value) => Object.prototype.toString.call(value) === "[object PyProxy]";

  const keysOf = (keys) => Array.from(keys, (key) => `${key}`);

  // Entries as the natives give them: keys, texts and bytes, one after the other.
  const readEntries = (flat) => {
    const entries = [];
    for (let index = 0; index < flat.length; index += 3) {
      entries.push([flat[index], decode(flat[index + 1], flat[index + 2], [], [])]);
    }
    return entries;
  };

  const readOne = (flat) => (flat.length === 0 ? undefined : decode(flat[1], flat[2], [], []));

  const entryOf = (key, value) => {
    if (value === undefined) throw new TypeError("put() called with undefined value.");
    const { text, blobs } = encode(value);
    return [`${key}`, text, blobs];
  };

  const numberOrUndefined = (value) => (value == null ? undefined : Number(value));

  const textOrUndefined = (value) => (value == null ? undefined : `${value}`);

  const rangeOf = (options) => {
    const { start, startAfter, end, prefix, reverse, limit } = options ?? {};
    if (start != null && startAfter != null) {
      throw new TypeError("list() cannot be called with both start and startAfter values.");
    }
    const most = numberOrUndefined(limit);
    if (most !== undefined && !(most > 0)) throw new TypeError("List limit must be positive.");
    return [...[start, startAfter, end, prefix].map(textOrUndefined), Boolean(reverse), most];
  };

  const alarmTime = (time) => {
    const due = time instanceof Date ? time.getTime() : Number(time);
    if (!(due > 0)) throw new TypeError("setAlarm() cannot be called with an alarm time <= 0");
    return due;
  };

  // The operations on keys, which all kinds of storage have.
  class Keys {
    constructor(number) {
      this.number = number;
    }

    get(keys) {
      if (Array.isArray(keys)) return new Map(readEntries(natives.get(this.number, keysOf(keys))));
      return readOne(natives.get(this.number, [`${keys}`]));
    }

    put(...given) {
      const [first, second] = given;
      if (typeof first === "string" || (given.length > 1 && typeof first !== "object")) {
        if (given.length < 2) throw new TypeError("put() called with undefined value.");
        return natives.put(this.number, entryOf(first, second));
      }
      if (first === null || typeof first !== "object") throw new TypeError(BAD_PUT);
      natives.put(this.number, Object.entries(first).flatMap(([key, value]) => (value === undefined ? [] : entryOf(key, value))));
    }

    delete(keys) {
      if (Array.isArray(keys)) return natives.delete(this.number, keysOf(keys));
      return natives.delete(this.number, [`${keys}`]) > 0;
    }

    list(options) {
      return readEntries(natives.list(this.number, ...rangeOf(options)));
    }
  }

  // A promise of what `work` gives, settled already.
  const promised = (work) => {
    try {
      return immediate(Promise.resolve(work()));
    } catch (error) {
      return immediate(Promise.reject(error));
    }
  };

  class DurableObjectTransaction {
    #storage;
    #keys;
    #state = "open";

    constructor(storage, keys) {
      this.#storage = storage;
      this.#keys = keys;
    }

    #do(name, work) {
      return promised(() => {
        if (this.#state === "rolled back") throw new Error(`Cannot ${name}() on rolled back transaction`);
        if (this.#state !== "open") {
          throw new Error(
            `Cannot call ${name}() on transaction that has already committed: did you move \`txn\` outside of the closure?`,
          );
        }
        return work();
      });
    }

    get(keys) {
      return this.#do("get", () => this.#keys.get(keys));
    }

    put(...given) {
      return this.#do("put", () => this.#keys.put(...given));
    }

    delete(keys) {
      return this.#do("delete", () => this.#keys.delete(keys));
    }

    list(options) {
      return this.#do("list", () => new Map(this.#keys.list(options)));
    }

    deleteAll() {
      throw new Error("Cannot call deleteAll() within a transaction");
    }

    getAlarm() {
      return this.#do("getAlarm", () => natives.alarm(this.#keys.number));
    }

    setAlarm(time) {
      return this.#do("setAlarm", () => natives.setAlarm(this.#keys.number, alarmTime(time)));
    }

    deleteAlarm() {
      return this.#do("deleteAlarm", () => natives.setAlarm(this.#keys.number, null));
    }

    rollback() {
      if (this.#state === "rolled back") return;
      if (this.#state !== "open") throw new Error("Cannot call rollback() on transaction that has already committed");
      natives.undo(this.#keys.number);
      this.#state = "rolled back";
    }

    static end(transaction, kept) {
      if (transaction.#state !== "open") return;
      if (kept) natives.keep(transaction.#keys.number);
      else natives.undo(transaction.#keys.number);
      transaction.#state = "committed";
    }
  }

  class SyncKvStorage {
    #keys;
    #lists = 0;

    constructor(keys) {
      this.#keys = keys;
    }

    get(key) {
      return this.#keys.get(`${key}`);
    }

    put(key, value) {
      natives.put(this.#keys.number, entryOf(key, value));
    }

    delete(key) {
      return this.#keys.delete(`${key}`);
    }

    list(options) {
      const entries = this.#keys.list(options);
      this.#lists += 1;
      return this.#iterate(entries, this.#lists);
    }

    *#iterate(entries, list) {
      for (const entry of entries) {
        if (list !== this.#lists) {
          throw new Error(
            "kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() " +
              "iterator can exist at a time.",
          );
        }
        yield entry;
      }
    }
  }

  // The rows of a statement, which has run to its end; reading them uses them up.
  class Cursor {
    #columns;
    #rows;
    #next = 0;

    constructor([columns, rows, rowsRead, rowsWritten]) {
      this.#columns = columns;
      this.#rows = rows;
      Object.defineProperty(this, "rowsRead", { value: rowsRead });
      Object.defineProperty(this, "rowsWritten", { value: rowsWritten });
    }

    get columnNames() {
      return this.#columns;
    }

    #object(row) {
      const object = {};
      for (let index = 0; index < row.length; index += 1) object[this.#columns[index]] = row[index];
      return object;
    }

    #take() {
      return this.#next < this.#rows.length ? this.#rows[this.#next++] : undefined;
    }

    next() {
      const row = this.#take();
      return row === undefined ? { done: true } : { done: false, value: this.#object(row) };
    }

    toArray() {
      const rest = this.#rows.slice(this.#next);
      this.#next = this.#rows.length;
      return rest.map((row) => this.#object(row));
    }

    one() {
      const row = this.#take();
      if (row === undefined) throw new Error("Expected exactly one result from SQL query, but got no results.");
      if (this.#take() !== undefined) {
        throw new Error("Expected exactly one result from SQL query, but got multiple results.");
      }
      return this.#object(row);
    }

    raw() {
      const take = () => this.#take();
      const iterator = {
        next() {
          const row = take();
          return row === undefined ? { done: true } : { done: false, value: row };
        },
        toArray: () => Array.from(iterator),
        [Symbol.iterator]: () => iterator,
      };
      return Object.setPrototypeOf(iterator, null) && Object.setPrototypeOf(iterator, Iterator.prototype);
    }

    [Symbol.iterator]() {
      return this;
    }
  }

  class Statement {}

  const bound = (value) => {
    if (value == null) return null;
    if (typeof value === "number" || typeof value === "string") return value;
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value;
    if (typeof value === "bigint") throw new TypeError("Cannot convert a BigInt value to a number");
    return `${value}`;
  };

  class SqlStorage {
    #number;

    constructor(number) {
      this.#number = number;
    }

    exec(query, ...bindings) {
      return new Cursor(natives.exec(this.#number, `${query}`, bindings.map(bound)));
    }

    get databaseSize() {
      return natives.size(this.#number);
    }

    get Cursor() {
      return Cursor;
    }

    get Statement() {
      return Statement;
    }
  }

  class DurableObjectStorage {
    #keys;
    #object;
    #sql;
    #kv;

    constructor(object) {
      this.#object = object;
      this.#keys = new Keys(object.number);
      this.#sql = new SqlStorage(object.number);
      this.#kv = new SyncKvStorage(this.#keys);
    }

    get sql() {
      if (!this.#object.sql) throw new Error(NO_SQL);
      return this.#sql;
    }

    get kv() {
      if (!this.#object.sql) throw new Error(NO_KV);
      return this.#kv;
    }

    get(keys, _options) {
      return promised(() => this.#keys.get(keys));
    }

    put(...given) {
      return promised(() => this.#keys.put(...given));
    }

    delete(keys, _options) {
      return promised(() => this.#keys.delete(keys));
    }

    list(options) {
      return promised(() => new Map(this.#keys.list(options)));
    }

    deleteAll(_options) {
      return promised(() => natives.deleteAll(this.#object.number));
    }

    transaction(closure) {
      const transaction = new DurableObjectTransaction(this, this.#keys);
      return this.#object.block(async () => {
        natives.begin(this.#object.number);
        let kept = false;
        try {
          const result = await closure(transaction);
          kept = true;
          return result;
        } finally {
          DurableObjectTransaction.end(transaction, kept);
        }
      });
    }

    transactionSync(closure) {
      if (!this.#object.sql) throw new Error("Durable Object is not backed by SQL.");
      natives.begin(this.#object.number);
      let kept = false;
      try {
        const result = closure();
        kept = true;
        return result;
      } finally {
        if (kept) natives.keep(this.#object.number);
        else natives.undo(this.#object.number);
      }
    }

    // What was written is out of this process's hands, and nothing leaves it before that is on the disk.
    sync() {
      return promised(() => natives.commit(this.#object.number));
    }

    getAlarm(_options) {
      return promised(() => natives.alarm(this.#object.number));
    }

    setAlarm(time, _options) {
      return promised(() => {
        const due = alarmTime(time);
        if (!natives.hasHandler(this.#object.number, "alarm")) {
          throw new TypeError("Your Durable Object class must have an alarm() handler in order to call setAlarm()");
        }
        natives.setAlarm(this.#object.number, due);
      });
    }

    deleteAlarm(_options) {
      return promised(() => natives.setAlarm(this.#object.number, null));
    }

    getCurrentBookmark() {
      return promised(() => natives.bookmark(this.#object.number));
    }

    getBookmarkForTime(time) {
      return promised(() => {
        const then = Number(time);
        if (!(then >= 0)) throw new TypeError("getBookmarkForTime() takes a time: a Date, or milliseconds since the epoch.");
        return natives.bookmarkAt(this.#object.number, then);
      });
    }

    onNextSessionRestoreBookmark(bookmark) {
      return promised(() => natives.restoreNext(this.#object.number, `${bookmark}`));
    }
  }

  // What of a live object is not its code's: how its events are held, and how it ends.
  class LiveObject {
    #blocks = 0;

    constructor(number, sql) {
      this.number = number;
      this.sql = sql;
    }

    // Runs `work` while no other event of the object begins.
    async block(work) {
      this.#checkDepth();
      this.#blocks += 1;
      natives.block(this.number);
      try {
        return await work();
      } finally {
        this.#blocks -= 1;
        natives.unblock(this.number);
      }
    }

    #checkDepth() {
      if (this.#blocks === BLOCKS_MAX) throw new Error("blockConcurrencyWhile() calls are nested too deeply.");
    }

    // What is refused has not begun, and leaves the object as it is; what fails resets it.
    blockConcurrencyWhile(work) {
      this.#checkDepth();
      return this.#blockOrReset(work);
    }

    async #blockOrReset(work) {
      let timer;
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(BLOCKED_TOO_LONG)), BLOCK_MAX_MS);
      });
      try {
        return await this.block(() => Promise.race([work(), late]));
      } catch (error) {
        natives.reset(this.number, error);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  class DurableObjectState {
    #object;
    #id;
    #storage;
    #sockets;
    #props;
    #facets;

    constructor(object, id, sockets, props) {
      this.#object = object;
      this.#id = id;
      this.#props = props;
      this.#storage = new DurableObjectStorage(object);
      this.#sockets = sockets;
    }

    get id() {
      return this.#id;
    }

    get storage() {
      return this.#storage;
    }

    get props() {
      return this.#props;
    }

    get facets() {
      this.#facets ??= new DurableObjectFacets(this.#object.number, this.#id);
      return this.#facets;
    }

    get exports() {
      return exported();
    }

    waitUntil(promise) {
      natives.waitUntil(Promise.resolve(isPyProxy(promise) ? promise.copy() : promise));
    }

    blockConcurrencyWhile(work) {
      return this.#object.blockConcurrencyWhile(work);
    }

    abort(reason, options) {
      const text = reason == null ? "Application called abort() to reset Durable Object." : `${reason?.message ?? reason}`;
      const error = new Error(text);
      natives.abort(this.#object.number, error, options?.retryAlarm === false);
      throw error;
    }

    acceptWebSocket(socket, tags) {
      this.#sockets.accept(socket, tags);
    }

    getWebSockets(tag) {
      return this.#sockets.list(textOrUndefined(tag));
    }

    getTags(socket) {
      return this.#sockets.tags(socket);
    }

    setWebSocketAutoResponse(pair) {
      this.#sockets.autoRespond(pair);
    }

    getWebSocketAutoResponse() {
      return this.#sockets.autoResponse;
    }

    getWebSocketAutoResponseTimestamp(socket) {
      return this.#sockets.autoRespondedAt(socket);
    }

    setHibernatableWebSocketEventTimeout(time) {
      this.#sockets.limitEvents(time);
    }

    getHibernatableWebSocketEventTimeout() {
      return this.#sockets.eventLimit;
    }

    get [Symbol.toStringTag]() {
      return "DurableObjectState";
    }
  }

  return {
    // `ctx`, and what makes the arguments of a handler of what comes on a socket.
    makeState: (number, digits, name, sql, props) => {
      const sockets = new ObjectSockets(number, name);
      const id = digits === "" ? name : new DurableObjectId(digits, name);
      const state = new DurableObjectState(new LiveObject(number, sql), id, sockets, props);
      return { state, receive: (message) => sockets.receive(message) };
    },
    makeAlarmInfo: (retryCount, scheduledTime) => ({ retryCount, isRetry: retryCount > 0, scheduledTime }),
  };
};
