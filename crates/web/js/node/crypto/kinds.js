// The kinds of asymmetric keys. A key is `{ secret, open }`: its private form, which public keys lack, and its public one,
// as Rust takes them. What a kind reads is undefined where the bytes are no key of it.

import { readMember, writeMember } from "../../crypto/jwk.js";
import { natives } from "../../natives.js";
import { withCode } from "../errors.js";
import { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX_SIGN } from "./constants.js";
import { signatureFromDer, signatureToDer } from "./der.js";

const RSA_MEMBERS = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
const RSA_PUBLIC_MEMBERS = ["n", "e"];
const DIGEST_BYTES = { "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };

const unsupported = (what) => withCode(new Error(`${what} is not supported`), "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");

const numberOf = (bytes) => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);

const rsa = {
  type: "rsa",
  openOf: (secret) => natives.rsaPublic(secret),
  private: {
    pkcs8: { read: (der) => natives.rsaFromPkcs8(der), write: ({ secret }) => natives.rsaToPkcs8(secret) },
    pkcs1: { read: (der) => natives.rsaFromPrivatePkcs1(der), write: ({ secret }) => secret.slice() },
  },
  public: {
    spki: { read: (der) => natives.rsaFromSpki(der), write: ({ open }) => natives.rsaToSpki(open) },
    pkcs1: { read: (der) => natives.rsaFromPublicPkcs1(der), write: ({ open }) => open.slice() },
  },

  details({ open }) {
    const [modulus, exponent] = natives.rsaComponents(open).map(numberOf);
    return { modulusLength: modulus.toString(2).length, publicExponent: exponent };
  },

  isJwk: ({ kty }) => kty === "RSA",
  fromJwk(jwk) {
    const read = (names) => natives.rsaFromComponents(...names.map((name) => readMember(jwk, name)));
    const open = read(RSA_PUBLIC_MEMBERS);
    return { secret: jwk.d === undefined ? undefined : read(RSA_MEMBERS), open };
  },
  toJwk({ secret, open }) {
    const numbers = natives.rsaComponents(secret ?? open);
    return { kty: "RSA", ...Object.fromEntries(numbers.map((number, index) => [RSA_MEMBERS[index], writeMember(number)])) };
  },

  // Where nothing is said, the salt is as long as the key allows, and is checked whatever its length.
  sign(key, hash, digest, { padding = RSA_PKCS1_PADDING, saltLength = RSA_PSS_SALTLEN_MAX_SIGN }) {
    const salt = padding === RSA_PKCS1_PSS_PADDING ? saltBytes(key, hash, saltLength) : undefined;
    checkPadding(padding);
    return natives.rsaSign(key.secret, hash, digest, salt);
  },
  verify(key, hash, digest, signature, { padding = RSA_PKCS1_PADDING, saltLength = RSA_PSS_SALTLEN_MAX_SIGN }) {
    checkPadding(padding);
    if (padding === RSA_PKCS1_PADDING) return natives.rsaVerify(key.open, hash, digest, undefined, signature);
    if (saltLength === RSA_PSS_SALTLEN_MAX_SIGN) return natives.rsaVerifyAnySalt(key.open, hash, digest, signature);
    return natives.rsaVerify(key.open, hash, digest, saltBytes(key, hash, saltLength), signature);
  },
};

function checkPadding(padding) {
  if (padding !== RSA_PKCS1_PADDING && padding !== RSA_PKCS1_PSS_PADDING) throw unsupported(`RSA padding ${padding}`);
}

function saltBytes(key, hash, saltLength) {
  if (saltLength >= 0) return saltLength;
  if (saltLength === RSA_PSS_SALTLEN_DIGEST) return DIGEST_BYTES[hash];
  return Math.ceil((rsa.details(key).modulusLength - 1) / 8) - DIGEST_BYTES[hash] - 2;
}

