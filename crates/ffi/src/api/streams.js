// `pyodide.setStdin`, `setStdout` and `setStderr`: the handlers that they take, as the devices behind `sys`'s streams. A
// device reads into and writes from a `Uint8Array`; the error it throws is an error number.
(function (files) {
  "use strict";

  const { FS, errnoCodes, ask } = files;
  const NEWLINE = 10;

  const inputOutputError = () => new FS.ErrnoError(errnoCodes().EIO);

  // What a handler does wrong is shown on the console, for the Python code that reads or prints is not to blame.
  function attempt(name, action) {
    let count;
    try {
      count = action();
    } catch (error) {
      throw errorNumber(name, error);
    }
    if (count === undefined) {
      console.warn(`${name} returned undefined; a correct implementation must return a number`);
      throw inputOutputError();
    }
    return count;
  }

  function errorNumber(name, error) {
    if (typeof error?.errno === "number" || error?.type === "KeyboardInterrupt") {
      return error;
    }
    const errno = errnoCodes()[error?.code];
    if (errno !== undefined) {
      return new FS.ErrnoError(errno);
    }
    console.error(`Error thrown in ${name}:`);
    console.error(error);
    return inputOutputError();
  }

  function reading(handler) {
    return {
      isatty: Boolean(handler.isatty),
      read(size) {
        const buffer = new Uint8Array(size);
        return buffer.subarray(0, attempt("read", () => handler.read(buffer)));
      },
    };
  }

  function writing(handler) {
    return {
      isatty: Boolean(handler.isatty),
      write: (bytes) => attempt("write", () => handler.write(bytes)),
      fsync: () => handler.fsync?.(),
    };
  }

  // A handler that is asked for a string, a buffer, a byte or nothing at a time.
  class Asked {
    #ask;
    #endsItself;
    #rest = new Uint8Array(0);
    #atEnd = false;

    constructor(ask, isatty, endsItself) {
      this.#ask = ask;
      this.isatty = isatty;
      this.#endsItself = endsItself;
    }

    read(buffer) {
      if (this.#atEnd) {
        this.#atEnd = false;
        return 0;
      }
      let count = 0;
      let more = true;
      while (more && count < buffer.length) {
        const chunk = this.#next();
        if (typeof chunk === "number") {
          buffer[count++] = chunk;
          continue;
        }
        const taken = chunk.subarray(0, buffer.length - count);
        buffer.set(taken, count);
        count += taken.length;
        this.#rest = chunk.subarray(taken.length);
        more = chunk.length > 0 && !this.#endsItself;
      }
      const ended = !more && this.#rest.length === 0;
      this.#atEnd = this.#endsItself && ended && count > 0 && buffer[count - 1] !== NEWLINE;
      return count;
    }

    #next() {
      if (this.#rest.length > 0) {
        return this.#rest;
      }
      const given = this.#ask();
      if (typeof given === "number") {
        return given;
      }
      if (given === undefined || given === null) {
        return new Uint8Array(0);
      }
      if (typeof given === "string") {
        return new TextEncoder().encode(given.endsWith("\n") ? given : `${given}\n`);
      }
      if (given instanceof ArrayBuffer || given.BYTES_PER_ELEMENT === 1) {
        return new Uint8Array(given.buffer ?? given, given.byteOffset ?? 0, given.byteLength);
      }
      console.warn("Expected result to be undefined, null, string, array buffer, or array buffer view of bytes");
      throw inputOutputError();
    }
  }

  // A handler that is told line by line.
  class Lines {
    #tell;
    #line = [];

    constructor(tell) {
      this.#tell = tell;
    }

    write(bytes) {
      for (const byte of bytes) {
        if (byte === NEWLINE) {
          this.#end();
        } else {
          this.#line.push(byte);
        }
      }
      return bytes.length;
    }

    fsync() {
      if (this.#line.length > 0) {
        this.#end();
      }
    }

    #end() {
      const line = new TextDecoder().decode(new Uint8Array(this.#line));
      this.#line = [];
      this.#tell(line);
    }
  }

  const writeAll = (tell) => (bytes) => {
    bytes.forEach((byte) => tell(byte));
    return bytes.length;
  };

  const refuse = {
    read() {
      throw inputOutputError();
    },
  };

  function setStdin(options = {}) {
    const { stdin, read, error, isatty, autoEOF } = options;
    if ([stdin, read, error].filter(Boolean).length > 1) {
      throw new TypeError("At most one of stdin, read, and error must be provided.");
    }
    if (!stdin && autoEOF !== undefined) {
      throw new TypeError("The 'autoEOF' option can only be used with the 'stdin' option");
    }
    let handler = error ? refuse : read && options;
    if (stdin) {
      handler = new Asked(stdin.bind(options), isatty, autoEOF ?? true);
    }
    ask("set_stream", "stdin", handler ? reading(handler) : undefined);
  }

  function setOutput(stream, options = {}) {
    const { raw, batched, write, isatty } = options;
    if ([raw, batched, write].filter(Boolean).length > 1) {
      throw new TypeError("At most one of 'raw', 'batched', and 'write' must be passed");
    }
    if (isatty && !raw && !write) {
      throw new TypeError("Cannot set 'isatty' to true unless 'raw' or 'write' is provided");
    }
    let handler = write && options;
    if (raw) {
      handler = { isatty, write: writeAll(raw.bind(options)) };
    } else if (batched) {
      handler = new Lines(batched.bind(options));
    }
    ask("set_stream", stream, handler ? writing(handler) : undefined);
  }

  return {
    setStdin,
    setStdout: (options) => setOutput("stdout", options),
    setStderr: (options) => setOutput("stderr", options),
  };
})
