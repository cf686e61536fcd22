"""What compatibility dates and flags change about queues."""

import re

import pytest
from conftest import poster
from test_bindings_queues import Sent


@pytest.mark.parametrize(("date", "got"), [("2024-03-17", "Map {}"), ("2024-03-18", 'Object {"a":1}')])
def test_the_date_says_what_a_message_is_that_does_not(serve, project, date, got):
    folder = project("queues")
    configuration = folder / "wrangler.toml"
    configuration.write_text(configuration.read_text().replace("2025-08-01", date))
    server = serve(folder)
    poster(server, "/raw")("await jobs.send(to_js({'a': 1}))\n1")
    server.output.wait_for(rf"GOT jobs 1 {re.escape(got)} of 1\.")


def test_a_promise_that_is_rejected_later_fails_the_batch_unless_a_flag_says_otherwise(serve, project):
    folder = project("queues")
    server = serve(folder)
    sent = Sent(server, "/raw", "waits")
    sent.wait_for("dead", 1)
    assert sent.deliveries() == ["jobs 1", "jobs 2", "dead 1"]
    server.close()
    configuration = folder / "wrangler.toml"
    flag = '"python_workers", "queue_consumer_no_wait_for_wait_until"'
    configuration.write_text(configuration.read_text().replace('"python_workers"', flag))
    server = serve(folder)
    sent = Sent(server, "/raw", "waits")
    sent.wait_for("jobs", 1)
    server.output.wait_for("too late")
    Sent(server, "/raw", "retry").wait_for("dead", 1)
    assert sent.deliveries() == ["jobs 1"]


def test_an_error_has_a_number_from_a_date_on(serve, project):
    folder = project("queues")
    configuration = folder / "wrangler.toml"
    settings = configuration.read_text().replace("2025-08-01", "2026-03-12")
    flag = '"python_workers", "disable_python_no_global_handlers"'
    configuration.write_text(settings.replace('"python_workers"', flag))
    told = poster(serve(folder), "/raw")("await jobs.send('x', delaySeconds=-1)")
    assert re.fullmatch(r"Error: message delay -1 is invalid: .* \(15000\)", told)


def test_messages_that_no_handler_takes_are_tried_again_and_then_dead(serve, project):
    folder = project("queues")
    source = folder / "src/index.py"
    source.write_text(source.read_text().replace("async def on_queue(", "async def unused("))
    server = serve(folder)
    run = poster(server, "/raw")
    run("await jobs.send('x')\n1")
    for _ in range(2):
        server.output.wait_for(r'does not export a handler named "on_queue"')
