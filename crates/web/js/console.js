// The console. Everything ends as one text with a level in the host's log.

import { formatArguments, inspect } from "./inspect.js";
import { givenTo } from "./logged.js";
import { natives } from "./natives.js";

const counts = new Map();
const timers = new Map();
let indentation = "";

function write(level, args) {
  const text = formatArguments(args);
  const given = natives.isTailed() ? givenTo(level, args) : undefined;
  natives.log(level, indentation === "" ? text : text.replace(/^/gm, indentation), given);
}

/** https://console.spec.whatwg.org/ */
export const console = {
  log: (...args) => write("log", args),
  debug: (...args) => write("debug", args),
  info: (...args) => write("info", args),
  warn: (...args) => write("warn", args),
  error: (...args) => write("error", args),

  trace(...args) {
    const frames = new Error().stack.split("\n").slice(1).join("\n").trimEnd();
    write("log", [["Trace", formatArguments(args)].filter(Boolean).join(": ") + `\n${frames}`]);
  },

  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") write("error", [`Assertion failed: ${args[0]}`, ...args.slice(1)]);
    else write("error", ["Assertion failed", ...args]);
  },

  dir: (value) => write("log", ["%s", inspect(value)]),
  dirxml: (...args) => write("log", args),

  table(data, columns) {
    write("log", [isTabular(data) ? table(data, columns) : data]);
  },

  group(...args) {
    if (args.length > 0) write("log", args);
    indentation += "  ";
  },
  groupCollapsed(...args) {
    console.group(...args);
  },
  groupEnd() {
    indentation = indentation.slice(2);
  },

  count(label = "default") {
    const count = (counts.get(`${label}`) ?? 0) + 1;
    counts.set(`${label}`, count);
    write("info", ["%s", `${label}: ${count}`]);
  },
  countReset(label = "default") {
    if (!counts.delete(`${label}`)) write("warn", ["%s", `Count for '${label}' does not exist`]);
  },

  time(label = "default") {
    if (timers.has(`${label}`)) write("warn", ["%s", `Timer '${label}' already exists`]);
    else timers.set(`${label}`, natives.monotonic());
  },
  timeLog(label = "default", ...args) {
    reportTimer(`${label}`, args);
  },
  timeEnd(label = "default") {
    reportTimer(`${label}`, []);
    timers.delete(`${label}`);
  },
  timeStamp() {},

  clear() {
    indentation = "";
  },
};

// A namespace object, as Web IDL has it.
Object.setPrototypeOf(console, {});
Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });

function reportTimer(label, args) {
  const started = timers.get(label);
  if (started === undefined) write("warn", ["%s", `Timer '${label}' does not exist`]);
  else write("info", ["%s", `${label}: ${(natives.monotonic() - started).toFixed(3)}ms`, ...args]);
}

function isTabular(data) {
  return typeof data === "object" && data !== null;
}

const VALUES = Symbol("values");

// A box with a line per entry of `data` and a column per property of the entries.
function table(data, columns) {
  const rows = Object.entries(data).map(([index, row]) => [index, cellsOf(row)]);
  const found = new Set(rows.flatMap(([, cells]) => [...cells.keys()]));
  const names = columns ?? [...found].filter((key) => key !== VALUES);
  const withValues = rows.some(([, cells]) => cells.has(VALUES));
  const keys = withValues ? [...names, VALUES] : names;
  const head = ["(index)", ...keys.map((key) => (key === VALUES ? "Values" : String(key)))];
  const body = rows.map(([index, cells]) => [index, ...keys.map((key) => cells.get(key) ?? "")]);
  return box(head, body);
}

function cellsOf(row) {
  if (typeof row !== "object" || row === null) return new Map([[VALUES, inspect(row)]]);
  return new Map(Object.entries(row).map(([key, value]) => [key, inspect(value, { depth: 0 })]));
}

function box(head, body) {
  const widths = head.map((title, column) => Math.max(title.length, ...body.map((row) => row[column].length)) + 2);
  const rule = (left, middle, right) => left + widths.map((width) => "─".repeat(width)).join(middle) + right;
  const line = (cells) => `│${cells.map((cell, column) => ` ${cell}`.padEnd(widths[column])).join("│")}│`;
  return [rule("┌", "┬", "┐"), line(head), rule("├", "┼", "┤"), ...body.map(line), rule("└", "┴", "┘")].join("\n");
}
