// Pyodide's JavaScript API, which Python imports as `pyodide_js` and a script has as the global `pyodide`.
(function (native, classes, makeFiles, makeStreams) {
  "use strict";

  let version, globals, code, host, interruptBuffer;
  const importModule = (name) => native.pyimport(name);
  const files = makeFiles((...question) => (host ??= native.host())(...question));

  // Python looks a global name up among the builtins too.
  function withBuiltins(proxy) {
    const builtins = importModule("builtins").__dict__;
    const base = Object.getPrototypeOf(proxy);
    const prototype = Object.create(base, {
      get: { value: (name) => base.get.call(proxy, name) ?? builtins.get(name) },
      has: { value: (name) => base.has.call(proxy, name) || builtins.has(name) },
    });
    return Object.setPrototypeOf(proxy, prototype);
  }

  // There is no index of packages to load from. What is installed already is all that a program can ask for.
  async function loadPackage(names) {
    const list = typeof names === "string" ? [names] : [...(names?.toJs?.() ?? names)];
    const missing = list.filter((name) => !native.isInstalled(name));
    if (missing.length > 0) {
      throw new Error(`pyodide.loadPackage is disabled: install ${missing.join(", ")} from PyPI beforehand, and import it`);
    }
    return [];
  }

  function unpackArchive(buffer, format, { extractDir } = {}) {
    if (!ArrayBuffer.isView(buffer) && !(buffer instanceof ArrayBuffer)) {
      throw new TypeError("Expected argument 'buffer' to be an ArrayBuffer or an ArrayBuffer view");
    }
    const unpack = importModule("pyodide._package_loader.unpack_buffer");
    unpack.callKwargs(buffer, { format, extract_dir: extractDir });
  }

  const api = {
    get version() {
      return (version ??= importModule("pyodide.__version__"));
    },
    get globals() {
      return (globals ??= withBuiltins(native.globals()));
    },
    get pyodide_py() {
      return importModule("pyodide");
    },
    ffi: classes,
    FS: files.FS,
    PATH: files.PATH,
    get ERRNO_CODES() {
      return files.errnoCodes();
    },
    ...makeStreams(files),
    loadedPackages: {},
    loadPackagesFromImports: async () => [],
    loadPackage,
    unpackArchive,
    toPy: native.toPy,
    pyimport: native.pyimport,
    isPyProxy: native.isPyProxy,
    runPython: (code, { globals, locals, filename } = {}) => native.runPython(code, { globals, locals, filename }),
    runPythonAsync: async (code, { globals, locals, filename } = {}) =>
      await native.runPython(code, { globals, locals, filename, asynchronous: true }),
    registerJsModule: (name, module) => importModule("pyodide.ffi.register_js_module")(name, module),
    unregisterJsModule: (name) => importModule("pyodide.ffi.unregister_js_module")(name),
    setDebug: native.setDebug,
    setInterruptBuffer(buffer) {
      interruptBuffer = buffer;
    },
    checkInterrupt() {
      const signal = interruptBuffer?.[0] ?? 0;
      if (signal > 0 && signal < 65) {
        interruptBuffer[0] = 0;
      }
      native.checkInterrupt(signal);
    },
    _api: {
      scheduleCallback: native.schedule,
      abortSignalAny: (signals) => AbortSignal.any(signals),
      pyproxyIsAlive: native.isAlive,
      get pyodide_code() {
        return (code ??= importModule("pyodide.code"));
      },
      config: { enableRunUntilComplete: true },
      // Pyodide's own tests take from here the Function that callable PyProxies are instances of.
      tests: { Function },
    },
    _module: {
      // The height of the one stack in WebAssembly, by which Pyodide's own tests see that switching leaves none of it
      // in use. Here each suspended call has a stack of its own.
      stackSave: native.stacksWaiting,
    },
  };
  return api;
})
