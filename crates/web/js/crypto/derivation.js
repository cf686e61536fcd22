// HKDF and PBKDF2: keys from secrets.

import { natives } from "../natives.js";
import { checkUsages, fail, makeKey } from "./key.js";
import { buffer, hash, unsignedLong } from "./parameters.js";

/** What Cloudflare allows; it also bounds how long one call can keep the isolate. */
const PBKDF2_MAX_ITERATIONS = 100_000;

function derivation(name, members, derive) {
  return {
    importKey: [{}, (parameters, ...rest) => importKey(name, ...rest)],
    deriveBits: [members, (parameters, key, length) => derive(parameters, key.data, checkLength(name, length) / 8)],
    getKeyLength: [{}, () => null],
  };
}

function importKey(name, format, data, extractable, usages) {
  if (format !== "raw") {
    fail("NotSupportedError", `${name} key must be imported in "raw" format (requested "${format}")`);
  }
  checkUsages(usages, ["deriveKey", "deriveBits"], "import secret", name);
  if (extractable) fail("SyntaxError", `${name} key cannot be extractable.`);
  return makeKey({ type: "secret", extractable, algorithm: { name }, usages, data: data.slice() });
}

function checkLength(name, length) {
  if (length === null) fail("OperationError", `${name} cannot derive a key with null length.`);
  if (length % 8 !== 0) {
    const requested = `(requested ${length})`;
    fail("OperationError", `${name} requires a derived key length that is a multiple of eight ${requested}.`);
  }
  return length;
}

function hkdf({ hash, salt, info }, secret, bytes) {
  return natives.hkdf(hash, secret, salt, info, bytes) ?? fail("OperationError", "HKDF deriveBits failed.");
}

function pbkdf2({ hash, salt, iterations }, password, bytes) {
  if (iterations === 0) fail("OperationError", "PBKDF2 requires a positive iteration count (requested 0).");
  if (iterations > PBKDF2_MAX_ITERATIONS) {
    const limit = `iteration counts above ${PBKDF2_MAX_ITERATIONS} are not supported`;
    fail("NotSupportedError", `Pbkdf2 failed: ${limit} (requested ${iterations}).`);
  }
  const derived = natives.pbkdf2(hash, password, salt, iterations, bytes);
  return derived ?? fail("OperationError", "PBKDF2 deriveBits failed.");
}

export const derivations = {
  HKDF: derivation("HKDF", { hash, info: buffer, salt: buffer }, hkdf),
  PBKDF2: derivation("PBKDF2", { hash, iterations: unsignedLong, salt: buffer }, pbkdf2),
};
