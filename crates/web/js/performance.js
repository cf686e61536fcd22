// The clock, and the marks and measures that programs make with it. https://w3c.github.io/user-timing/

import { keepFrame } from "./async-frame.js";
import { EventTarget, reportError } from "./events.js";
import { natives } from "./natives.js";
import { structuredClone } from "./structured-clone.js";
import { queueMicrotask } from "./timers.js";
import { argumentError, finishInterfaces, illegalConstructor, requireArguments, toDictionary } from "./webidl.js";

const CREATE = Symbol("create");
/** How many entries are kept; older ones are forgotten first. */
const ENTRIES_MAX = 10_000;

/** Marks and measures, in the order of their start times. */
let entries = [];
const observers = new Set();
/** Tells an observer of a new entry. */
let show;

/** https://w3c.github.io/performance-timeline/#the-performanceentry-interface */
export class PerformanceEntry {
  #name;
  #entryType;
  #startTime;
  #duration;

  constructor(token, name, entryType, startTime, duration) {
    if (token !== CREATE) throw illegalConstructor();
    this.#name = name;
    this.#entryType = entryType;
    this.#startTime = startTime;
    this.#duration = duration;
  }

  get name() {
    return this.#name;
  }
  get entryType() {
    return this.#entryType;
  }
  get startTime() {
    return this.#startTime;
  }
  get duration() {
    return this.#duration;
  }
  toJSON() {
    const { name, entryType, startTime, duration } = this;
    return { name, entryType, startTime, duration };
  }
}

/** https://w3c.github.io/user-timing/#performancemark */
export class PerformanceMark extends PerformanceEntry {
  #detail;

  constructor(name, options) {
    requireArguments(arguments.length, 1, "constructor", "PerformanceMark");
    const { startTime = natives.monotonic(), detail } = toDictionary(options, "constructor", "PerformanceMark", 2);
    if (!(Number(startTime) >= 0)) throw new TypeError(`The start time of a mark cannot be ${startTime}.`);
    super(CREATE, `${name}`, "mark", Number(startTime), 0);
    this.#detail = cloneDetail(detail);
  }

