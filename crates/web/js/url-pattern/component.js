// One component of a URLPattern: the parts that its tokens make, the regular expression that matches them, and the
// pattern as text again. https://urlpattern.spec.whatwg.org/#parsing-a-pattern-string

import { isNamePart, tokenize } from "./tokens.js";

const FULL_WILDCARD = ".*";

/** `{delimiter, prefix}` of the components: what ends a `:name`, and what belongs to it when it stands before it. */
export const DEFAULT_OPTIONS = { delimiter: "", prefix: "" };
export const HOSTNAME_OPTIONS = { delimiter: ".", prefix: "" };
export const PATHNAME_OPTIONS = { delimiter: "/", prefix: "/" };

/** A compiled component. `encode` brings fixed text into the form that it has in a parsed URL. */
export class Component {
  #regexp;
  #names;
  pattern;
  hasRegExpGroups;

  constructor(text, encode, options, ignoreCase = false) {
    const parts = new PatternParser(text, encode, options).parse();
    this.#names = parts.filter((part) => part.type !== "fixed").map((part) => part.name);
    this.#regexp = compile(parts, options, ignoreCase);
    this.pattern = patternOf(parts, options);
    this.hasRegExpGroups = parts.some((part) => part.type === "regexp");
  }

  /** `{input, groups}`, or null if `input` does not match. */
  match(input) {
    const found = this.#regexp.exec(input);
    if (found === null) return null;
    return { input, groups: Object.fromEntries(this.#names.map((name, index) => [name, found[index + 1]])) };
  }
}

/** Puts a backslash before what has a meaning in patterns. */
export function escapePattern(text) {
  return text.replace(/[+*?:{}()\\]/g, "\\$&");
}

function escapeRegexp(text) {
  return text.replace(/[.+*?^${}()[\]|/\\]/g, "\\$&");
}

function segmentWildcard(options) {
  return `[^${escapeRegexp(options.delimiter)}]+?`;
}

class PatternParser {
  #tokens;
  #encode;
  #options;
  #parts = [];
  #pending = "";
  #index = 0;
  #nextNumber = 0;

  constructor(text, encode, options) {
    this.#tokens = tokenize([...text]);
    this.#encode = encode;
    this.#options = options;
  }

  parse() {
    while (this.#index < this.#tokens.length) this.#step();
    return this.#parts;
  }

  #step() {
    const character = this.#take("char");
    const name = this.#take("name");
    const matcher = this.#takeMatcher(name);
    if (name !== undefined || matcher !== undefined) {
      this.#addGroup(character?.value ?? "", name, matcher);
      return;
    }
    const fixed = character ?? this.#take("escaped");
    if (fixed !== undefined) {
      this.#pending += fixed.value;
    } else if (this.#take("open") !== undefined) {
      this.#addBraces();
    } else {
      this.#flush();
      this.#require("end");
    }
  }

  #addGroup(before, name, matcher) {
    let prefix = before;
    if (prefix !== "" && prefix !== this.#options.prefix) {
      this.#pending += prefix;
      prefix = "";
    }
    this.#flush();
    this.#add(prefix, name, matcher, "", this.#takeModifier());
  }

  #addBraces() {
    const prefix = this.#takeText();
    const name = this.#take("name");
    const matcher = this.#takeMatcher(name);
    const suffix = this.#takeText();
    this.#require("close");
    this.#add(prefix, name, matcher, suffix, this.#takeModifier());
  }

  #add(prefix, nameToken, matcher, suffix, modifier) {
    const isFixed = nameToken === undefined && matcher === undefined;
    if (isFixed && modifier === "") {
      this.#pending += prefix;
      return;
    }
    this.#flush();
    if (isFixed) {
      if (prefix !== "") this.#parts.push({ type: "fixed", value: this.#encode(prefix), modifier });
      return;
    }
    const name = nameToken === undefined ? `${this.#nextNumber++}` : nameToken.value;
    if (this.#parts.some((part) => part.name === name)) throw new TypeError(`Invalid pattern: two groups "${name}".`);
    const part = this.#typed(matcher);
    this.#parts.push({ ...part, modifier, name, prefix: this.#encode(prefix), suffix: this.#encode(suffix) });
  }

  #typed(matcher) {
    const segment = segmentWildcard(this.#options);
    const value = matcher === undefined ? segment : matcher.type === "asterisk" ? FULL_WILDCARD : matcher.value;
    if (value === segment) return { type: "segment", value };
    return { type: value === FULL_WILDCARD ? "full" : "regexp", value };
  }

