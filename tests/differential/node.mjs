// Loads npm's Pyodide under Node and runs `main.mjs` on it.
import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";

globalThis.pyodide = await loadPyodide();
globalThis.readText = (path) => readFileSync(path, "utf8");
await import("./main.mjs");
