import { useState } from "preact/hooks";
import { ask, page, path } from "../api";
import { Empty, moment, Problem, useAction, useAsked } from "../parts";

interface Cached {
  key: string;
  cache: string;
  url: string;
  status: number | null;
  content_type: string | null;
  put_at_s: number | null;
  expiration_s: number | null;
}

export function Cache() {
  const { value, error } = useAsked(() => ask<string[]>("/cache"), []);
  return (
    <>
      <h1>Cache</h1>
      <Problem text={error} />
      {value?.length === 0 && <Empty>No Worker is served.</Empty>}
      {value?.map((worker) => (
        <One key={worker} worker={worker} />
      ))}
    </>
  );
}

/** The responses that one Worker has in its caches. */
function One({ worker }: { worker: string }) {
  const [prefix, setPrefix] = useState("");
  const { act, error: failed } = useAction();
  const base = path`/cache/${worker}`;
  const query = new URLSearchParams({ prefix });
  const { value, error, again } = useAsked(() => page<Cached[]>(`${base}?${query}`), [base, prefix]);
  const purge = (which: Record<string, string>) =>
    act(async () => {
      await ask(`${base}?${new URLSearchParams(which)}`, { method: "DELETE" });
      again();
    });
  return (
    <section class="card">
      <h2>{worker}</h2>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          purge({ prefix });
        }}
      >
        <input type="search" placeholder="URLs that begin with …" aria-label="Prefix" value={prefix} onInput={(event) => setPrefix(event.currentTarget.value)} />
        <button class="danger" disabled={!value?.result.length}>
          {prefix ? "Purge these" : "Purge all"}
        </button>
        <button type="button" onClick={again}>
          Refresh
        </button>
      </form>
      <Problem text={failed ?? error} />
      {value?.result.length === 0 && <Empty>Nothing is cached.</Empty>}
      <ul class="keys">
        {value?.result.map((one) => (
          <li key={one.key}>
            <span class="break">{one.url}</span>
            {one.cache !== "default" && <span class="badge">{one.cache}</span>}
            <span class="dim">
              {one.status} {one.content_type} {one.expiration_s !== null && `until ${moment(one.expiration_s * 1000)}`}
            </span>
            <button aria-label={`Purge ${one.url}`} onClick={() => purge({ key: one.key })}>
              Purge
            </button>
          </li>
        ))}
      </ul>
      {value?.cursor && <p class="dim">There are more: narrow them down by their beginning.</p>}
    </section>
  );
}
