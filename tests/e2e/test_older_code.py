"""Workers that were written for the Pyodide of CPython 3.12, in which `null` was None, on whichever CPython there is."""

import sys

import pytest

CONFIGURATION = """\
name = "older"
main = "index.py"
compatibility_date = "2025-03-01"
compatibility_flags = [{flags}]
kv_namespaces = [{{ binding = "STORE", id = "store" }}]
"""

SOURCE = """\
import json
from js import JSON, Response

async def on_fetch(request, env):
    missing = await env.STORE.get("missing")
    parsed = JSON.parse('{"a": null, "b": [null]}')
    seen = [missing is None, parsed.a is None, parsed.to_py() == {"a": None, "b": [None]}, (await request.json()) is None]
    return Response.new(json.dumps(seen))
"""


@pytest.mark.parametrize(
    ("flags", "is_none"),
    [('"python_workers"', True), ('"python_workers", "python_workers_20250116"', sys.version_info < (3, 13))],
)
def test_null_is_none_where_the_date_asks_for_it(serve, project, flags, is_none):
    files = {"wrangler.toml": CONFIGURATION.format(flags=flags), "index.py": SOURCE}
    assert serve(project(files=files)).fetch("/", "POST", "null").json == [is_none] * 4
