import { useState } from "preact/hooks";
import { ask, path, send, type Resource } from "../api";
import { Empty, moment, Outcome, parsed, Problem, useAction, useAsked, useRepeatedly } from "../parts";

interface Attempt {
  startedMs: number;
  endedMs: number;
  error: null | { name: string; message: string };
}

interface Instance {
  id: string;
  status: string;
  created_ms: number;
  ended_ms: number | null;
  output: unknown;
  error: null | { name: string; message: string };
}

interface Detailed extends Instance {
  steps: { name: string; state: string; due_ms: number | null; attempts: Attempt[] }[];
}

/** What can be done with an instance in each state; the rest is over. */
const ACTIONS: Record<string, string[]> = {
  queued: ["pause", "terminate"],
  running: ["pause", "terminate"],
  waiting: ["pause", "terminate"],
  waitingForPause: ["resume", "terminate"],
  paused: ["resume", "terminate"],
};

const OUTCOMES: Record<string, string> = { complete: "ok", errored: "exception", terminated: "canceled" };

export function Workflows({ workflow }: { workflow: Resource }) {
  const base = path`/workflows/${workflow.id}/instances`;
  const [chosen, choose] = useState<string | null>(null);
  const [params, setParams] = useState("{}");
  const { value, error, again } = useAsked(() => ask<Instance[]>(base), [base]);
  useRepeatedly(again);
  const { act, error: failed } = useAction();
  const create = () =>
    act(async () => {
      const { id } = await send<{ id: string }>(base, { params: parsed(params) });
      choose(id);
      again();
    });
  return (
    <>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          create();
        }}
      >
        <input aria-label="Parameters (JSON)" value={params} onInput={(event) => setParams(event.currentTarget.value)} />
        <button class="primary">New instance</button>
      </form>
      <Problem text={failed ?? error} />
      {value?.length === 0 && <Empty>There is no instance yet.</Empty>}
      <ol class="traces">
        {value?.map((instance) => (
          <li key={instance.id} class="card">
            <button class="line" aria-expanded={chosen === instance.id} onClick={() => choose(chosen === instance.id ? null : instance.id)}>
              <span class="dim">{moment(instance.created_ms)}</span>
              <b>{instance.id}</b>
              <State status={instance.status} />
            </button>
            {chosen === instance.id && <One base={path`${base}/${instance.id}`} changed={again} />}
          </li>
        ))}
      </ol>
    </>
  );
}

function State({ status }: { status: string }) {
  return OUTCOMES[status] ? <Outcome outcome={OUTCOMES[status]!} text={status} /> : <span class="badge">{status}</span>;
}

function One({ base, changed }: { base: string; changed: () => void }) {
  const [kind, setKind] = useState("");
  const { value, error, again } = useAsked(() => ask<Detailed>(base), [base]);
  useRepeatedly(again);
  const { act, error: failed } = useAction();
  const then = (action: () => Promise<unknown>) =>
    act(async () => {
      await action();
      again();
      changed();
    });
  if (!value) return <Problem text={error} />;
  return (
    <div class="detail">
      <ol class="keys">
        {value.steps.map((step) => (
          <li key={step.name}>
            <span>{step.name}</span>
            <State status={step.state === "done" ? "complete" : step.state === "failed" ? "errored" : step.state} />
            {step.state === "waiting" && step.due_ms && <span class="dim">until {moment(step.due_ms)}</span>}
            {step.attempts.map((attempt, index) => (
              <span key={index} class={attempt.error ? "trace" : "dim"}>
                {attempt.endedMs - attempt.startedMs} ms{attempt.error && ` ${attempt.error.name}: ${attempt.error.message}`}
              </span>
            ))}
          </li>
        ))}
      </ol>
      {value.output != null && <pre>{JSON.stringify(value.output, null, 2)}</pre>}
      {value.error && (
        <pre class="trace">
          {value.error.name}: {value.error.message}
        </pre>
      )}
      <Problem text={failed} />
      <div class="row">
        {(ACTIONS[value.status] ?? []).concat("restart").map((action) => (
          <button key={action} onClick={() => then(() => send(`${base}/status`, { action }))}>
            {action}
          </button>
        ))}
        <button class="danger" onClick={() => then(() => ask(base, { method: "DELETE" }))}>
          delete
        </button>
      </div>
      {ACTIONS[value.status] && (
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            then(() => send(path`${base}/events/${kind}`, {}));
          }}
        >
          <input aria-label="Event type" placeholder="Type of an event to send" required value={kind} onInput={(event) => setKind(event.currentTarget.value)} />
          <button>Send event</button>
        </form>
      )}
    </div>
  );
}
