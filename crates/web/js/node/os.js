// `node:os`: what Cloudflare's runtime says of the machine, which is nothing of the real one.
// https://developers.cloudflare.com/workers/runtime-apis/nodejs/

import { inspect } from "../inspect.js";

function requireInteger(value, name) {
  if (Number.isInteger(value)) return;
  const message = `The "${name}" argument must be of type number. Received ${inspect(value)}`;
  throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
}

export const EOL = "\n";
export const devNull = "/dev/null";
export const availableParallelism = () => 1;
export const arch = () => "x64";
export const cpus = () => [];
export const endianness = () => "LE";
export const freemem = () => 0;
export function getPriority(pid = 0) {
  requireInteger(pid, "pid");
  return 0;
}
export const homedir = () => "/tmp/";
export const hostname = () => "localhost";
export const loadavg = () => [0, 0, 0];
export const machine = () => "x86_64";
export const networkInterfaces = () => ({});
export const platform = () => "linux";
export const release = () => "";
export function setPriority(pid, priority) {
  requireInteger(pid, "pid");
  if (priority !== undefined) requireInteger(priority, "priority");
}
export const tmpdir = () => "/tmp/";
export const totalmem = () => 0;
export const type = () => "Linux";
export const uptime = () => 0;
export const userInfo = () => ({});
export const version = () => "";

/** The numbers of Linux. */
export const constants = {
  UV_UDP_REUSEADDR: 4,
  dlopen: { RTLD_LAZY: 1, RTLD_NOW: 2, RTLD_GLOBAL: 256, RTLD_LOCAL: 0, RTLD_DEEPBIND: 8 },
  errno: {
    EPERM: 1, ENOENT: 2, EINTR: 4, EIO: 5, EBADF: 9, EAGAIN: 11, ENOMEM: 12, EACCES: 13, EEXIST: 17, ENOTDIR: 20, EISDIR: 21,
    EINVAL: 22, EMFILE: 24, EPIPE: 32, EADDRINUSE: 98, ECONNREFUSED: 111, ECONNRESET: 104, ETIMEDOUT: 110,
  },
  priority: {
    PRIORITY_LOW: 19, PRIORITY_BELOW_NORMAL: 10, PRIORITY_NORMAL: 0, PRIORITY_ABOVE_NORMAL: -7, PRIORITY_HIGH: -14,
    PRIORITY_HIGHEST: -20,
  },
  signals: { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGUSR1: 10, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 },
};

export default {
  arch, availableParallelism, constants, cpus, devNull, endianness, EOL, freemem, getPriority, homedir, hostname, loadavg,
  machine, networkInterfaces, platform, release, setPriority, tmpdir, totalmem, type, uptime, userInfo, version,
};
