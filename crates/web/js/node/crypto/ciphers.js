// Ciphers of `node:crypto`: AES in four modes, fed piece by piece or as a stream. Rust does the work.

import { natives } from "../../natives.js";
import { Buffer } from "../buffer.js";
import { callable } from "../callable.js";
import { withCode } from "../errors.js";
import { Transform } from "../stream.js";
import { StringDecoder } from "../string_decoder.js";
import { bytesIn, bytesOf, invalidType, secretBytes } from "./values.js";

const BLOCK_BYTES = 16;
const GCM_NONCE_BYTES = 12;
const TAG_BYTES = [4, 8, 12, 13, 14, 15, 16];
const NOTHING = new Uint8Array(0);

/** By mode: OpenSSL's numbers for keys of 128, 192 and 256 bits, and the bytes to begin with. */
const MODES = {
  cbc: { nids: [419, 423, 427], ivLength: BLOCK_BYTES },
  ctr: { nids: [904, 905, 906], ivLength: BLOCK_BYTES },
  ecb: { nids: [418, 422, 426], ivLength: 0 },
  gcm: { nids: [895, 898, 901], ivLength: GCM_NONCE_BYTES },
};
const KEY_BITS = [128, 192, 256];

/** By name, what `getCipherInfo` says. */
const CIPHERS = new Map(
  KEY_BITS.flatMap((bits, index) =>
    Object.entries(MODES).map(([mode, { nids, ivLength }]) => {
      const name = mode === "gcm" ? `id-aes${bits}-gcm` : `aes-${bits}-${mode}`;
      const blockSize = mode === "cbc" || mode === "ecb" ? BLOCK_BYTES : 1;
      const info = { mode, name, nid: nids[index], blockSize, keyLength: bits / 8 };
      return [`aes-${bits}-${mode}`, ivLength > 0 ? { ...info, ivLength } : info];
    }),
  ),
);

function cipherNamed(name) {
  const [, short, long] = /^(?:aes(\d+)|id-aes(\d+)-gcm)$/.exec(name) ?? [];
  if (short) return CIPHERS.get(`aes-${short}-cbc`);
  return CIPHERS.get(long ? `aes-${long}-gcm` : name);
}

export const getCiphers = () => [...CIPHERS.keys()].sort();

/** What a cipher needs, by its name or number; undefined if there is none, or none with such lengths. */
export function getCipherInfo(nameOrNid, { keyLength, ivLength } = {}) {
  const byNumber = [...CIPHERS.values()].find(({ nid }) => nid === nameOrNid);
  const info = byNumber ?? cipherNamed(`${nameOrNid}`.toLowerCase());
  if (info === undefined || (keyLength ?? info.keyLength) !== info.keyLength) return undefined;
  if (ivLength === undefined) return { ...info };
  return isStart(info, ivLength) ? { ...info, ivLength } : undefined;
}

const isStart = ({ mode, ivLength = 0 }, length) => (mode === "gcm" ? length > 0 : length === ivLength);

const authenticationFailed = () => new Error("Unsupported state or unable to authenticate data");
const invalidState = (message) => withCode(new Error(message), "ERR_CRYPTO_INVALID_STATE");
const badData = (reason) =>
  Object.assign(withCode(new Error(reason), `ERR_OSSL_${reason.toUpperCase().replaceAll(" ", "_")}`), { reason });

/** What both directions have in common. */
class Cipher extends Transform {
  #info;
  #decrypts;
  #key;
  #iv;
  #additional = [];
  #isPadded = true;
  #decoder;
  /** Rust's half, from the first byte on. */
  #run;
  #ended = false;
  #tagBytes;

