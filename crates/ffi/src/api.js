// Pyodide's JavaScript API, which Python imports as `pyodide_js` and a script has as the global `pyodide`.
(function (native, classes) {
  "use strict";

  let version, globals;
  const importModule = (name) => native.pyimport(name);

  const api = {
    get version() {
      return (version ??= importModule("pyodide.__version__"));
    },
    get globals() {
      return (globals ??= native.globals());
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
    setDebug: (debug) => debug,
    checkInterrupt: () => {},
    _api: {
      scheduleCallback: native.schedule,
      abortSignalAny: (signals) => AbortSignal.any(signals),
      config: { enableRunUntilComplete: true },
    },
  };
  return api;
})
