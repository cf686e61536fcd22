// The objects through which handlers of events decide something. The file is one function; each of the functions that
// it returns makes such an object and, beside it, a function that tells as JSON what was decided.
() => {
  "use strict";

  class ScheduledController {
    #decided;

    constructor(decided, cron, scheduledTime) {
      this.#decided = decided;
      this.cron = cron;
      this.scheduledTime = scheduledTime;
      this.type = "scheduled";
    }

    noRetry() {
      this.#decided.noRetry = true;
    }

    get [Symbol.toStringTag]() {
      return "ScheduledController";
    }
  }

  return {
    scheduled: (cron, scheduledTime) => {
      const decided = { noRetry: false };
      const report = (failed) => JSON.stringify({ ...decided, failed });
      return [new ScheduledController(decided, cron, scheduledTime), report];
    },
  };
};
