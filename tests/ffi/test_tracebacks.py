"""Tracebacks through both languages."""

import sys
import traceback

import pytest


def nested(run_js, depth, fail):
    """A Python function that calls itself through JavaScript, `depth` times, and then `fail`."""
    call = run_js("(function callBack(f, n) { return f(n); })")

    def descend(level):
        if level == 0:
            fail()
        call(descend, level - 1)

    return lambda: descend(depth)


def fail():
    raise ValueError("at the bottom")


def caught(function):
    with pytest.raises(ValueError) as info:
        function()
    return info.value


def test_each_frame_is_shown_once(run_js):
    names = [frame.name for frame in traceback.extract_tb(caught(nested(run_js, 15, fail)).__traceback__)]
    assert names.count("callBack") == 15
    assert names.count("descend") == 16
    inner = names[names.index("descend") :]
    assert inner[:4] == ["descend", "callBack", "descend", "callBack"]


def test_javascript_frames_of_the_same_piece_stay_together(run_js):
    call = run_js("(function outer(f) { return (function inner() { return f(); })(); })")

    def middle():
        call(fail)

    error = caught(lambda: call(middle))
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-6:] == ["outer", "inner", "middle", "outer", "inner", "fail"]


def test_messages_have_the_whole_traceback(run_js):
    messages = []
    run_js("globalThis.messages = []")
    call = run_js("(f, n) => { try { return f(n); } catch (e) { messages.push(e.message); throw e; } }")

    def descend(level):
        if level == 0:
            fail()
        call(descend, level - 1)

    caught(lambda: descend(6))
    messages = list(run_js("messages"))
    assert len(messages) == 6
    for depth, message in enumerate(messages, 1):
        assert message.startswith("Traceback (most recent call last):\n")
        assert message.endswith("in fail\n    raise ValueError(\"at the bottom\")\nValueError: at the bottom\n")
        assert message.count("in descend\n") == depth
    # The frames that a longer message begins with are put before the text of the shorter one.
    body = messages[-2].removeprefix("Traceback (most recent call last):\n")
    assert messages[-1].endswith(body)


def test_messages_follow_what_the_exception_becomes(run_js):
    messages = []
    show = run_js("(f) => { try { f(); } catch (e) { return e.message; } }")
    error = ValueError("first")

    def throw():
        raise error

    messages.append(show(throw))
    error.add_note("a note")
    messages.append(show(throw))
    error.__cause__ = KeyError("cause")
    messages.append(show(throw))
    error.__traceback__ = None
    messages.append(show(throw))
    assert "a note" not in messages[0] and messages[1].endswith("ValueError: first\na note\n")
    assert "KeyError: 'cause'" in messages[2]
    assert messages[3].count("in throw\n") == 1 < messages[2].count("in throw\n")


def test_groups_and_broken_exceptions_are_shown(run_js):
    show = run_js("(f) => { try { f(); } catch (e) { return e.message; } }")

    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    def group():
        raise ExceptionGroup("several", [ValueError(1)])

    def broken():
        raise Broken

    def surrogate():
        raise ValueError("\ud800")

    assert "Exception Group Traceback" in show(group)
    assert "Broken" in show(broken)
    assert "ValueError" in show(surrogate)
    assert "ValueError" in show(surrogate)


def test_the_last_exception_is_let_go(run_js):
    import gc
    import weakref

    class Kept:
        pass

    show = run_js("(f) => { try { f(); } catch (e) { return e.message; } }")

    def throw(kept):
        raise ValueError

    kept = Kept()
    alive = weakref.ref(kept)
    show(lambda: throw(kept))
    del kept
    for name in ("last_exc", "last_value", "last_traceback", "last_type"):
        delattr(sys, name)
    gc.collect()
    assert alive() is None