  #flush() {
    if (this.#pending === "") return;
    this.#parts.push({ type: "fixed", value: this.#encode(this.#pending), modifier: "" });
    this.#pending = "";
  }

  #take(type) {
    const token = this.#tokens[this.#index];
    if (token?.type !== type) return undefined;
    this.#index += 1;
    return token;
  }

  #takeMatcher(name) {
    return this.#take("regexp") ?? (name === undefined ? this.#take("asterisk") : undefined);
  }

  #takeModifier() {
    return (this.#take("modifier") ?? this.#take("asterisk"))?.value ?? "";
  }

  #takeText() {
    let text = "";
    for (;;) {
      const token = this.#take("char") ?? this.#take("escaped");
      if (token === undefined) return text;
      text += token.value;
    }
  }

  #require(type) {
    if (this.#take(type) === undefined) {
      throw new TypeError(`Invalid pattern: unexpected "${this.#tokens[this.#index]?.value ?? ""}".`);
    }
  }
}

function compile(parts, options, ignoreCase) {
  const source = parts.map((part) => (part.type === "fixed" ? fixedSource(part) : groupSource(part))).join("");
  const flags = ignoreCase ? "i" : "";
  try {
    return regexpOf(`^${source}$`, flags);
  } catch (error) {
    throw new TypeError(`Invalid pattern: ${error.message}`);
  }
}

// The standard's flag is `v`. With it QuickJS refuses some characters outside classes too, a hyphen for instance; with
// `u`, where they mean the same, it does not.
function regexpOf(source, flags) {
  try {
    return new RegExp(source, `v${flags}`);
  } catch {
    return new RegExp(source, `u${flags}`);
  }
}

function fixedSource({ value, modifier }) {
  return modifier === "" ? escapeRegexp(value) : `(?:${escapeRegexp(value)})${modifier}`;
}

function groupSource({ value, modifier, ...part }) {
  const [prefix, suffix] = [escapeRegexp(part.prefix), escapeRegexp(part.suffix)];
  const repeats = modifier === "*" || modifier === "+";
  if (prefix === "" && suffix === "") return repeats ? `((?:${value})${modifier})` : `(${value})${modifier}`;
  if (!repeats) return `(?:${prefix}(${value})${suffix})${modifier}`;
  const whole = `(?:${prefix}((?:${value})(?:${suffix}${prefix}(?:${value}))*)${suffix})`;
  return modifier === "*" ? `${whole}?` : whole;
}

// https://urlpattern.spec.whatwg.org/#generate-a-pattern-string
function patternOf(parts, options) {
  return parts
    .map((part, index) => {
      if (part.type !== "fixed") return groupPattern(part, parts[index - 1], parts[index + 1], options);
      return part.modifier === "" ? escapePattern(part.value) : `{${escapePattern(part.value)}}${part.modifier}`;
    })
    .join("");
}

function groupPattern(part, previous, next, options) {
  const named = !/^[0-9]/.test(part.name);
  const braces = needsBraces(part, previous, next, named, options);
  let text = escapePattern(part.prefix) + (named ? `:${part.name}` : "");
  text += matcherPattern(part, previous, named, braces);
  // A name must not run on into the suffix.
  if (part.type === "segment" && named && part.suffix !== "" && isNamePart([...part.suffix][0], false)) text += "\\";
  text += escapePattern(part.suffix);
  return (braces ? `{${text}}` : text) + part.modifier;
}

function needsBraces(part, previous, next, named, options) {
  if (part.suffix !== "" || (part.prefix !== "" && part.prefix !== options.prefix)) return true;
  if (named && part.type === "segment" && part.modifier === "" && next !== undefined && runsOnInto(next)) return true;
  if (part.prefix !== "" || previous?.type !== "fixed") return false;
  return options.prefix !== "" && previous.value.endsWith(options.prefix);
}

function runsOnInto(next) {
  if (next.type === "fixed") return isNamePart([...next.value][0], false);
  return next.prefix === "" && next.suffix === "" && /^[0-9]/.test(next.name);
}

function matcherPattern(part, previous, named, braces) {
  if (part.type === "regexp") return `(${part.value})`;
  if (part.type === "segment") return named ? "" : `(${part.value})`;
  const first = previous === undefined || previous.type === "fixed" || previous.modifier !== "";
  return !named && (first || braces || part.prefix !== "") ? "*" : `(${FULL_WILDCARD})`;
}
