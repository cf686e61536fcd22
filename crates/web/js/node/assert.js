// `node:assert`: https://nodejs.org/api/assert.html

import { inspect } from "../inspect.js";
import { isDeepEqual } from "./comparisons.js";

/** What a failed assertion throws. */
export class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message ?? describe(actual, expected, operator));
    this.name = "AssertionError";
    this.code = "ERR_ASSERTION";
    this.generatedMessage = message === undefined;
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
}

const CLAIMS = {
  deepEqual: "Expected values to be loosely deep-equal:",
  deepStrictEqual: "Expected values to be strictly deep-equal:",
  equal: "Expected values to be loosely equal:",
  notDeepEqual: "Expected \"actual\" not to be loosely deep-equal to:",
  notDeepStrictEqual: "Expected \"actual\" not to be strictly deep-equal to:",
  notEqual: "Expected \"actual\" to be loosely unequal to:",
  notStrictEqual: "Expected \"actual\" to be strictly unequal to:",
  strictEqual: "Expected values to be strictly equal:",
};

function describe(actual, expected, operator) {
  const claim = CLAIMS[operator];
  if (claim === undefined) return `Failed: ${operator}`;
  if (operator.startsWith("not")) return `${claim}\n\n${inspect(expected)}\n`;
  return `${claim}\n\n${inspect(actual)} !== ${inspect(expected)}\n`;
}

// `message` may be an error of the caller's, which is thrown as it is.
function check(holds, actual, expected, message, operator) {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ actual, expected, message, operator });
}

/** Throws unless `value` is truthy. */
export function ok(...args) {
  const [value, message] = args;
  const missing = args.length === 0 ? "No value argument passed to `assert.ok()`" : "The expression evaluated to a falsy value";
  check(value, value, true, message ?? missing, "==");
}

const assert = (...args) => ok(...args);

export const equal = (actual, expected, message) =>
  check(actual == expected || (actual !== actual && expected !== expected), actual, expected, message, "equal");

export const notEqual = (actual, expected, message) =>
  check(actual != expected && (actual === actual || expected === expected), actual, expected, message, "notEqual");

export const strictEqual = (actual, expected, message) =>
  check(Object.is(actual, expected), actual, expected, message, "strictEqual");

export const notStrictEqual = (actual, expected, message) =>
  check(!Object.is(actual, expected), actual, expected, message, "notStrictEqual");

export const deepEqual = (actual, expected, message) =>
  check(isDeepEqual(actual, expected, false), actual, expected, message, "deepEqual");

export const notDeepEqual = (actual, expected, message) =>
  check(!isDeepEqual(actual, expected, false), actual, expected, message, "notDeepEqual");

export const deepStrictEqual = (actual, expected, message) =>
  check(isDeepEqual(actual, expected, true), actual, expected, message, "deepStrictEqual");

export const notDeepStrictEqual = (actual, expected, message) =>
  check(!isDeepEqual(actual, expected, true), actual, expected, message, "notDeepStrictEqual");

/** Fails always. */
export function fail(message = "Failed") {
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, operator: "fail" });
}

/** Throws the value unless it is undefined or null. */
export function ifError(value) {
  if (value === null || value === undefined) return;
  if (value instanceof Error) throw value;
  throw new AssertionError({ actual: value, expected: null, message: `ifError got unwanted exception: ${inspect(value)}`, operator: "ifError" });
}

export function match(string, regexp, message) {
  const missed = `The input did not match the regular expression ${regexp}. Input:\n\n${inspect(string)}\n`;
  check(typeof string === "string" && regexp.test(string), string, regexp, message ?? missed, "match");
}

export function doesNotMatch(string, regexp, message) {
  const matched = `The input was expected to not match the regular expression ${regexp}. Input:\n\n${inspect(string)}\n`;
  check(typeof string !== "string" || !regexp.test(string), string, regexp, message ?? matched, "doesNotMatch");
}

const NOTHING = Symbol("nothing thrown");

