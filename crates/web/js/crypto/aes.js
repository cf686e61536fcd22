// AES in four modes.

import { natives } from "../natives.js";
import { checkJwk, makeJwk, readMember, writeMember } from "./jwk.js";
import { checkUsages, fail, makeKey } from "./key.js";
import { buffer, octet, optional, unsignedShort } from "./parameters.js";

const BLOCK_BYTES = 16;
const TAG_BITS = [32, 64, 96, 104, 112, 120, 128];
const KEY_BITS = [128, 192, 256];

/** The algorithm of one mode: what all have in common, and its own operations. */
function mode(name, allowed, operations) {
  const bits = { length: unsignedShort };
  return {
    ...operations,
    generateKey: [bits, (parameters, extractable, usages) => generate(name, allowed, parameters, extractable, usages)],
    getKeyLength: [bits, ({ length }) => checkBits(length, "OperationError", "Derived AES key", "in length but provided")],
    importKey: [{}, (parameters, ...rest) => importKey(name, allowed, ...rest)],
    exportKey: (key, format) => exportKey(name, key, format),
  };
}

function checkBits(bits, error, what, but) {
  if (!KEY_BITS.includes(bits)) fail(error, `${what} must be 128, 192, or 256 bits ${but} ${bits}.`);
  return bits;
}

function generate(name, allowed, { length }, extractable, usages) {
  checkUsages(usages, allowed, "generate", name);
  checkBits(length, "OperationError", "Generated AES key length", "but requested");
  return makeSecret(name, natives.randomBytes(length / 8), extractable, usages);
}

function makeSecret(name, data, extractable, usages) {
  const algorithm = { name, length: data.length * 8 };
  return makeKey({ type: "secret", extractable, algorithm, usages, data });
}

function importKey(name, allowed, format, given, extractable, usages) {
  checkUsages(usages, allowed, "import secret", name);
  const data = format === "jwk" ? readMember(given, "k") : given;
  if (format !== "raw" && format !== "jwk") {
    fail("NotSupportedError", `Unrecognized key import format "${format}".`);
  }
  checkBits(data.byteLength * 8, "DataError", "Imported AES key length", "but provided");
  if (format === "jwk") {
    const alg = [jwkName(name, data.byteLength)];
    checkJwk(given, { kty: "oct", use: "enc", alg, usages, extractable });
  }
  return makeSecret(name, data.slice(), extractable, usages);
}

function jwkName(name, bytes) {
  return `A${bytes * 8}${name.slice("AES-".length)}`;
}

function exportKey(name, key, format) {
  if (format === "raw") return key.data.slice().buffer;
  if (format !== "jwk") fail("NotSupportedError", `Unimplemented key export format "${format}".`);
  return makeJwk(key, { kty: "oct", k: writeMember(key.data), alg: jwkName(name, key.data.length) });
}

function failDecryption() {
  const causes = "a ciphertext authentication failure, bad padding, incorrect CryptoKey, or another algorithm-specific reason";
  fail("OperationError", `Decryption failed. This could be due to ${causes}. Input length was incorrect or the key is wrong.`);
}

function checkIv(iv) {
  if (iv.length !== BLOCK_BYTES) {
    fail("OperationError", `AES-CBC IV must be 16 bytes long (provided ${iv.length} bytes).`);
  }
  return iv;
}

function count({ counter, length }, { data: key }, data) {
  if (counter.length !== BLOCK_BYTES) {
    fail("OperationError", `Counter must have length of 16 bytes (provided ${counter.length}).`);
  }
  if (length < 1 || length > BLOCK_BYTES * 8) {
    fail("OperationError", `Invalid counter of ${length} bits length provided.`);
  }
  return natives.aesCtr(key, counter, length, data) ?? fail("OperationError", "Counter block values will repeat");
}

const NOTHING = new Uint8Array(0);

function seal({ iv, additionalData = NOTHING, tagLength = 128 }, { data: key }, data) {
  checkTag(tagLength);
  checkNonce(iv);
  return natives.aesGcmSeal(key, iv, additionalData, tagLength, data);
}

function open({ iv, additionalData = NOTHING, tagLength = 128 }, { data: key }, data) {
  checkTag(tagLength);
  checkNonce(iv);
  return natives.aesGcmOpen(key, iv, additionalData, tagLength, data) ?? failDecryption();
}

function checkNonce(iv) {
  if (iv.length === 0) fail("OperationError", "AES-GCM IV must not be empty.");
}

function checkTag(bits) {
  if (!TAG_BITS.includes(bits)) fail("OperationError", `Invalid AES-GCM tag length ${bits}.`);
}

const CIPHER_USAGES = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
const counting = { counter: buffer, length: octet };
const authenticated = { additionalData: optional(buffer), iv: buffer, tagLength: optional(octet) };

export const aes = {
  "AES-CBC": mode("AES-CBC", CIPHER_USAGES, {
    encrypt: [{ iv: buffer }, ({ iv }, key, data) => natives.aesCbcEncrypt(key.data, checkIv(iv), data)],
    decrypt: [
      { iv: buffer },
      ({ iv }, key, data) => natives.aesCbcDecrypt(key.data, checkIv(iv), data) ?? failDecryption(),
    ],
  }),
  "AES-CTR": mode("AES-CTR", CIPHER_USAGES, { encrypt: [counting, count], decrypt: [counting, count] }),
  "AES-GCM": mode("AES-GCM", CIPHER_USAGES, { encrypt: [authenticated, seal], decrypt: [authenticated, open] }),
  "AES-KW": mode("AES-KW", ["wrapKey", "unwrapKey"], {
    wrapKey: [
      {},
      (parameters, key, data) =>
        natives.aesKwWrap(key.data, data) ?? fail("OperationError", "AES-KW key wrapping failed"),
    ],
    unwrapKey: [
      {},
      (parameters, key, data) =>
        natives.aesKwUnwrap(key.data, data) ?? fail("OperationError", "AES-KW key unwrapping failed"),
    ],
  }),
};
