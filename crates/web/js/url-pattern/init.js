// The components of a URLPattern before they are compiled, and of the URLs it is matched against: from an object
// (URLPatternInit), with a base URL's where it says nothing.
// https://urlpattern.spec.whatwg.org/#urlpatterninit-processing

import { URL } from "../url.js";
import { escapePattern } from "./component.js";

/** The names of the components, in the standard's order. */
export const COMPONENTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];

/** The default ports of the special schemes. */
export const SPECIAL_PORTS = new Map([
  ["http", "80"], ["https", "443"], ["ws", "80"], ["wss", "443"], ["ftp", "21"], ["file", ""],
]);

/** The components of a parsed URL, without the characters that part them. */
export function componentsOf(url) {
  const components = Object.fromEntries(COMPONENTS.map((name) => [name, url[name]]));
  components.protocol = url.protocol.slice(0, -1);
  components.search = url.search.slice(1);
  components.hash = url.hash.slice(1);
  return components;
}

/**
 * The components that `init` gives. Those of a pattern (`isPattern`) stay as they are; those of a URL to be matched are
 * brought into the form that they have in a parsed URL, and all are there.
 */
export function processInit(init, isPattern) {
  const result = isPattern ? {} : Object.fromEntries(COMPONENTS.map((name) => [name, ""]));
  const base = init.baseURL === undefined ? undefined : parseBase(init.baseURL);
  if (base !== undefined) inherit(result, init, base, isPattern);
  const given = { ...init };
  if (given.protocol !== undefined) given.protocol = given.protocol.replace(/:$/, "");
  if (given.search !== undefined) given.search = given.search.replace(/^\?/, "");
  if (given.hash !== undefined) given.hash = given.hash.replace(/^#/, "");
  if (given.pathname !== undefined && base !== undefined) given.pathname = joined(given.pathname, base, isPattern);
  for (const name of COMPONENTS) {
    if (given[name] === undefined) continue;
    result[name] = isPattern ? given[name] : canonicalize(name, given[name], result.protocol);
  }
  return result;
}

function parseBase(text) {
  const base = URL.parse(text);
  if (base === null) throw new TypeError(`Invalid URL: ${text}`);
  return base;
}

// What each component is inherited under: that init names none of these.
const MORE_SPECIFIC = ["protocol", "hostname", "port", "pathname", "search", "hash"];

function inherit(result, init, base, isPattern) {
  const parts = componentsOf(base);
  const names = (...list) => list.some((name) => init[name] !== undefined);
  const take = (name) => {
    result[name] = isPattern ? escapePattern(parts[name]) : parts[name];
  };
  if (!isPattern && !names("protocol", "hostname", "port", "username")) take("username");
  if (!isPattern && !names("protocol", "hostname", "port", "username", "password")) take("password");
  MORE_SPECIFIC.forEach((name, index) => {
    if (!names(...MORE_SPECIFIC.slice(0, index + 1))) take(name);
  });
}

function joined(pathname, base, isPattern) {
  const isOpaque = !base.pathname.startsWith("/") && base.pathname !== "";
  if (isOpaque || isAbsolute(pathname, isPattern)) return pathname;
  const folder = base.pathname.slice(0, base.pathname.lastIndexOf("/") + 1);
  return (isPattern ? escapePattern(folder) : folder) + pathname;
}

function isAbsolute(pathname, isPattern) {
  return pathname.startsWith("/") || (isPattern && /^[\\{]\//.test(pathname));
}

/** A component's text in the form that it has in a parsed URL. */
export function canonicalize(name, value, protocol = "") {
  if (value === "") return "";
  switch (name) {
    case "protocol":
      return parsed(`${value}://dummy.invalid/`).protocol.slice(0, -1);
    case "hostname":
      return hostname(value, protocol);
    case "port":
      return port(value, protocol);
    case "pathname":
      return protocol === "" || SPECIAL_PORTS.has(protocol) ? pathname(value) : opaquePathname(value);
    default:
      return withPart(parsed("https://dummy.invalid/"), name, value);
  }
}

/** The hostname of an IPv6 address in brackets, which may hold groups. */
export function canonicalizeIpv6(value) {
  if (/[^0-9a-fA-F[\]:]/.test(value)) throw new TypeError(`Invalid hostname: ${value}`);
  return value.toLowerCase();
}

/** The path of a URL whose scheme is special. */
export function pathname(value) {
  if (value === "") return "";
  const url = parsed("https://dummy.invalid/");
  if (value.startsWith("/")) return withPart(url, "pathname", value);
  // A piece of a path: what stands before keeps it from being taken for the first one.
  return withPart(url, "pathname", `/-${value}`).slice(2);
}

/** The path of a URL whose scheme is not special. */
export function opaquePathname(value) {
  if (value === "") return "";
  if (value.startsWith("/")) return withPart(parsed("data://dummy.invalid/"), "pathname", value);
  return parsed(`data:${value.replace(/[?#]/g, encodeURIComponent)}`).pathname;
}

function parsed(text) {
  const url = URL.parse(text);
  if (url === null) throw new TypeError(`Invalid URL: ${text}`);
  return url;
}

function withPart(url, name, value) {
  url[name] = value;
  return name === "search" || name === "hash" ? url[name].slice(1) : url[name];
}

// A setter that refuses says so only by leaving the old host in place.
function hostname(value, protocol) {
  const scheme = protocol === "" || SPECIAL_PORTS.has(protocol) ? "https" : protocol;
  const url = parsed(`${scheme}://dummy.invalid/`);
  url.hostname = value;
  if (url.hostname === "dummy.invalid") throw new TypeError(`Invalid hostname: ${value}`);
  return url.hostname;
}

function port(value, protocol) {
  const digits = /^[0-9]+/.exec(value.replace(/[\t\n\r]/g, ""))?.[0];
  if (digits === undefined || Number(digits) > 65535) throw new TypeError(`Invalid port: ${value}`);
  const text = `${Number(digits)}`;
  return SPECIAL_PORTS.get(protocol) === text ? "" : text;
}
