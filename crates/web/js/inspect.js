// How values look in the log: the style of Node's util.inspect, on one line where it fits, several where it does not.

import { WeakRef } from "./weak-ref.js";

/** The method by which an object says how it looks, as Node's programs name it. */
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
const DEPTH_MAX = 4;
const ITEMS_MAX = 100;
const STRING_MAX = 10_000;
const LINE_MAX = 72;

/** The text of a value as `console.log` shows it inside others: strings are quoted. */
export function inspect(value, options = {}) {
  return new Inspector(options.depth ?? DEPTH_MAX).format(value, 0);
}

/** The text of the arguments of a `console.log` call: printf directives first, the rest separated by spaces. */
export function formatArguments(args) {
  const [template, ...rest] = args;
  if (typeof template !== "string") return args.map(display).join(" ");
  const text = template.includes("%") ? substitute(template, rest) : template;
  return [text, ...rest.map(display)].join(" ");
}

function display(value) {
  return typeof value === "string" ? value : inspect(value);
}

// Takes the values it uses out of `values`.
function substitute(template, values) {
  return template.replace(/%([sdifjoOc%])/g, (directive, kind) => {
    if (kind === "%") return "%";
    if (values.length === 0) return directive;
    return DIRECTIVES[kind](values.shift());
  });
}

const DIRECTIVES = {
  s: (value) => (typeof value === "object" && value !== null ? inspect(value, { depth: 0 }) : safeString(value)),
  d: (value) => number(value, Number),
  i: (value) => number(value, Number.parseInt),
  f: (value) => number(value, Number.parseFloat),
  j: (value) => json(value),
  o: (value) => inspect(value),
  O: (value) => inspect(value),
  c: () => "",
};

function number(value, convert) {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol" || typeof value === "object") return "NaN";
  return String(convert(value));
}

function json(value) {
  try {
    return JSON.stringify(value) ?? "undefined";
  } catch {
    return "[Circular]";
  }
}

function safeString(value) {
  if (typeof value === "bigint") return `${value}n`;
  return Object.is(value, -0) ? "-0" : String(value);
}

class Inspector {
  #depthMax;
  #parents = [];

  constructor(depthMax) {
    this.#depthMax = depthMax;
  }

  format(value, depth) {
    if (typeof value === "string") {
      return quote(value.slice(0, STRING_MAX)) + more(value.length - STRING_MAX, "character");
    }
    if (typeof value === "function" || (typeof value === "object" && value !== null)) {
      return this.#guarded(value, depth);
    }
    return safeString(value);
  }

  // An object's own code (getters, proxies of another language) may throw while it is looked at.
  #guarded(value, depth) {
    if (this.#parents.includes(value)) return "[Circular *1]";
    this.#parents.push(value);
    try {
      return this.#object(value, depth);
    } catch (error) {
      return `[object that cannot be inspected: ${error}]`;
    } finally {
      this.#parents.pop();
    }
  }

  #object(value, depth) {
    const name = className(value);
    if (name === "PyProxy") return String(value);
    if (typeof value[CUSTOM] === "function") return this.#custom(value, depth);
    const simple = this.#simple(value, name);
    if (simple !== undefined) return this.#withProperties(value, simple, depth);
    if (depth > this.#depthMax) return Array.isArray(value) ? "[Array]" : `[${name ?? "Object: null prototype"}]`;
    if (Array.isArray(value)) return this.#array(value, name, depth);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return this.#typedArray(value, name, depth);
    if (value instanceof Map) return this.#map(value, depth);
    if (value instanceof Set) return this.#set(value, depth);
    if (isApiObject(value, name)) return this.#api(value, name, depth);
    return this.#list(prefix(name, "Object"), "{", "}", [], value, depth);
  }

  // What an object's own method says: a text as it is, anything else as it looks.
  #custom(value, depth) {
    const shown = value[CUSTOM](this.#depthMax - depth, { depth: this.#depthMax }, inspect);
    if (typeof shown === "string") return shown;
    return shown === value ? `[${className(value)}]` : this.format(shown, depth);
  }

