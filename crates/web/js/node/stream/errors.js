// What streams say of wrong use, with Node's codes. https://nodejs.org/api/errors.html

import { withCode } from "../errors.js";

const make = (Type, code, message) => withCode(new Type(message), code);

export const abortError = (reason) =>
  Object.assign(new Error("The operation was aborted", { cause: reason }), { code: "ABORT_ERR", name: "AbortError" });
export const alreadyFinished = (name) =>
  make(Error, "ERR_STREAM_ALREADY_FINISHED", `Cannot call ${name} after a stream was finished`);
export const cannotPipe = () => make(Error, "ERR_STREAM_CANNOT_PIPE", "Cannot pipe, not readable");
export const destroyedError = (name) =>
  make(Error, "ERR_STREAM_DESTROYED", `Cannot call ${name} after a stream was destroyed`);
export const missingArguments = (names) =>
  make(TypeError, "ERR_MISSING_ARGS", `The "${names}" argument must be specified`);
export const multipleCallbacks = () => make(Error, "ERR_MULTIPLE_CALLBACK", "Callback called multiple times");
export const notImplemented = (method) =>
  make(Error, "ERR_METHOD_NOT_IMPLEMENTED", `The ${method} method is not implemented`);
export const nullValue = () => make(TypeError, "ERR_STREAM_NULL_VALUES", "May not write null values to stream");
export const prematureClose = () => make(Error, "ERR_STREAM_PREMATURE_CLOSE", "Premature close");
export const pushAfterEnd = () => make(Error, "ERR_STREAM_PUSH_AFTER_EOF", "stream.push() after EOF");
export const unshiftAfterEnd = () =>
  make(Error, "ERR_STREAM_UNSHIFT_AFTER_END_EVENT", "stream.unshift() after end event");
export const unknownEncoding = (encoding) => make(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${encoding}`);
export const writeAfterEnd = () => make(Error, "ERR_STREAM_WRITE_AFTER_END", "write after end");

/** An argument of the wrong type. */
export function invalidType(name, wanted, value) {
  const message = `The "${name}" argument must be ${wanted}. Received ${received(value)}`;
  return make(TypeError, "ERR_INVALID_ARG_TYPE", message);
}

/** An option with a value that it cannot have. */
export const invalidValue = (name, value) =>
  make(TypeError, "ERR_INVALID_ARG_VALUE", `The property '${name}' is invalid. Received ${value}`);

/** A number beyond what is allowed. */
export const outOfRange = (name, wanted, value) =>
  make(RangeError, "ERR_OUT_OF_RANGE", `The value of "${name}" is out of range. It must be ${wanted}. Received ${value}`);

function received(value) {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "object") return `an instance of ${value.constructor?.name ?? "Object"}`;
  return `type ${typeof value} (${typeof value === "string" ? `'${value}'` : String(value)})`;
}
