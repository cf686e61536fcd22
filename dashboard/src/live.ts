// What the server does now: the Workers, asked for every two seconds, and invocations, sent as they end.

import { useEffect, useState } from "preact/hooks";
import { API, ask, type Trace, type Worker } from "./api";

const EVERY_MS = 2000;
const TRACES_MAX = 300;
const POINTS_MAX = 90;

/** One moment of the charts, made of the difference between two answers. */
export interface Point {
  at: number;
  requests: number;
  errors: number;
  latency_ms: number;
  isolates: number;
  memory_mb: number;
}

export interface Live {
  workers: Worker[];
  points: Point[];
  open: Trace[];
  traces: Trace[];
  error: string | null;
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
const ended = (worker: Worker) => {
  const { ok, exceptions, canceled, internal_errors } = worker.counts;
  const { exceeded_cpu, exceeded_memory, exceeded_wall_time } = worker.counts;
  return ok + exceptions + canceled + internal_errors + exceeded_cpu + exceeded_memory + exceeded_wall_time;
};

function point(workers: Worker[], before: Worker[], seconds: number): Point {
  const difference = (count: (worker: Worker) => number) => sum(workers.map(count)) - sum(before.map(count));
  const count = difference(ended);
  const failed = difference((worker) => ended(worker) - worker.counts.ok - worker.counts.canceled);
  return {
    at: Date.now(),
    requests: Math.max(0, count / seconds),
    errors: Math.max(0, failed / seconds),
    latency_ms: count > 0 ? difference((worker) => worker.counts.duration_us) / count / 1000 : 0,
    isolates: sum(workers.map((worker) => worker.version?.isolates.length ?? 0)),
    memory_mb: sum(workers.flatMap((worker) => worker.memory_bytes.map((bytes) => bytes ?? 0))) / 1048576,
  };
}

/** Follows the server for as long as the page is open. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({ workers: [], points: [], open: [], traces: [], error: null });
  useEffect(() => {
    let before: { workers: Worker[]; at: number } | null = null;
    const look = async () => {
      try {
        const [workers, invocations] = await Promise.all([
          ask<Worker[]>("/local/workers"),
          ask<{ open: Trace[]; recent: Trace[] }>("/invocations"),
        ]);
        const now = Date.now();
        const next = before && point(workers, before.workers, (now - before.at) / 1000);
        before = { workers, at: now };
        setLive((live) => ({
          workers,
          open: invocations.open,
          traces: live.traces.length ? live.traces : invocations.recent,
          points: next ? [...live.points, next].slice(-POINTS_MAX) : live.points,
          error: null,
        }));
      } catch (error) {
        setLive((live) => ({ ...live, error: (error as Error).message }));
      }
    };
    void look();
    const timer = setInterval(look, EVERY_MS);
    const events = new EventSource(`${API}/invocations/stream`);
    events.addEventListener("trace", (event) => {
      const trace = JSON.parse(event.data) as Trace;
      setLive((live) => {
        const others = live.traces.filter((other) => other.id !== trace.id);
        return { ...live, traces: [trace, ...others].slice(0, TRACES_MAX) };
      });
    });
    return () => {
      clearInterval(timer);
      events.close();
    };
  }, []);
  return live;
}
