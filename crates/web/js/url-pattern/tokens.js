// The pattern language of URLPattern, first step: a text becomes tokens {type, index, value}, with indices in code
// points. https://urlpattern.spec.whatwg.org/#tokenizing

const SINGLE = new Map([["*", "asterisk"], ["+", "modifier"], ["?", "modifier"], ["{", "open"], ["}", "close"]]);
const NAME_START = /^[\p{ID_Start}$_]$/u;
const NAME_PART = /^[\p{ID_Continue}$\u200c\u200d]$/u;

/** Whether a code point may stand in a group's name. */
export function isNamePart(character, first) {
  return (first ? NAME_START : NAME_PART).test(character);
}

/** The tokens of a pattern, "end" last. What is malformed is a TypeError, or an "invalid" token if `lenient`. */
export function tokenize(characters, lenient = false) {
  return new Tokenizer(characters, lenient).run();
}

class Tokenizer {
  #characters;
  #lenient;
  #tokens = [];
  #index = 0;

  constructor(characters, lenient) {
    this.#characters = characters;
    this.#lenient = lenient;
  }

  run() {
    while (this.#index < this.#characters.length) this.#step(this.#characters[this.#index]);
    this.#add("end", this.#index, this.#index, this.#index);
    return this.#tokens;
  }

  #step(character) {
    const start = this.#index;
    if (SINGLE.has(character)) this.#add(SINGLE.get(character), start, start + 1);
    else if (character === "\\") this.#escape(start);
    else if (character === ":") this.#name(start);
    else if (character === "(") this.#regexp(start);
    else this.#add("char", start, start + 1);
  }

  // The token begins at #index; its value is from `start` to `end`, and the next one begins at `next`.
  #add(type, start, end, next = end) {
    const value = this.#characters.slice(start, end).join("");
    this.#tokens.push({ type, index: this.#index, value });
    this.#index = next;
  }

  #invalid(start, next, message) {
    if (!this.#lenient) throw new TypeError(`Invalid pattern: ${message} at ${this.#index}.`);
    this.#add("invalid", start, next);
  }

  #escape(start) {
    if (start === this.#characters.length - 1) this.#invalid(start, start + 1, "nothing after \\");
    else this.#add("escaped", start + 1, start + 2);
  }

  #name(start) {
    let end = start + 1;
    while (end < this.#characters.length && isNamePart(this.#characters[end], end === start + 1)) end += 1;
    if (end === start + 1) this.#invalid(start, end, "a name is missing");
    else this.#add("name", start + 1, end);
  }

  #regexp(start) {
    const end = this.#regexpEnd(start + 1);
    if (end === undefined || end === start + 1) this.#invalid(start, start + 1, "a malformed group");
    else this.#add("regexp", start + 1, end, end + 1);
  }

  // Where the parenthesis that closes a group is; undefined if the group is malformed.
  #regexpEnd(start) {
    const characters = this.#characters;
    let depth = 1;
    for (let index = start; index < characters.length; index += 1) {
      const character = characters[index];
      if (character > "\x7f" || (index === start && character === "?")) return undefined;
      if (character === "\\") {
        index += 1;
        if (index >= characters.length || characters[index] > "\x7f") return undefined;
      } else if (character === ")") {
        depth -= 1;
        if (depth === 0) return index;
      } else if (character === "(") {
        depth += 1;
        if (characters[index + 1] !== "?") return undefined;
      }
    }
    return undefined;
  }
}