  // What has a text of its own; undefined for a container.
  #simple(value, name) {
    if (value instanceof Error) return this.#error(value);
    if (typeof value === "function") return functionText(value);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) return "Promise {}";
    if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
    if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) return `${name} {}`;
    for (const wrapper of [Number, String, Boolean, Symbol, BigInt]) {
      if (value instanceof wrapper) return `[${wrapper.name}: ${this.format(value.valueOf(), 0)}]`;
    }
    return undefined;
  }

  #withProperties(value, text, depth) {
    if (value instanceof String || depth > this.#depthMax) return text;
    const hidden = value instanceof Error ? ["stack", "message", "name"] : [];
    const keys = visibleKeys(value).filter((key) => !hidden.includes(key));
    if (keys.length === 0) return text;
    return join(`${text} `, "{", "}", this.#properties(value, keys, depth), depth);
  }

  #error(error) {
    const head = `${error.name}: ${error.message}`.replace(/: $/, "");
    const stack = typeof error.stack === "string" ? error.stack.trimEnd() : "";
    const text = stack === "" ? head : stack.startsWith(head) ? stack : `${head}\n${stack}`;
    const cause = error.cause === undefined ? "" : `\n  [cause]: ${this.format(error.cause, 1)}`;
    const errors = Array.isArray(error.errors) ? `\n  [errors]: ${this.format(error.errors, 1)}` : "";
    return text + cause + errors;
  }

  #array(array, name, depth) {
    return this.#list(prefix(name, "Array", array.length), "[", "]", this.#items(array, depth), array, depth);
  }

  #items(array, depth) {
    const items = [];
    let holes = 0;
    const flushHoles = () => {
      if (holes > 0) items.push(`<${holes} empty item${holes === 1 ? "" : "s"}>`);
      holes = 0;
    };
    for (let index = 0; index < array.length && items.length < ITEMS_MAX; index += 1) {
      if (index in array) {
        flushHoles();
        items.push(this.format(array[index], depth + 1));
      } else {
        holes += 1;
      }
    }
    flushHoles();
    return addMore(items, array.length - ITEMS_MAX);
  }

  #typedArray(array, name, depth) {
    const items = Array.from(array.subarray(0, ITEMS_MAX), (item) => this.format(item, depth + 1));
    return join(`${name}(${array.length}) `, "[", "]", addMore(items, array.length - ITEMS_MAX), depth);
  }

  #map(map, depth) {
    const items = [...map].slice(0, ITEMS_MAX).map((entry) => this.#entry(entry, depth));
    return join(`Map(${map.size}) `, "{", "}", addMore(items, map.size - ITEMS_MAX), depth);
  }

  #entry([key, item], depth) {
    return `${this.format(key, depth + 1)} => ${this.format(item, depth + 1)}`;
  }

  #set(set, depth) {
    const items = [...set].slice(0, ITEMS_MAX).map((item) => this.format(item, depth + 1));
    return join(`Set(${set.size}) `, "{", "}", addMore(items, set.size - ITEMS_MAX), depth);
  }

  // Objects of the platform keep their state behind getters of the prototype.
  #api(value, name, depth) {
    if (typeof value.entries === "function") {
      const entries = [...value.entries()];
      const items = entries.slice(0, ITEMS_MAX).map((entry) => this.#entry(entry, depth));
      return join(`${name}(${entries.length}) `, "{", "}", addMore(items, entries.length - ITEMS_MAX), depth);
    }
    const items = getterNames(value).map((key) => `${key}: ${this.format(value[key], depth + 1)}`);
    return join(`${name} `, "{", "}", items, depth);
  }

  #list(head, open, close, items, value, depth) {
    const own = visibleKeys(value).filter((key) => !(Array.isArray(value) && /^\d+$/.test(String(key))));
    return join(head, open, close, [...items, ...this.#properties(value, own, depth)], depth);
  }

  #properties(value, keys, depth) {
    const items = keys.slice(0, ITEMS_MAX).map((key) => {
      const descriptor = Object.getOwnPropertyDescriptor(value, key);
      return `${keyText(key)}: ${this.#property(descriptor, value, key, depth)}`;
    });
    return addMore(items, keys.length - ITEMS_MAX);
  }

  #property(descriptor, value, key, depth) {
    if (descriptor?.get === undefined && descriptor?.set === undefined) return this.format(value[key], depth + 1);
    if (descriptor.get === undefined) return "[Setter]";
    return descriptor.set === undefined ? "[Getter]" : "[Getter/Setter]";
  }
}

// One line if it is short and holds no line break, else one item per line.
function join(head, open, close, items, depth) {
  if (items.length === 0) return `${head}${open}${close}`;
  const line = `${head}${open} ${items.join(", ")} ${close}`;
  if (line.length + depth * 2 <= LINE_MAX && !line.includes("\n")) return line;
  const indented = items.map((item) => `  ${item.replaceAll("\n", "\n  ")}`);
  return `${head}${open}\n${indented.join(",\n")}\n${close}`;
}

function addMore(items, count) {
  const text = more(count, "item");
  if (text !== "") items.push(text.slice(1));
  return items;
}

function more(count, noun) {
  return count > 0 ? ` ... ${count} more ${noun}${count === 1 ? "" : "s"}` : "";
}

function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") ? "`" : "'";
  const escaped = text.replace(/[\\\0-\x1f\x7f]/g, (character) => ESCAPES[character] ?? hexEscape(character));
  return mark + escaped.replaceAll(mark, `\\${mark}`) + mark;
}

const ESCAPES = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v" };

function hexEscape(character) {
  return `\\x${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

function keyText(key) {
  if (typeof key === "symbol") return `[${String(key)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key);
}

function visibleKeys(value) {
  const symbols = Object.getOwnPropertySymbols(value);
  return [...Object.keys(value), ...symbols.filter((key) => Object.prototype.propertyIsEnumerable.call(value, key))];
}

// The name of the class; undefined for an object without a prototype.
function className(value) {
  const tag = value[Symbol.toStringTag];
  if (tag === "PyProxy") return tag;
  for (let object = value; object !== null; object = Object.getPrototypeOf(object)) {
    const constructor = Object.getOwnPropertyDescriptor(object, "constructor")?.value;
    if (typeof constructor === "function" && constructor.name !== "") return constructor.name;
  }
  return undefined;
}

function prefix(name, usual, length) {
  if (name === usual) return "";
  const shown = name ?? `[${usual}: null prototype]`;
  return length === undefined ? `${shown} ` : `${shown}(${length}) `;
}

function functionText(value) {
  const source = Function.prototype.toString.call(value);
  const kind = source.startsWith("class") ? "class" : "Function";
  if (value.name === "") return kind === "class" ? "[class (anonymous)]" : "[Function (anonymous)]";
  return kind === "class" ? `[class ${value.name}]` : `[Function: ${value.name}]`;
}

function isApiObject(value, name) {
  return name !== undefined && value[Symbol.toStringTag] === name && visibleKeys(value).length === 0;
}

function getterNames(value) {
  const names = [];
  for (let object = Object.getPrototypeOf(value); object !== null; object = Object.getPrototypeOf(object)) {
    const descriptors = Object.entries(Object.getOwnPropertyDescriptors(object));
    for (const [name, { get, enumerable }] of descriptors) {
      if (get !== undefined && enumerable && name !== "body" && !names.includes(name)) names.push(name);
    }
  }
  return names;
}
