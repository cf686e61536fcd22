import { ask, path, send, type Deployment, type Version, type Worker } from "../api";
import type { Live } from "../live";
import { bytes, Chart, Empty, milliseconds, Problem, useAction, useAsked } from "../parts";

export function Workers({ live }: { live: Live }) {
  const { points } = live;
  return (
    <>
      <h1>Workers</h1>
      <section class="charts">
        <Chart title="Invocations" unit="/s" points={points} of={(point) => point.requests} />
        <Chart title="Errors" unit="/s" points={points} of={(point) => point.errors} />
        <Chart title="Duration" unit="ms" points={points} of={(point) => point.latency_ms} />
        <Chart title="Isolates" unit="" points={points} of={(point) => point.isolates} />
        <Chart title="Memory" unit="MiB" points={points} of={(point) => point.memory_mb} />
      </section>
      {live.workers.length === 0 && <Empty>No Worker is served. `hognose deploy` deploys one.</Empty>}
      {live.workers.map((worker) => (
        <One key={worker.name} worker={worker} />
      ))}
    </>
  );
}

function One({ worker }: { worker: Worker }) {
  const { version, failure, counts } = worker;
  const count = counts.ok + counts.exceptions + counts.canceled + counts.internal_errors;
  return (
    <section class="card">
      <h2>
        {worker.name} <span class={`badge ${version ? "good" : "bad"}`}>{version ? "serving" : "down"}</span>
      </h2>
      {version && <p class="dim">version {version.id}</p>}
      {failure && (
        <pre class="trace" role="alert">
          {failure.message}
          {"\n"}
          {failure.traceback}
        </pre>
      )}
      <dl>
        <dt>Invocations</dt>
        <dd>
          {count} <span class="dim">({counts.exceptions} raised)</span>
        </dd>
        <dt>Mean CPU time</dt>
        <dd>{count ? milliseconds(counts.cpu_us / count) : "–"}</dd>
        <dt>Binding calls</dt>
        <dd>{counts.calls}</dd>
        {version && (
          <>
            <dt>Entrypoints</dt>
            <dd>{version.exports.map((entry) => `${entry.name} (${entry.methods.join(", ")})`).join("; ") || "none"}</dd>
            <dt>Isolates</dt>
            <dd>
              {version.isolates.map((isolate, index) => (
                <span class="badge" key={isolate.pid}>
                  {isolate.pid} · {isolate.invocations} running · {bytes(worker.memory_bytes[index] ?? 0)}
                </span>
              ))}
            </dd>
          </>
        )}
      </dl>
      <Versions worker={worker.name} />
    </section>
  );
}

function Versions({ worker }: { worker: string }) {
  const { act, error } = useAction();
  const { value, again } = useAsked(
    () =>
      Promise.all([
        ask<Version[]>(path`/workers/${worker}/versions`),
        ask<Deployment[]>(path`/workers/${worker}/deployments`),
      ]),
    [worker],
  );
  const [versions, deployments] = value ?? [[], []];
  const serving = deployments.at(-1)?.version_id;
  if (versions.length === 0) return null;
  const deploy = (id: string) =>
    act(async () => {
      await send(path`/workers/${worker}/deployments`, { version_id: id, message: "from the dashboard" });
      again();
    });
  return (
    <details>
      <summary>{versions.length} deployed versions</summary>
      <Problem text={error} />
      <div class="scroll">
        <table>
          <tbody>
            {versions.map((version) => (
              <tr key={version.id}>
                <td>{version.number}</td>
                <td>
                  <code>{version.id.slice(0, 8)}</code>
                </td>
                <td>{version.tag}</td>
                <td>{version.message}</td>
                <td class="dim">{version.created_on}</td>
                <td>
                  {version.id === serving ? (
                    <span class="badge good">serving</span>
                  ) : (
                    <button onClick={() => deploy(version.id)}>Deploy</button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
