"""What a Worker is told about its version."""

import re

WORKER = """\
from js import JSON, Response

async def on_fetch(request, env):
    return Response.new(JSON.stringify(env.VERSION))
"""
CONFIGURATION = """\
main = "src/index.py"
compatibility_date = "2025-08-01"
compatibility_flags = ["python_workers"]
version_metadata = { binding = "VERSION" }
"""


def test_a_version_has_an_id_a_tag_and_a_time(serve, project):
    server = serve(project(files={"wrangler.toml": CONFIGURATION, "src/index.py": WORKER}))
    metadata = server.fetch().json
    assert sorted(metadata) == ["id", "tag", "timestamp"] and metadata["tag"] == ""
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", metadata["timestamp"])
    assert server.fetch().json == metadata
