// The dashboard: a navigation, and the page that the address names behind its `#`.

import { Fragment, render, type ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, type About, type Resource } from "./api";
import { useLive } from "./live";
import { Ai } from "./pages/ai";
import { Cache } from "./pages/cache";
import { Crons } from "./pages/crons";
import { D1 } from "./pages/d1";
import { Kv } from "./pages/kv";
import { Objects } from "./pages/objects";
import { Queues } from "./pages/queues";
import { R2 } from "./pages/r2";
import { Requests } from "./pages/requests";
import { Vectorize } from "./pages/vectorize";
import { Workers } from "./pages/workers";
import { Workflows } from "./pages/workflows";
import { Empty, Problem, useAsked } from "./parts";
import "./style.css";

const PAGES = {
  workers: "Workers",
  requests: "Requests",
  kv: "KV",
  d1: "D1",
  r2: "R2",
  queues: "Queues",
  objects: "Durable Objects",
  workflows: "Workflows",
  crons: "Cron",
  cache: "Cache",
  vectorize: "Vectorize",
  ai: "AI",
};

function useHash(): string[] {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [parts, setParts] = useState(read);
  useEffect(() => {
    const changed = () => setParts(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parts;
}

function App() {
  const [first = "", chosen = ""] = useHash();
  const name = first in PAGES ? first : "workers";
  const live = useLive();
  const about = useAsked(() => ask<About>("/server"), []);
  useEffect(() => {
    document.title = `${PAGES[name as keyof typeof PAGES]} · hognose`;
  }, [name]);
  return (
    <>
      <header>
        <a class="brand" href="#/workers">
          hognose
        </a>
        <nav aria-label="Pages">
          {Object.entries(PAGES).map(([page, title]) => (
            <a key={page} href={`#/${page}`} aria-current={page === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        {about.value && (
          <p class="dim">
            {about.value.version} · Python {about.value.python} · <a href={about.value.url}>{about.value.url}</a>
          </p>
        )}
      </header>
      <main>
        <Problem text={live.error && `The server does not answer: ${live.error}`} />
        {name === "workers" && <Workers live={live} />}
        {name === "requests" && <Requests live={live} />}
        {name === "kv" && <Chooser page="kv" title="KV" list="/storage/kv/namespaces" chosen={chosen} show={(one) => <Kv namespace={one} />} />}
        {name === "d1" && <Chooser page="d1" title="D1" list="/d1/database" chosen={chosen} show={(one) => <D1 database={one} />} />}
        {name === "r2" && <Chooser page="r2" title="R2" list="/r2/buckets" chosen={chosen} show={(one) => <R2 bucket={one} />} />}
        {name === "queues" && <Queues />}
        {name === "objects" && <Objects />}
        {name === "workflows" && <Chooser page="workflows" title="Workflows" list="/workflows" chosen={chosen} show={(one) => <Workflows workflow={one} />} />}
        {name === "crons" && <Crons />}
        {name === "cache" && <Cache />}
        {name === "vectorize" && <Chooser page="vectorize" title="Vectorize" list="/vectorize" chosen={chosen} show={(one) => <Vectorize index={one} />} />}
        {name === "ai" && <Ai />}
      </main>
    </>
  );
}

interface ChooserProps {
  page: string;
  title: string;
  list: string;
  chosen: string;
  show: (one: Resource) => ComponentChildren;
}

/** Lets one of several stores be chosen, and shows it. Workers that share one see the same. */
function Chooser({ page, title, list, chosen, show }: ChooserProps) {
  const { value, error } = useAsked(() => ask<Resource[]>(list), [list]);
  const stores = [...new Map((value ?? []).map((store) => [store.id, store])).values()];
  const one = stores.find((store) => store.id === chosen) ?? stores[0];
  return (
    <>
      <h1>{title}</h1>
      <Problem text={error} />
      {value && !one && <Empty>No Worker that is served has one of these in its configuration.</Empty>}
      {stores.length > 1 && (
        <nav class="tabs" aria-label={title}>
          {stores.map((store) => (
            <a key={store.id} href={`#/${page}/${encodeURIComponent(store.id)}`} aria-current={store === one ? "page" : undefined}>
              {store.title}
            </a>
          ))}
        </nav>
      )}
      {one && (
        <>
          <p class="dim">
            {one.title} <code>{one.id}</code> · env.{one.binding} of {one.worker}
          </p>
          <Fragment key={one.id}>{show(one)}</Fragment>
        </>
      )}
    </>
  );
}

render(<App />, document.getElementById("app")!);
