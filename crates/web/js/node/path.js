// `node:path`, of POSIX systems: https://nodejs.org/api/path.html

export const sep = "/";
export const delimiter = ":";

function requireString(value, name) {
  if (typeof value === "string") return;
  const message = `The "${name}" argument must be of type string. Received ${value === null ? "null" : typeof value}`;
  throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
}

// Without `.`, and without `..` where a name can be dropped for it.
function tidy(path, isAbsolute) {
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isAbsolute) parts.push(part);
  }
  return parts.join("/");
}

export function isAbsolute(path) {
  requireString(path, "path");
  return path.startsWith("/");
}

export function normalize(path) {
  requireString(path, "path");
  const absolute = isAbsolute(path);
  const tidied = tidy(path, absolute);
  const trailing = path.endsWith("/") && tidied !== "" ? "/" : "";
  if (tidied === "") return absolute ? "/" : path.endsWith("/") && path !== "" ? "./" : ".";
  return (absolute ? "/" : "") + tidied + trailing;
}

export function join(...paths) {
  paths.forEach((path) => requireString(path, "path"));
  const joined = paths.filter((path) => path !== "").join("/");
  return joined === "" ? "." : normalize(joined);
}

export function resolve(...paths) {
  paths.forEach((path) => requireString(path, "path"));
  const start = paths.findLastIndex((path) => path.startsWith("/"));
  // The current folder of a Worker is the root.
  return `/${tidy(paths.slice(Math.max(start, 0)).join("/"), true)}`;
}

export function relative(from, to) {
  const [source, target] = [from, to].map((path) => resolve(path).split("/").filter(Boolean));
  let common = 0;
  while (common < source.length && source[common] === target[common]) common++;
  return [...source.slice(common).map(() => ".."), ...target.slice(common)].join("/");
}

/** What is before the last name, as it is written. */
export function dirname(path) {
  requireString(path, "path");
  const trimmed = path.replace(/\/+$/, "");
  const end = trimmed.lastIndexOf("/");
  if (end < 0) return path.startsWith("/") ? "/" : ".";
  if (end === 1 && path.startsWith("//")) return "//";
  return end === 0 ? "/" : trimmed.slice(0, end);
}

export function basename(path, suffix = "") {
  requireString(path, "path");
  requireString(suffix, "suffix");
  if (suffix === path) return "";
  const name = path.replace(/\/+$/, "").split("/").at(-1);
  return suffix !== "" && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}

export function extname(path) {
  const name = basename(path);
  const dot = name.lastIndexOf(".");
  return dot <= 0 || name === ".." ? "" : name.slice(dot);
}

export function parse(path) {
  requireString(path, "path");
  const base = basename(path);
  const ext = extname(path);
  const root = path.startsWith("/") ? "/" : "";
  const dir = path.replace(/\/+$/, "").includes("/") ? dirname(path) : root;
  return { root, dir: dir === "//" ? root : dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
}

export function format(parts) {
  if (typeof parts !== "object" || parts === null) {
    const message = 'The "pathObject" argument must be of type object.';
    throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
  }
  const { root = "", dir = root, name = "", ext = "" } = parts;
  const base = parts.base || name + (ext && !ext.startsWith(".") ? `.${ext}` : ext);
  if (!dir) return base;
  return dir === root ? dir + base : `${dir}/${base}`;
}

export const toNamespacedPath = (path) => path;

const pattern = (glob) =>
  new RegExp(`^${glob.split(/(\*\*\/?|\*|\?)/).map((part) => GLOBS[part] ?? part.replace(/[\\^$.|+()[\]{}]/g, "\\$&")).join("")}$`);
const GLOBS = { "**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]" };

export const matchesGlob = (path, glob) => pattern(glob).test(path);

const path = {
  basename, delimiter, dirname, extname, format, isAbsolute, join, matchesGlob, normalize, parse, relative, resolve, sep,
  toNamespacedPath,
};
export const posix = path;
path.posix = path;

export default path;
