// The models of the Workers that are served, and asking one.

import { API, ask } from "./api";

export interface Model {
  worker: string;
  name: string;
  task: string;
}

interface Listed {
  worker: string;
  models: { name: string; task: { id: string } }[];
}

export async function models(): Promise<Model[]> {
  const listed = await ask<Listed[]>("/ai");
  return listed.flatMap(({ worker, models }) => models.map(({ name, task }) => ({ worker, name, task: task.id })));
}

/** The model's answer; fails with what the Worker would be told. */
export async function runModel(worker: string, model: string, inputs: unknown): Promise<Response> {
  const body = JSON.stringify({ worker, model, inputs });
  const response = await fetch(`${API}/ai/run`, { method: "POST", body, headers: { "content-type": "application/json" } });
  if (!response.ok) {
    const text = await response.text();
    throw new Error(said(text) ?? (text || `The model answered ${response.status}`));
  }
  return response;
}

/** The message in an error's JSON, which has it in one of several places. */
function said(text: string): string | null {
  try {
    const { errors, message } = JSON.parse(text);
    return errors?.[0]?.message ?? message ?? null;
  } catch {
    return null;
  }
}
