// Private keys under a passphrase: PKCS #8's EncryptedPrivateKeyInfo with PBES2, which is PBKDF2 and AES in CBC, as OpenSSL
// writes them. https://www.rfc-editor.org/rfc/rfc8018#section-6.2

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { withCode } from "../errors.js";
import { createCipheriv, createDecipheriv, getCipherInfo } from "./ciphers.js";
import { encoded, encodedInteger, OBJECT, OCTETS, SEQUENCE, sequenceIn } from "./der.js";
import { pbkdf2Sync } from "./derivation.js";
import { bytesOf, invalidValue } from "./values.js";

// Object identifiers, as DER has them.
const PBES2 = "2a864886f70d01050d";
const PBKDF2 = "2a864886f70d01050c";
const HASHES = new Map([
  ["2a864886f70d0207", "sha1"],
  ["2a864886f70d0209", "sha256"],
  ["2a864886f70d020a", "sha384"],
  ["2a864886f70d020b", "sha512"],
]);
const CIPHERS = new Map([
  ["608648016503040102", "aes-128-cbc"],
  ["608648016503040116", "aes-192-cbc"],
  ["60864801650304012a", "aes-256-cbc"],
]);
/** What a key is derived with where nothing is said. */
const USUAL_HASH = "sha1";
/** What OpenSSL takes for a new key. */
const NEW = { hash: "sha256", iterations: 2048, saltBytes: 16 };

const unsupported = (what) => withCode(new Error(`The key is encrypted in a way that is not supported: ${what}`), "ERR_OSSL_UNSUPPORTED");
const hex = ({ content }) => Buffer.from(content).toString("hex");
const named = (names, wanted) => [...names].find(([, name]) => name === wanted)?.[0];

/** The PKCS #8 key in an EncryptedPrivateKeyInfo. */
export function decryptKey(der, passphrase) {
  if (passphrase === undefined) throw withCode(new TypeError("Passphrase required for encrypted key"), "ERR_MISSING_PASSPHRASE");
  const [algorithm, sealed] = sequenceIn(der);
  const { cipher, iv, salt, iterations, hash } = schemeIn(algorithm);
  const key = pbkdf2Sync(bytesOf(passphrase, "passphrase"), salt, iterations, getCipherInfo(cipher).keyLength, hash);
  const decipher = createDecipheriv(cipher, key, iv);
  return Buffer.concat([decipher.update(sealed.content), decipher.final()]);
}

function schemeIn(algorithm) {
  const [scheme, parameters] = sequenceIn(algorithm.whole);
  if (hex(scheme) !== PBES2) throw unsupported("it is not PBES2");
  const [derivation, encryption] = sequenceIn(parameters.whole).map(({ whole }) => sequenceIn(whole));
  if (hex(derivation[0]) !== PBKDF2) throw unsupported("its key is not derived by PBKDF2");
  const [salt, count, ...rest] = sequenceIn(derivation[1].whole);
  const pseudorandom = rest.find(({ tag }) => tag === SEQUENCE);
  const hash = pseudorandom === undefined ? USUAL_HASH : HASHES.get(hex(sequenceIn(pseudorandom.whole)[0]));
  const cipher = CIPHERS.get(hex(encryption[0]));
  if (hash === undefined || cipher === undefined) throw unsupported("its hash or cipher is another");
  return { cipher, iv: encryption[1].content, salt: salt.content, iterations: Number.parseInt(hex(count), 16), hash };
}

/** The reverse, with new random values. */
export function encryptKey(der, cipher, passphrase) {
  if (typeof cipher !== "string") throw invalidValue("options.cipher", cipher);
  if (passphrase === undefined) throw invalidValue("options.passphrase", passphrase);
  const oid = named(CIPHERS, cipher.toLowerCase());
  if (oid === undefined) throw withCode(new Error("Unknown cipher"), "ERR_CRYPTO_UNKNOWN_CIPHER");
  const { keyLength, ivLength } = getCipherInfo(cipher);
  const [salt, iv] = [natives.randomBytes(NEW.saltBytes), natives.randomBytes(ivLength)];
  const key = pbkdf2Sync(bytesOf(passphrase, "passphrase"), salt, NEW.iterations, keyLength, NEW.hash);
  const sealing = createCipheriv(cipher, key, iv);
  const sealed = Buffer.concat([sealing.update(der), sealing.final()]);
  const scheme = schemeOf({ oid, iv, salt, iterations: NEW.iterations, hash: NEW.hash });
  return Buffer.from(encoded(SEQUENCE, [...scheme, ...encoded(OCTETS, sealed)]));
}

function schemeOf({ oid, iv, salt, iterations, hash }) {
  const object = (name) => encoded(OBJECT, Buffer.from(name, "hex"));
  const sequence = (...parts) => encoded(SEQUENCE, parts.flat());
  const count = encodedInteger(Uint8Array.of(iterations >> 16, iterations >> 8, iterations));
  const nothing = [0x05, 0x00];
  const derivation = sequence(encoded(OCTETS, salt), count, sequence(object(named(HASHES, hash)), nothing));
  return sequence(object(PBES2), sequence(sequence(object(PBKDF2), derivation), sequence(object(oid), encoded(OCTETS, iv))));
}
