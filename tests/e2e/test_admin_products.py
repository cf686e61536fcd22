"""What the API of a running server shows of Durable Objects, cron triggers, workflows, caches, indexes and models."""

import contextlib
import json
import shutil

import pytest
from browser import click_through, needs_a_browser
from harness import Server, run, wait_until
from model_server import ModelServer
from test_admin import ask

JSON = {"content-type": "application/json"}
MODELS = ["@cf/baai/bge-small-en-v1.5", "@cf/meta/llama-3-8b-instruct"]
NAMESPACES = "/workers/durable_objects/namespaces"

FILES = {
    "wrangler.toml": """\
name = "desk"
main = "src/index.py"
compatibility_date = "2026-01-01"
compatibility_flags = ["python_workers"]
ai = { binding = "AI" }
[[durable_objects.bindings]]
name = "ROOMS"
class_name = "Room"
[[migrations]]
tag = "1"
new_sqlite_classes = ["Room"]
[[workflows]]
binding = "FLOW"
name = "orders"
class_name = "Order"
[[vectorize]]
binding = "INDEX"
index_name = "notes"
[triggers]
crons = ["0 0 1 1 *"]
""",
    "src/index.py": """\
from js import Date, Response as JsResponse, caches
from workers import DurableObject, Response, WorkerEntrypoint, WorkflowEntrypoint


class Room(DurableObject):
    async def fetch(self, request):
        sql = self.ctx.storage.sql
        sql.exec("CREATE TABLE IF NOT EXISTS lines (n INTEGER, text TEXT)")
        sql.exec("INSERT INTO lines VALUES (1, 'hello'), (2, NULL)")
        await self.ctx.storage.put("topic", "snakes")
        await self.ctx.storage.put("since", Date.new(0))
        await self.ctx.storage.setAlarm(4102444800000)
        return Response(self.ctx.id.toString())


class Order(WorkflowEntrypoint):
    async def run(self, event, step):
        @step.do("pack")
        async def pack():
            return {"parcels": 2}

        await pack()
        return await step.wait_for_event("paid", "payment")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if "/cache" in request.url:
            for number in range(3):
                kept = JsResponse.new("kept")
                kept.headers.set("cache-control", "max-age=1000")
                await caches.default.put(f"http://example.com/{number}", kept)
            return Response("cached")
        return await self.env.ROOMS.getByName("one").fetch(request)

    async def scheduled(self, controller):
        print("ran", controller.cron)
        if controller.cron == "0 0 2 1 *":
            raise ValueError("not today")
""",
}


@pytest.fixture(scope="module")
def models():
    with contextlib.closing(ModelServer()) as models:
        yield models


