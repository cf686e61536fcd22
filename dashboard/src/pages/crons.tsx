import { useState } from "preact/hooks";
import { ask, path, send } from "../api";
import { Empty, moment, Outcome, Problem, useAction, useAsked } from "../parts";

interface Trigger {
  worker: string;
  cron: string;
  last_ms: number | null;
  next_ms: number | null;
}

export function Crons() {
  const { value, error, again } = useAsked(() => ask<Trigger[]>("/crons"), []);
  return (
    <>
      <h1>Cron triggers</h1>
      <Problem text={error} />
      {value?.length === 0 && (
        <Empty>
          No Worker that is served has <code>triggers.crons</code> in its configuration.
        </Empty>
      )}
      {value?.map((trigger) => (
        <One key={`${trigger.worker} ${trigger.cron}`} trigger={trigger} again={again} />
      ))}
    </>
  );
}

function One({ trigger: { worker, cron, last_ms, next_ms }, again }: { trigger: Trigger; again: () => void }) {
  const [outcome, setOutcome] = useState<string | null>(null);
  const [runs, setRuns] = useState(false);
  const { act, error } = useAction();
  const run = () =>
    act(async () => {
      setRuns(true);
      try {
        setOutcome((await send<{ outcome: string }>(path`/workers/${worker}/scheduled`, { cron })).outcome);
      } finally {
        setRuns(false);
      }
      again();
    });
  return (
    <section class="card">
      <h2>
        <code>{cron}</code>
      </h2>
      <dl>
        <dt>Worker</dt>
        <dd>{worker}</dd>
        <dt>Next run</dt>
        <dd>{next_ms === null ? "never" : moment(next_ms)}</dd>
        <dt>Last run by the clock</dt>
        <dd>{last_ms === null ? "none" : moment(last_ms)}</dd>
      </dl>
      <div class="row">
        <button class="primary" disabled={runs} onClick={run}>
          Run now
        </button>
        {outcome && <Outcome outcome={outcome} />}
        {outcome && <a href="#/requests">see the request</a>}
      </div>
      <Problem text={error} />
    </section>
  );
}
