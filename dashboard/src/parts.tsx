// What several pages are made of.

import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Point } from "./live";

export const bytes = (count: number) => {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10));
  return `${(count / 1024 ** power).toFixed(power && 1)} ${units[power]}`;
};

export const milliseconds = (us: number | null) => (us === null ? "…" : `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`);

/** A time, in milliseconds since the epoch. */
export const moment = (ms: number) => new Date(ms).toLocaleString();

/** What somebody wrote as JSON; says what is wrong with it. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${(error as Error).message}`);
  }
}

/** What a promise gives, asked for again when `again` is called; and what it fails with. */
export function useAsked<T>(ask: () => Promise<T>, inputs: unknown[]) {
  const [state, set] = useState<{ value: T | null; error: string | null }>({ value: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    ask().then(
      (value) => current && set({ value, error: null }),
      (error: Error) => current && set({ value: null, error: error.message }),
    );
    return () => {
      current = false;
    };
  }, [...inputs, turn]);
  return { ...state, again: useCallback(() => setTurn((turn) => turn + 1), []) };
}

/** Looks again every two seconds, for what changes by itself. */
export function useRepeatedly(look: () => void) {
  useEffect(() => {
    const timer = setInterval(look, 2000);
    return () => clearInterval(timer);
  }, [look]);
}

/** Runs what a button does, and shows what went wrong. */
export function useAction() {
  const [error, setError] = useState<string | null>(null);
  const act = (action: () => Promise<unknown>) => {
    setError(null);
    action().catch((error: Error) => setError(error.message));
  };
  return { act, error };
}

export function Problem({ text }: { text: string | null }) {
  return text ? (
    <p class="problem" role="alert">
      {text}
    </p>
  ) : null;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Outcome({ outcome, text = outcome ?? "running" }: { outcome: string | null; text?: string }) {
  const kind = outcome === "ok" ? "good" : outcome === null || outcome === "canceled" ? "" : "bad";
  return <span class={`badge ${kind}`}>{text}</span>;
}

const cellText = (cell: unknown) => (Array.isArray(cell) && cell.every(Number.isInteger) ? `${cell.length} bytes` : typeof cell === "object" ? JSON.stringify(cell) : String(cell));

/** Rows of a table; bytes are only counted. */
export function Rows({ columns, rows }: { columns: string[]; rows: unknown[][] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {columns.map((name, index) => (
              <th key={index}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} class={cell === null ? "dim" : ""}>
                  {cell === null ? "NULL" : cellText(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A line of what was measured, with its newest value. */
export function Chart({ title, unit, points, of }: { title: string; unit: string; points: Point[]; of: (point: Point) => number }) {
  const values = points.map(of);
  const most = Math.max(1e-9, ...values);
  const x = (index: number) => (values.length < 2 ? 0 : (index / (values.length - 1)) * 300);
  const line = values.map((value, index) => `${x(index).toFixed(1)},${(58 - (value / most) * 52).toFixed(1)}`).join(" ");
  const last = values.at(-1);
  return (
    <figure class="card chart">
      <figcaption>
        {title}
        <b>{last === undefined ? "–" : `${last < 10 ? last.toFixed(1) : Math.round(last)} ${unit}`}</b>
      </figcaption>
      <svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label={`${title} over the last minutes`}>
        {values.length > 1 && (
          <>
            <polygon points={`0,60 ${line} 300,60`} />
            <polyline points={line} />
          </>
        )}
      </svg>
    </figure>
  );
}
