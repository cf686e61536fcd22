// HMAC.

import { natives } from "../natives.js";
import { checkJwk, makeJwk, readMember, writeMember } from "./jwk.js";
import { checkUsages, fail, makeKey } from "./key.js";
import { hash, HASH_BLOCK_BITS, optional, unsignedLong } from "./parameters.js";

const USAGES = ["sign", "verify"];
const members = { hash, length: optional(unsignedLong) };

function keyBits({ hash, length }, error) {
  if (length !== 0) return length ?? HASH_BLOCK_BITS[hash];
  const message = "HMAC key length must be a non-zero unsigned long integer";
  return error === TypeError ? raise(new TypeError(`${message}.`)) : fail(error, `${message} (requested 0).`);
}

function raise(error) {
  throw error;
}

function generate(parameters, extractable, usages) {
  checkUsages(usages, USAGES, "generate", "HMAC");
  const length = keyBits(parameters, "OperationError");
  return makeSecret(parameters.hash, length, natives.randomBytes(Math.ceil(length / 8)), extractable, usages);
}

function makeSecret(hash, length, data, extractable, usages) {
  return makeKey({ type: "secret", extractable, algorithm: { name: "HMAC", length, hash }, usages, data });
}

function importKey({ hash, length }, format, given, extractable, usages) {
  checkUsages(usages, USAGES, "import secret", "HMAC");
  if (format !== "raw" && format !== "jwk") {
    fail("NotSupportedError", `Unrecognized key import format "${format}".`);
  }
  const data = format === "jwk" ? readJwk(hash, given, extractable, usages) : given.slice();
  const bits = data.length * 8;
  const taken = length ?? bits;
  if (taken === 0 || taken > bits || taken <= bits - 8) {
    const bounds = "a non-zero value up to 7 bits less than, and no greater than, the bit length of the raw key data";
    fail("DataError", `Imported HMAC key length (${taken}) must be ${bounds} (${bits}).`);
  }
  return makeSecret(hash, taken, data, extractable, usages);
}

function readJwk(hash, jwk, extractable, usages) {
  checkJwk(jwk, { kty: "oct", use: "sig", alg: [jwkName(hash)], usages, extractable });
  return readMember(jwk, "k");
}

function jwkName(hash) {
  return `HS${hash.slice("SHA-".length)}`;
}

function exportKey(key, format) {
  if (format === "raw") return key.data.slice().buffer;
  if (format !== "jwk") fail("NotSupportedError", `Unimplemented key export format "${format}".`);
  return makeJwk(key, { kty: "oct", k: writeMember(key.data), alg: jwkName(key.algorithm.hash) });
}

function sign({ algorithm, data: key }, data) {
  return natives.hmac(algorithm.hash, key, data);
}

export const hmac = {
  HMAC: {
    generateKey: [members, generate],
    getKeyLength: [members, (parameters) => keyBits(parameters, TypeError)],
    importKey: [members, importKey],
    exportKey,
    sign: [{}, (parameters, key, data) => sign(key, data)],
    verify: [{}, (parameters, key, signature, data) => natives.bytesEqual(sign(key, data), signature)],
  },
};
