// The tokens that handlers of an HTMLRewriter are given. A token is a copy: what a handler does with it is collected as
// changes, which the parser (src/natives/rewriter.rs) is told when the handler is done.
//
// A page has thousands of tokens, so lists are taken apart by index: QuickJS destructures with iterators.

import { Response } from "./response.js";
import { ReadableStream } from "./streams/readable.js";
import { finishInterfaces, requireArguments } from "./webidl.js";

let changesOf;
let finish;
let removeBy;

/** What all tokens have: a list of changes, for as long as their handler runs. */
class ContentToken {
  #changes = [];

  static {
    changesOf = (token) => {
      if (token.#changes !== undefined) return token.#changes;
      throw new TypeError(
        "This content token is no longer valid. Content tokens are only valid during the execution of the relevant " +
          "content handler.",
      );
    };
    finish = (token) => {
      const changes = token.#changes;
      token.#changes = undefined;
      return changes;
    };
  }
}

/** Ends a token's life and gives the changes, or a promise of them where their content has yet to be read. */
export function finishToken(token) {
  const changes = finish(token);
  for (const change of changes) if (typeof change[1] === "object") return readContents(changes);
  return changes;
}

async function readContents(changes) {
  const read = [];
  for (const [method, content, ...rest] of changes) {
    const isBody = typeof content === "object";
    read.push([method, isBody ? await new Response(content.body ?? content).text() : content, ...rest]);
  }
  return read;
}

/** Adds a change that puts content somewhere. */
function insert(token, method, content, options) {
  const changes = changesOf(token);
  const isBody = content instanceof ReadableStream || content instanceof Response;
  changes.push([method, isBody ? content : `${content}`, Boolean(options?.html)]);
  return token;
}

/** What elements, comments and texts share. */
class RewritableToken extends ContentToken {
  #removed;

  static {
    removeBy = (token, method) => {
      changesOf(token).push([method]);
      token.#removed = true;
      return token;
    };
  }

  constructor(removed) {
    super();
    this.#removed = removed;
  }

  get removed() {
    changesOf(this);
    return this.#removed;
  }
  before(content, options) {
    requireArguments(arguments.length, 1, "before", this.constructor.name);
    return insert(this, "before", content, options);
  }
  after(content, options) {
    requireArguments(arguments.length, 1, "after", this.constructor.name);
    return insert(this, "after", content, options);
  }
  replace(content, options) {
    requireArguments(arguments.length, 1, "replace", this.constructor.name);
    insert(this, "replace", content, options);
    this.#removed = true;
    return this;
  }
  remove() {
    return removeBy(this, "remove");
  }
}

export class Element extends RewritableToken {
  #name;
  #namespace;
  #canHaveContent;
  // Names and values by turns.
  #attributes;
  // Counts the changes of attributes, so that an iterator can tell.
  #edits = 0;
  #addEndHandler;

  constructor(removed, texts, attributes, addEndHandler) {
    super(removed);
    this.#name = texts[0];
    this.#namespace = texts[1];
    this.#canHaveContent = texts[2] !== null;
    this.#attributes = attributes;
    this.#addEndHandler = addEndHandler;
  }

  get tagName() {
    changesOf(this);
    return this.#name;
  }
  set tagName(name) {
    const text = checkTagName(`${name}`);
    changesOf(this).push(["tagName", text]);
    this.#name = text;
  }
  get namespaceURI() {
    changesOf(this);
    return this.#namespace;
  }
  get attributes() {
    changesOf(this);
    return this.#iterate();
  }

