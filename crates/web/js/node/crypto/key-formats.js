// How keys come in and go out: PEM, DER and JWK. Each gives `{ kind, secret, open }`, without `secret` for a public key.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { withCode } from "../errors.js";
import { publicKeyOfCertificate } from "./der.js";
import { decryptKey, encryptKey } from "./encrypted-keys.js";
import { kinds } from "./kinds.js";
import { bytesOf, invalidType, invalidValue } from "./values.js";

/** What a PEM's label says: which side of a key, in which format. */
const LABELS = {
  "PRIVATE KEY": ["private", "pkcs8"],
  "RSA PRIVATE KEY": ["private", "pkcs1"],
  "EC PRIVATE KEY": ["private", "sec1"],
  "PUBLIC KEY": ["public", "spki"],
  "RSA PUBLIC KEY": ["public", "pkcs1"],
};
const ENCRYPTED = "ENCRYPTED PRIVATE KEY";
const PKCS8 = LABELS["PRIVATE KEY"];
const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([^]*?)-----END \1-----/;
const LINE_LENGTH = 64;

const noKey = (what) => withCode(new Error(`The ${what} cannot be read: it is no key of a kind that is supported here`), "ERR_OSSL_UNSUPPORTED");
const encryptedKey = () =>
  withCode(new Error("Only keys in PKCS #8 can be encrypted with a passphrase"), "ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS");

/** The key in what a program gave: PEM, or `{ key, format, type, encoding }`. `side` is what is asked for. */
export function readKey(given, side) {
  const isBare = typeof given === "string" || ArrayBuffer.isView(given) || given instanceof ArrayBuffer;
  const { key, format = "pem", type, encoding, passphrase } = isBare ? { key: given } : given;
  if (format === "jwk") return readJwk(key);
  const bytes = bytesOf(key, "key", encoding);
  if (format === "pem") return readPem(natives.decodeUtf8(bytes), passphrase);
  if (format !== "der") throw invalidValue("options.format", format);
  if (type === undefined && side === "private") throw invalidValue("options.type", type);
  return readAnyDer(bytes, side, passphrase);
}

// The type is a hint, in Node, too; and a private key is a public one as well.
function readAnyDer(bytes, side, passphrase) {
  const sides = side === "public" ? ["public", "private"] : ["private"];
  for (const described of Object.values(LABELS).filter(([of]) => sides.includes(of))) {
    const key = readDer(bytes, described);
    if (key !== undefined) return key;
  }
  const key = passphrase === undefined ? undefined : readDer(decryptKey(bytes, passphrase), PKCS8);
  if (key === undefined) throw noKey("DER");
  return key;
}

function readDer(bytes, [side, format]) {
  for (const kind of kinds) {
    const key = kind[side][format]?.read(bytes);
    if (key !== undefined) return side === "private" ? { kind, secret: key, open: kind.openOf(key) } : { kind, open: key };
  }
  return undefined;
}

function readPem(text, passphrase) {
  const [, label, content] = PEM.exec(text) ?? [];
  if (content?.includes("ENCRYPTED")) throw encryptedKey();
  const der = content === undefined ? undefined : Buffer.from(content, "base64");
  const key = readLabelled(label, der, passphrase);
  if (key === undefined) throw noKey("PEM");
  return key;
}

function readLabelled(label, der, passphrase) {
  if (label === "CERTIFICATE") return readDer(publicKeyOfCertificate(der), LABELS["PUBLIC KEY"]);
  if (label === ENCRYPTED) return readDer(decryptKey(der, passphrase), PKCS8);
  const described = LABELS[label];
  return described && readDer(der, described);
}

function readJwk(jwk) {
  if (typeof jwk !== "object" || jwk === null) throw invalidType("key.key", "of type object", jwk);
  const kind = kinds.find(({ isJwk }) => isJwk(jwk));
  let key;
  try {
    key = kind?.fromJwk(jwk);
  } catch {
    // A member that is missing or malformed; said below.
  }
  const { secret, open } = key ?? {};
  const fits = secret === undefined ? jwk.d === undefined : sameBytes(kind.openOf(secret), open);
  if (open === undefined || !fits) throw withCode(new TypeError("Invalid JWK data"), "ERR_CRYPTO_INVALID_JWK");
  return { kind, secret, open };
}

const sameBytes = (first, second) => first !== undefined && second !== undefined && natives.bytesEqual(first, second);

/** A key in the encoding `{ format, type }` that a program asks for. */
export function writeKey({ kind, secret, open }, { format = "pem", type, cipher, passphrase } = {}) {
  const side = secret === undefined ? "public" : "private";
  if (format === "jwk") return kind.toJwk({ secret, open });
  const writer = kind[side][type];
  if (writer === undefined) throw invalidValue("options.type", type);
  const bare = Buffer.from(writer.write({ secret, open }));
  const isEncrypted = side === "private" && (cipher !== undefined || passphrase !== undefined);
  if (isEncrypted && type !== "pkcs8") throw encryptedKey();
  const der = isEncrypted ? encryptKey(bare, cipher, passphrase) : bare;
  if (format === "der") return der;
  if (format !== "pem") throw invalidValue("options.format", format);
  const label = Object.keys(LABELS).find((label) => LABELS[label][0] === side && LABELS[label][1] === type);
  return pem(isEncrypted ? ENCRYPTED : label, der);
}

function pem(label, der) {
  const lines = der.toString("base64").match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")).join("\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
