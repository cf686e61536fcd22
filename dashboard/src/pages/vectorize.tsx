import { useState } from "preact/hooks";
import { path, send, type Resource } from "../api";
import { models, runModel } from "../models";
import { parsed, Problem, Rows, useAction, useAsked } from "../parts";

interface Index extends Resource {
  about: null | { dimensions: number; metric: string; vectors: number };
}

interface Match {
  id: string;
  score: number;
  namespace: string | null;
  metadata: unknown;
}

/** What a query begins with: the values themselves, the id of a vector, or a text that a model turns into values. */
const KINDS = { text: "Text", id: "Id of a vector", vector: "Values (JSON)" };

export function Vectorize({ index }: { index: Resource }) {
  const { about } = index as Index;
  const [kind, setKind] = useState<keyof typeof KINDS>("text");
  const [wanted, setWanted] = useState("");
  const [model, setModel] = useState("");
  const [filter, setFilter] = useState("");
  const [matches, setMatches] = useState<Match[] | null>(null);
  const { act, error } = useAction();
  const known = useAsked(models, []);
  const embedders = (known.value ?? []).filter(({ task }) => task === "text-embeddings");
  const target = async () => {
    if (kind === "id") return { id: wanted };
    if (kind === "vector") return { vector: parsed(wanted) };
    const one = embedders.find(({ name }) => name === model) ?? embedders[0];
    if (!one) throw new Error("No Worker that is served has a model for embeddings: name one in hognose.toml.");
    const answer = await (await runModel(one.worker, one.name, { text: [wanted] })).json();
    return { vector: answer.data[0] };
  };
  const query = () =>
    act(async () => {
      setMatches(null);
      const narrowed = filter.trim() ? { filter: parsed(filter) } : {};
      setMatches(await send<Match[]>(path`/vectorize/${index.id}/query`, { ...(await target()), ...narrowed }));
    });
  if (!about) {
    return (
      <p class="problem">
        The index has not been made yet: <code>hognose vectorize create {index.id} --dimensions 384 --metric cosine</code>
      </p>
    );
  }
  return (
    <>
      <p class="dim">
        {about.vectors} vectors · {about.dimensions} dimensions · {about.metric}
      </p>
      <form
        class="card editor"
        onSubmit={(event) => {
          event.preventDefault();
          query();
        }}
      >
        <div class="row">
          <select aria-label="Query by" value={kind} onChange={(event) => setKind(event.currentTarget.value as keyof typeof KINDS)}>
            {Object.entries(KINDS).map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
          {kind === "text" && embedders.length > 0 && (
            <select aria-label="Model" value={model || embedders[0]!.name} onChange={(event) => setModel(event.currentTarget.value)}>
              {embedders.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
        </div>
        <label>
          {KINDS[kind]}
          <input required value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        </label>
        <label>
          Filter (JSON)
          <input placeholder='{"year": {"$gte": 2020}}' value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        </label>
        <button class="primary">Query</button>
      </form>
      <Problem text={error} />
      {matches && <Rows columns={["id", "score", "metadata"]} rows={matches.map(({ id, score, metadata }) => [id, score.toFixed(4), metadata])} />}
    </>
  );
}
