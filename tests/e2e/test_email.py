"""Email: messages that come through the path of development, and those that a Worker sends, which are kept as files."""

import email
import email.policy

import pytest

CONFIGURATION = """
name = "mail"
main = "src/MAIN"
compatibility_date = "2026-01-01"
compatibility_flags = ["python_workers"]
send_email = [
  { name = "MAIL" },
  { name = "ONE", destination_address = "one@example.com", allowed_sender_addresses = ["me@example.com"] },
]
"""

PYTHON = """
from workers import Response, WorkerEntrypoint, import_from_javascript
import js
from pyodide.ffi import to_js

class Default(WorkerEntrypoint):
    async def email(self, message, env, ctx):
        print("GOT", getattr(message, "from"), message.to, message.rawSize, message.headers.get("subject"))
        if message.to == "nobody@example.com":
            message.setReject("unknown here")
        elif message.to == "raise@example.com":
            raise ValueError("boom")
        else:
            print("RAW", (await js.Response.new(message.raw).text()).splitlines()[-1])
            await message.forward("next@example.com", js.Headers.new(to_js([["X-By", "worker"]])))

    async def fetch(self, request):
        binding = getattr(self.env, request.url.rsplit("/", 1)[1])
        try:
            sent = await binding.send(await request.json())
            return Response(sent["messageId"])
        except Exception as error:
            return Response(str(error), status=400)
"""

JAVASCRIPT = """
import { EmailMessage } from "cloudflare:email";

export default {
  async email(message, env, ctx) {
    console.log("GOT", message.from, message.to, message.rawSize, message.headers.get("subject"));
    if (message.to === "nobody@example.com") return message.setReject("unknown here");
    if (message.to === "raise@example.com") throw new Error("boom");
    console.log("RAW", (await new Response(message.raw).text()).trim().split(/\\r?\\n/).at(-1));
    await message.forward("next@example.com", new Headers({ "X-By": "worker" }));
    await message.reply(new EmailMessage("me@example.com", message.from,
      "From: Me <me@example.com>\\r\\nMessage-ID: <r@example.com>\\r\\nSubject: Re\\r\\n\\r\\nthanks"));
  },
  async fetch(request, env) {
    try {
      const { messageId } = await env[new URL(request.url).pathname.slice(1)].send(await request.json());
      return new Response(messageId);
    } catch (error) {
      return new Response(error.message, { status: 400 });
    }
  },
};
"""

STYLES = {"python": ("index.py", PYTHON), "javascript": ("index.mjs", JAVASCRIPT)}

MESSAGE = (
    b"From: Ann <ann@example.com>\r\nTo: me@example.com\r\nMessage-ID: <1@example.com>\r\n"
    b"Subject: Hello\r\n\r\nlast line\r\n"
)


@pytest.fixture(params=STYLES)
def server(request, project, serve):
    main, source = STYLES[request.param]
    files = {"wrangler.toml": CONFIGURATION.replace("MAIN", main), f"src/{main}": source}
    server = serve(project(files=files))
    server.style = request.param
    return server


def kept(server):
    files = sorted((server.folder / ".hognose/email").iterdir())
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]


def deliver(server, to):
    return server.fetch(f"/cdn-cgi/handler/email?from=ann@example.com&to={to}", "POST", MESSAGE)


def test_a_message_is_handled_and_forwarded(server):
    answer = deliver(server, "me@example.com")
    assert (answer.status, answer.text) == (200, "Worker successfully processed email")
    server.output.wait_for(rf"GOT ann@example.com me@example.com {len(MESSAGE)} Hello")
    server.output.wait_for("RAW last line")
    server.output.wait_for(r"A message from ann@example.com to next@example.com was kept in ")
    forwarded, *replies = kept(server)
    assert (forwarded["Delivered-To"], forwarded["X-By"], forwarded["Subject"]) == ("next@example.com", "worker", "Hello")
    if server.style == "javascript":
        assert [reply["Delivered-To"] for reply in replies] == ["ann@example.com"]


def test_a_message_is_rejected_or_fails(server):
    answer = deliver(server, "nobody@example.com")
    assert (answer.status, answer.text) == (400, "Worker rejected email with the following reason: unknown here")
    assert deliver(server, "raise@example.com").status == 500
    server.output.wait_for("boom")
    assert server.fetch("/cdn-cgi/handler/email", "POST", MESSAGE).status == 400


PARTS = '{"from": {"name": "Zoë", "email": "me@example.com"}, "to": ["one@example.com"], "subject": "Grüße", "text": "a\\nb", "html": "<b>c</b>"}'


def test_a_message_is_sent_from_its_parts(server):
    answer = server.fetch("/MAIL", "POST", PARTS.encode())
    assert answer.status == 200, answer.text
    (message,) = kept(server)
    assert message["Message-ID"] == f"<{answer.text}>"
    assert (message["Subject"], message["From"].addresses[0].display_name) == ("Grüße", "Zoë")
    assert message.get_body(("plain",)).get_content() == "a\nb"
    assert message.get_body(("html",)).get_content() == "<b>c</b>"


def test_who_may_write_to_whom_is_checked(server):
    assert server.fetch("/ONE", "POST", PARTS.encode()).status == 200
    other = server.fetch("/ONE", "POST", PARTS.replace("one@", "two@").encode())
    assert (other.status, "email to two@example.com not allowed" in other.text) == (400, True)
    other = server.fetch("/ONE", "POST", PARTS.replace("me@", "you@").encode())
    assert (other.status, "email from you@example.com not allowed" in other.text) == (400, True)