@pytest.fixture(scope="module")
def desk(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("desk") / "desk"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    settings = [f'[ai.models."{name}"]\nurl = "{models.url}/v1"\n' for name in MODELS]
    (folder / "hognose.toml").write_text("".join(settings))
    for command in (
        ["create", "notes", "--dimensions", "32", "--metric", "cosine"],
        ["insert", "notes", "--file", str(vectors(folder))],
    ):
        code, output = run("vectorize", *command, folder=folder)
        assert code == 0, output
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        yield server
    shutil.rmtree(folder)


def vectors(folder):
    path = folder / "vectors.ndjson"
    lines = [
        {"id": name, "values": [float(index == axis) for index in range(32)], "metadata": {"axis": axis}}
        for axis, name in enumerate(["east", "north"])
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def post(desk, path, body):
    return ask(desk.folder, path, "POST", json.dumps(body), JSON)


def test_an_object_at_rest_is_shown_and_lets_itself_be_woken(project):
    files = {**FILES, "wrangler.toml": FILES["wrangler.toml"].replace('ai = { binding = "AI" }', "")}
    folder = project(files=files)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as first:
        identity = first.fetch("/").text
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as second:
        (room,) = ask(folder, NAMESPACES)["result"]
        objects = f"{NAMESPACES}/{room['id']}/objects"
        assert [(one["id"], one["lives"]) for one in ask(folder, objects)["result"]] == [(identity, False)]
        assert ask(folder, f"{objects}/{identity}")["result"]["tables"] == ["lines"]
        assert not ask(folder, objects)["result"][0]["lives"]
        assert second.fetch("/").text == identity
        assert ask(folder, objects)["result"][0]["lives"]


def test_a_living_object_is_shown_with_what_it_has_stored(desk):
    identity = desk.fetch("/").text
    (room,) = ask(desk.folder, NAMESPACES)["result"]
    assert (room["worker"], room["class"], room["sql"]) == ("desk", "Room", True)
    objects = f"{NAMESPACES}/{room['id']}/objects"
    (listed,) = ask(desk.folder, objects)["result"]
    assert (listed["id"], listed["alarm_ms"], listed["lives"]) == (identity, 4102444800000, True)
    alive = ask(desk.folder, f"{objects}/{identity}")["result"]
    assert alive["tables"] == ["lines"]
    assert alive["alarm_ms"] == 4102444800000
    assert alive["bytes"] > 0
    values = {entry["key"]: entry["value"] for entry in alive["entries"]}
    assert values == {"topic": "snakes", "since": {"Date": 0}}
    rows = ask(desk.folder, f"{objects}/{identity}/tables/lines")["result"]
    assert rows == {"columns": ["n", "text"], "rows": [[1, "hello"], [2, None]]}


@pytest.mark.parametrize("identity", ["0" * 64, "../../x", "0" * 63])
def test_an_object_that_has_stored_nothing_is_not_there(desk, identity):
    desk.fetch("/")
    (room,) = ask(desk.folder, NAMESPACES)["result"]
    answer = ask(desk.folder, f"{NAMESPACES}/{room['id']}/objects/{identity.replace('/', '%2F')}")
    assert answer["errors"][0]["code"] == 404


def test_a_table_that_is_not_there_is_an_error_and_never_sql(desk):
    identity = desk.fetch("/").text
    (room,) = ask(desk.folder, NAMESPACES)["result"]
    for table in ("absent", "lines%22;DELETE%20FROM%20lines;--"):
        answer = ask(desk.folder, f"{NAMESPACES}/{room['id']}/objects/{identity}/tables/{table}")
        assert "no such table" in answer["errors"][0]["message"]


def test_a_cron_trigger_runs_when_told_to(desk):
    (trigger,) = ask(desk.folder, "/crons")["result"]
    assert (trigger["worker"], trigger["cron"], trigger["last_ms"]) == ("desk", "0 0 1 1 *", None)
    assert trigger["next_ms"] % 86_400_000 == 0
    assert post(desk, "/workers/desk/scheduled", {"cron": "0 0 1 1 *"})["result"] == {"outcome": "ok"}
    desk.output.wait_for("ran 0 0 1 1")
    assert post(desk, "/workers/desk/scheduled", {"cron": "* * * * *"})["errors"][0]["code"] == 404
    assert post(desk, "/workers/none/scheduled", {"cron": "0 0 1 1 *"})["errors"][0]["code"] == 404


def test_an_instance_of_a_workflow_is_followed_and_steered(desk):
    assert [flow["binding"] for flow in ask(desk.folder, "/workflows")["result"]] == ["FLOW"]
    instances = "/workflows/orders/instances"
    assert post(desk, instances, {"id": "mine", "params": {"n": 1}})["result"] == {"id": "mine"}
    assert not post(desk, instances, {"id": "mine"})["success"]
    wait_until(lambda: status(desk, "mine")["status"] == "waiting")
    packed, waiting = status(desk, "mine")["steps"]
    assert (packed["name"].split("-")[0], packed["state"], len(packed["attempts"])) == ("pack", "done", 1)
    assert (waiting["state"], waiting["due_ms"] > 0) == ("waiting", True)
    assert post(desk, f"{instances}/mine/events/payment", {"sum": 3})["success"]
    wait_until(lambda: status(desk, "mine")["status"] == "complete")
    assert status(desk, "mine")["output"]["payload"] == {"sum": 3}
    refused = post(desk, f"{instances}/mine/status", {"action": "terminate"})
    assert "finite state" in refused["errors"][0]["message"]
    assert post(desk, f"{instances}/mine/status", {"action": "restart"})["success"]
    assert post(desk, f"{instances}/mine/status", {"action": "terminate"})["success"]
    assert [row["id"] for row in ask(desk.folder, f"{instances}?status=terminated")["result"]] == ["mine"]
    assert ask(desk.folder, f"{instances}/mine", "DELETE")["success"]
    assert ask(desk.folder, f"{instances}/mine")["errors"][0]["code"] == 404
    assert ask(desk.folder, "/workflows/other/instances")["errors"][0]["code"] == 404


def status(desk, identity):
    return ask(desk.folder, f"/workflows/orders/instances/{identity}")["result"]


def test_caches_are_listed_and_purged(desk):
    desk.fetch("/cache")
    assert ask(desk.folder, "/cache")["result"] == ["desk"]
    first = ask(desk.folder, "/cache/desk?limit=2")
    assert [(one["url"], one["cache"], one["status"]) for one in first["result"]] == [
        (f"http://example.com/{number}", "default", 200) for number in range(2)
    ]
    key = first["result"][0]["key"].replace("\n", "%0A")
    assert ask(desk.folder, f"/cache/desk?key={key}", "DELETE")["result"] == {"purged": 1}
    assert len(ask(desk.folder, "/cache/desk")["result"]) == 2
    assert ask(desk.folder, "/cache/desk?prefix=http://example.com/2", "DELETE")["result"] == {"purged": 1}
    assert ask(desk.folder, "/cache/desk", "DELETE")["result"] == {"purged": 1}
    assert ask(desk.folder, "/cache/other")["errors"][0]["code"] == 404


def test_an_index_is_queried_by_values_and_by_id(desk):
    (index,) = ask(desk.folder, "/vectorize")["result"]
    assert index["about"] == {"dimensions": 32, "metric": "cosine", "vectors": 2}
    by_id = post(desk, "/vectorize/notes/query", {"id": "north", "top_k": 1})["result"]
    assert by_id == [{"id": "north", "score": 1.0, "namespace": None, "metadata": {"axis": 1}}]
    values = [1.0] + [0.0] * 31
    by_values = post(desk, "/vectorize/notes/query", {"vector": values})["result"]
    assert [match["id"] for match in by_values] == ["east", "north"]
    assert "32 dimensions" in post(desk, "/vectorize/notes/query", {"vector": [1.0]})["errors"][0]["message"]
    assert "either" in post(desk, "/vectorize/notes/query", {})["errors"][0]["message"]


def test_a_model_answers_as_it_answers_the_worker(desk):
    (listed,) = ask(desk.folder, "/ai")["result"]
    assert (listed["worker"], [model["name"] for model in listed["models"]]) == ("desk", MODELS)
    question = {"worker": "desk", "model": "@cf/meta/llama-3-8b-instruct", "inputs": {"prompt": "hello"}}
    answer = desk.fetch("/cdn-cgi/explorer/api/ai/run", "POST", json.dumps(question), JSON)
    assert (answer.status, "response" in json.loads(answer.body)) == (200, True)
    unknown = desk.fetch("/cdn-cgi/explorer/api/ai/run", "POST", json.dumps(question | {"model": "@cf/none"}), JSON)
    assert unknown.status >= 400
    assert "@cf/none" in unknown.text
    assert post(desk, "/ai/run", question | {"worker": "none"})["errors"][0]["code"] == 404


@needs_a_browser
def test_every_page_of_the_dashboard_does_what_it_is_for(desk, tmp_path):
    click_through("dashboard_products.mjs", desk, tmp_path)
