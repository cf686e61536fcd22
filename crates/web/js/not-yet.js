// Globals that Workers have and this version lacks. A program that uses one is told so, in place of "not defined".

/** An object whose members cannot be used. */
export function notYet(name) {
  const refuse = (member) => {
    throw new Error(`${name}.${member} is not there: this version of hognose does not have ${name} yet.`);
  };
  return new Proxy({}, { get: (_, member) => (typeof member === "symbol" ? undefined : refuse(member)) });
}
