// What the fetch standard asks of requests and workerd leaves out on purpose: options that only make sense in a browser,
// and ports of other protocols. It counts under the flag `pedantic_wpt`, and in scripts that are no Workers.

import { isPedantic } from "./flags.js";
import { natives } from "./natives.js";

/** https://fetch.spec.whatwg.org/#port-blocking */
const BLOCKED_PORTS = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111,
  113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548,
  554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665,
  6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);
const SIMPLE_METHODS = new Set(["GET", "HEAD", "POST"]);
const ENUMERATIONS = {
  credentials: ["omit", "same-origin", "include"],
  mode: ["same-origin", "no-cors", "cors"],
  priority: ["high", "low", "auto"],
  referrerPolicy: [
    "", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
    "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url",
  ],
};

/** The options of a Request that workerd ignores. */
export function checkOptions(options, { method, url }) {
  if (!isPedantic()) return;
  for (const [name, values] of Object.entries(ENUMERATIONS)) checkEnumeration(name, options[name], values);
  const { mode, referrer, window } = options;
  if (window !== undefined && window !== null) throw new TypeError("The option 'window' can only be null.");
  if (referrer !== undefined && natives.parseUrl(`${referrer}`, url) === undefined) {
    throw new TypeError(`Invalid referrer: ${referrer}`);
  }
  if (FORBIDDEN_METHODS.has(method)) throw new TypeError(`The HTTP method ${method} cannot be fetched.`);
  if (mode === "no-cors" && !SIMPLE_METHODS.has(method)) {
    throw new TypeError(`The HTTP method ${method} cannot be fetched in the mode 'no-cors'.`);
  }
}

function checkEnumeration(name, value, values) {
  if (value === undefined || values.includes(`${value}`)) return;
  throw new TypeError(`Invalid ${name}: ${value}. It must be one of: ${values.join(", ")}`);
}

/** The URL of a Request. */
export function checkCredentials(href) {
  if (!isPedantic()) return;
  const [, username, password] = natives.urlParts(href);
  if (username + password !== "") throw new TypeError(`The URL of a request cannot have credentials: ${href}`);
}

/** The port that a fetch would go to. */
export function checkPort(href) {
  if (!isPedantic()) return;
  const [, , , , , port] = natives.urlParts(href);
  if (BLOCKED_PORTS.has(Number(port))) throw new TypeError(`Fetch API cannot load: ${href} (port ${port} is blocked)`);
}

/** A ByteString; workerd sends what is beyond Latin-1 as UTF-8. */
export function byteString(value) {
  const text = `${value}`;
  if (isPedantic() && /[^\0-\xff]/.test(text)) throw new TypeError(`A character beyond Latin-1 is in: ${text}`);
  return text;
}
