// `node:punycode`: https://nodejs.org/api/punycode.html, the algorithm of RFC 3492.

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_CODE = 0x80;
const CODE_MAX = 0x10ffff;
const DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789";
const SEPARATORS = /[\u002e\u3002\uff0e\uff61]/;

const fail = (message) => {
  throw new RangeError(message);
};

function adapted(delta, count, isFirst) {
  let rest = isFirst ? Math.floor(delta / DAMP) : delta >> 1;
  rest += Math.floor(rest / count);
  let bias = 0;
  while (rest > ((BASE - T_MIN) * T_MAX) >> 1) {
    rest = Math.floor(rest / (BASE - T_MIN));
    bias += BASE;
  }
  return bias + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}

const threshold = (position, bias) => Math.min(Math.max(position - bias, T_MIN), T_MAX);

/** The Unicode text of a label. */
export function decode(label) {
  const basicEnd = Math.max(label.lastIndexOf("-"), 0);
  const output = Array.from(label.slice(0, basicEnd), basicCode);
  let [code, index, bias] = [INITIAL_CODE, 0, INITIAL_BIAS];
  let at = basicEnd > 0 ? basicEnd + 1 : 0;
  while (at < label.length) {
    const before = index;
    let weight = 1;
    for (let position = BASE; ; position += BASE) {
      const digit = DIGITS.indexOf((label[at] ?? fail("Invalid input")).toLowerCase());
      at += 1;
      if (digit < 0) fail("Invalid input");
      index += digit * weight;
      const limit = threshold(position, bias);
      if (digit < limit) break;
      weight *= BASE - limit;
      if (index > 2 ** 31 || weight > 2 ** 31) fail("Overflow: input needs wider integers to process");
    }
    const count = output.length + 1;
    bias = adapted(index - before, count, before === 0);
    code += Math.floor(index / count);
    if (code > CODE_MAX) fail("Overflow: input needs wider integers to process");
    index %= count;
    output.splice(index, 0, code);
    index += 1;
  }
  return String.fromCodePoint(...output);
}

function basicCode(character) {
  const code = character.codePointAt(0);
  return code < INITIAL_CODE ? code : fail("Illegal input >= 0x80 (not a basic code point)");
}

/** The label of a Unicode text. */
export function encode(text) {
  const codes = Array.from(text, (character) => character.codePointAt(0));
  const basic = codes.filter((code) => code < INITIAL_CODE);
  let output = String.fromCodePoint(...basic);
  if (basic.length > 0) output += "-";
  let [code, delta, bias, handled] = [INITIAL_CODE, 0, INITIAL_BIAS, basic.length];
  while (handled < codes.length) {
    const next = Math.min(...codes.filter((candidate) => candidate >= code));
    delta += (next - code) * (handled + 1);
    code = next;
    for (const candidate of codes) {
      if (candidate < code) delta += 1;
      if (candidate !== code) continue;
      output += variableLength(delta, bias);
      bias = adapted(delta, handled + 1, handled === basic.length);
      delta = 0;
      handled += 1;
    }
    delta += 1;
    code += 1;
  }
  return output;
}

function variableLength(delta, bias) {
  let [rest, output] = [delta, ""];
  for (let position = BASE; ; position += BASE) {
    const limit = threshold(position, bias);
    if (rest < limit) return output + DIGITS[rest];
    output += DIGITS[limit + ((rest - limit) % (BASE - limit))];
    rest = Math.floor((rest - limit) / (BASE - limit));
  }
}

// Changes the labels of a domain name, or of the domain in an address of mail.
function mapDomain(domain, change) {
  const [local, host] = domain.includes("@") ? domain.split("@") : ["", domain];
  const labels = host.split(SEPARATORS).map(change);
  return (local === "" ? "" : `${local}@`) + labels.join(".");
}

/** The domain name in ASCII. */
export const toASCII = (domain) =>
  mapDomain(domain, (label) => (/[^\0-\x7f]/.test(label) ? `xn--${encode(label)}` : label));

/** The domain name in Unicode. */
export const toUnicode = (domain) =>
  mapDomain(domain, (label) => (label.startsWith("xn--") ? decode(label.slice(4).toLowerCase()) : label));

/** Texts and their code points. */
export const ucs2 = {
  decode: (text) => Array.from(text, (character) => character.codePointAt(0)),
  encode: (codes) => String.fromCodePoint(...codes),
};

export const version = "2.3.1";

export default { decode, encode, toASCII, toUnicode, ucs2, version };
