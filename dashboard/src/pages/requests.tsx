import { useState } from "preact/hooks";
import type { Trace } from "../api";
import type { Live } from "../live";
import { Empty, milliseconds, Outcome } from "../parts";

/** What happened, in a line. */
function what({ event }: Trace): string {
  switch (event.type) {
    case "fetch": {
      const url = URL.parse(event.url ?? "");
      return `${event.method} ${url ? url.pathname + url.search : event.url}`;
    }
    case "rpc":
      return `${event.method}()`;
    case "queue":
      return `queue ${event.queue}`;
    case "scheduled":
      return `cron ${event.cron}`;
    default:
      return event.name ?? event.type;
  }
}

export function Requests({ live }: { live: Live }) {
  const [text, setText] = useState("");
  const [failedOnly, setFailedOnly] = useState(false);
  const [chosen, choose] = useState<number | null>(null);
  const all = [...live.open, ...live.traces];
  const shown = all.filter(
    (trace) => (!failedOnly || (trace.outcome !== "ok" && trace.outcome !== null)) && `${trace.worker} ${what(trace)}`.includes(text),
  );
  return (
    <>
      <h1>Requests</h1>
      <form class="row" onSubmit={(event) => event.preventDefault()}>
        <input type="search" placeholder="Filter by Worker or path" aria-label="Filter" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <label>
          <input type="checkbox" checked={failedOnly} onChange={(event) => setFailedOnly(event.currentTarget.checked)} /> only failed
        </label>
      </form>
      {shown.length === 0 && <Empty>Nothing yet. Send the Worker a request, and it appears here as it ends.</Empty>}
      <ol class="traces">
        {shown.map((trace) => (
          <li key={trace.id} class="card">
            <button class="line" aria-expanded={chosen === trace.id} onClick={() => choose(chosen === trace.id ? null : trace.id)}>
              <span class="dim">{new Date(trace.started_ms).toLocaleTimeString()}</span>
              <b>{what(trace)}</b>
              <span class="dim">{trace.worker}</span>
              {trace.event.status ? <span class={`badge ${trace.event.status < 400 ? "good" : "bad"}`}>{trace.event.status}</span> : null}
              <Outcome outcome={trace.outcome} />
              <span>{milliseconds(trace.settled_us)}</span>
            </button>
            {chosen === trace.id && <Detail trace={trace} />}
          </li>
        ))}
      </ol>
    </>
  );
}

function Detail({ trace }: { trace: Trace }) {
  return (
    <div class="detail">
      <dl>
        <dt>Wall time</dt>
        <dd>
          {milliseconds(trace.settled_us)} <span class="dim">(answered after {milliseconds(trace.answered_us)})</span>
        </dd>
        <dt>CPU time</dt>
        <dd>{milliseconds(trace.cpu_us)}</dd>
        <dt>Isolate</dt>
        <dd>{trace.isolate}</dd>
        <dt>Version</dt>
        <dd>
          <code>{trace.version.slice(0, 8)}</code>
        </dd>
      </dl>
      <Waterfall trace={trace} />
      {trace.exception && <pre class="trace">{trace.exception.stack || `${trace.exception.name}: ${trace.exception.message}`}</pre>}
      {trace.logs.length > 0 && (
        <pre class="logs">
          {trace.logs.map((log, index) => (
            <span key={index} class={log.level}>
              <i>{milliseconds(log.at_us).padStart(10)}</i> {log.text.trimEnd()}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
    </div>
  );
}

/** The calls on bindings, each as a bar where it was within the whole. */
function Waterfall({ trace }: { trace: Trace }) {
  if (trace.calls.length === 0) return null;
  const latest = Math.max(...trace.calls.map((call) => call.ended_us ?? call.begun_us));
  const whole = Math.max(1, trace.settled_us ?? 0, latest);
  const share = (us: number) => `${((us / whole) * 100).toFixed(2)}%`;
  return (
    <table class="waterfall">
      <caption>
        {trace.calls.length + trace.calls_lost} binding calls{trace.calls_lost ? `, the first ${trace.calls.length} shown` : ""}
      </caption>
      <tbody>
        {trace.calls.map((call, index) => (
          <tr key={index} title={call.error ?? ""}>
            <th scope="row">
              {call.binding}.{call.method}
            </th>
            <td>
              <div style={{ marginLeft: share(call.begun_us), width: share((call.ended_us ?? whole) - call.begun_us) }} class={call.error ? "bar bad" : "bar"} />
            </td>
            <td>{call.ended_us === null ? "…" : milliseconds(call.ended_us - call.begun_us)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
