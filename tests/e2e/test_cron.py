"""Cron triggers: by the clock, by the paths of development, and by the command."""

import re
import subprocess

import pytest
from harness import HOGNOSE, TIMEOUT_S

RAW = """
async def on_scheduled(controller, env, ctx):
    print("RAN", controller.cron, int(controller.scheduledTime), controller.type)
    if controller.cron == "1 * * * *":
        controller.noRetry()
    if controller.cron == "2 * * * *":
        controller.noRetry()
        raise ValueError("boom")
"""

SDK = """
from workers import WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def scheduled(self, controller, env, ctx):
        print("RAN", controller.cron, int(controller.scheduledTime), controller.type)
        if controller.cron == "1 * * * *":
            controller.noRetry()
        if controller.cron == "2 * * * *":
            controller.noRetry()
            raise ValueError("boom")
"""

JAVASCRIPT = """
export default {
  async scheduled(controller, env, ctx) {
    console.log("RAN", controller.cron, controller.scheduledTime, controller.type);
    if (controller.cron === "1 * * * *") controller.noRetry();
    if (controller.cron === "2 * * * *") {
      controller.noRetry();
      throw new Error("boom");
    }
  },
};
"""

STYLES = {"raw": ("index.py", RAW), "sdk": ("index.py", SDK), "javascript": ("index.mjs", JAVASCRIPT)}


def worker(project, style, crons=("0 0 1 1 *",)):
    main, source = STYLES[style]
    configuration = f'name = "{style}"\nmain = "src/{main}"\n[triggers]\ncrons = {list(crons)}\n'
    return project(files={"wrangler.toml": configuration.replace("'", '"'), f"src/{main}": source})


@pytest.mark.parametrize("style", STYLES)
def test_a_request_runs_the_handler(project, serve, style):
    server = serve(worker(project, style), "--test-scheduled")
    handler = "/cdn-cgi/handler/scheduled"
    answer = server.fetch(f"{handler}?cron=0+*+*+*+*&time=1700000000000")
    assert (answer.status, answer.text) == (200, "ok")
    server.output.wait_for(r"RAN 0 \* \* \* \* 1700000000000 scheduled")
    assert server.fetch(f"{handler}?format=json&cron=1+*+*+*+*").json == {"outcome": "ok", "noRetry": True}
    assert server.fetch(f"{handler}?format=json&cron=x").json == {"outcome": "ok", "noRetry": False}
    failed = server.fetch(f"{handler}?format=json&cron=2+*+*+*+*")
    assert (failed.status, failed.json) == (500, {"outcome": "exception", "noRetry": True})
    server.output.wait_for("boom")
    assert server.fetch("/__scheduled?cron=3+*+*+*+*").text == "Ran scheduled event"
    server.output.wait_for(r"RAN 3 \* \* \* \* \d+ scheduled")


def test_nobody_runs_handlers_of_a_server_from_outside(project, serve):
    server = serve(worker(project, "javascript"), command="serve")
    assert server.fetch("/cdn-cgi/handler/scheduled").status == 500
    assert "RAN" not in server.output.text


def test_a_worker_without_the_handler_says_so(project, serve):
    folder = project(files={"wrangler.toml": 'main = "index.mjs"', "index.mjs": "export default {};"})
    server = serve(folder)
    assert server.fetch("/cdn-cgi/handler/scheduled").text == "exception"
    server.output.wait_for(r"Handler does not export a scheduled\(\) function")


def test_schedules_run_by_the_clock_and_once(project, serve):
    """The handler runs within the minute; a server that is started again within it does not run it again."""
    folder = worker(project, "sdk", ["* * * * *"])
    server = serve(folder, "--persist-to", str(folder / "state"), command="serve")
    due_ms = int(server.output.wait_for(r"RAN \* \* \* \* \* (\d+) scheduled")[1])
    assert due_ms % 60_000 == 0
    server.kill_tree()
    again = serve(folder, "--persist-to", str(folder / "state"), command="serve")
    again.stop()
    again.output.wait_for_end()
    assert f"RAN * * * * * {due_ms}" not in again.output.text
    listed = command(folder, "cron", "list", ".", "--persist-to", "state")
    assert re.match(r"\* \* \* \* \*  last: \d{4}-\d\d-\d\d \d\d:\d\d  next: \d{4}-", listed.stdout)


def test_the_command_runs_a_handler(project):
    folder = worker(project, "raw", ["5 4 3 2 *"])
    ran = command(folder, "cron", "run", "--time", "7")
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "ok")
    assert "RAN 5 4 3 2 * 7 scheduled" in ran.stdout + ran.stderr
    failed = command(folder, "cron", "run", "2 * * * *")
    assert (failed.returncode, failed.stdout.splitlines()[-1]) == (1, "exception")
    assert command(folder, "cron", "list").stdout.startswith("5 4 3 2 *  last: never  next: ")


def test_the_command_runs_a_handler_in_the_server_that_has_the_state(project, serve):
    folder = worker(project, "raw", ["5 4 3 2 *", "2 * * * *"])
    server = serve(folder)
    ran = command(folder, "cron", "run", "--time", "7")
    assert (ran.returncode, ran.stdout) == (0, "ok\n")
    server.output.wait_for(r"RAN 5 4 3 2 \* 7 scheduled")
    failed = command(folder, "cron", "run", "2 * * * *")
    assert (failed.returncode, failed.stdout) == (1, "exception\n")
    unknown = command(folder, "cron", "run", "3 * * * *")
    assert unknown.returncode == 1
    assert unknown.stderr.endswith("error: the Worker `raw` has no trigger `3 * * * *`\n")
    assert unknown.stderr.count("No compatibility_date was specified") == 1


def command(folder, *arguments):
    return subprocess.run(
        [HOGNOSE, *arguments], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
