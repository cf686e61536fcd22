import { useState } from "preact/hooks";
import { API, ask, page, path, type Resource } from "../api";
import { bytes, Empty, Problem, useAction, useAsked } from "../parts";

interface Stored {
  key: string;
  size: number;
  uploaded_ms: number;
  content_type: string | null;
}

interface Listed {
  objects: Stored[];
  prefixes: string[];
}

export function R2({ bucket }: { bucket: Resource }) {
  const [prefix, setPrefix] = useState("");
  const [cursor, setCursor] = useState<string | null>(null);
  const { act, error } = useAction();
  const objectsPath = path`/r2/buckets/${bucket.id}/objects`;
  const query = new URLSearchParams({ prefix, delimiter: "/", ...(cursor ? { cursor } : {}) });
  const listed = useAsked(() => page<Listed>(`${objectsPath}?${query}`), [objectsPath, String(query)]);
  const enter = (prefix: string) => {
    setPrefix(prefix);
    setCursor(null);
  };
  const upload = (files: FileList | null) =>
    act(async () => {
      for (const file of files ?? []) {
        const headers = { "content-type": file.type || "application/octet-stream" };
        await ask(objectsPath + path`/${prefix + file.name}`, { method: "PUT", body: file, headers });
      }
      listed.again();
    });
  const remove = (key: string) =>
    act(async () => {
      await ask(objectsPath + path`/${key}`, { method: "DELETE" });
      listed.again();
    });
  const { objects, prefixes } = listed.value?.result ?? { objects: [], prefixes: [] };
  const next = listed.value?.cursor;
  return (
    <>
      <form class="row" onSubmit={(event) => event.preventDefault()}>
        <input type="search" placeholder="Objects that begin with …" aria-label="Prefix" value={prefix} onInput={(event) => enter(event.currentTarget.value)} />
        <label class="button">
          Upload
          <input type="file" multiple onChange={(event) => upload(event.currentTarget.files)} />
        </label>
      </form>
      <Problem text={error ?? listed.error} />
      {listed.value && objects.length + prefixes.length === 0 && <Empty>There is no such object.</Empty>}
      <ul class="keys">
        {prefixes.map((folder) => (
          <li key={folder}>
            <button class="link" onClick={() => enter(folder)}>
              {folder}
            </button>
          </li>
        ))}
        {objects.map((object) => (
          <li key={object.key}>
            <a href={API + objectsPath + path`/${object.key}`} download={object.key.split("/").at(-1)}>
              {object.key}
            </a>
            <span class="dim">
              {bytes(object.size)} · {object.content_type ?? "unknown type"} · {new Date(object.uploaded_ms).toLocaleString()}
            </span>
            {object.content_type?.startsWith("image/") && <img src={API + objectsPath + path`/${object.key}`} alt="" loading="lazy" />}
            <button class="danger" onClick={() => remove(object.key)}>
              Delete
            </button>
          </li>
        ))}
      </ul>
      {next && <button onClick={() => setCursor(next)}>More</button>}
    </>
  );
}
