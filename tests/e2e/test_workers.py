"""Several Workers in one server: which one answers, what they share, and that each is reloaded alone."""

from harness import run, stat

SOURCE = """\
import os
from js import Response

async def on_fetch(request, env):
    print("asked", "{greeting}")
    return Response.new(f"{greeting} {{os.getpid()}} {{os.getppid()}}")
"""


def worker(name, greeting, configuration=""):
    return {
        f"{name}/wrangler.toml": f'name = "{name}"\nmain = "index.py"\n{configuration}',
        f"{name}/index.py": SOURCE.format(greeting=greeting),
    }


def start(serve, project, *workers, command="dev"):
    folder = project(files={path: text for files in workers for path, text in files.items()})
    names = [next(iter(files)).partition("/")[0] for files in workers]
    server = serve(folder / names[0], *(str(folder / name) for name in names[1:]), command=command)
    for name in names:
        server.output.wait_for(rf"\[{name}\] Loaded in")
    return server


def ask(server, host="localhost", path="/"):
    """What answered, its process and that one's parent."""
    greeting, *processes = server.fetch(path, headers={"host": host}).text.split()
    return greeting, *map(int, processes)


def test_the_first_worker_answers_where_no_route_names_another(serve, project):
    server = start(
        serve,
        project,
        worker("front", "front"),
        worker("api", "api", 'routes = ["api.example.com/*", "example.com/api/*"]\n'),
        worker("home", "home", 'route = { pattern = "home.example.com", custom_domain = true }\n'),
    )
    for host, path, greeting in [
        ("localhost", "/", "front"),
        ("api.example.com:8787", "/any", "api"),
        ("example.com", "/api/users?x=/", "api"),
        ("example.com", "/other", "front"),
        ("HOME.example.com", "/deep/down", "home"),
    ]:
        assert ask(server, host, path)[0] == greeting, (host, path)
    server.output.wait_for(r"\[home\] asked home")


def test_workers_with_the_same_packages_come_from_one_base(serve, project):
    server = start(serve, project, worker("one", "1"), worker("two", "2", 'route = "two.test/*"\n'), command="serve")
    zygotes = {ask(server)[2], ask(server, "two.test")[2]}
    assert len(zygotes) == 2
    assert len({stat(zygote)[1] for zygote in zygotes}) == 1


def test_each_worker_is_reloaded_alone(serve, project):
    server = start(serve, project, worker("one", "first"), worker("two", "second", 'route = "two.test/*"\n'))
    before = ask(server)
    (server.folder.parent / "two/index.py").write_text(SOURCE.format(greeting="changed"))
    server.output.wait_for(r"\[two\] Reloaded")
    assert ask(server, "two.test")[0] == "changed"
    assert ask(server) == before
    assert "[one] Reloaded" not in server.output.text


def test_a_worker_that_does_not_load_leaves_the_others_alone(serve, project):
    broken = worker("two", "second", 'route = "two.test/*"\n')
    server = start(serve, project, worker("one", "first"), broken)
    (server.folder.parent / "two/index.py").write_text("raise ValueError('broken')\n")
    server.output.wait_for(r"\[two\] The Worker cannot be loaded: ValueError: broken")
    assert ask(server)[0] == "first"
    assert server.fetch(headers={"host": "two.test"}).status == 500


def test_configurations_may_be_named(serve, project):
    folder = project(files=worker("one", "first") | worker("two", "second", 'route = "two.test/*"\n'))
    server = serve(folder, "-c", "one/wrangler.toml", "-c", "two/wrangler.toml")
    assert ask(server, "two.test")[0] == "second"
    assert (folder / "one/.hognose/lock").is_file(), "the state lies beside the first"


def test_two_workers_cannot_have_one_name(project):
    folder = project(files=worker("one", "first"))
    code, output = run("serve", "one", "one", folder=folder)
    assert code == 1
    assert "Two of the Workers are called `one`" in output
    assert "Give each a `name` of its own" in output


def test_two_workers_cannot_consume_one_queue(project):
    folder = project(files=worker("one", "first") | worker("two", "second"))
    for name, kind in (("one", "worker"), ("two", "http_pull")):
        with (folder / name / "wrangler.toml").open("a") as configuration:
            configuration.write(f'\n[[queues.consumers]]\nqueue = "jobs"\ntype = "{kind}"\n')
    code, output = run("dev", "one", "two", "--port", "0", folder=folder)
    assert code == 1
    assert "The queue `jobs` has two consumers: `one` and `two`" in output
    # Either of them can.
    code, output = run("queues", "consumer", "list", "--json", folder=folder / "two")
    assert code == 0 and '"http_pull"' in output