  constructor(decrypts, cipher, key, iv, options) {
    super(options);
    if (typeof cipher !== "string") throw invalidType("cipher", "of type string", cipher);
    this.#info = cipherNamed(cipher.toLowerCase());
    if (this.#info === undefined) throw withCode(new Error("Unknown cipher"), "ERR_CRYPTO_UNKNOWN_CIPHER");
    this.#decrypts = decrypts;
    this.#key = secretBytes(key, "key").slice();
    this.#iv = iv === null ? NOTHING : bytesOf(iv, "iv").slice();
    if (this.#key.length !== this.#info.keyLength) {
      throw withCode(new RangeError("Invalid key length"), "ERR_CRYPTO_INVALID_KEYLEN");
    }
    if (!isStart(this.#info, this.#iv.length)) {
      throw withCode(new TypeError("Invalid initialization vector"), "ERR_CRYPTO_INVALID_IV");
    }
    this.#tagBytes = options?.authTagLength;
    if (this.#tagBytes !== undefined) checkTag(this.#tagBytes);
  }

  /** What more data gives, as a buffer or as text. */
  update(data, inputEncoding, outputEncoding) {
    if (this.#ended) throw invalidState("Trying to add data in unsupported state");
    const given = bytesOf(data, "data", inputEncoding === "buffer" ? undefined : inputEncoding);
    return this.#shown(this.#begun()(given, this.#isPadded), outputEncoding);
  }

  /** What the end gives. */
  final(outputEncoding) {
    if (this.#ended) throw invalidState("Unsupported state");
    this.#ended = true;
    const rest = this.#begun()(undefined, this.#isPadded);
    if (rest === undefined) throw badData(this.#decrypts && this.#isPadded ? "bad decrypt" : "wrong final block length");
    this._end?.();
    const shown = this.#shown(rest, outputEncoding);
    return this.#decoder === undefined ? shown : shown + this.#decoder.end();
  }

  /** Whether the last block is filled up. Before the end. */
  setAutoPadding(isPadded = true) {
    if (this.#ended) throw invalidState("Invalid state for operation setAutoPadding");
    this.#isPadded = Boolean(isPadded);
    return this;
  }

  /** What GCM's tag vouches for besides. Before the first data. */
  setAAD(bytes, options) {
    if (this.#info.mode !== "gcm" || this.#run !== undefined) throw invalidState("Invalid state for operation setAAD");
    this.#additional.push(bytesOf(bytes, "buffer", options?.encoding));
    return this;
  }

  _transform(chunk, _encoding, callback) {
    this.#pushed(callback, () => this.update(chunk));
  }

  _flush(callback) {
    this.#pushed(callback, () => this.final());
  }

  #pushed(callback, make) {
    let result;
    try {
      result = make();
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, result);
  }

  #begun() {
    const additional = Buffer.concat(this.#additional);
    return (this.#run ??= natives.newCipher(this.#info.mode, this.#decrypts, this.#key, this.#iv, additional));
  }

  // A text may end within a character of its encoding: the rest of that comes with what follows.
  #shown(bytes, encoding) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (encoding === undefined || encoding === "buffer") return buffer;
    this.#decoder ??= new StringDecoder(encoding);
    return this.#decoder.write(buffer);
  }

  get _isTagged() {
    return this.#info.mode === "gcm";
  }

  get _hasEnded() {
    return this.#ended;
  }

  get _tagBytes() {
    return this.#tagBytes;
  }

  _tag() {
    return this.#begun().tag();
  }
}

function checkTag(length) {
  if (TAG_BYTES.includes(length)) return;
  throw withCode(new TypeError(`Invalid authentication tag length: ${length}`), "ERR_CRYPTO_INVALID_AUTH_TAG");
}

class Encryption extends Cipher {
  constructor(...args) {
    super(false, ...args);
  }

  /** GCM's tag, after the end. */
  getAuthTag() {
    if (!this._isTagged || !this._hasEnded) throw invalidState("Invalid state for operation getAuthTag");
    return Buffer.from(this._tag().subarray(0, this._tagBytes ?? BLOCK_BYTES));
  }
}

class Decryption extends Cipher {
  #expected;

  constructor(...args) {
    super(true, ...args);
  }

  /** The tag that what was encrypted must have. Before the end. */
  setAuthTag(tag, encoding) {
    if (!this._isTagged || this._hasEnded || this.#expected !== undefined) {
      throw invalidState("Invalid state for operation setAuthTag");
    }
    const bytes = typeof tag === "string" ? bytesOf(tag, "buffer", encoding) : bytesIn(tag, "buffer");
    checkTag(bytes.length);
    if (bytes.length !== (this._tagBytes ?? bytes.length)) checkTag(`${bytes.length}`);
    this.#expected = bytes.slice();
    return this;
  }

  _end() {
    if (!this._isTagged) return;
    const expected = this.#expected ?? NOTHING;
    if (expected.length === 0 || !natives.bytesEqual(this._tag().subarray(0, expected.length), expected)) {
      throw authenticationFailed();
    }
  }
}

export const Cipheriv = callable(Encryption);
export const Decipheriv = callable(Decryption);

export const createCipheriv = (cipher, key, iv, options) => new Cipheriv(cipher, key, iv, options);
export const createDecipheriv = (cipher, key, iv, options) => new Decipheriv(cipher, key, iv, options);
