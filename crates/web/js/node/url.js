// `node:url`: the standard's URL, paths of files, and the older functions over strings. https://nodejs.org/api/url.html

import { natives } from "../natives.js";
import { URL, URLSearchParams } from "../url.js";
import { toUnicode } from "./punycode.js";
import { format, parse, resolve, resolveObject, Url } from "./url/legacy.js";

export { format, parse, resolve, resolveObject, URL, URLSearchParams, Url };

const withCode = (error, code) => Object.assign(error, { code });

function hostOf(domain) {
  const href = natives.parseUrl(`ws://${domain}`);
  return href === undefined ? "" : new URL(href).hostname;
}

/** The domain in ASCII; empty if it is none. */
export const domainToASCII = (domain) => hostOf(`${domain}`);

/** The domain in Unicode; empty if it is none. */
export const domainToUnicode = (domain) => toUnicode(domainToASCII(domain));

/** The path of a `file:` URL. */
export function fileURLToPath(url) {
  const parsed = typeof url === "string" ? new URL(url) : url;
  if (!(parsed instanceof URL)) {
    const message = 'The "path" argument must be of type string or an instance of URL.';
    throw withCode(new TypeError(message), "ERR_INVALID_ARG_TYPE");
  }
  if (parsed.protocol !== "file:") throw withCode(new TypeError("The URL must be of scheme file"), "ERR_INVALID_URL_SCHEME");
  if (parsed.hostname !== "") {
    const message = 'File URL host must be "localhost" or empty on linux';
    throw withCode(new TypeError(message), "ERR_INVALID_FILE_URL_HOST");
  }
  if (/%2f/i.test(parsed.pathname)) {
    const message = "File URL path must not include encoded / characters";
    throw withCode(new TypeError(message), "ERR_INVALID_FILE_URL_PATH");
  }
  return decodeURIComponent(parsed.pathname);
}

const ESCAPED_IN_PATHS = /[%\\\n\r\t?#]/g;
const escapeInPath = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

/** The `file:` URL of a path; one that is not absolute counts from the root. */
export function pathToFileURL(path) {
  const absolute = path.startsWith("/") ? path : `/${path}`;
  return new URL(`file://${absolute.replace(ESCAPED_IN_PATHS, escapeInPath)}`);
}

/** What `http.request` takes for a URL. */
export function urlToHttpOptions(url) {
  const { hash, hostname, href, password, pathname, port, protocol, search, username } = url;
  const options = { protocol, hostname: hostname.replace(/^\[|\]$/g, ""), hash, search, pathname, path: `${pathname}${search}`, href };
  if (port !== "") options.port = Number(port);
  if (username !== "" || password !== "") options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return options;
}

export default {
  domainToASCII, domainToUnicode, fileURLToPath, format, parse, pathToFileURL, resolve, resolveObject, URL, Url, URLSearchParams, urlToHttpOptions,
};
