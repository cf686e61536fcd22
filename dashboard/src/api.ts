// The server's API: its types, and one function that asks it and takes its envelope apart.

export const API = "/cdn-cgi/explorer/api";

export interface About {
  version: string;
  mode: "dev" | "serve";
  url: string;
  python: string;
  pid: number;
  started_ms: number;
}

export interface Counts {
  ok: number;
  exceptions: number;
  canceled: number;
  internal_errors: number;
  exceeded_cpu: number;
  exceeded_memory: number;
  exceeded_wall_time: number;
  statuses: number[];
  duration_us: number;
  cpu_us: number;
  calls: number;
}

export interface Worker {
  name: string;
  version: null | {
    id: string;
    exports: { name: string; methods: string[] }[];
    isolates: { pid: number; invocations: number; busy: boolean }[];
  };
  failure: null | { message: string; traceback: string };
  counts: Counts;
  memory_bytes: (number | null)[];
}

export interface Call {
  binding: string;
  method: string;
  begun_us: number;
  ended_us: number | null;
  error: string | null;
}

export interface Trace {
  id: number;
  worker: string;
  version: string;
  entrypoint: string | null;
  isolate: number;
  event: { type: string; method?: string; url?: string; status?: number | null; queue?: string; cron?: string; name?: string };
  started_ms: number;
  answered_us: number | null;
  settled_us: number | null;
  cpu_us: number;
  outcome: string | null;
  exception: null | { name: string; message: string; stack: string };
  calls: Call[];
  calls_lost: number;
  logs: { at_us: number; level: string; text: string }[];
  logs_lost: number;
}

export interface Resource {
  id: string;
  title: string;
  binding: string | null;
  worker: string;
}

export interface Version {
  id: string;
  number: number;
  created_on: string;
  tag: string;
  message: string;
}

export interface Deployment {
  version_id: string;
  created_on: string;
  message: string;
}

export interface Page<T> {
  result: T;
  cursor: string | null;
}

/** Asks for one page of something; fails with what the server says. */
export async function page<T>(path: string, options: RequestInit = {}): Promise<Page<T>> {
  const response = await fetch(API + path, options);
  const answer = await response.json().catch(() => null);
  if (!answer?.success) throw new Error(answer?.errors?.[0]?.message ?? `The server answered ${response.status}`);
  return { result: answer.result, cursor: answer.result_info?.cursor ?? null };
}

/** Asks for something whole. */
export async function ask<T>(path: string, options: RequestInit = {}): Promise<T> {
  return (await page<T>(path, options)).result;
}

/** Sends JSON. */
export function send<T>(path: string, body: unknown, method = "POST"): Promise<T> {
  return ask<T>(path, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
}

/** A path of parts that may hold anything; slashes of a key stay. */
export function path(strings: TemplateStringsArray, ...parts: string[]): string {
  return String.raw({ raw: strings }, ...parts.map((part) => part.split("/").map(encodeURIComponent).join("/")));
}
