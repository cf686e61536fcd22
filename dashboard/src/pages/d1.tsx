import { useState } from "preact/hooks";
import { path, send, type Resource } from "../api";
import { Problem, Rows, useAction, useAsked } from "../parts";

interface Result {
  results: { columns: string[]; rows: unknown[][] };
  meta: { duration: number; changes: number; rows_read: number; rows_written: number };
}

const TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' ORDER BY name";

export function D1({ database }: { database: Resource }) {
  const [sql, setSql] = useState("");
  const [results, setResults] = useState<Result[] | null>(null);
  const { act, error } = useAction();
  const run = (text: string) => send<Result[]>(path`/d1/database/${database.id}/raw`, { sql: text });
  const tables = useAsked(() => run(TABLES), [database.id]);
  const show = (text: string) => {
    setSql(text);
    act(async () => {
      setResults(null);
      setResults(await run(text));
      tables.again();
    });
  };
  const names = tables.value?.[0]?.results.rows.map(([name]) => String(name)) ?? [];
  return (
    <>
      <Problem text={tables.error} />
      <nav class="row" aria-label="Tables">
        {names.map((name) => (
          <button key={name} onClick={() => show(`SELECT * FROM "${name.replaceAll('"', '""')}" LIMIT 100`)}>
            {name}
          </button>
        ))}
        {tables.value && names.length === 0 && <span class="dim">no tables yet</span>}
      </nav>
      <form
        class="card editor"
        onSubmit={(event) => {
          event.preventDefault();
          show(sql);
        }}
      >
        <label>
          SQL
          <textarea
            rows={4}
            spellcheck={false}
            value={sql}
            placeholder="SELECT …"
            onInput={(event) => setSql(event.currentTarget.value)}
            onKeyDown={(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && show(sql)}
          />
        </label>
        <div class="row">
          <button class="primary" disabled={!sql.trim()}>
            Run
          </button>
          <span class="dim">Ctrl-Enter</span>
        </div>
      </form>
      <Problem text={error} />
      {results?.map((result, index) => (
        <Table key={index} result={result} />
      ))}
    </>
  );
}

function Table({ result: { results, meta } }: { result: Result }) {
  return (
    <section class="card">
      <p class="dim">
        {results.rows.length} rows · {meta.changes} changes · {meta.rows_read} read, {meta.rows_written} written · {meta.duration.toFixed(2)} ms
      </p>
      {results.columns.length > 0 && <Rows columns={results.columns} rows={results.rows} />}
    </section>
  );
}