  getAttribute(name) {
    changesOf(this);
    const place = this.#find(`${name}`.toLowerCase());
    return place === -1 ? null : this.#attributes[place + 1];
  }
  hasAttribute(name) {
    changesOf(this);
    return this.#find(`${name}`.toLowerCase()) !== -1;
  }
  setAttribute(name, value) {
    requireArguments(arguments.length, 2, "setAttribute", "Element");
    const attribute = checkAttributeName(`${name}`).toLowerCase();
    const text = `${value}`;
    changesOf(this).push(["setAttribute", attribute, text]);
    const place = this.#find(attribute);
    if (place === -1) this.#attributes.push(attribute, text);
    else this.#attributes[place + 1] = text;
    this.#edits += 1;
    return this;
  }
  removeAttribute(name) {
    const attribute = `${name}`.toLowerCase();
    changesOf(this).push(["removeAttribute", attribute]);
    const place = this.#find(attribute);
    if (place !== -1) this.#attributes.splice(place, 2);
    this.#edits += 1;
    return this;
  }
  prepend(content, options) {
    return insert(this, "prepend", content, options);
  }
  append(content, options) {
    return insert(this, "append", content, options);
  }
  setInnerContent(content, options) {
    return insert(this, "setInnerContent", content, options);
  }
  removeAndKeepContent() {
    return removeBy(this, "removeAndKeepContent");
  }
  onEndTag(handler) {
    const changes = changesOf(this);
    if (!this.#canHaveContent) throw new TypeError("Parser error: No end tag.");
    changes.push(["onEndTag", this.#addEndHandler(handler)]);
  }

  #find(name) {
    for (let place = 0; place < this.#attributes.length; place += 2) {
      if (this.#attributes[place] === name) return place;
    }
    return -1;
  }

  *#iterate() {
    const edits = this.#edits;
    for (let place = 0; place < this.#attributes.length; place += 2) {
      changesOf(this);
      if (edits !== this.#edits) {
        throw new Error(
          "The attributes of this element have been modified during iteration. You must create a new iterator after " +
            "modifying attributes.",
        );
      }
      yield [this.#attributes[place], this.#attributes[place + 1]];
    }
  }
}

export class EndTag extends ContentToken {
  #name;

  constructor(texts) {
    super();
    this.#name = texts[0];
  }

  get name() {
    changesOf(this);
    return this.#name;
  }
  set name(name) {
    const text = checkTagName(`${name}`);
    changesOf(this).push(["name", text]);
    this.#name = text;
  }
  before(content, options) {
    return insert(this, "before", content, options);
  }
  after(content, options) {
    return insert(this, "after", content, options);
  }
  remove() {
    changesOf(this).push(["remove"]);
    return this;
  }
}

export class Text extends RewritableToken {
  #text;
  #last;

  constructor(removed, texts) {
    super(removed);
    this.#text = texts[0];
    this.#last = texts[1] !== null;
  }

  get text() {
    changesOf(this);
    return this.#text;
  }
  get lastInTextNode() {
    changesOf(this);
    return this.#last;
  }
}

export class Comment extends RewritableToken {
  #text;

  constructor(removed, texts) {
    super(removed);
    this.#text = texts[0];
  }

  get text() {
    changesOf(this);
    return this.#text;
  }
  set text(value) {
    const text = `${value}`;
    if (text.includes("-->")) {
      throw new TypeError("Parser error: Comment text shouldn't contain comment closing sequence (`-->`).");
    }
    changesOf(this).push(["text", text]);
    this.#text = text;
  }
}

export class Doctype extends ContentToken {
  #texts;

  constructor(texts) {
    super();
    this.#texts = texts;
  }

  get name() {
    changesOf(this);
    return this.#texts[0];
  }
  get publicId() {
    changesOf(this);
    return this.#texts[1];
  }
  get systemId() {
    changesOf(this);
    return this.#texts[2];
  }
}

export class DocumentEnd extends ContentToken {
  append(content, options) {
    return insert(this, "append", content, options);
  }
}

finishInterfaces(RewritableToken, Element, EndTag, Text, Comment, Doctype, DocumentEnd);

function checkTagName(name) {
  if (name === "") throw new TypeError("Parser error: Tag name can't be empty.");
  if (!/^[a-z]/i.test(name)) {
    throw new TypeError("Parser error: The first character of the tag name should be an ASCII alphabetical character.");
  }
  const forbidden = /[\s/>]/.exec(name);
  if (forbidden !== null) {
    throw new TypeError(`Parser error: \`${forbidden[0]}\` character is forbidden in the tag name`);
  }
  return name;
}

function checkAttributeName(name) {
  if (name === "") throw new TypeError("Parser error: Attribute name can't be empty.");
  const forbidden = /[\s/>=]/.exec(name);
  if (forbidden !== null) {
    throw new TypeError(`Parser error: \`${forbidden[0]}\` character is forbidden in the attribute name`);
  }
  return name;
}
