// FormData, and the two texts it can be: multipart/form-data and application/x-www-form-urlencoded. Both are read
// and written by Rust, since JavaScript would look at every byte.

import { Blob, blobBytes, File } from "./blob.js";
import { natives } from "./natives.js";
import { argumentError, bytesOf, finishInterface, ListIterator, requireArguments, toUsvString } from "./webidl.js";

let entriesOf;

/** https://xhr.spec.whatwg.org/#interface-formdata */
export class FormData {
  #entries = [];

  constructor(form) {
    if (form !== undefined) {
      throw new TypeError("FormData cannot be constructed from a form: there is no document.");
    }
  }

  static {
    entriesOf = (formData) => formData.#entries;
  }

  append(name, value, filename) {
    requireArguments(arguments.length, 2, "append", "FormData");
    this.#entries.push([toUsvString(name), toEntryValue(value, filename, "append")]);
  }

  set(name, value, filename) {
    requireArguments(arguments.length, 2, "set", "FormData");
    const key = toUsvString(name);
    const entry = [key, toEntryValue(value, filename, "set")];
    const index = this.#entries.findIndex(([existing]) => existing === key);
    if (index < 0) {
      this.#entries.push(entry);
      return;
    }
    this.#entries[index] = entry;
    this.#entries = this.#entries.filter(([existing], at) => at <= index || existing !== key);
  }

  delete(name) {
    requireArguments(arguments.length, 1, "delete", "FormData");
    const key = toUsvString(name);
    this.#entries = this.#entries.filter(([existing]) => existing !== key);
  }

  get(name) {
    requireArguments(arguments.length, 1, "get", "FormData");
    const key = toUsvString(name);
    return this.#entries.find(([existing]) => existing === key)?.[1] ?? null;
  }

  getAll(name) {
    requireArguments(arguments.length, 1, "getAll", "FormData");
    const key = toUsvString(name);
    return this.#entries.filter(([existing]) => existing === key).map(([, value]) => value);
  }

  has(name) {
    requireArguments(arguments.length, 1, "has", "FormData");
    const key = toUsvString(name);
    return this.#entries.some(([existing]) => existing === key);
  }

  forEach(callback, thisArgument) {
    if (typeof callback !== "function") throw argumentError(1, "forEach", "FormData", "function");
    for (const [name, value] of this) callback.call(thisArgument, value, name, this);
  }

  entries() {
    return new ListIterator(() => this.#entries);
  }
  keys() {
    return new ListIterator(() => this.#entries, 0);
  }
  values() {
    return new ListIterator(() => this.#entries, 1);
  }
}

Object.defineProperty(FormData.prototype, Symbol.iterator, {
  value: FormData.prototype.entries,
  writable: true,
  configurable: true,
});
finishInterface(FormData);

function toEntryValue(value, filename, method) {
  if (value instanceof Blob) return toFile(value, filename);
  if (filename !== undefined) throw argumentError(2, method, "FormData", "Blob");
  return toUsvString(value);
}

function toFile(blob, filename) {
  if (blob instanceof File && filename === undefined) return blob;
  const name = filename ?? "blob";
  const lastModified = blob instanceof File ? blob.lastModified : undefined;
  return new File([blob], name, { type: blob.type, lastModified });
}

/** The multipart text of a form: `{ bytes, type }`, with a boundary that no other body has. */
export function encodeMultipart(formData) {
  const boundary = `----hognose${natives.randomUuid().replaceAll("-", "")}`;
  const fields = [];
  for (const [name, value] of entriesOf(formData)) {
    if (name.endsWith("\\") || value.name?.endsWith("\\")) {
      throw new TypeError("Name or filename can't end with backslash");
    }
    if (typeof value === "string") fields.push(name, undefined, undefined, value);
    else fields.push(name, value.name, value.type, blobBytes(value));
  }
  const bytes = natives.serializeMultipart(fields, boundary);
  return { bytes, type: `multipart/form-data; boundary=${boundary}` };
}

/** Reads a body of the given Content-Type as a form. */
export function parseFormData(bytes, contentType) {
  if (contentType === null) {
    throw new TypeError("Parsing a Body as FormData requires a Content-Type header.");
  }
  const essence = contentType.split(";", 1)[0].trim().toLowerCase();
  if (essence === "multipart/form-data") return parseMultipart(bytes, contentType);
  if (essence === "application/x-www-form-urlencoded") return parseUrlEncoded(bytes);
  throw new TypeError(
    "Unrecognized Content-Type header value. FormData can only parse the following MIME types: " +
      "multipart/form-data, application/x-www-form-urlencoded",
  );
}

function parseMultipart(bytes, contentType) {
  const boundary = /;\s*boundary=(?:"([^"]*)"|([^;]*))/i.exec(contentType);
  if (boundary === null) {
    throw new TypeError("No boundary string in Content-Type header. The multipart/form-data MIME type requires it.");
  }
  const fields = natives.parseMultipart(bytesOf(bytes), (boundary[1] ?? boundary[2]).trim());
  const form = new FormData();
  for (let index = 0; index < fields.length; index += 4) {
    const [name, filename, type, value] = fields.slice(index, index + 4);
    form.append(name, filename === undefined ? value : new File([value], filename, { type }));
  }
  return form;
}

function parseUrlEncoded(bytes) {
  const form = new FormData();
  const flat = natives.parseForm(bytes);
  for (let index = 0; index < flat.length; index += 2) form.append(flat[index], flat[index + 1]);
  return form;
}
