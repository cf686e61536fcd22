// Numbers and dates as people in the United States write them, which is the locale that Workers have. Any other locale, and
// options, need `Intl`, which is not there: without it QuickJS would pass over them, and give what nobody asked for.

const ENGLISH = /^en(-US)?$/;
const FRACTION_DIGITS = 3;
// From here on numbers are written with powers of ten, and are integers.
const POWERS_MIN = 1e21;

/** Puts the methods in the place of the language's own. */
export function defineLocaleMethods() {
  define(Number.prototype, "toLocaleString", numberText, Number.prototype.valueOf);
  define(BigInt.prototype, "toLocaleString", (value) => grouped(`${value}`), BigInt.prototype.valueOf);
  for (const name of ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"]) {
    const { [name]: padded } = Date.prototype;
    define(Date.prototype, name, unpadded, padded);
  }
}

// `read` makes what `write` takes of the object; it throws where the object is of another class.
function define(prototype, name, write, read) {
  const method = {
    [name](locales = undefined, options = undefined) {
      const value = Reflect.apply(read, this, []);
      requireEnglish(prototype[Symbol.toStringTag] ?? prototype.constructor.name, name, locales, options);
      return write(value);
    },
  }[name];
  Object.defineProperty(method, "length", { value: 0, configurable: true });
  Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true });
}

function requireEnglish(type, name, locales, options) {
  const [first] = Array.isArray(locales) ? locales : [locales];
  if (options === undefined && (first === undefined || ENGLISH.test(first))) return;
  throw new Error(
    `${type}.prototype.${name} knows no locale but en-US, and no options: this version of hognose does not have Intl yet.`,
  );
}

function numberText(value) {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (size === Infinity) return `${sign}∞`;
  if (size >= POWERS_MIN) return sign + grouped(withoutPower(`${size}`));
  const [whole, fraction] = size.toFixed(FRACTION_DIGITS).split(".");
  const digits = fraction.replace(/0+$/, "");
  return sign + grouped(whole) + (digits === "" ? "" : `.${digits}`);
}

function withoutPower(text) {
  const [, whole, fraction = "", power] = /^(\d)(?:\.(\d+))?e\+(\d+)$/.exec(text);
  return whole + fraction.padEnd(Number(power), "0");
}

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");

// Months, days and hours have no zero before them.
const unpadded = (text) => text.replace(/^0|(?<=\/)0|(?<=, )0/g, "");
