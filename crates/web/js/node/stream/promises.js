// `node:stream/promises`: https://nodejs.org/api/stream.html#streams-promises-api

import { finished as finishedCallback } from "./finished.js";
import { pipelinePromise } from "./pipeline.js";

/** A promise of a stream's end. */
export const finished = (stream, options) =>
  new Promise((resolve, reject) => {
    const stop = finishedCallback(stream, options ?? {}, (error) => {
      if (options?.cleanup) stop();
      if (error) reject(error);
      else resolve();
    });
  });

export { pipelinePromise as pipeline };
export default { finished, pipeline: pipelinePromise };
