"""Which engine answers for a model: the table in `hognose.toml`, and `--ai-base-url`."""

import contextlib

import pytest
from conftest import poster
from harness import run
from model_server import ModelServer


@pytest.fixture
def models():
    with contextlib.closing(ModelServer()) as models:
        yield models


def test_every_model_can_be_sent_elsewhere(serve, models):
    server = serve("ai", "--ai-base-url", f"{models.url}/client", environment={"CLOUDFLARE_API_TOKEN": "a-token"})
    assert poster(server, "/raw")("(await ai.run('plain', p({'a': 1}))).echo.a") == "1"
    assert models.asked[-1] == ("/client/plain", "Bearer a-token", {"a": 1})


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('model = "x"', '"ai.models.m" should have either a "url" or a "folder".'),
        ('url = "http://localhost"\nkey = "NOT_SET"', "`m` is opened by the variable `NOT_SET`, which is not set"),
        ('url = "http://localhost"\ntask = "thinking"', "The model `m` has the task `thinking`, which is none"),
        ('url = "http://localhost"\nretries = 11', 'Expected "ai.models.m.retries" to be a whole number from 0 to 10 but got 11.'),
    ],
)
def test_mistakes_in_the_table_are_named(project, table, told):
    folder = project("ai")
    (folder / "hognose.toml").write_text(f"[ai.models.m]\n{table}\n")
    code, output = run("dev", str(folder), "--port", "0", folder=folder)
    assert code == 1 and told in output


def test_the_user_s_own_table_holds_for_all_projects(serve, project, models, tmp_path):
    (tmp_path / "hognose").mkdir()
    everywhere = f'[ai.models.plain]\nurl = "{models.url}/client"\napi = "cloudflare"\n'
    (tmp_path / "hognose/hognose.toml").write_text(everywhere + everywhere.replace("plain", "other"))
    folder = project("ai")
    (folder / "hognose.toml").write_text(everywhere.replace("/client", "/client/not-there"))
    server = serve(folder, environment={"XDG_CONFIG_HOME": str(tmp_path)})
    names = poster(server, "/raw")("[one.name for one in await ai.models()]")
    assert names == "['other', 'plain']"
