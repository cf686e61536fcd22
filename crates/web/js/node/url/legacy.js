// URLs as Node's programs took them apart before the standard: any string has parts, and a relative one stays relative.
// https://nodejs.org/api/url.html#legacy-url-api

import { URL } from "../../url.js";
import { toASCII } from "../punycode.js";
import * as querystring from "../querystring.js";

/** Schemes whose URLs have a host even without slashes. */
const WITH_HOST = new Set(["http:", "https:", "ftp:", "gopher:", "file:", "ws:", "wss:"]);
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
/** What cannot stand in a URL as it is. */
const UNSAFE = /[\s"'<>\\^`{|}]/g;
const escapeUnsafe = (character) => encodeURIComponent(character).replace("'", "%27");

/** A URL's parts; null for those that it does not have. */
export class Url {
  protocol = null;
  slashes = null;
  auth = null;
  host = null;
  port = null;
  hostname = null;
  hash = null;
  search = null;
  query = null;
  pathname = null;
  path = null;
  href = null;

  format() {
    return format(this);
  }
  resolve(relative) {
    return resolve(this.format(), relative);
  }
  resolveObject(relative) {
    return parse(this.resolve(relative));
  }
}

/** The parts of a string; `query` is an object if `parseQuery` says so. */
export function parse(text, parseQuery = false, slashesDenoteHost = false) {
  if (text instanceof Url) return text;
  if (typeof text !== "string") {
    const message = `The "url" argument must be of type string. Received ${text === null ? "null" : `type ${typeof text}`}`;
    throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
  }
  const url = new Url();
  const rest = takeTail(url, text.trim(), parseQuery);
  const afterHost = takeHost(url, rest, slashesDenoteHost);
  if (afterHost !== "") url.pathname = afterHost.replace(UNSAFE, escapeUnsafe);
  if (url.pathname === null && WITH_HOST.has(url.protocol) && url.hostname) url.pathname = "/";
  if (url.pathname !== null || url.search !== null) url.path = (url.pathname ?? "") + (url.search ?? "");
  url.href = url.format();
  return url;
}

// Takes the fragment and the query off the end.
function takeTail(url, text, parseQuery) {
  const [beforeHash, hash] = splitAt(text, "#");
  const [rest, search] = splitAt(beforeHash, "?");
  if (hash !== "") url.hash = hash.replace(UNSAFE, escapeUnsafe);
  if (search !== "") url.search = search.replace(UNSAFE, escapeUnsafe);
  if (url.search !== null) url.query = url.search.slice(1);
  if (parseQuery) url.query = querystring.parse((url.search ?? "").slice(1));
  return rest.replaceAll("\\", "/");
}

function splitAt(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

// Takes scheme, credentials, host and port off the beginning.
function takeHost(url, text, slashesDenoteHost) {
  let rest = text;
  const scheme = SCHEME.exec(rest)?.[0];
  if (scheme !== undefined) {
    url.protocol = scheme.toLowerCase();
    rest = rest.slice(scheme.length);
  }
  const hasSlashes = rest.startsWith("//") && (scheme !== undefined || slashesDenoteHost || /^\/\/[^@/]+@[^@/]+/.test(rest));
  if (!hasSlashes || url.protocol === "javascript:") return rest;
  url.slashes = true;
  const [authority] = /^[^/]*/.exec(rest.slice(2));
  const at = authority.lastIndexOf("@");
  if (at >= 0) url.auth = decodeURIComponent(authority.slice(0, at));
  const [host, hostname, port] = HOST.exec(authority.slice(at + 1));
  readHost(url, hostname, port);
  const below = rest.slice(2 + at + 1 + host.length);
  return below === "" || below.startsWith("/") ? below : `/${below}`;
}

/** A host ends where something comes that no host can hold. */
const HOST = /^(\[[^\]]*\]|[^\t\n\r "#%'/:;<>?@\\^`{|}]*)(?::(\d*))?/;

function readHost(url, hostname, port) {
  if (port) url.port = port;
  const ascii = /[^\0-\x7f]/.test(hostname) ? toASCII(hostname) : hostname;
  url.hostname = ascii.replace(/^\[|\]$/g, "").toLowerCase();
  url.host = `${ascii.toLowerCase()}${port ? `:${port}` : ""}`;
}

/** The string of a URL, or of an object with its parts. */
export function format(url, options) {
  if (typeof url === "string") return parse(url).format();
  if (url instanceof URL) return formatStandard(url, options ?? {});
  if (typeof url !== "object" || url === null) {
    const message = 'The "urlObject" argument must be of type object or string.';
    throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
  }
  const protocol = url.protocol ? url.protocol.replace(/:?$/, ":") : "";
  const host = hostIn(url);
  const slashed = url.slashes || ((!protocol || WITH_HOST.has(protocol)) && host !== undefined);
  const pathname = (url.pathname ?? "").replace(/[#?]/g, encodeURIComponent);
  const query = typeof url.query === "object" && url.query !== null ? querystring.stringify(url.query) : "";
  const search = (url.search || (query && `?${query}`) || "").replace(/^(?=[^?])/, "?").replaceAll("#", "%23");
  const hash = (url.hash ?? "").replace(/^(?=[^#])/, "#");
  const authority = slashed ? `//${host ?? ""}` : (host ?? "");
  const separator = slashed && pathname !== "" && !pathname.startsWith("/") ? "/" : "";
  return protocol + authority + separator + pathname + search + hash;
}

function hostIn({ auth, host, hostname, port }) {
  const credentials = auth ? `${encodeURIComponent(auth).replace(/%3A/i, ":")}@` : "";
  if (host) return credentials + host;
  if (!hostname) return undefined;
  return `${credentials}${hostname.includes(":") ? `[${hostname}]` : hostname}${port ? `:${port}` : ""}`;
}

function formatStandard(url, { auth = true, fragment = true, search = true }) {
  const copy = new URL(url.href);
  if (!auth) [copy.username, copy.password] = ["", ""];
  if (!fragment) copy.hash = "";
  if (!search) copy.search = "";
  return copy.href;
}

/** Where a link on a page leads. Both may be relative. */
export function resolve(from, to) {
  const nowhere = "resolve-relative://nowhere";
  const base = new URL(from, `${nowhere}/`);
  const resolved = new URL(to, base);
  if (resolved.href.startsWith(nowhere)) {
    const absolute = resolved.href.slice(nowhere.length);
    return from.startsWith("/") || to.startsWith("/") ? absolute : absolute.slice(1);
  }
  return resolved.href;
}

export const resolveObject = (from, to) => parse(resolve(typeof from === "string" ? from : format(from), to));
