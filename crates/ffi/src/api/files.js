// `pyodide.FS`, `PATH` and `ERRNO_CODES`: Emscripten's names over the machine's own file system. What a cell's lock
// forbids fails with the number that the kernel gives.
(function (host) {
  "use strict";

  let codes;

  const errnoCodes = () => (codes ??= Object.fromEntries(ask("errno_codes")));

  class ErrnoError extends Error {
    constructor(errno, message = host("strerror", errno)[1]) {
      super(message);
      this.errno = errno;
      this.code = Object.keys(errnoCodes()).find((code) => errnoCodes()[code] === errno);
    }
  }
  Object.defineProperty(ErrnoError.prototype, "name", { value: "ErrnoError", configurable: true, writable: true });

  function ask(name, ...args) {
    const [errno, value] = host(name, ...args);
    if (errno !== 0) {
      throw new ErrnoError(errno, value);
    }
    return value;
  }

  const typeOf = (mode) => mode & 0o170000;
  const bytesOf = (data) =>
    ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);

  function contentOf(data) {
    if (typeof data === "string") {
      return data;
    }
    if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer || Array.isArray(data)) {
      return bytesOf(data);
    }
    throw new TypeError("Unsupported data type: expected a string, an ArrayBuffer, a view of one, or an array of bytes");
  }

  function stat(path, dontFollow = false) {
    const [dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, ...times] = ask("stat", path, !dontFollow);
    const [atime, mtime, ctime] = times.map((time) => new Date(time));
    return { dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks, atime, mtime, ctime };
  }

  function analyzePath(path, dontFollow = false) {
    try {
      const object = stat(path, dontFollow);
      return { exists: true, error: 0, path, name: PATH.basename(path), object, isRoot: PATH.normalize(path) === "/" };
    } catch (error) {
      return { exists: false, error: error.errno, path: null, name: PATH.basename(path), object: null, isRoot: false };
    }
  }

  function nothingToMount() {
    throw new Error("pyodide.FS is the machine's own file system: there is nothing to mount, use its folders as they are");
  }

  const FS = {
    ErrnoError,
    analyzePath,
    stat,
    lstat: (path) => stat(path, true),
    cwd: () => ask("cwd"),
    chdir: (path) => ask("chdir", path),
    chmod: (path, mode) => ask("chmod", path, mode),
    mkdir: (path, mode = 0o777) => ask("mkdir", path, mode),
    mkdirTree: (path, mode = 0o777) => ask("mkdir_tree", path, mode),
    readdir: (path) => ask("readdir", path),
    readlink: (path) => ask("readlink", path),
    rename: (from, to) => ask("rename", from, to),
    rmdir: (path) => ask("rmdir", path),
    symlink: (target, path) => ask("symlink", target, path),
    truncate: (path, length) => ask("truncate", path, length),
    unlink: (path) => ask("unlink", path),
    utime: (path, atime, mtime) => ask("utime", path, Number(atime), Number(mtime)),
    isFile: (mode) => typeOf(mode) === 0o100000,
    isDir: (mode) => typeOf(mode) === 0o040000,
    isLink: (mode) => typeOf(mode) === 0o120000,
    readFile(path, { encoding = "binary", flags = "r" } = {}) {
      if (encoding !== "utf8" && encoding !== "binary") {
        throw new Error(`Invalid encoding type "${encoding}": it is "utf8" or "binary"`);
      }
      return ask("read_file", path, flags, encoding);
    },
    writeFile: (path, data, { flags = "w", mode = 0o666 } = {}) =>
      ask("write_file", path, contentOf(data), flags, mode),
    open: (path, flags = "r", mode = 0o666) => ({ fd: ask("open", path, flags, mode), path }),
    close: (stream) => ask("close", stream.fd),
    llseek: (stream, offset, whence) => ask("lseek", stream.fd, offset, whence),
    read: (stream, buffer, offset, length, position) =>
      ask("read", stream.fd, bytesOf(buffer).subarray(offset, offset + length), position),
    write: (stream, buffer, offset, length, position) =>
      ask("write", stream.fd, bytesOf(buffer).subarray(offset, offset + length), position),
    // The files are where they belong already.
    syncfs: (populate, callback = populate) => callback(null),
    mount: nothingToMount,
    unmount: nothingToMount,
    filesystems: {},
  };

  const PATH = {
    isAbs: (path) => path.startsWith("/"),
    normalize: (path) => ask("normalize", path),
    join: (...paths) => PATH.normalize(paths.join("/")),
    join2: (left, right) => PATH.join(left, right),
    basename: (path) => PATH.normalize(path).split("/").at(-1) || "/",
    dirname(path) {
      const [, parent] = /^(.*)\/[^/]*$/.exec(PATH.normalize(path)) ?? [null, "."];
      return parent || "/";
    },
  };

  return { FS, PATH, errnoCodes, ask };
})