function thrownBy(body) {
  requireFunction(body);
  try {
    body();
  } catch (error) {
    return error;
  }
  return NOTHING;
}

async function rejectionOf(body) {
  const promise = typeof body === "function" ? body() : body;
  if (typeof promise?.then !== "function") {
    throw invalidArgument('The "promiseFn" argument must be of type function or an instance of Promise.');
  }
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return NOTHING;
}

function requireFunction(body) {
  if (typeof body !== "function") {
    throw invalidArgument(`The "fn" argument must be of type function. Received ${inspect(body)}`);
  }
}

function invalidArgument(message) {
  return Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
}

export function throws(body, expected, message) {
  expectThrown(thrownBy(body), expected, message, "throws", "Missing expected exception");
}

export async function rejects(body, expected, message) {
  expectThrown(await rejectionOf(body), expected, message, "rejects", "Missing expected rejection");
}

export function doesNotThrow(body, ...rest) {
  expectNothing(thrownBy(body), rest, "doesNotThrow", "Got unwanted exception.");
}

export async function doesNotReject(body, ...rest) {
  expectNothing(await rejectionOf(body), rest, "doesNotReject", "Got unwanted rejection.");
}

function expectNothing(error, rest, operator, claim) {
  if (error === NOTHING) return;
  const message = rest.find((value) => typeof value === "string");
  const text = `${message ? `${claim.slice(0, -1)}: ${message}` : claim}\nActual message: "${error?.message}"`;
  throw new AssertionError({ actual: error, expected: undefined, message: text, operator });
}

// `expected`: a class, a regular expression, a predicate, an object of properties, or (as the only one) the message.
function expectThrown(error, expected, message, operator, missing) {
  if (typeof expected === "string") [expected, message] = [undefined, expected];
  if (error === NOTHING) {
    const name = expected?.name ? ` (${expected.name})` : "";
    const text = message ? `${missing}${name}: ${message}` : `${missing}${name}.`;
    throw new AssertionError({ actual: undefined, expected, message: text, operator });
  }
  if (expected !== undefined) checkThrown(error, expected, message, operator);
}

function checkThrown(error, expected, message, operator) {
  if (expected instanceof RegExp) {
    const missed = `The input did not match the regular expression ${expected}. Input:\n\n${inspect(String(error))}\n`;
    return check(expected.test(String(error)), error, expected, message ?? missed, operator);
  }
  if (typeof expected === "object") return checkProperties(error, expected, message, operator);
  if (expected.prototype !== undefined && error instanceof expected) return;
  // Of another class it is not what was expected, and goes on as it is.
  if (Object.prototype.isPrototypeOf.call(Error, expected) || expected === Error) throw error;
  const verdict = expected.call({}, error);
  check(verdict === true, error, expected, message ?? `The validation function is expected to return "true". Received ${inspect(verdict)}`, operator);
}

function checkProperties(error, expected, message, operator) {
  const keys = Object.keys(expected);
  if (expected instanceof Error) keys.push("name", "message");
  for (const key of keys) {
    const [actual, wanted] = [error?.[key], expected[key]];
    const matches = wanted instanceof RegExp && typeof actual === "string" ? wanted.test(actual) : isDeepEqual(actual, wanted, true);
    const differs = `Expected "${key}" of the error to be ${inspect(wanted)}, got ${inspect(actual)}`;
    check(matches, error, expected, message ?? differs, operator);
  }
}

const functions = {
  AssertionError, deepEqual, deepStrictEqual, doesNotMatch, doesNotReject, doesNotThrow, equal, fail, ifError, match,
  notDeepEqual, notDeepStrictEqual, notEqual, notStrictEqual, ok, rejects, strictEqual, throws,
};

/** The same with `equal` and its kin as the strict ones. */
export const strict = Object.assign((...args) => ok(...args), functions, {
  deepEqual: deepStrictEqual,
  equal: strictEqual,
  notDeepEqual: notDeepStrictEqual,
  notEqual: notStrictEqual,
});
strict.strict = strict;

export default Object.assign(assert, functions, { strict });
