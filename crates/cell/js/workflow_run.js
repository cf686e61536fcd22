// A run of a workflow's instance: what `run` is given. The file is one function: it gets the natives of the cell and what
// `workflows.js` shares.
//
// A run keeps what each step has given before it goes on. Where all it does is wait, it ends; another run begins when
// the wait is over, and finds what was kept.
(natives, shared) => {
  "use strict";

  const { VALUE_MAX, YEAR_MS, checkEventType, limited, milliseconds, pack, request, unpack } = shared;

  // A run whose next wait is over sooner than this goes on meanwhile, in milliseconds.
  const SHORT_MS = 1000;
  // The longest that a timer can be set for.
  const TIMER_MAX_MS = 2 ** 31 - 1;
  const DEFAULTS = { limit: 5, delay: 10_000, backoff: "exponential", timeout: "10 minutes" };
  // What a step's configuration may say.
  const SETTINGS = ["retries", "timeout", "sensitive"];
  const RETRIES = ["limit", "delay", "backoff"];
  const BACKOFFS = ["constant", "linear", "exponential"];
  // The shortest that an event can be waited for.
  const EVENT_WAIT_MIN_MS = 1000;
  const STANDARD = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  const isNonRetryable = (error) =>
    error?.name === "NonRetryableError" || String(error?.message).startsWith("NonRetryableError");

  // An error as it is kept, and as it is thrown again: it crosses from the engine as errors cross between Workers.
  const faultOf = (error) => {
    const name = error instanceof Error ? error.name : "Error";
    const message = error instanceof Error ? error.message : String(error);
    return name in STANDARD ? { name, message } : { name: "Error", message: `${name}: ${message}` };
  };

  const revive = ({ name, message }) => new (STANDARD[name] ?? Error)(message);

  const timedOut = (ms) => new Error(`WorkflowTimeoutError: Execution timed out after ${ms}ms`);

  const settingsOf = (name, config) => {
    const invalid = new Error(
      `WorkflowFatalError: Step config for "${name}" is in a invalid format. See https://developers.cloudflare.com/workflows/build/sleeping-and-retrying/`,
    );
    const { retries = {}, timeout = DEFAULTS.timeout, sensitive } = config ?? {};
    const isKnown = holdsOnly(config ?? {}, SETTINGS) && holdsOnly(retries, RETRIES);
    const { limit, delay, backoff } = { ...DEFAULTS, ...retries };
    if (!isKnown || typeof limit !== "number" || !(limit >= 0) || !BACKOFFS.includes(backoff)) throw invalid;
    if (timeout === 0 || (sensitive !== undefined && sensitive !== "output")) throw invalid;
    try {
      const [delayMs, timeoutMs] = [milliseconds(delay, "delay"), milliseconds(timeout, "timeout")];
      return { limit, delay, backoff, timeout, sensitive, delayMs, timeoutMs };
    } catch {
      throw invalid;
    }
  };

  const holdsOnly = (object, keys) => object instanceof Object && Object.keys(object).every((key) => keys.includes(key));

  const delayAfter = ({ backoff, delayMs }, failures) => {
    if (backoff === "constant") return delayMs;
    return backoff === "linear" ? delayMs * failures : delayMs * 2 ** (failures - 1);
  };

  const checkName = (name) => {
    if (typeof name === "string" && name.length <= 256 && !/[\u0000-\u001f]/.test(name)) return;
    throw new Error(`WorkflowFatalError: Step name "${name}" exceeds max length (256 chars) or invalid characters found`);
  };

  const within = (promise, ms) => {
    let timer;
    const late = new Promise((_resolve, reject) => {
      if (ms <= TIMER_MAX_MS) timer = setTimeout(() => reject(timedOut(ms)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };

  class Run {
    // How often each step's name was used.
    counts = new Map();
    // What the run waits for: when it is over, whether an event can end it, and what wakes the step.
    waits = new Set();
    // Steps that do something.
    active = 0;
    steps = 0;
    pausing = false;
    stopped = false;
    ended = false;

    constructor(start, invocation, keepsMessages) {
      Object.assign(this, { start, invocation, keepsMessages, revision: start.revision });
      // The run learns of its end by itself.
      this.follow().catch(() => this.stop());
    }

    // A promise that only settles while the run goes on: what is left of a run that has stopped waits for ever.
    async call(method, argument) {
      if (!this.stopped) {
        try {
          const answer = await request(this.start.through, this.invocation, method, { ...this.start.run, ...argument });
          if (!this.stopped) return answer;
        } catch (error) {
          if (error.name !== "WorkflowRunOver" && !error.message.endsWith("the run is over")) throw error;
          this.stop();
        }
      }
      return new Promise(() => {});
    }

    stop() {
      if (this.stopped) return;
      this.stopped = true;
      this.waits.forEach((wait) => clearTimeout(wait.timer));
      natives.suspend(this.invocation);
    }

    async follow() {
      while (!this.stopped && !this.ended) {
        const news = await this.call("watch", { revision: this.revision });
        if (this.ended) return;
        if (news.stop) return this.stop();
        const isInterrupted = news.pause && news.revision === this.revision && this.pausing;
        Object.assign(this, { revision: news.revision, pausing: news.pause });
        for (const wait of [...this.waits]) if (wait.forEvent) wait.wake();
        this.restSoon();
        // An interruption has been heard; there is nothing else to come.
        if (isInterrupted) return;
      }
    }

    // Ends the run where it does nothing but wait for a while; steps that begin together are given time to.
    restSoon() {
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.rest().catch(() => this.stop()), 1);
    }

    async rest() {
      if (this.stopped || this.ended || this.active > 0) return;
      const dueMs = Math.min(...[...this.waits].map((wait) => wait.dueMs));
      if (this.waits.size === 0 || (!this.pausing && dueMs - Date.now() < SHORT_MS)) return;
      await this.call("suspend", { dueMs: Number.isFinite(dueMs) ? dueMs : null, revision: this.revision });
      this.stop();
    }

    wait(dueMs, forEvent = false) {
      return new Promise((resolve) => {
        const wait = { dueMs, forEvent };
        wait.wake = () => {
          this.waits.delete(wait);
          clearTimeout(wait.timer);
          resolve();
        };
        if (Number.isFinite(dueMs)) {
          wait.timer = setTimeout(wait.wake, Math.min(Math.max(dueMs - Date.now(), 0), TIMER_MAX_MS));
        }
        this.waits.add(wait);
        this.restSoon();
      });
    }

    // Begins a step, unless the run is to come to rest; says how it stands.
    async begin(key, name, more) {
      while (this.pausing) await this.wait(Infinity, true);
      this.active += 1;
      try {
        return await this.call("step", { key, name, dueMs: null, event: null, ...more });
      } finally {
        this.active -= 1;
      }
    }

    keyOf(kind, name) {
      const key = `${kind}:${name}`;
      const count = (this.counts.get(key) ?? 0) + 1;
      this.counts.set(key, count);
      return [`${key}:${count}`, count];
    }

    // Ends the workflow although its code goes on.
    async fatal(message) {
      await this.end({ error: { name: "Error", message } });
      this.stop();
      return new Promise(() => {});
    }

    async end(outcome) {
      this.ended = true;
      await this.call("end", { output: null, error: null, ...outcome });
    }

    async do(name, ...rest) {
      const [config, callback] = typeof rest[0] === "function" ? [undefined, rest[0]] : rest;
      if (typeof callback !== "function") throw new Error(`WorkflowFatalError: Step "${name}" requires a callback function`);
      checkName(name);
      const settings = settingsOf(name, config);
      const [key, count] = this.keyOf("do", name);
      this.steps += 1;
      if (this.steps > this.start.stepsMax) {
        return this.fatal(
          `The limit of ${this.start.stepsMax} steps has been reached. This limit can be changed in your worker configuration.`,
        );
      }
      for (;;) {
        const step = await this.begin(key, name);
        if (step.state === "done") return unpack(step.value);
        if (step.state === "failed") throw revive(step.error);
        if (step.state === "waiting" && step.dueMs > Date.now()) await this.wait(step.dueMs);
        else if (await this.attempt({ key, name, count, settings, failures: step.failures }, callback)) continue;
      }
    }

    // Tries once, and keeps what came of it; true.
    async attempt({ key, name, count, settings, failures }, callback) {
      const { limit, delay, backoff, timeout, sensitive } = settings;
      const config = { retries: { limit, delay, backoff }, timeout, ...(sensitive && { sensitive }) };
      const context = { step: { name, count }, attempt: failures + 1, config };
      const finish = { key, name, startedMs: Date.now(), isSensitive: sensitive === "output", value: null, error: null, retryMs: null };
      this.active += 1;
      try {
        const result = await within((async () => callback(context))(), settings.timeoutMs);
        try {
          finish.value = pack(result);
        } catch {
          return await this.fatal(
            `The execution of the Workflow instance was terminated, as the step "${name}" returned a value which is not serialisable`,
          );
        }
        if (finish.value.length > VALUE_MAX) {
          finish.value = null;
          throw new Error(`Step ${name}-${count - 1} output is too large. Maximum allowed size is 1MiB.`);
        }
      } catch (error) {
        finish.error = faultOf(error);
        const failed = failures + 1;
        if (!isNonRetryable(error) && failed <= limit) finish.retryMs = Math.round(Date.now() + delayAfter(settings, failed));
      } finally {
        if (!this.ended) await this.call("finish", finish);
        this.active -= 1;
      }
      return true;
    }

    async sleep(name, duration) {
      checkName(name);
      const ms = milliseconds(duration, "The time to sleep");
      await this.sleepTo(this.keyOf("sleep", `${name}:${duration}`)[0], name, Date.now() + ms);
    }

    async sleepUntil(name, time) {
      checkName(name);
      const dueMs = new Date(time).getTime();
      const [key] = this.keyOf("sleep", name);
      if (dueMs < Date.now() && (await this.begin(key, name)).state === "new") {
        throw new Error("You can't sleep until a time in the past, time-traveler");
      }
      await this.sleepTo(key, name, dueMs);
    }

    async sleepTo(key, name, time) {
      if (Number.isNaN(time) || time - Date.now() > YEAR_MS) throw new Error("A sleep lasts up to 365 days");
      const { dueMs } = await this.begin(key, name, { dueMs: Math.round(time) });
      while (dueMs > Date.now()) await this.wait(dueMs);
    }

    async waitForEvent(name, { type, timeout = "24 hours" }) {
      checkName(name);
      checkEventType(type);
      const ms = milliseconds(timeout, "The time to wait");
      if (ms < EVENT_WAIT_MIN_MS || ms > YEAR_MS) {
        throw new Error("WorkflowError: An event is waited for between 1 second and 365 days");
      }
      const [key] = this.keyOf("event", name);
      for (;;) {
        const step = await this.begin(key, name, { dueMs: Math.round(Date.now() + ms), event: type });
        if (step.state === "done") return { payload: unpack(step.value), timestamp: new Date(step.eventMs), type };
        if (step.state === "failed") throw timedOut(ms);
        await this.wait(step.dueMs, true);
      }
    }

    // The message of an error that no step is tried again for is the Worker's own business, where a flag says so.
    fault(error) {
      const fault = faultOf(error);
      if (!isNonRetryable(error) || this.keepsMessages) return fault;
      const message =
        "The execution of the Workflow instance was terminated, as a step threw an NonRetryableError and it was not handled";
      return { name: "NonRetryableError", message };
    }
  }

  // What the cell hands to the Worker's code: the two arguments of `run`, and how it is told of the end.
  const makeRun = (text, invocation, keepsMessages) => {
    const start = JSON.parse(text);
    const run = new Run(start, invocation, keepsMessages);
    return {
      event: {
        payload: unpack(start.params),
        timestamp: new Date(start.createdMs),
        instanceId: start.id,
        workflowName: start.workflow,
      },
      // Plain functions, for the SDK wraps them in a proxy.
      step: {
        do: (...values) => run.do(...values),
        sleep: (...values) => run.sleep(...values),
        sleepUntil: (...values) => run.sleepUntil(...values),
        waitForEvent: (...values) => run.waitForEvent(...values),
      },
      async complete(output) {
        let packed;
        try {
          packed = limited(pack(output ?? null), "The output");
        } catch (error) {
          return run.end({ error: faultOf(error) });
        }
        return run.end({ output: packed });
      },
      fail: (error) => run.end({ error: run.fault(error) }),
      // An exception of Python's, by its class and its traceback.
      failIn: (name, message) => run.end({ error: { name, message } }),
    };
  };

  return { makeRun };
};
