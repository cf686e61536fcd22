// What Node's Buffer takes for an offset, a length or a number, and what it says of anything else.
// https://nodejs.org/api/errors.html

import { withCode } from "../errors.js";

export const typeError = (message) => withCode(new TypeError(message), "ERR_INVALID_ARG_TYPE");

export const outOfRange = (name, range, value) =>
  withCode(
    new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${shown(value)}`),
    "ERR_OUT_OF_RANGE",
  );

export const outOfBounds = () =>
  withCode(new RangeError("Attempt to access memory outside buffer bounds"), "ERR_BUFFER_OUT_OF_BOUNDS");

// Long integers are easier to read in groups of three digits.
function shown(value) {
  if (typeof value === "object" && value !== null) return nameOf(value);
  const isLong = typeof value === "bigint" || (Number.isInteger(value) && Math.abs(value) > 2 ** 32);
  const digits = String(value);
  const grouped = isLong ? digits.replace(/\B(?=(\d{3})+$)/g, "_") : digits;
  return typeof value === "bigint" ? `${grouped}n` : grouped;
}

/** A value as Node's messages show it. */
export function nameOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "object") return `an instance of ${value.constructor?.name}`;
  return `type ${typeof value} (${typeof value === "string" ? `'${value}'` : String(value)})`;
}

export function requireNumber(value, name) {
  if (typeof value !== "number") throw typeError(`The "${name}" argument must be of type number. Received ${nameOf(value)}`);
}

/** Takes an integer of `lowest` to `highest`. */
export function requireOffset(value, name, highest = Number.MAX_SAFE_INTEGER, lowest = 0) {
  requireNumber(value, name);
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
  if (value < lowest || value > highest) throw outOfRange(name, `>= ${lowest} && <= ${highest}`, value);
}

export function requireBytes(value, name) {
  if (value instanceof Uint8Array) return;
  throw typeError(`The "${name}" argument must be an instance of Buffer or Uint8Array. Received ${nameOf(value)}`);
}

/** An integer from anything, the default where it is none. */
export function toInteger(value, fallback) {
  const number = +value;
  return Number.isSafeInteger(Math.floor(number)) ? Math.floor(number) : fallback;
}

/** Takes the offset at which `width` bytes are read or written. */
export function requireRoom(buffer, offset, width) {
  requireNumber(offset, "offset");
  const last = buffer.length - width;
  if (Number.isInteger(offset) && offset >= 0 && offset <= last) return;
  if (!Number.isInteger(offset) && Math.abs(offset) !== Infinity) throw outOfRange("offset", "an integer", offset);
  throw last < 0 ? outOfBounds() : outOfRange("offset", `>= 0 and <= ${last}`, offset);
}

/** Takes how many bytes a number of any width has; what is no number is out of range, too, as workerd has it. */
export function requireWidth(width) {
  if (Number.isInteger(width) && width >= 1 && width <= 6) return;
  throw outOfRange("byteLength", ">= 1 and <= 6", width);
}

/** Takes a number that `width` bytes can hold. */
export function requireRange(value, lowest, highest, width) {
  if (lowest === undefined || (value >= lowest && value <= highest) || Number.isNaN(value)) return;
  const suffix = typeof lowest === "bigint" ? "n" : "";
  if (suffix && typeof value !== "bigint") throw typeError(`The "value" argument must be of type bigint. Received ${nameOf(value)}`);
  const bits = 8 * width - (lowest < 0 ? 1 : 0);
  const power = `2${suffix} ** ${bits}${suffix}`;
  const long = lowest < 0 ? `>= -(${power}) and < ${power}` : `>= 0${suffix} and < ${power}`;
  throw outOfRange("value", width > 4 ? long : `>= ${lowest}${suffix} and <= ${highest}${suffix}`, value);
}
