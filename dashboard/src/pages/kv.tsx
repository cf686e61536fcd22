import { useState } from "preact/hooks";
import { API, ask, page, path, type Resource } from "../api";
import { Empty, Problem, useAction, useAsked } from "../parts";

interface Key {
  name: string;
  expiration: number | null;
  metadata: unknown;
}

/** Values longer than this are not shown, for a page would only choke on them. */
const SHOWN_MAX = 1 << 20;

export function Kv({ namespace }: { namespace: Resource }) {
  const keysPath = path`/storage/kv/namespaces/${namespace.id}/keys`;
  const [prefix, setPrefix] = useState("");
  const [cursors, setCursors] = useState<string[]>([]);
  const [chosen, choose] = useState<string | null>(null);
  const query = new URLSearchParams({ prefix, ...(cursors.length ? { cursor: cursors.at(-1)! } : {}) });
  const { value, error, again } = useAsked(() => page<Key[]>(`${keysPath}?${query}`), [keysPath, String(query)]);
  const cursor = value?.cursor;
  return (
    <>
      <form class="row" onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          placeholder="Keys that begin with …"
          aria-label="Prefix"
          value={prefix}
          onInput={(event) => {
            setPrefix(event.currentTarget.value);
            setCursors([]);
          }}
        />
        <button type="button" onClick={() => choose("")}>
          New key
        </button>
      </form>
      <Problem text={error} />
      {chosen !== null && <Editor key={chosen} namespace={namespace.id} name={chosen} done={() => (choose(null), again())} />}
      {value?.result.length === 0 && <Empty>There is no such key.</Empty>}
      <ul class="keys">
        {value?.result.map((key) => (
          <li key={key.name}>
            <button class="link" onClick={() => choose(key.name)}>
              {key.name}
            </button>
            {key.metadata != null && <code>{JSON.stringify(key.metadata)}</code>}
            {key.expiration && <span class="dim">until {new Date(key.expiration * 1000).toLocaleString()}</span>}
          </li>
        ))}
      </ul>
      <nav class="row">
        {cursors.length > 0 && <button onClick={() => setCursors(cursors.slice(0, -1))}>Back</button>}
        {cursor && <button onClick={() => setCursors([...cursors, cursor])}>More</button>}
      </nav>
    </>
  );
}

/** One key. Saving keeps what is stored beside the value, unless it is changed here. */
function Editor({ namespace, name, done }: { namespace: string; name: string; done: () => void }) {
  const [key, setKey] = useState(name);
  const [text, setText] = useState<string | null>(name ? null : "");
  const [metadata, setMetadata] = useState("");
  const { act, error } = useAction();
  const valuePath = (key: string) => path`/storage/kv/namespaces/${namespace}/values/${key}`;
  const loaded = useAsked(async () => {
    if (!name) return "";
    const response = await fetch(API + valuePath(name));
    if (!response.ok) throw new Error("The value cannot be read; it may have expired.");
    const blob = await response.blob();
    if (blob.size > SHOWN_MAX) throw new Error(`The value has ${blob.size} bytes, which is too much to show.`);
    setMetadata(response.headers.get("x-kv-metadata") ?? "");
    setText(new TextDecoder("utf-8", { fatal: true }).decode(await blob.arrayBuffer()));
    return "";
  }, [namespace, name]);
  const save = () =>
    act(async () => {
      await ask(valuePath(key), { method: "PUT", body: text ?? "", headers: { "x-kv-metadata": metadata } });
      done();
    });
  const remove = () =>
    act(async () => {
      await ask(valuePath(name), { method: "DELETE" });
      done();
    });
  return (
    <form
      class="card editor"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <label>
        Key
        <input value={key} required disabled={name !== ""} onInput={(event) => setKey(event.currentTarget.value)} />
      </label>
      <label>
        Value
        <textarea rows={8} disabled={text === null} value={text ?? ""} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <label>
        Metadata (JSON)
        <input value={metadata} onInput={(event) => setMetadata(event.currentTarget.value)} />
      </label>
      <Problem text={error ?? loaded.error} />
      <div class="row">
        <button class="primary" disabled={text === null}>
          Save
        </button>
        {name && (
          <button type="button" class="danger" onClick={remove}>
            Delete
          </button>
        )}
        <button type="button" onClick={done}>
          Close
        </button>
      </div>
    </form>
  );
}
