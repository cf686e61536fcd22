// RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP. A key's data is its PKCS #1 form.

import { natives } from "../natives.js";
import { checkJwk, makeJwk, readMember, writeMember } from "./jwk.js";
import { checkUsages, fail, makeKey } from "./key.js";
import { buffer, exponent, hash, optional, unsignedLong } from "./parameters.js";

const PRIVATE_MEMBERS = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
const PUBLIC_MEMBERS = ["n", "e"];
/** What the implementation of signatures takes. */
const MODULUS_BITS_MIN = 1024;
/** To find larger primes takes minutes, in which nothing could interrupt the isolate. Imported keys may have twice as many. */
const MODULUS_BITS_MAX = 4096;
const MODULUS_BITS_STEP = 128;

/** One of the three: its usages, what its JWKs call it, and its own operations. */
function scheme(name, publicUsages, privateUsages, jwkUse, jwkName, operations) {
  const kind = { name, publicUsages, privateUsages, jwkUse, jwkName };
  return {
    ...operations,
    generateKey: [
      { hash, modulusLength: unsignedLong, publicExponent: exponent },
      (parameters, extractable, usages) => generate(kind, parameters, extractable, usages),
    ],
    importKey: [{ hash }, ({ hash }, ...rest) => importKey(kind, hash, ...rest)],
    exportKey: (key, format) => exportKey(kind, key, format),
  };
}

function generate(kind, { hash, modulusLength, publicExponent }, extractable, usages) {
  checkUsages(usages, [...kind.publicUsages, ...kind.privateUsages], "generate", kind.name);
  checkModulus(modulusLength);
  checkExponent(publicExponent);
  // Where random values may not be made, neither may keys.
  natives.randomBytes(1);
  const data = natives.rsaGenerate(modulusLength, publicExponent);
  if (data === undefined) fail("OperationError", "Error generating RSA key.");
  const side = (type, extractable, data, allowed) => {
    const chosen = usages.filter((usage) => allowed.includes(usage));
    const algorithm = { name: kind.name, modulusLength, publicExponent, hash };
    return makeKey({ type, extractable, algorithm, usages: chosen, data });
  };
  return {
    publicKey: side("public", true, natives.rsaPublic(data), kind.publicUsages),
    privateKey: side("private", extractable, data, kind.privateUsages),
  };
}

function checkModulus(bits) {
  if (bits < MODULUS_BITS_MIN || bits > MODULUS_BITS_MAX || bits % MODULUS_BITS_STEP !== 0) {
    const bounds = `a multiple of ${MODULUS_BITS_STEP} and between ${MODULUS_BITS_MIN} and ${MODULUS_BITS_MAX}`;
    fail("OperationError", `The modulus length must be ${bounds}, but ${bits} was requested.`);
  }
}

function checkExponent(bytes) {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  if (value !== 3 && value !== 65_537) {
    fail("OperationError", `The "publicExponent" must be either 3 or 65537, but got ${value}.`);
  }
}

function importKey(kind, hash, format, given, extractable, usages) {
  const isPrivate = format === "pkcs8" || (format === "jwk" && given.d !== undefined);
  const type = isPrivate ? "private" : "public";
  checkUsages(usages, isPrivate ? kind.privateUsages : kind.publicUsages, `import ${type}`, kind.name);
  const data = readers[format]?.(given, { kind, hash, extractable, usages, isPrivate });
  if (data === undefined) fail("NotSupportedError", `Unrecognized key import format "${format}".`);
  const [modulus, publicExponent] = natives.rsaComponents(data);
  const modulusLength = modulus.length * 8 - Math.clz32(modulus[0]) + 24;
  const algorithm = { name: kind.name, modulusLength, publicExponent, hash };
  return makeKey({ type, extractable, algorithm, usages, data });
}

