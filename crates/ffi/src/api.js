// Pyodide's JavaScript API, which Python imports as `pyodide_js` and a script has as the global `pyodide`.
(function (native, classes) {
  "use strict";

  let version, globals, code;
  const importModule = (name) => native.pyimport(name);

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
    loadedPackages: {},
    loadPackagesFromImports: async () => [],
    loadPackage: async () => {
      throw new Error("pyodide.loadPackage is disabled");
    },
    toPy: native.toPy,
    pyimport: native.pyimport,
    isPyProxy: native.isPyProxy,
    runPython: (code, { globals, locals, filename } = {}) => native.runPython(code, { globals, locals, filename }),
    runPythonAsync: async (code, { globals, locals, filename } = {}) =>
      await native.runPython(code, { globals, locals, filename, asynchronous: true }),
    registerJsModule: (name, module) => importModule("pyodide.ffi.register_js_module")(name, module),
    unregisterJsModule: (name) => importModule("pyodide.ffi.unregister_js_module")(name),
    setDebug: native.setDebug,
    checkInterrupt: () => {},
    _api: {
      scheduleCallback: native.schedule,
      abortSignalAny: (signals) => AbortSignal.any(signals),
      pyproxyIsAlive: native.isAlive,
      get pyodide_code() {
        return (code ??= importModule("pyodide.code"));
      },
      config: { enableRunUntilComplete: true },
    },
  };
  return api;
})
