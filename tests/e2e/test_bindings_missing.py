"""Bindings that hognose lacks: a warning at the start, an error where one is used, and all else as it is."""

import pytest

CONFIGURATION = """\
main = "index.MODULE"
compatibility_date = "2026-01-01"
compatibility_flags = FLAGS
artifacts = [{ binding = "ARTIFACTS" }]
vpc_services = [{ binding = "INSIDE", service_id = "s" }]
[vars]
NAME = "here"
"""
PYTHON = """\
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.url.endswith("/use"):
            try:
                return await self.env.INSIDE.fetch("http://inside/")
            except Exception as error:
                return Response(f"{type(error).__name__}: {error}")
        assert self.env.ARTIFACTS is not None
        return Response(self.env.NAME)
"""
JAVASCRIPT = """\
export default {
  async fetch(request, env) {
    if (!request.url.endsWith("/use")) {
      await env.ARTIFACTS;
      return new Response(`${env.NAME} ${JSON.stringify(env)}`);
    }
    const uses = [() => env.INSIDE.fetch("http://inside/"), () => (env.INSIDE.x = 1), () => env.ARTIFACTS.get("a")];
    const errors = uses.map((use) => {
      try {
        use();
      } catch (error) {
        return error.message;
      }
    });
    return new Response(errors.join("\\n"));
  },
};
"""
SAID = 'is not there: this version of hognose does not have "'


@pytest.fixture
def started(project, serve):
    """A function that serves a Worker with bindings that are missing."""

    def start(module, source, flags):
        configuration = CONFIGURATION.replace("MODULE", module).replace("FLAGS", flags)
        return serve(project(files={"wrangler.toml": configuration, f"index.{module}": source}))

    return start


def test_the_start_warns_of_each_kind_in_its_place(started):
    server = started("js", JAVASCRIPT, "[]")
    server.output.wait_for('"artifacts" is not supported yet')
    server.output.wait_for("wrangler.toml:4")
    server.output.wait_for("every use of env.ARTIFACTS will be an error")
    server.output.wait_for('"vpc_services" is not supported yet')
    server.output.wait_for("every use of env.INSIDE will be an error")


def test_a_python_worker_runs_and_is_told_where_it_uses_one(started):
    server = started("py", PYTHON, '["python_workers"]')
    assert server.fetch("/").text == "here"
    told = server.fetch("/use").text
    assert f'env.INSIDE.fetch {SAID}vpc_services"' in told, told


def test_a_javascript_worker_runs_and_is_told_where_it_uses_one(started):
    server = started("js", JAVASCRIPT, "[]")
    assert server.fetch("/").text.startswith('here {"')
    fetch, assign, get = server.fetch("/use").text.splitlines()
    assert fetch.startswith(f'env.INSIDE.fetch {SAID}vpc_services"')
    assert assign.startswith(f'env.INSIDE.x {SAID}vpc_services"')
    assert get.startswith(f'env.ARTIFACTS.get {SAID}artifacts"')
