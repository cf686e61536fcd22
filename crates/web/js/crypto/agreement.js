// What ECDH and X25519 share: the checks of the other's key, and cutting the secret to length.

import { fail, partsOf } from "./key.js";

/** The first `length` bits (null: all) of the secret that `agree(own, other)` makes; undefined from it is a failure. */
export function agreeWith(own, publicKey, length, agree) {
  const other = partsOf(publicKey);
  const { type, algorithm: { name } } = own;
  if (type !== "private") {
    fail("InvalidAccessError", `The deriveBits operation is only valid for a private key, not "${type}".`);
  }
  if (other.type !== "public") {
    fail("InvalidAccessError", `The provided key has type "${other.type}", not "public"`);
  }
  if (other.algorithm.name !== name) {
    const peer = `a peer ${other.algorithm.name} public key`;
    fail("InvalidAccessError", `Base ${name} private key cannot be used to derive a key from ${peer}`);
  }
  const secret = agree(own, other) ?? fail("OperationError", `Failed to generate shared ${name} secret`);
  return length === null ? secret : cut(secret, length);
}

function cut(secret, bits) {
  const available = secret.length * 8;
  if (bits > available) {
    const limit = `(should be at most ${available} bits)`;
    fail("OperationError", `Derived key length (${bits} bits) is too long ${limit}.`);
  }
  const bytes = secret.slice(0, Math.ceil(bits / 8));
  if (bits % 8 !== 0) bytes[bytes.length - 1] &= 0xff << (8 - (bits % 8));
  return bytes;
}
