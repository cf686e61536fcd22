import { useState } from "preact/hooks";
import { ask, path, send, type Resource } from "../api";
import { bytes, Empty, moment, Problem, useAction, useAsked } from "../parts";

interface Queue extends Resource {
  backlog: { backlogCount: number; backlogBytes: number; oldestMessageMs: number | null };
}

interface Message {
  id: string;
  sent_ms: number;
  ready_ms: number;
  attempts: number;
  in_delivery: boolean;
  content_type: string;
  size: number;
  body: string | null;
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
      {backlog.backlogCount > 0 && <Waiting name={name} changed={again} />}
    </section>
  );
}

/** The oldest messages of a queue. Looking at them takes none away. */
function Waiting({ name, changed }: { name: string; changed: () => void }) {
  const messages = path`/queues/${name}/messages`;
  const [shown, show] = useState(false);
  const { value, error, again } = useAsked(() => (shown ? ask<Message[]>(messages) : Promise.resolve([])), [messages, shown]);
  const action = useAction();
  const act = (what: () => Promise<unknown>) =>
    action.act(async () => {
      await what();
      again();
      changed();
    });
  const purge = () => {
    if (confirm(`Delete all messages of the queue ${name}?`)) act(() => ask(messages, { method: "DELETE" }));
  };
  return (
    <>
      <div class="row">
        <button onClick={() => show(!shown)}>{shown ? "Hide messages" : "Show messages"}</button>
        <button class="danger" onClick={purge}>
          Purge
        </button>
      </div>
      <Problem text={error ?? action.error} />
      {shown && value && value.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Body</th>
                <th>Size</th>
                <th>Sent</th>
                <th>Attempts</th>
                <th>State</th>
                <th />
              </tr>
            </thead>
            <tbody>
              {value.map((message) => (
                <tr key={message.id}>
                  <td>{message.body === null ? <span class="dim">{message.content_type}</span> : <code>{message.body}</code>}</td>
                  <td>{bytes(message.size)}</td>
                  <td>{moment(message.sent_ms)}</td>
                  <td>{message.attempts}</td>
                  <td>{state(message)}</td>
                  <td class="row">
                    <button disabled={message.in_delivery} onClick={() => act(() => send(path`/queues/${name}/messages/${message.id}/retry`, {}))}>
                      Retry now
                    </button>
                    <button class="danger" onClick={() => act(() => ask(path`/queues/${name}/messages/${message.id}`, { method: "DELETE" }))}>
                      Delete
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function state({ in_delivery, ready_ms }: Message) {
  if (in_delivery) return "in delivery";
  return ready_ms > Date.now() ? `delayed until ${moment(ready_ms)}` : "waits";
}
