// What tail consumers are told of a line of the console: what its method was given, as far as that is JSON. What is no
// plain data is told as text.

/** The arguments as one text of JSON, with what is known of the errors among them. */
export function givenTo(level, args) {
  const errors = args.map(errorIn);
  const errorInfo = errors.some((error) => error !== null) ? `,"errorInfo":${JSON.stringify(errors)}` : "";
  return `{"level":"${level}","message":[${args.map(jsonOf).join(",")}]${errorInfo}}`;
}

function jsonOf(value) {
  try {
    const json = isData(value) ? JSON.stringify(value) : undefined;
    return json ?? JSON.stringify(String(value));
  } catch {
    return JSON.stringify(Object.prototype.toString.call(value));
  }
}

function isData(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return typeof value !== "bigint";
  return typeof value.toJSON === "function" || Object.getPrototypeOf(value) === Object.prototype;
}

// The lines of the stack alone: V8's begin with the name and the message, which are told beside it.
function errorIn(value) {
  if (!(value instanceof Error)) return null;
  try {
    const { name, message, stack } = value;
    return { name: `${name}`, message: `${message}`, stack: `${stack ?? ""}`.trimEnd() };
  } catch {
    return null;
  }
}