/** A curve of NIST: its name in Web Crypto and in OpenSSL, and the bytes of a number. */
const elliptic = (curve, namedCurve, bytes) => ({
  type: "ec",
  curve,
  namedCurve,
  openOf: (secret) => natives.ecPublic(curve, secret),
  private: {
    pkcs8: {
      read: (der) => natives.ecFromPkcs8(curve, der)?.[0],
      write: ({ secret, open }) => natives.ecToPkcs8(curve, secret, open),
    },
    sec1: {
      read: (der) => natives.ecFromSec1(curve, der)?.[0],
      write: ({ secret, open }) => natives.ecToSec1(curve, secret, open),
    },
  },
  public: {
    spki: { read: (der) => natives.ecFromSpki(curve, der), write: ({ open }) => natives.ecToSpki(curve, open) },
  },
  details: () => ({ namedCurve }),

  isJwk: ({ kty, crv }) => kty === "EC" && crv === curve,
  fromJwk(jwk) {
    const [x, y] = [readMember(jwk, "x"), readMember(jwk, "y")];
    const open = x.length === bytes && y.length === bytes ? natives.ecPoint(curve, Uint8Array.of(4, ...x, ...y)) : undefined;
    return { secret: jwk.d === undefined ? undefined : readMember(jwk, "d"), open };
  },
  toJwk({ secret, open }) {
    const [x, y] = [open.subarray(1, 1 + bytes), open.subarray(1 + bytes)].map(writeMember);
    const jwk = { kty: "EC", x, y, crv: curve };
    return secret === undefined ? jwk : { ...jwk, d: writeMember(secret) };
  },

  sign({ secret }, _hash, digest, { dsaEncoding }) {
    const signature = natives.ecSign(curve, secret, digest);
    return dsaEncoding === "ieee-p1363" ? signature : signatureToDer(signature);
  },
  verify({ open }, _hash, digest, signature, { dsaEncoding }) {
    const numbers = dsaEncoding === "ieee-p1363" ? signature : signatureFromDer(signature, bytes);
    return numbers !== undefined && natives.ecVerify(curve, open, digest, numbers);
  },
  agree: (own, other) => natives.ecAgree(curve, own.secret, other.open),
});

const edwards = (curve, operations) => ({
  type: curve.toLowerCase(),
  curve,
  openOf: (secret) => natives.okpPublic(curve, secret),
  private: {
    pkcs8: { read: (der) => natives.okpFromPkcs8(curve, der), write: ({ secret }) => natives.okpToPkcs8(curve, secret) },
  },
  public: { spki: { read: (der) => natives.okpFromSpki(curve, der), write: ({ open }) => natives.okpToSpki(curve, open) } },
  details: () => ({}),

  isJwk: ({ kty, crv }) => kty === "OKP" && crv === curve,
  // As in Node, a private key is enough.
  fromJwk(jwk) {
    if (jwk.d === undefined) return { open: readMember(jwk, "x") };
    const secret = readMember(jwk, "d");
    return { secret, open: natives.okpPublic(curve, secret) };
  },
  toJwk({ secret, open }) {
    const d = secret === undefined ? {} : { d: writeMember(secret) };
    return { crv: curve, ...d, x: writeMember(open), kty: "OKP" };
  },
  ...operations,
});

/** All kinds. */
export const kinds = [
  rsa,
  elliptic("P-256", "prime256v1", 32),
  elliptic("P-384", "secp384r1", 48),
  elliptic("P-521", "secp521r1", 66),
  edwards("Ed25519", {
    signData: ({ secret }, data) => natives.ed25519Sign(secret, data),
    verifyData: ({ open }, data, signature) => natives.ed25519Verify(open, signature, data),
  }),
  edwards("X25519", { agree: (own, other) => natives.x25519(own.secret, other.open) }),
];

/** The curve of NIST that has this name in OpenSSL or Web Crypto. */
export const curveNamed = (name) =>
  kinds.find(({ type, curve, namedCurve }) => type === "ec" && (name === namedCurve || name === curve));
