// A whole URLPattern in one text, "https://*.example.com/:id?q=*": where each component begins and ends.
// https://urlpattern.spec.whatwg.org/#constructor-string-parsing

import { canonicalize, SPECIAL_PORTS } from "./init.js";
import { Component, DEFAULT_OPTIONS } from "./component.js";
import { tokenize } from "./tokens.js";

const BEFORE_HOSTNAME = new Set(["protocol", "authority", "username", "password"]);
const BEFORE_PATHNAME = new Set([...BEFORE_HOSTNAME, "hostname", "port"]);
const BEFORE_SEARCH = new Set([...BEFORE_PATHNAME, "pathname"]);

/** Whether a protocol component matches a scheme that the URL standard calls special. */
export function matchesSpecialScheme(component) {
  return [...SPECIAL_PORTS.keys()].some((scheme) => component.match(scheme) !== null);
}

/** The components that the text names. */
export function parseConstructorString(text) {
  return new ConstructorStringParser(text).parse();
}

class ConstructorStringParser {
  #characters;
  #tokens;
  #result = {};
  #start = 0;
  #index = 0;
  #increment = 1;
  #groupDepth = 0;
  #bracketDepth = 0;
  #isSpecial = false;
  #state = "init";

  constructor(text) {
    this.#characters = [...text];
    this.#tokens = tokenize(this.#characters, true);
  }

  parse() {
    while (this.#state !== "done") {
      this.#increment = 1;
      this.#step(this.#tokens[this.#index].type);
      this.#index += this.#increment;
    }
    if (this.#result.hostname !== undefined) this.#result.port ??= "";
    return this.#result;
  }

  #step(type) {
    if (type === "end") {
      this.#end();
    } else if (type === "open") {
      this.#groupDepth += 1;
    } else if (this.#groupDepth > 0) {
      if (type === "close") this.#groupDepth -= 1;
    } else {
      STEPS[this.#state](this, (value, offset) => this.#is(value, offset));
    }
  }

  #end() {
    if (this.#state === "authority") {
      this.rewind("hostname");
    } else if (this.#state !== "init") {
      this.change("done", 0);
    } else {
      this.#rewindOnly();
      if (this.#is("#")) this.change("hash", 1);
      else if (this.isSearchPrefix()) this.change("search", 1);
      else this.change("pathname", 0);
    }
  }

  // Whether the token is this character and not a part of the pattern language.
  #is(value, offset = 0) {
    const token = this.#tokens[this.#index + offset];
    return token?.value === value && (token.type === "char" || token.type === "escaped" || token.type === "invalid");
  }

  /** A question mark that is no modifier. */
  isSearchPrefix() {
    if (this.#is("?")) return true;
    if (this.#tokens[this.#index].value !== "?") return false;
    const previous = this.#tokens[this.#index - 1]?.type;
    return !["name", "regexp", "close", "asterisk"].includes(previous);
  }

  /** Counts the brackets of an IPv6 address; whether one is open. */
  bracket(change) {
    this.#bracketDepth += change;
    return this.#bracketDepth > 0;
  }

  /** Goes back to where the component began, in another state. */
  rewind(state) {
    this.#rewindOnly();
    this.#state = state;
  }

  #rewindOnly() {
    this.#index = this.#start;
    this.#increment = 0;
  }

  /** What follows a protocol. */
  endProtocol() {
    this.#isSpecial = matchesSpecialScheme(
      new Component(this.#text(), (value) => canonicalize("protocol", value), DEFAULT_OPTIONS),
    );
    if (this.#is("/", 1) && this.#is("/", 2)) this.change("authority", 3);
    else this.change(this.#isSpecial ? "authority" : "pathname", 1);
  }

  /** Ends the component and begins another, `skip` tokens further. What lies between the two is empty. */
  change(state, skip) {
    const [old, result] = [this.#state, this.#result];
    if (old !== "init" && old !== "authority") result[old] = this.#text();
    if (old !== "init" && state !== "done") {
      if (BEFORE_HOSTNAME.has(old) && isAfterHostname(state)) result.hostname ??= "";
      if (BEFORE_PATHNAME.has(old) && isAfterPathname(state)) result.pathname ??= this.#isSpecial ? "/" : "";
      if (BEFORE_SEARCH.has(old) && state === "hash") result.search ??= "";
    }
    this.#state = state;
    this.#index += skip;
    this.#start = this.#index;
    this.#increment = 0;
  }

  #text() {
    return this.#characters.slice(this.#tokens[this.#start].index, this.#tokens[this.#index].index).join("");
  }
}

function isAfterHostname(state) {
  return state === "port" || state === "pathname" || isAfterPathname(state);
}

function isAfterPathname(state) {
  return state === "search" || state === "hash";
}

function endPath(parser, is) {
  if (parser.isSearchPrefix()) parser.change("search", 1);
  else if (is("#")) parser.change("hash", 1);
}

function endHost(parser, is) {
  if (is("/")) parser.change("pathname", 0);
  else endPath(parser, is);
}

/** What a token does in each state, outside groups. */
const STEPS = {
  init(parser, is) {
    if (is(":")) parser.rewind("protocol");
  },
  protocol(parser, is) {
    if (is(":")) parser.endProtocol();
  },
  authority(parser, is) {
    if (is("@")) parser.rewind("username");
    else if (is("/") || parser.isSearchPrefix() || is("#")) parser.rewind("hostname");
  },
  username(parser, is) {
    if (is(":")) parser.change("password", 1);
    else if (is("@")) parser.change("hostname", 1);
  },
  password(parser, is) {
    if (is("@")) parser.change("hostname", 1);
  },
  hostname(parser, is) {
    const inBrackets = parser.bracket(is("[") ? 1 : is("]") ? -1 : 0);
    if (is(":") && !inBrackets) parser.change("port", 1);
    else endHost(parser, is);
  },
  port: endHost,
  pathname: endPath,
  search(parser, is) {
    if (is("#")) parser.change("hash", 1);
  },
  hash() {},
};
