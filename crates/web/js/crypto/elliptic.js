// ECDSA and ECDH. A private key's data is `{ scalar, point }`, a public key's `{ point }`; the point is uncompressed.

import { natives } from "../natives.js";
import { checkJwk, makeJwk, readMember, writeMember } from "./jwk.js";
import { checkUsages, fail, makeKey } from "./key.js";
import { hash, key, text } from "./parameters.js";
import { agreeWith } from "./agreement.js";

/** The bytes of a coordinate, and the signature algorithm of JOSE. */
const CURVES = {
  "P-256": { bytes: 32, alg: "ES256" },
  "P-384": { bytes: 48, alg: "ES384" },
  "P-521": { bytes: 66, alg: "ES512" },
};

function family(name, publicUsages, privateUsages, jwkUse, operations) {
  const kind = { name, publicUsages, privateUsages, jwkUse };
  const members = { namedCurve: text };
  return {
    ...operations,
    generateKey: [members, ({ namedCurve }, ...rest) => generate(kind, namedCurve, ...rest)],
    importKey: [members, ({ namedCurve }, ...rest) => importKey(kind, namedCurve, ...rest)],
    exportKey: (key, format) => exportKey(kind, key, format),
  };
}

function checkCurve(namedCurve) {
  if (!Object.hasOwn(CURVES, namedCurve)) {
    fail("NotSupportedError", `Unrecognized or unimplemented EC curve "${namedCurve}" requested.`);
  }
}

function generate(kind, namedCurve, extractable, usages) {
  checkUsages(usages, [...kind.publicUsages, ...kind.privateUsages], "generate", kind.name);
  checkCurve(namedCurve);
  // Where random values may not be made, neither may keys.
  natives.randomBytes(1);
  const scalar = natives.ecGenerate(namedCurve);
  const point = natives.ecPublic(namedCurve, scalar);
  const algorithm = { name: kind.name, namedCurve };
  const chosen = (allowed) => usages.filter((usage) => allowed.includes(usage));
  return {
    publicKey: makeKey({
      type: "public", extractable: true, algorithm, usages: chosen(kind.publicUsages), data: { point },
    }),
    privateKey: makeKey({
      type: "private", extractable, algorithm, usages: chosen(kind.privateUsages), data: { scalar, point },
    }),
  };
}

function importKey(kind, namedCurve, format, given, extractable, usages) {
  const isPrivate = format === "pkcs8" || (format === "jwk" && given.d !== undefined);
  const type = isPrivate ? "private" : "public";
  checkUsages(usages, isPrivate ? kind.privateUsages : kind.publicUsages, `import ${type}`, kind.name);
  checkCurve(namedCurve);
  const data = readers[format]?.(namedCurve, given, { kind, extractable, usages });
  if (data === undefined) fail("NotSupportedError", `Unrecognized key import format "${format}".`);
  return makeKey({ type, extractable, algorithm: { name: kind.name, namedCurve }, usages, data });
}

const readers = {
  raw: (curve, bytes) => ({ point: natives.ecPoint(curve, bytes) ?? failImport("raw") }),
  spki: (curve, der) => ({ point: natives.ecFromSpki(curve, der) ?? failImport("SPKI") }),
  pkcs8: (curve, der) => {
    const [scalar, point] = natives.ecFromPkcs8(curve, der) ?? failImport("PKCS8");
    return { scalar, point };
  },
  jwk: (curve, jwk, { kind, extractable, usages }) => {
    const alg = kind.name === "ECDSA" ? [CURVES[curve].alg] : undefined;
    checkJwk(jwk, { kty: "EC", use: kind.jwkUse, alg, usages, extractable });
    if (jwk.crv !== curve) fail("DataError", `The JSON Web Key is of curve "${jwk.crv}", not "${curve}".`);
    const point = readPoint(curve, jwk);
    if (jwk.d === undefined) return { point };
    const scalar = readMember(jwk, "d");
    const expected = scalar.length === CURVES[curve].bytes ? natives.ecPublic(curve, scalar) : undefined;
    if (expected === undefined || !natives.bytesEqual(expected, point)) failImport("JSON Web Key");
    return { scalar, point };
  },
};

function readPoint(curve, jwk) {
  const { bytes } = CURVES[curve];
  const [x, y] = [readMember(jwk, "x"), readMember(jwk, "y")];
  if (x.length !== bytes || y.length !== bytes) failImport("JSON Web Key");
  return natives.ecPoint(curve, Uint8Array.of(4, ...x, ...y)) ?? failImport("JSON Web Key");
}

function failImport(format) {
  fail("DataError", `Invalid EC key in ${format} input.`);
}

function exportKey(kind, key, format) {
  const { type, algorithm: { namedCurve }, data: { scalar, point } } = key;
  if (format === "jwk") {
    const { bytes } = CURVES[namedCurve];
    const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)];
    const members = { kty: "EC", crv: namedCurve, x: writeMember(x), y: writeMember(y) };
    return makeJwk(key, scalar === undefined ? members : { ...members, d: writeMember(scalar) });
  }
  if (format === "raw" && type === "public") return point.slice().buffer;
  if (format === "spki" && type === "public") return natives.ecToSpki(namedCurve, point).buffer;
  if (format === "pkcs8" && type === "private") return natives.ecToPkcs8(namedCurve, scalar, point).buffer;
  return fail("InvalidAccessError", `Cannot export "${kind.name}" ${type} key in "${format}" format.`);
}

function sign({ hash }, { type, algorithm, data: { scalar } }, data) {
  if (type !== "private") fail("InvalidAccessError", "Asymmetric signing requires a private key.");
  const signature = natives.ecSign(algorithm.namedCurve, scalar, natives.digest(hash, data));
  return signature ?? fail("OperationError", "ECDSA signing failed.");
}

function verify({ hash }, { type, algorithm, data: { point } }, signature, data) {
  if (type !== "public") fail("InvalidAccessError", "Asymmetric verification requires a public key.");
  return natives.ecVerify(algorithm.namedCurve, point, natives.digest(hash, data), signature);
}

function agree(own, other) {
  const [curve, otherCurve] = [own.algorithm.namedCurve, other.algorithm.namedCurve];
  if (curve !== otherCurve) {
    const curves = `is using curve "${curve}" while public key is using "${otherCurve}"`;
    fail("InvalidAccessError", `Private key for derivation ${curves}.`);
  }
  return natives.ecAgree(curve, own.data.scalar, other.data.point);
}

export const elliptic = {
  ECDSA: family("ECDSA", ["verify"], ["sign"], "sig", { sign: [{ hash }, sign], verify: [{ hash }, verify] }),
  ECDH: family("ECDH", [], ["deriveKey", "deriveBits"], "enc", {
    deriveBits: [{ public: key }, (parameters, key, length) => agreeWith(key, parameters.public, length, agree)],
  }),
};
