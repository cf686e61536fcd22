import { useState } from "preact/hooks";
import { ask, path, send, type Resource } from "../api";
import { bytes, Empty, Problem, useAction, useAsked } from "../parts";

interface Queue extends Resource {
  backlog: { backlogCount: number; backlogBytes: number; oldestMessageMs: number | null };
}

export function Queues() {
  const { value, error, again } = useAsked(() => ask<Queue[]>("/queues"), []);
  const byName = new Map<string, Queue[]>();
  for (const queue of value ?? []) byName.set(queue.id, [...(byName.get(queue.id) ?? []), queue]);
  return (
    <>
      <h1>Queues</h1>
      <Problem text={error} />
      {value?.length === 0 && <Empty>No Worker that is served uses a queue.</Empty>}
      {[...byName].map(([name, users]) => (
        <One key={name} name={name} users={users} again={again} />
      ))}
    </>
  );
}

function One({ name, users, again }: { name: string; users: Queue[]; again: () => void }) {
  const [text, setText] = useState('{"hello": "world"}');
  const { act, error } = useAction();
  const { backlog } = users[0]!;
  const put = () =>
    act(async () => {
      let body: unknown = text;
      try {
        body = JSON.parse(text);
      } catch {
        // Not JSON: a text.
      }
      await send(path`/queues/${name}/messages`, { body });
      again();
    });
  return (
    <section class="card">
      <h2>{name}</h2>
      <dl>
        <dt>Waiting</dt>
        <dd>
          {backlog.backlogCount} messages, {bytes(backlog.backlogBytes)}{" "}
          {backlog.oldestMessageMs && <span class="dim">since {new Date(backlog.oldestMessageMs).toLocaleString()}</span>}
        </dd>
        <dt>Used by</dt>
        <dd>{users.map((user) => `${user.worker} (${user.binding ?? "consumes"})`).join(", ")}</dd>
      </dl>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          put();
        }}
      >
        <input aria-label="Message" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <button class="primary">Send</button>
        <button type="button" onClick={again}>
          Refresh
        </button>
      </form>
      <Problem text={error} />
    </section>
  );
}
