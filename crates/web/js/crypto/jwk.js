// JSON Web Keys: what they say besides the numbers of the key. https://www.rfc-editor.org/rfc/rfc7517

import { fail } from "./key.js";

const fromBase64 = Uint8Array.fromBase64.bind(Uint8Array);
const { toBase64 } = Uint8Array.prototype;

/**
 * Throws a DataError unless a JWK is of this kind and may be used so. `usage` is what "use" must say, if it says
 * anything and the key is to have usages.
 */
export function checkJwk(jwk, { kty, use, alg, usages, extractable }) {
  if (jwk.kty !== kty) {
    fail("DataError", `A JSON Web Key with Key Type parameter "kty" ("${jwk.kty}") equal to "${kty}" is required.`);
  }
  if (alg !== undefined && jwk.alg !== undefined && !alg.includes(jwk.alg)) {
    fail("DataError", `JSON Web Key Algorithm parameter "alg" ("${jwk.alg}") does not match the requested algorithm.`);
  }
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) {
    const found = `"use" ("${jwk.use}")`;
    fail("DataError", `The import requires a JSON Web Key with Public Key Use ${found} equal to "${use}".`);
  }
  if (jwk.key_ops !== undefined) checkOperations([...jwk.key_ops], usages);
  if (jwk.ext === false && extractable) {
    fail("DataError", "Cannot create an extractable CryptoKey from an unextractable JSON Web Key.");
  }
}

function checkOperations(operations, usages) {
  if (new Set(operations).size !== operations.length) {
    fail("DataError", 'A JSON Web Key\'s Key Operations parameter ("key_ops") must not contain duplicates.');
  }
  if (!usages.every((usage) => operations.includes(usage))) {
    fail("DataError", "All specified key usages must be present in the JSON Web Key's Key Operations parameter (\"key_ops\").");
  }
}

/** The bytes of a member in base64url; a DataError if it has none. */
export function readMember(jwk, name) {
  const value = jwk[name];
  const bytes = typeof value === "string" ? decode(value) : undefined;
  return bytes ?? fail("DataError", `Missing or invalid parameter "${name}" in the JSON Web Key.`);
}

function decode(text) {
  try {
    return /[\s=]/.test(text) ? undefined : fromBase64(text, { alphabet: "base64url" });
  } catch {
    return undefined;
  }
}

/** Bytes in base64url, without padding. */
export function writeMember(bytes) {
  return toBase64.call(bytes, { alphabet: "base64url", omitPadding: true });
}

/** A JWK of these members, with the usages and extractability of the key. */
export function makeJwk({ usages, extractable }, members) {
  return { ...members, key_ops: [...usages], ext: extractable };
}
