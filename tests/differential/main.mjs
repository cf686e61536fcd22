// Runs every program on whichever Pyodide this is, and prints one JSON object: for each program what it yielded, as text.
//
// Under hognose `pyodide` is a global and this file is run itself; under Node, `node.mjs` loads npm's and imports this.
import * as programs from "./programs/javascript.mjs";

const TOPICS = ["conversions", "objects", "calls", "errors", "asynchronous", "buffers"];
const readText = globalThis.readText ?? ((path) => pyodide.FS.readFile(path, { encoding: "utf8" }));

// Values as text, as far as both engines show them alike.
function describe(value) {
  if (value instanceof pyodide.ffi.PyProxy) return `PyProxy<${value.type}>(${value})`;
  if (value instanceof Error) return `${value.name}: ${value.type ?? value.message}`;
  if (Array.isArray(value)) return `[${Array.from(value, describe).join(", ")}]`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${Array.from(value)})`;
  if (value instanceof Map) return `${value.constructor.name}{${Array.from(value, describe).join(", ")}}`;
  if (value instanceof Set) return `Set{${Array.from(value, describe).join(", ")}}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "function";
  if (typeof value === "object" && value !== null) return `{${Object.entries(value).map(describe).join(", ")}}`;
  return Object.is(value, -0) ? "-0" : String(value);
}

// Above the last line of an error's message stands a traceback, with the names of files.
const lastLine = (error) => `${error?.message ?? error}`.trimEnd().split("\n").at(-1);

async function collect(program) {
  const shown = [];
  try {
    for await (const value of program(pyodide)) {
      shown.push(describe(value).replace(/0x[0-9a-f]+/g, "0x"));
    }
  } catch (error) {
    shown.push(`threw ${error?.name}: ${lastLine(error)}`);
  }
  return shown;
}

const results = {};
for (const [name, program] of Object.entries(programs)) {
  results[`javascript: ${name}`] = await collect(program);
}
pyodide.runPython(readText("collect.py"));
const collectTopic = pyodide.globals.get("collect");
for (const topic of TOPICS) {
  Object.assign(results, JSON.parse(await collectTopic(topic, readText(`programs/${topic}.py`))));
}
console.log(JSON.stringify(results));