const readers = {
  spki: (der) => natives.rsaFromSpki(der) ?? failImport("SPKI"),
  pkcs8: (der) => natives.rsaFromPkcs8(der) ?? failImport("PKCS8"),
  jwk: (jwk, { kind, hash, extractable, usages, isPrivate }) => {
    checkJwk(jwk, { kty: "RSA", use: kind.jwkUse, alg: [kind.jwkName(hash)], usages, extractable });
    if (jwk.oth !== undefined) fail("NotSupportedError", "Multi-prime private keys not supported.");
    const members = isPrivate ? PRIVATE_MEMBERS : PUBLIC_MEMBERS;
    return natives.rsaFromComponents(...members.map((name) => readMember(jwk, name))) ?? failImport("JSON Web Key");
  },
};

function failImport(format) {
  fail("DataError", `Invalid RSA key in ${format} input.`);
}

function exportKey(kind, key, format) {
  if (format === "jwk") {
    const names = key.type === "private" ? PRIVATE_MEMBERS : PUBLIC_MEMBERS;
    const numbers = natives.rsaComponents(key.data);
    const members = Object.fromEntries(names.map((name, index) => [name, writeMember(numbers[index])]));
    return makeJwk(key, { kty: "RSA", alg: kind.jwkName(key.algorithm.hash), ...members });
  }
  if (format === "spki" && key.type === "public") return natives.rsaToSpki(key.data).buffer;
  if (format === "pkcs8" && key.type === "private") return natives.rsaToPkcs8(key.data).buffer;
  return fail("InvalidAccessError", `Cannot export "${kind.name}" ${key.type} key in "${format}" format.`);
}

// `saltLength` is undefined for PKCS #1 v1.5.
function sign({ saltLength }, { type, algorithm, data: key }, data) {
  if (type !== "private") fail("InvalidAccessError", "Asymmetric signing requires a private key.");
  const digest = natives.digest(algorithm.hash, data);
  const signature = natives.rsaSign(key, algorithm.hash, digest, saltLength);
  return signature ?? fail("OperationError", "key too small for signing with given digest and salt length");
}

function verify({ saltLength }, { type, algorithm, data: key }, signature, data) {
  if (type !== "public") fail("InvalidAccessError", "Asymmetric verification requires a public key.");
  const digest = natives.digest(algorithm.hash, data);
  return natives.rsaVerify(key, algorithm.hash, digest, saltLength, signature);
}

const NOTHING = new Uint8Array(0);

function encrypt({ label = NOTHING }, { type, algorithm, data: key }, data) {
  if (type !== "public") {
    fail("InvalidAccessError", `Encryption/key wrapping only works with public keys, not "${type}".`);
  }
  const encrypted = natives.rsaEncrypt(key, algorithm.hash, label, data);
  return encrypted ?? fail("OperationError", "RSA-OAEP encryption failed: the data is too long for the key.");
}

function decrypt({ label = NOTHING }, { type, algorithm, data: key }, data) {
  if (type !== "private") {
    fail("InvalidAccessError", `Decryption/key unwrapping only works with private keys, not "${type}".`);
  }
  return natives.rsaDecrypt(key, algorithm.hash, label, data) ?? fail("OperationError", "RSA-OAEP decryption failed.");
}

const hashNumber = (hash) => hash.slice("SHA-".length);
const salted = { saltLength: unsignedLong };
const labelled = { label: optional(buffer) };

export const rsa = {
  "RSASSA-PKCS1-v1_5": scheme("RSASSA-PKCS1-v1_5", ["verify"], ["sign"], "sig", (hash) => `RS${hashNumber(hash)}`, {
    sign: [{}, sign],
    verify: [{}, verify],
  }),
  "RSA-PSS": scheme("RSA-PSS", ["verify"], ["sign"], "sig", (hash) => `PS${hashNumber(hash)}`, {
    sign: [salted, sign],
    verify: [salted, verify],
  }),
  "RSA-OAEP": scheme(
    "RSA-OAEP",
    ["encrypt", "wrapKey"],
    ["decrypt", "unwrapKey"],
    "enc",
    (hash) => (hash === "SHA-1" ? "RSA-OAEP" : `RSA-OAEP-${hashNumber(hash)}`),
    { encrypt: [labelled, encrypt], decrypt: [labelled, decrypt] },
  ),
};
