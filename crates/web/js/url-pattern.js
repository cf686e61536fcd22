// URLPattern: matches URLs component by component. https://urlpattern.spec.whatwg.org/

import { URL } from "./url.js";
import { Component, DEFAULT_OPTIONS, HOSTNAME_OPTIONS, PATHNAME_OPTIONS } from "./url-pattern/component.js";
import { matchesSpecialScheme, parseConstructorString } from "./url-pattern/constructor-string.js";
import {
  canonicalize, canonicalizeIpv6, COMPONENTS, componentsOf, opaquePathname, pathname, processInit, SPECIAL_PORTS,
} from "./url-pattern/init.js";
import { argumentError, finishInterface, toUsvString } from "./webidl.js";

/** https://urlpattern.spec.whatwg.org/#urlpattern-class */
export class URLPattern {
  // Map of name to Component, in the standard's order.
  #components;

  constructor(input = {}, baseUrlOrOptions = undefined, options = undefined) {
    const isOptions = typeof baseUrlOrOptions === "object" && arguments.length < 3;
    const base = isOptions || baseUrlOrOptions === undefined ? undefined : toUsvString(baseUrlOrOptions);
    const ignoreCase = Boolean((isOptions ? baseUrlOrOptions : options)?.ignoreCase);
    const init = processInit(initFrom(input, base), true);
    for (const name of COMPONENTS) init[name] ??= "*";
    if (SPECIAL_PORTS.get(init.protocol) === init.port) init.port = "";
    this.#components = compile(init, ignoreCase);
  }

  get protocol() {
    return this.#components.get("protocol").pattern;
  }
  get username() {
    return this.#components.get("username").pattern;
  }
  get password() {
    return this.#components.get("password").pattern;
  }
  get hostname() {
    return this.#components.get("hostname").pattern;
  }
  get port() {
    return this.#components.get("port").pattern;
  }
  get pathname() {
    return this.#components.get("pathname").pattern;
  }
  get search() {
    return this.#components.get("search").pattern;
  }
  get hash() {
    return this.#components.get("hash").pattern;
  }
  get hasRegExpGroups() {
    return [...this.#components.values()].some((component) => component.hasRegExpGroups);
  }

  test(input = {}, baseURL = undefined) {
    return this.#match(input, baseURL) !== null;
  }

  exec(input = {}, baseURL = undefined) {
    return this.#match(input, baseURL);
  }

  #match(input, baseURL) {
    const inputs = baseURL === undefined ? [input] : [input, baseURL];
    const values = valuesOf(input, baseURL === undefined ? undefined : toUsvString(baseURL));
    if (values === undefined) return null;
    const result = { inputs };
    for (const [name, component] of this.#components) {
      const found = component.match(values[name]);
      if (found === null) return null;
      result[name] = found;
    }
    return result;
  }
}

finishInterface(URLPattern);

// A URLPatternInit as a script gives it, with strings only.
function stringsOf(init) {
  if (typeof init !== "function" && (typeof init !== "object" || init === null)) return undefined;
  const names = [...COMPONENTS, "baseURL"].filter((name) => init[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, toUsvString(init[name])]));
}

function initFrom(input, baseURL) {
  const init = stringsOf(input);
  if (init !== undefined) {
    if (baseURL !== undefined) throw argumentError(2, "constructor", "URLPattern", "URLPatternOptions");
    return init;
  }
  const parsed = parseConstructorString(toUsvString(input));
  if (baseURL !== undefined) return { ...parsed, baseURL };
  if (parsed.protocol === undefined) throw new TypeError("A relative URLPattern needs a base URL.");
  return parsed;
}

// The components to be matched; undefined for what is no URL.
function valuesOf(input, baseURL) {
  const init = stringsOf(input);
  if (init === undefined) {
    const url = URL.parse(toUsvString(input), baseURL);
    return url === null ? undefined : componentsOf(url);
  }
  if (baseURL !== undefined) throw argumentError(2, "exec", "URLPattern", "undefined");
  try {
    return processInit(init, false);
  } catch {
    return undefined;
  }
}

function compile(init, ignoreCase) {
  const plain = (name) => new Component(init[name], (value) => canonicalize(name, value), DEFAULT_OPTIONS);
  const cased = (name, encode, options) => new Component(init[name], encode, options, ignoreCase);
  const components = new Map(["protocol", "username", "password"].map((name) => [name, plain(name)]));
  components.set("hostname", hostnameComponent(init.hostname));
  components.set("port", new Component(init.port, (value) => canonicalize("port", value), DEFAULT_OPTIONS));
  const isStandard = matchesSpecialScheme(components.get("protocol"));
  const [encodePath, pathOptions] = isStandard ? [pathname, PATHNAME_OPTIONS] : [opaquePathname, DEFAULT_OPTIONS];
  components.set("pathname", cased("pathname", encodePath, pathOptions));
  for (const name of ["search", "hash"]) {
    components.set(name, cased(name, (value) => canonicalize(name, value), DEFAULT_OPTIONS));
  }
  return components;
}

function hostnameComponent(text) {
  const isIpv6 = /^(\[|\{\[|\\\[)/.test(text) && text.length > 1;
  const encode = isIpv6 ? canonicalizeIpv6 : (value) => canonicalize("hostname", value);
  return new Component(text, encode, HOSTNAME_OPTIONS);
}
