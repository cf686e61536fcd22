// `node:querystring`: https://nodejs.org/api/querystring.html

import { Buffer } from "./buffer.js";

const KEYS_MAX = 1000;
const HEX_PAIR = /%([0-9a-f]{2})/gi;

/** The text in percent-encoding, all but what RFC 2396 leaves as it is. */
export function escape(text) {
  const string = typeof text === "object" && text !== null ? String(text) : `${text}`;
  try {
    return encodeURIComponent(string);
  } catch {
    throw Object.assign(new URIError("URI malformed"), { code: "ERR_INVALID_URI" });
  }
}

/** The bytes that a percent-encoded text stands for; what is no encoding stays. */
export function unescapeBuffer(text, decodeSpaces = false) {
  const spaced = decodeSpaces ? `${text}`.replaceAll("+", " ") : `${text}`;
  const utf8 = Buffer.from(spaced).toString("latin1");
  return Buffer.from(utf8.replace(HEX_PAIR, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))), "latin1");
}

export function unescape(text, decodeSpaces) {
  try {
    return decodeURIComponent(text);
  } catch {
    return unescapeBuffer(text, decodeSpaces).toString();
  }
}

/** The text of an object's entries; arrays give one pair per item. */
export function stringify(object, separator = "&", equals = "=", options) {
  if (typeof object !== "object" || object === null) return "";
  const encode = options?.encodeURIComponent ?? exported.escape;
  const pair = (name, value) => `${encode(primitiveText(name))}${equals || "="}${encode(primitiveText(value))}`;
  return Object.entries(object)
    .flatMap(([name, value]) => (Array.isArray(value) ? value.map((item) => pair(name, item)) : [pair(name, value)]))
    .join(separator || "&");
}

function primitiveText(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? `${value}` : "";
  return typeof value === "bigint" || typeof value === "boolean" ? `${value}` : "";
}

/** The entries of a query string; a name that comes more than once has an array. */
export function parse(text, separator = "&", equals = "=", options) {
  const entries = Object.create(null);
  if (typeof text !== "string" || text === "") return entries;
  const decode = options?.decodeURIComponent ?? exported.unescape;
  const maxKeys = typeof options?.maxKeys === "number" ? options.maxKeys : KEYS_MAX;
  const pairs = text.split(separator || "&").filter((pair) => pair !== "");
  for (const pair of maxKeys > 0 ? pairs.slice(0, maxKeys) : pairs) {
    const mark = equals || "=";
    const at = pair.indexOf(mark);
    const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + mark.length)];
    add(entries, decoded(name, decode), decoded(value, decode));
  }
  return entries;
}

function decoded(text, decode) {
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  try {
    return decode(spaced);
  } catch {
    return unescape(spaced, true);
  }
}

function add(entries, name, value) {
  if (!(name in entries)) entries[name] = value;
  else if (Array.isArray(entries[name])) entries[name].push(value);
  else entries[name] = [entries[name], value];
}

export { parse as decode, stringify as encode };

// Programs may replace `escape` and `unescape` in here, and the other two then use theirs.
const exported = { decode: parse, encode: stringify, escape, parse, stringify, unescape, unescapeBuffer };
export default exported;
