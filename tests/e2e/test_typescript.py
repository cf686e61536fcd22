"""Workers in TypeScript, whose types are taken away when they are loaded."""

import json

from harness import run

CONFIGURATION = {"name": "typed", "main": "src/index.ts", "compatibility_date": "2026-01-01"}
INDEX = """\
import page from './page.html';
import { Counter, type Step } from './counter';
import { shout } from './lib/shout.js';
import type { Env } from './types';

interface Answer<T> { value: T; page?: string }

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.url.endsWith('/throw')) {
      throw new RangeError(shout('no') as string);
    }
    const counter = new Counter<Step>();
    const answer: Answer<number> = { value: counter.next(2 satisfies Step)!, page };
    return Response.json(answer);
  },
} satisfies ExportedHandler<Env>;
"""
COUNTER = """\
export type Step = 1 | 2;
export class Counter<S extends number> {
  private count: number = 40;
  next(step?: S): number | undefined { return (this.count += step ?? 1) }
}
"""


def typed(project, **files):
    files = {"wrangler.json": json.dumps(CONFIGURATION), "src/index.ts": INDEX, "src/counter.ts": COUNTER, **files}
    files["src/lib/shout.ts"] = "export const shout = (text: string) => text.toUpperCase();\n"
    files["src/page.html"] = "<p>a page"
    return project(files=files)


def test_types_go_and_the_rest_runs(serve, project):
    server = serve(typed(project))
    assert server.fetch().json == {"value": 42, "page": "<p>a page"}
    # Nothing but blanks stands where types stood: lines and columns are the author's.
    assert "src/index.ts:11:28" in server.fetch("/throw").text


def test_what_types_cannot_be_taken_from_is_named_with_its_place(serve, project):
    server = serve(typed(project, **{"src/counter.ts": "export const a = 1;\n  enum Step { One, Two }\n"}))
    server.output.wait_for(r"SyntaxError: counter\.ts:2:3: Enums cannot be run by taking types away")
    assert server.fetch().status == 500


def test_a_script_may_be_in_typescript(tmp_path):
    (tmp_path / "numbers.ts").write_text("export const twice = (value: number): number => 2 * value;\n")
    (tmp_path / "script.ts").write_text("const answer: unknown = 42;\nconsole.log(answer as number);\n")
    (tmp_path / "module.mts").write_text("import { twice } from './numbers';\nconsole.log(twice(21) satisfies number);\n")
    (tmp_path / "refused.ts").write_text("\nenum Colour { Red }\n")
    for script in ("script.ts", "module.mts"):
        assert run("run", script, folder=tmp_path) == (0, "42\n")
    code, output = run("run", "refused.ts", folder=tmp_path)
    assert code == 1
    assert "refused.ts:2:1: " in output
