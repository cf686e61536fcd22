import { useState } from "preact/hooks";
import { ask, page, path } from "../api";
import { bytes, Empty, moment, Problem, Rows, useAsked } from "../parts";

interface Class {
  id: string;
  worker: string;
  class: string;
  sql: boolean;
}

interface Listed {
  id: string;
  bytes: number;
  changed_ms: number;
  alarm_ms: number | null;
  lives: boolean;
}

interface Kept {
  bytes: number;
  alarm_ms: number | null;
  entries: { key: string; bytes: number; value: unknown }[];
  tables: string[];
}

const NAMESPACES = "/workers/durable_objects/namespaces";

export function Objects() {
  const { value, error } = useAsked(() => ask<Class[]>(NAMESPACES), []);
  return (
    <>
      <h1>Durable Objects</h1>
      <Problem text={error} />
      {value?.length === 0 && <Empty>No Worker that is served has a class of Durable Objects.</Empty>}
      {value?.map((one) => (
        <OneClass key={one.id} one={one} />
      ))}
    </>
  );
}

function OneClass({ one }: { one: Class }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const [chosen, choose] = useState<string | null>(null);
  const query = new URLSearchParams(cursors.length ? { cursor: cursors.at(-1)! } : {});
  const objects = path`${NAMESPACES}/${one.id}/objects`;
  const { value, error, again } = useAsked(() => page<Listed[]>(`${objects}?${query}`), [objects, String(query)]);
  const cursor = value?.cursor;
  return (
    <section class="card">
      <h2>
        {one.class} <span class="badge">{one.sql ? "SQL" : "keys and values"}</span>
      </h2>
      <p class="dim">
        of {one.worker} ·{" "}
        <button class="link" onClick={again}>
          Refresh
        </button>
      </p>
      <Problem text={error} />
      {value?.result.length === 0 && <Empty>No object has stored anything.</Empty>}
      <ul class="keys">
        {value?.result.map((object) => (
          <li key={object.id}>
            <button class="link" aria-expanded={chosen === object.id} onClick={() => choose(chosen === object.id ? null : object.id)}>
              <code>{object.id}</code>
            </button>
            {object.lives && <span class="badge good">lives</span>}
            {object.alarm_ms !== null && <span class="badge">alarm {moment(object.alarm_ms)}</span>}
            <span class="dim">
              {bytes(object.bytes)} · {moment(object.changed_ms)}
            </span>
            {chosen === object.id && <One base={path`${objects}/${object.id}`} />}
          </li>
        ))}
      </ul>
      <nav class="row">
        {cursors.length > 0 && <button onClick={() => setCursors(cursors.slice(0, -1))}>Back</button>}
        {cursor && <button onClick={() => setCursors([...cursors, cursor])}>More</button>}
      </nav>
    </section>
  );
}

/** What one object has stored. Looking does not wake it. */
function One({ base }: { base: string }) {
  const [table, setTable] = useState<string | null>(null);
  const { value, error } = useAsked(() => ask<Kept>(base), [base]);
  return (
    <div class="detail">
      <Problem text={error} />
      {value && (
        <dl>
          <dt>Stored</dt>
          <dd>{bytes(value.bytes)}</dd>
          <dt>Alarm</dt>
          <dd>{value.alarm_ms === null ? "none" : moment(value.alarm_ms)}</dd>
        </dl>
      )}
      {value && value.entries.length > 0 && (
        <Rows columns={["key", "value"]} rows={value.entries.map(({ key, value, bytes }) => [key, value ?? `${bytes} bytes`])} />
      )}
      <nav class="row" aria-label="Tables">
        {value?.tables.map((name) => (
          <button key={name} aria-pressed={name === table} onClick={() => setTable(name)}>
            {name}
          </button>
        ))}
      </nav>
      {table !== null && <Table key={table} of={path`${base}/tables/${table}`} />}
    </div>
  );
}

function Table({ of }: { of: string }) {
  const { value, error } = useAsked(() => ask<{ columns: string[]; rows: unknown[][] }>(of), [of]);
  return (
    <>
      <Problem text={error} />
      {value && <Rows {...value} />}
    </>
  );
}
