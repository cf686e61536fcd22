// Ed25519 and X25519, and Cloudflare's older name of the first. A key's data is its 32 bytes.

import { natives } from "../natives.js";
import { agreeWith } from "./agreement.js";
import { checkJwk, makeJwk, readMember, writeMember } from "./jwk.js";
import { checkUsages, fail, makeKey } from "./key.js";
import { key, optional, text } from "./parameters.js";

const KEY_BYTES = 32;

/** `curve` is which of the two the name stands for. */
function family(name, curve, publicUsages, privateUsages, jwkUse, operations) {
  const kind = { name, curve, publicUsages, privateUsages, jwkUse };
  const members = name === curve ? {} : { namedCurve: text };
  return {
    ...operations,
    generateKey: [members, (parameters, ...rest) => generate(kind, parameters, ...rest)],
    importKey: [members, (parameters, ...rest) => importKey(kind, parameters, ...rest)],
    exportKey: (key, format) => exportKey(kind, key, format),
  };
}

function algorithmOf({ name }, { namedCurve }) {
  if (namedCurve === undefined) return { name };
  if (namedCurve !== name) fail("NotSupportedError", `EDDSA curve "${namedCurve}" isn't supported.`);
  return { name, namedCurve };
}

function generate(kind, parameters, extractable, usages) {
  checkUsages(usages, [...kind.publicUsages, ...kind.privateUsages], "generate", kind.name);
  const algorithm = algorithmOf(kind, parameters);
  const data = natives.randomBytes(KEY_BYTES);
  const chosen = (allowed) => usages.filter((usage) => allowed.includes(usage));
  return {
    publicKey: makeKey({
      type: "public",
      extractable: true,
      algorithm,
      usages: chosen(kind.publicUsages),
      data: natives.okpPublic(kind.curve, data),
    }),
    privateKey: makeKey({ type: "private", extractable, algorithm, usages: chosen(kind.privateUsages), data }),
  };
}

function importKey(kind, parameters, format, given, extractable, usages) {
  const isPrivate = format === "pkcs8" || (format === "jwk" && given.d !== undefined);
  const type = isPrivate ? "private" : "public";
  checkUsages(usages, isPrivate ? kind.privateUsages : kind.publicUsages, `import ${type}`, kind.name);
  const algorithm = algorithmOf(kind, parameters);
  const data = readers[format]?.(kind, given, { extractable, usages, isPrivate });
  if (data === undefined) fail("NotSupportedError", `Unrecognized key import format "${format}".`);
  return makeKey({ type, extractable, algorithm, usages, data });
}

const readers = {
  raw: ({ name }, bytes) => {
    if (bytes.length === KEY_BYTES) return bytes.slice();
    return fail("DataError", `${name} raw keys must be exactly 32-bytes (provided ${bytes.length}).`);
  },
  spki: (kind, der) => natives.okpFromSpki(kind.curve, der) ?? failImport(kind, "SPKI"),
  pkcs8: (kind, der) => natives.okpFromPkcs8(kind.curve, der) ?? failImport(kind, "PKCS8"),
  jwk: (kind, jwk, { extractable, usages, isPrivate }) => {
    const alg = kind.curve === "Ed25519" ? ["Ed25519", "EdDSA"] : undefined;
    checkJwk(jwk, { kty: "OKP", use: kind.jwkUse, alg, usages, extractable });
    if (jwk.crv !== kind.curve) fail("DataError", `Only ${kind.curve} is supported but "${jwk.crv}" was requested.`);
    const point = readMember(jwk, "x");
    const data = isPrivate ? readMember(jwk, "d") : point;
    if (data.length !== KEY_BYTES) failImport(kind, "JSON Web Key");
    if (isPrivate && !natives.bytesEqual(natives.okpPublic(kind.curve, data), point)) failImport(kind, "JSON Web Key");
    return data;
  },
};

function failImport({ name }, format) {
  fail("DataError", `Invalid ${name} key in ${format} input.`);
}

function exportKey(kind, key, format) {
  const { type, data } = key;
  if (format === "jwk") {
    const point = type === "private" ? natives.okpPublic(kind.curve, data) : data;
    const alg = kind.curve === "Ed25519" ? { alg: "Ed25519" } : {};
    const members = { kty: "OKP", crv: kind.curve, ...alg, x: writeMember(point) };
    return makeJwk(key, type === "private" ? { ...members, d: writeMember(data) } : members);
  }
  if (format === "raw" && type === "public") return data.slice().buffer;
  if (format === "spki" && type === "public") return natives.okpToSpki(kind.curve, data).buffer;
  if (format === "pkcs8" && type === "private") return natives.okpToPkcs8(kind.curve, data).buffer;
  return fail("InvalidAccessError", `Cannot export "${kind.name}" ${type} key in "${format}" format.`);
}

function sign(parameters, { type, data: seed }, data) {
  if (type !== "private") fail("InvalidAccessError", "Asymmetric signing requires a private key.");
  return natives.ed25519Sign(seed, data);
}

function verify(parameters, { type, data: point }, signature, data) {
  if (type !== "public") fail("InvalidAccessError", "Asymmetric verification requires a public key.");
  return natives.ed25519Verify(point, signature, data);
}

const signing = { sign: [{}, sign], verify: [{}, verify] };
// The older name takes its curve with every operation; what it says there is not looked at.
const signingWithCurve = { sign: [{ namedCurve: optional(text) }, sign], verify: [{ namedCurve: optional(text) }, verify] };
const agree = (own, other) => natives.x25519(own.data, other.data);

export const edwards = {
  Ed25519: family("Ed25519", "Ed25519", ["verify"], ["sign"], "sig", signing),
  "NODE-ED25519": family("NODE-ED25519", "Ed25519", ["verify"], ["sign"], "sig", signingWithCurve),
  X25519: family("X25519", "X25519", [], ["deriveKey", "deriveBits"], "enc", {
    deriveBits: [{ public: key }, (parameters, key, length) => agreeWith(key, parameters.public, length, agree)],
  }),
};
