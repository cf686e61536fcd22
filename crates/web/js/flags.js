// The compatibility flags of the Worker, which it sees as `Cloudflare.compatibilityFlags`. Until the Worker is known, and
// in a script that is no Worker, everything is as newer dates have it.

/** Each flag by its enabling name. */
let table = {};
let pedantic = false;

/** Whether a flag that newer dates turn on is on. */
export const isOn = (name) => table[name] ?? true;

/** Whether a flag that no date turns on is on. */
export const isGiven = (name) => table[name] ?? false;

/** Whether the web's standards count even where workerd differs from them on purpose. */
export const isPedantic = () => pedantic;

// What a Worker of an older date does not find on its global object.
const GLOBALS = {
  enable_weak_ref: ["FinalizationRegistry", "WeakRef"],
  expose_global_message_channel: ["MessageChannel", "MessagePort"],
  global_navigator: ["Navigator", "navigator"],
};

/** Takes the flags of the Worker that is about to be loaded. */
export function setFlags(flags) {
  table = Object.freeze(Object.assign(Object.create(null), flags));
  pedantic = isGiven("pedantic_wpt");
  const Cloudflare = Object.defineProperty({}, "compatibilityFlags", { value: table, enumerable: true });
  Object.defineProperty(globalThis, "Cloudflare", { value: Cloudflare, writable: true, configurable: true });
  for (const [flag, names] of Object.entries(GLOBALS)) {
    if (!isOn(flag)) for (const name of names) delete globalThis[name];
  }
}