  get detail() {
    return this.#detail;
  }
  toJSON() {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

/** https://w3c.github.io/user-timing/#performancemeasure */
export class PerformanceMeasure extends PerformanceEntry {
  #detail;

  constructor(token, name, start, end, detail) {
    super(token, name, "measure", start, end - start);
    this.#detail = cloneDetail(detail);
  }

  get detail() {
    return this.#detail;
  }
  toJSON() {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

/** https://w3c.github.io/hr-time/#sec-performance */
export class Performance extends EventTarget {
  constructor(token) {
    if (token !== CREATE) throw illegalConstructor();
    super();
  }

  /** As in workerd: times count from the start of the isolate, which is nobody's business. */
  get timeOrigin() {
    return 0;
  }
  now() {
    return natives.monotonic();
  }
  toJSON() {
    return { timeOrigin: this.timeOrigin };
  }

  mark(name, options) {
    requireArguments(arguments.length, 1, "mark", "Performance");
    return record(new PerformanceMark(name, options));
  }
  measure(name, startOrOptions, endMark) {
    requireArguments(arguments.length, 1, "measure", "Performance");
    const [start, end, detail] = measured(startOrOptions, endMark);
    return record(new PerformanceMeasure(CREATE, `${name}`, start, end, detail));
  }
  clearMarks(name) {
    forget("mark", name);
  }
  clearMeasures(name) {
    forget("measure", name);
  }

  getEntries() {
    return [...entries];
  }
  getEntriesByName(name, type) {
    requireArguments(arguments.length, 1, "getEntriesByName", "Performance");
    return select(entries, name, type);
  }
  getEntriesByType(type) {
    requireArguments(arguments.length, 1, "getEntriesByType", "Performance");
    return select(entries, undefined, type);
  }
}

/** https://w3c.github.io/performance-timeline/#the-performanceobserver-interface */
export class PerformanceObserver {
  static get supportedEntryTypes() {
    return ["mark", "measure"];
  }

  #callback;
  #types = new Set();
  #waiting = [];

  constructor(callback) {
    if (typeof callback !== "function") throw argumentError(1, "constructor", "PerformanceObserver", "function");
    this.#callback = keepFrame(callback);
  }

  observe(options) {
    const { entryTypes, type, buffered } = toDictionary(options, "observe", "PerformanceObserver");
    if ((entryTypes === undefined) === (type === undefined)) {
      throw new TypeError("Either 'entryTypes' or 'type' must be given to observe().");
    }
    if (type === undefined) this.#types = new Set(entryTypes);
    else this.#types.add(`${type}`);
    observers.add(this);
    if (type !== undefined && buffered) for (const entry of select(entries, undefined, type)) show(this, entry);
  }
  disconnect() {
    observers.delete(this);
    this.#waiting = [];
    this.#types.clear();
  }
  takeRecords() {
    const records = this.#waiting;
    this.#waiting = [];
    return records;
  }

  // The callback hears of it once the code that made the entry has ended.
  static {
    show = (observer, entry) => {
      if (!observer.#types.has(entry.entryType)) return;
      if (observer.#waiting.push(entry) === 1) queueMicrotask(() => observer.#deliver());
    };
  }

  #deliver() {
    const records = this.takeRecords();
    if (records.length === 0) return;
    try {
      this.#callback.call(this, new PerformanceObserverEntryList(CREATE, records), this);
    } catch (error) {
      reportError(error);
    }
  }
}

/** https://w3c.github.io/performance-timeline/#performanceobserverentrylist-interface */
export class PerformanceObserverEntryList {
  #records;

  constructor(token, records) {
    if (token !== CREATE) throw illegalConstructor();
    this.#records = records;
  }

  getEntries() {
    return [...this.#records];
  }
  getEntriesByName(name, type) {
    return select(this.#records, name, type);
  }
  getEntriesByType(type) {
    return select(this.#records, undefined, type);
  }
}

finishInterfaces(
  PerformanceEntry, PerformanceMark, PerformanceMeasure, Performance, PerformanceObserver, PerformanceObserverEntryList,
);

/** The one clock. */
export const performance = new Performance(CREATE);

function cloneDetail(detail) {
  return detail === undefined || detail === null ? null : structuredClone(detail);
}

function record(entry) {
  const later = entries.findLastIndex(({ startTime }) => startTime <= entry.startTime);
  entries.splice(later + 1, 0, entry);
  if (entries.length > ENTRIES_MAX) entries.shift();
  for (const observer of observers) show(observer, entry);
  return entry;
}

function forget(type, name) {
  entries = entries.filter((entry) => entry.entryType !== type || (name !== undefined && entry.name !== `${name}`));
}

function select(list, name, type) {
  return list.filter(
    (entry) => (name === undefined || entry.name === `${name}`) && (type === undefined || entry.entryType === `${type}`),
  );
}

// Start, end and detail of a measure, whichever way it is asked for.
function measured(given, endMark) {
  if (typeof given !== "object" || given === null) {
    return [given === undefined || given === null ? 0 : timeOf(given), endOf(endMark), undefined];
  }
  const { start, end, duration, detail } = given;
  if (Object.values({ start, end, duration, detail }).every((value) => value === undefined)) {
    return [0, endOf(endMark), undefined];
  }
  if (endMark !== undefined) throw new TypeError("The end of a measure cannot be given twice.");
  if (start === undefined && end === undefined) throw new TypeError("A measure needs a 'start' or an 'end'.");
  if (start !== undefined && end !== undefined && duration !== undefined) {
    throw new TypeError("A measure cannot have 'start', 'end' and 'duration'.");
  }
  const length = Number(duration);
  const from = start === undefined ? (duration === undefined ? 0 : timeOf(end) - length) : timeOf(start);
  const to = end === undefined ? (duration === undefined ? natives.monotonic() : from + length) : timeOf(end);
  return [from, to, detail];
}

function endOf(mark) {
  return mark === undefined ? natives.monotonic() : timeOf(mark);
}

// The time of the latest mark of this name, or the time itself.
function timeOf(mark) {
  if (typeof mark === "number") {
    if (!(mark >= 0)) throw new TypeError(`The time of a measure cannot be ${mark}.`);
    return mark;
  }
  const found = entries.findLast(({ entryType, name }) => entryType === "mark" && name === `${mark}`);
  if (found !== undefined) return found.startTime;
  throw new DOMException(`The mark '${mark}' does not exist.`, "SyntaxError");
}
