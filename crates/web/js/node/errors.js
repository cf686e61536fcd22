// Errors as Node's modules throw them. https://nodejs.org/api/errors.html

/** Gives an error Node's code, which its text then shows. */
export function withCode(error, code) {
  const toString = () => `${error.name} [${code}]: ${error.message}`;
  Object.defineProperty(error, "toString", { value: toString, configurable: true, writable: true });
  return Object.assign(error, { code });
}
