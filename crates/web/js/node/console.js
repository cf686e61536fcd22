// `node:console`: the global `console` with its methods. https://nodejs.org/api/console.html

import { console } from "../console.js";

export const {
  assert, clear, count, countReset, debug, dir, dirxml, error, group, groupCollapsed, groupEnd, info, log, table, time, timeEnd,
  timeLog, timeStamp, trace, warn,
} = console;

export default console;
