"""Static assets: a folder's files beside a Worker, or alone."""

import pytest
from harness import run

CONFIGURATION = """
name = "assets"
compatibility_date = "2025-11-02"
compatibility_flags = ["python_workers"]
{main}
[assets]
directory = "./public"
"""

WORKER = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if "/through/" in request.url:
            return await self.env.ASSETS.fetch(request.url.replace("/through/", "/"))
        if "/forward/" in request.url:
            return await self.env.ASSETS.fetch(request)
        if "/method" in request.url:
            try:
                await self.env.ASSETS.get("x")
            except Exception as error:
                return Response(str(error))
        return Response("the Worker answers", status=299)
"""

PAGES = {
    "public/index.html": "<p>home</p>",
    "public/both.html": "both",
    "public/about.html": "about",
    "public/docs/index.html": "docs",
    "public/a b.txt": "spaced",
    "public/style.css": "p {}",
    "public/notes.md": "left out",
    "public/.assetsignore": "*.md\n",
}


@pytest.fixture
def site(project, serve):
    """A function that serves files with more lines of configuration, with a Worker unless told otherwise."""

    def start(files=PAGES, more="", worker=True, headers=""):
        main = 'main = "entry.py"' if worker else ""
        binding = 'binding = "ASSETS"\n' if worker else ""
        text = CONFIGURATION.format(main=main) + binding + more
        extra = {"entry.py": WORKER} if worker else {}
        return serve(project(files={"wrangler.toml": text, **extra, **files}))

    return start


def look(server, path, method="GET", **headers):
    answer = server.fetch(path, method, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return answer.status, answer.headers.get("location") or answer.text


def test_files_come_before_the_worker(site):
    server = site()
    assert look(server, "/") == (200, "<p>home</p>")
    assert look(server, "/about") == (200, "about")
    assert look(server, "/about.html?q=1") == (307, "/about?q=1")
    assert look(server, "/docs") == (307, "/docs/")
    assert look(server, "/docs/") == (200, "docs")
    assert look(server, "/index.html") == (307, "/")
    assert look(server, "/a%20b.txt") == (200, "spaced")
    assert look(server, "//style.css") == (307, "/style.css")
    assert look(server, "/%73tyle.css") == (307, "/style.css")
    assert look(server, "/style.css", "POST") == (405, "")
    for path in ["/missing", "/notes.md", "/.assetsignore", "/..%2fentry.py", "/docs/..%2f..%2fwrangler.toml"]:
        assert look(server, path) == (299, "the Worker answers"), path


def test_a_worker_fetches_them_itself(site):
    server = site()
    assert look(server, "/through/about.html") == (200, "about")
    assert look(server, "/through/missing") == (404, "")
    assert look(server, "/method") == (200, 'TypeError: The RPC receiver does not implement the method "get".')


def test_answers_say_what_they_are(site):
    server = site()
    answer = server.fetch("/style.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"
    etag = answer.headers["etag"]
    for known in [etag, f"W/{etag}", f'"x", {etag}', "*"]:
        again = server.fetch("/style.css", headers={"if-none-match": known})
        assert (again.status, again.text, again.headers["etag"]) == (304, "", etag)
    assert server.fetch("/style.css", headers={"if-none-match": '"other"'}).status == 200
    head = server.fetch("/style.css", "HEAD")
    assert (head.status, head.headers["content-length"], head.text) == (200, "4", "")
    authorized = server.fetch("/style.css", headers={"authorization": "x"})
    assert "cache-control" not in authorized.headers


TYPES = {
    "favicon.ico": "image/vnd.microsoft.icon",
    "sitemap.xml": "application/xml",
    "a.js": "text/javascript; charset=utf-8",
    "a.MJS": "text/javascript; charset=utf-8",
    "a.js.map": "application/json",
    "a.json": "application/json",
    "a.svg": "image/svg+xml",
    "a.woff": "font/woff",
    "a.woff2": "font/woff2",
    "a.webmanifest": "application/manifest+json",
    "a.yml": "text/yaml; charset=utf-8",
    "a.unheard-of": None,
    "LICENSE": None,
}


def test_files_have_the_types_that_cloudflare_gives_them(site):
    server = site(files={f"public/{name}": "x" for name in TYPES})
    assert {name: server.fetch(f"/{name}").headers["content-type"] for name in TYPES} == TYPES


def test_parts_are_cut_out(site):
    large = "0123456789" * 20_000
    server = site(files={"public/large.txt": large})
    assert look(server, "/large.txt") == (200, large)
    part = server.fetch("/large.txt", headers={"range": "bytes=100005-100009"})
    assert (part.status, part.text, part.headers["content-range"]) == (206, "56789", "bytes 100005-100009/200000")
    beyond = server.fetch("/large.txt", headers={"range": "bytes=200000-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */200000")
    other = server.fetch("/large.txt", headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert (other.status, len(other.text)) == (200, 200_000)


def test_changed_files_are_served_at_once(site):
    server = site()
    before = server.fetch("/style.css").headers["etag"]
    folder = server.folder / "public"
    (folder / "style.css").write_text("p { color: red }")
    (folder / "new.txt").write_text("new")
    after = server.fetch("/style.css")
    assert (after.text, after.headers["etag"] != before) == ("p { color: red }", True)
    assert look(server, "/new.txt") == (200, "new")


HTML = ["/both", "/both/", "/both.html", "/docs", "/docs/", "/docs.html", "/docs/index", "/docs/index.html", "/"]


@pytest.mark.parametrize(
    ("handling", "expected"),
    [
        ("auto-trailing-slash", ["both", "/both", "/both", "/docs/", "docs", "/docs/", "/docs/", "/docs/", "home"]),
        ("force-trailing-slash", ["/both/", "both", "/both/", "/docs/", "docs", "/docs/", "/docs/", "/docs/", "home"]),
        ("drop-trailing-slash", ["both", "/both", "/both", "docs", "/docs", "/docs", "/docs", "/docs", "home"]),
        ("none", [404, 404, "both", 404, 404, 404, 404, "docs", 404]),
    ],
)
def test_html_has_one_path(site, handling, expected):
    server = site({**PAGES, "public/index.html": "home"}, f'html_handling = "{handling}"\n', worker=False)
    found = [look(server, path) for path in HTML]
    assert [404 if status == 404 else told for status, told in found] == expected
    assert {status for status, _ in found} <= {200, 307, 404}


def test_a_missing_page_is_told_by_the_nearest_404(site):
    files = {"public/404.html": "nothing", "public/docs/404.html": "no such page", "public/x.txt": "x"}
    server = site(files, 'not_found_handling = "404-page"\n', worker=False)
    assert look(server, "/docs/a/b") == (404, "no such page")
    assert look(server, "/a") == (404, "nothing")
    assert look(server, "/x.txt") == (200, "x")


def test_navigation_gets_the_application_and_other_requests_the_worker(site):
    server = site(more='not_found_handling = "single-page-application"\n')
    assert look(server, "/deep/link", sec_fetch_mode="navigate") == (200, "<p>home</p>")
    assert look(server, "/api") == (299, "the Worker answers")
    assert look(server, "/through/deep/link") == (200, "<p>home</p>")


def test_the_worker_may_come_first(site):
    server = site(more='run_worker_first = ["/style*", "/forward/*", "!/style.txt"]\n')
    assert look(server, "/style.css") == (299, "the Worker answers")
    assert look(server, "/style.txt") == (404, "")
    assert look(server, "/about") == (200, "about")
    assert look(server, "/forward/x") == (404, "")


def test_redirects_and_headers(site):
    rules = {
        "public/_redirects": "/old /about 301\n/blog/* /docs/:splat\n/in /both.html 200\nnonsense\n",
        "public/_headers": "/*\n  X-Site: mine\n/style.css\n  ! ETag\n  Cache-Control: max-age=9\n",
    }
    server = site({**PAGES, **rules})
    server.output.wait_for("_redirects, line 4 is ignored")
    assert look(server, "/old?a=1") == (301, "/about?a=1")
    assert look(server, "/blog/x") == (302, "/docs/x")
    assert look(server, "/in") == (307, "/both")
    answer = server.fetch("/style.css")
    assert (answer.headers["x-site"], answer.headers["cache-control"]) == ("mine", "max-age=9")
    assert "etag" not in answer.headers
    assert look(server, "/_redirects") == look(server, "/_headers") == (299, "the Worker answers")


@pytest.mark.parametrize(
    ("more", "worker", "message"),
    [
        ('html_handling = "auto"\n', True, 'Expected "assets.html_handling" field to be one of'),
        ('run_worker_first = ["api"]\n', True, 'should start with "/"'),
        ('binding = "ASSETS"\n', False, "Cannot use assets with a binding in an assets-only Worker."),
        ("run_worker_first = true\n", False, "Cannot set run_worker_first without a Worker script."),
    ],
)
def test_mistakes_are_named(project, more, worker, message):
    text = CONFIGURATION.format(main='main = "entry.py"' if worker else "") + more
    folder = project(files={"wrangler.toml": text, "entry.py": WORKER, "public/x": ""})
    code, output = run("dev", folder=folder)
    assert (code, message in output) == (1, True), output


def test_a_file_that_is_too_large_is_named(project):
    text = CONFIGURATION.format(main="")
    folder = project(files={"wrangler.toml": text, "public/fits": ""})
    with (folder / "public/fits").open("w") as file:
        file.truncate(25 << 20)
    with (folder / "public/large").open("w") as file:
        file.truncate((25 << 20) + 1)
    code, output = run("dev", folder=folder)
    assert (code, "public/large has 26214401 bytes" in output) == (1, True), output
    assert "fits" not in output
