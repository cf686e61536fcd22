// `node:process`, and the global `process`: what a Worker can know of it. https://nodejs.org/api/process.html

import EventEmitter from "./events.js";

// What Cloudflare's runtime says of the Node.js that it resembles.
const VERSION = "22.19.0";

class Process extends EventEmitter {
  arch = "x64";
  argv = ["workerd"];
  env = {};
  exitCode = undefined;
  pid = 1;
  platform = "linux";
  title = "workerd";
  version = `v${VERSION}`;
  versions = { node: VERSION };

  cwd() {
    return "/";
  }

  emitWarning(warning) {
    console.warn(warning instanceof Error ? warning : `Warning: ${warning}`);
  }

  hrtime = Object.assign(hrtime, { bigint: () => BigInt(Math.round(performance.now() * 1e6)) });

  memoryUsage() {
    return { arrayBuffers: 0, external: 0, heapTotal: 0, heapUsed: 0, rss: 0 };
  }

  nextTick(callback, ...args) {
    queueMicrotask(() => callback(...args));
  }

  uptime() {
    return performance.now() / 1000;
  }

  get [Symbol.toStringTag]() {
    return "process";
  }
}

function hrtime(since = [0, 0]) {
  const now = performance.now();
  const [seconds, nanoseconds] = [Math.floor(now / 1000), Math.round((now % 1000) * 1e6)];
  const borrow = nanoseconds < since[1];
  return [seconds - since[0] - (borrow ? 1 : 0), nanoseconds - since[1] + (borrow ? 1e9 : 0)];
}

const process = new Process();

export const { arch, argv, env, pid, platform, title, version, versions } = process;
export const cwd = () => process.cwd();
export const emitWarning = (warning) => process.emitWarning(warning);
export const nextTick = (callback, ...args) => process.nextTick(callback, ...args);
export const uptime = () => process.uptime();
export { hrtime, process };
export default process;
