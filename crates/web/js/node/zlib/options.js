// The options of `node:zlib`, checked.

import { invalidType, outOfRange } from "../stream/errors.js";
import { withCode } from "../errors.js";
import { kMaxLength } from "../buffer.js";

/** The bounds of each option that is a number. */
const BOUNDS = {
  chunkSize: [64, Infinity],
  finishFlush: [0, 5],
  flush: [0, 5],
  level: [-1, 9],
  maxOutputLength: [1, kMaxLength],
  memLevel: [1, 9],
  strategy: [0, 4],
  windowBits: [8, 15],
};

/** Those that brotli has, with other bounds. */
const BROTLI_BOUNDS = { ...BOUNDS, finishFlush: [0, 3], flush: [0, 3] };

/** A zero leaves the size of the window to the data. */
const UNPACKS = ["Gunzip", "Inflate", "InflateRaw", "Unzip"];

/** The options, or an error that says which of them cannot be. */
export function checkOptions(kind, options) {
  if (options === null || typeof options !== "object") return {};
  const bounds = kind.startsWith("Brotli") ? BROTLI_BOUNDS : BOUNDS;
  for (const [name, [minimum, maximum]] of Object.entries(bounds)) {
    const given = options[name];
    if (given === undefined || Number.isNaN(given)) continue;
    if (typeof given !== "number") throw invalidType(`options.${name}`, "of type number", given);
    if (name === "windowBits" && given === 0 && UNPACKS.includes(kind)) continue;
    if (given < minimum || given > maximum) throw outOfRange(`options.${name}`, range(minimum, maximum), given);
  }
  if (options.dictionary !== undefined) {
    const message = "Dictionaries are not there: this version of hognose packs without them.";
    throw withCode(new Error(message), "ERR_METHOD_NOT_IMPLEMENTED");
  }
  return options;
}

const range = (minimum, maximum) =>
  maximum === Infinity ? `>= ${minimum}` : `>= ${minimum} and <= ${maximum}`;
