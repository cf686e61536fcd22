// As much of ASN.1's DER as keys and signatures need outside of Rust. https://www.itu.int/rec/T-REC-X.690

import { withCode } from "../errors.js";

const INTEGER = 0x02;
export const OCTETS = 0x04;
export const OBJECT = 0x06;
export const SEQUENCE = 0x30;
/** The tag of a certificate's version, which may be left out. */
const VERSION = 0xa0;
/** Where the public key stands among the parts of a certificate behind its version. */
const PUBLIC_KEY_INDEX = 5;

const malformed = () => withCode(new Error("asn1 encoding routines::wrong tag"), "ERR_OSSL_ASN1_WRONG_TAG");

/** The elements that follow each other in these bytes: `{ tag, content, whole }`. */
function elementsOf(bytes) {
  const elements = [];
  for (let start = 0; start < bytes.length; ) {
    const element = elementAt(bytes, start);
    elements.push(element);
    start += element.whole.length;
  }
  return elements;
}

function elementAt(bytes, start) {
  let offset = start + 2;
  let length = bytes[start + 1];
  if (length > 0x7f) {
    const end = offset + (length & 0x7f);
    for (length = 0; offset < end; offset++) length = length * 256 + bytes[offset];
  }
  const end = offset + length;
  if (!(end <= bytes.length)) throw malformed();
  return { tag: bytes[start], content: bytes.subarray(offset, end), whole: bytes.subarray(start, end) };
}

/** The elements of the sequence that these bytes begin with: `{ tag, content, whole }`. */
export function sequenceIn(bytes) {
  const [first] = elementsOf(bytes);
  if (first?.tag !== SEQUENCE) throw malformed();
  return elementsOf(first.content);
}

/** The SubjectPublicKeyInfo of an X.509 certificate. */
export function publicKeyOfCertificate(certificate) {
  const [signed] = sequenceIn(certificate);
  const parts = sequenceIn(signed.whole);
  const key = parts[PUBLIC_KEY_INDEX + (parts[0]?.tag === VERSION ? 1 : 0)];
  if (key === undefined) throw malformed();
  return key.whole;
}

/** An element of at most 65,535 bytes, as an array. */
export function encoded(tag, content) {
  const { length } = content;
  const lengthBytes = length > 0xff ? [0x82, length >> 8, length & 0xff] : length > 0x7f ? [0x81, length] : [length];
  return [tag, ...lengthBytes, ...content];
}

/** A number that is not negative, from its bytes. */
export function encodedInteger(bytes) {
  const significant = bytes.subarray(Math.max(0, bytes.findIndex((byte) => byte !== 0)));
  return encoded(INTEGER, significant[0] > 0x7f ? [0, ...significant] : significant);
}

/** An ECDSA signature as DER, of its two numbers one after the other. */
export function signatureToDer(signature) {
  const half = signature.length / 2;
  const numbers = [signature.subarray(0, half), signature.subarray(half)].flatMap(encodedInteger);
  return Uint8Array.from(encoded(SEQUENCE, numbers));
}

/** The reverse: two numbers of so many bytes; undefined if it is no such signature. */
export function signatureFromDer(der, bytes) {
  try {
    const signature = new Uint8Array(2 * bytes);
    sequenceIn(der).forEach(({ content }, index) => {
      const significant = content.subarray(content[0] === 0 ? 1 : 0);
      signature.set(significant, (index + 1) * bytes - significant.length);
    });
    return signature;
  } catch {
    return undefined;
  }
}
