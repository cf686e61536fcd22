"""JavaScript objects on other threads: every operation is done on the first one, wherever that is, while they wait."""

import contextvars
import os
import queue
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest


def in_thread(function):
    """What `function` gives or raises in a thread of its own, which the first one joins meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(60)


def test_every_operation_works_on_other_threads(run_js):
    import js
    from pyodide.ffi import JsException, create_once_callable, create_proxy, destroy_proxies, to_js

    function, array, mapping = run_js("(x) => x"), run_js("[1, 2]"), run_js("new Map([[1, 2]])")
    bytes_, iterator, held = run_js("new Uint8Array(3)"), run_js("[5][Symbol.iterator]()"), create_proxy([1])
    changed = run_js("({})")
    operations = [
        (lambda: function.name, ""), (lambda: setattr(changed, "x", 1), None), (lambda: delattr(changed, "x"), None),
        (lambda: function(1), 1), (lambda: function([1, 2]), [1, 2]), (lambda: len(js.Map.new()), 0),
        (lambda: repr(array), "1,2"), (lambda: array == array, True), (lambda: array < array, False),
        (lambda: bool(array), True), (lambda: len(array), 2), (lambda: array[0], 1),
        (lambda: array.__setitem__(0, 3), None), (lambda: list(array[:]), [3, 2]), (lambda: list(iter(array)), [3, 2]),
        (lambda: next(iterator), 5), (lambda: mapping[1], 2), (lambda: mapping.__setitem__(1, 3), None),
        (lambda: 1 in mapping, True), (lambda: list(mapping.keys()), [1]), (lambda: mapping.__delitem__(1), None),
        (lambda: list(array + [1]), [3, 2, 1]), (lambda: list(array * 2), [3, 2, 3, 2]),
        (lambda: array.to_py(), [3, 2]), (lambda: array.append(1), None), (lambda: array.extend([1]), None),
        (lambda: array.index(1), 2), (lambda: bytes_.assign(b"abc"), None), (lambda: bytes_.to_bytes(), b"abc"),
        (lambda: "push" in dir(array), True), (lambda: array.js_id == array.js_id, True),
        (lambda: array.typeof, "object"), (lambda: to_js([1]).to_py(), [1]), (lambda: create_proxy([1]).unwrap(), [1]),
        (lambda: create_once_callable(len)([1, 2]), 2), (lambda: destroy_proxies(js.Array.new()), None),
        (lambda: held.unwrap(), [1]), (lambda: JsException("a", "b").message, "b"), (lambda: run_js("1"), 1),
        (lambda: changed.object_entries().to_py(), []), (lambda: list(reversed(array)), [1, 1, 2, 3]),
        (lambda: array.as_py_json()[0], 3), (lambda: function.__get__(changed)(7), 7),
    ]
    for number, (operation, expected) in enumerate(operations):
        assert in_thread(operation) == expected, number


def test_exceptions_come_back_as_they_are(run_js):
    from pyodide.ffi import JsException

    raised = ValueError("mine")

    def fail():
        raise raised

    def catch(operation, kind):
        with pytest.raises(kind) as caught:
            operation()
        return caught.value

    assert in_thread(lambda: catch(lambda: run_js("(f) => f()")(fail), ValueError)) is raised
    assert in_thread(lambda: catch(lambda: run_js("null.x"), JsException)).name == "TypeError"
    assert in_thread(lambda: catch(lambda: run_js("({})").missing, AttributeError)).args == ("missing",)
    assert in_thread(lambda: catch(lambda: run_js("[]")[0], IndexError))
    assert in_thread(lambda: catch(lambda: run_js("[]")["x"], TypeError))


def test_what_javascript_calls_runs_on_the_first_thread_in_the_callers_context(run_js):
    name = contextvars.ContextVar("name")
    name.set("the first thread's")

    def look():
        return [threading.current_thread() is threading.main_thread(), name.get()]

    def work():
        name.set("mine")
        return run_js("(f) => f()")(look)

    assert in_thread(work) == [True, "mine"]
    assert name.get() == "the first thread's"


@pytest.fixture
def asking(run_js):
    """A thread that uses JavaScript until it is told to stop, and how often it has."""
    times, stop = [0], threading.Event()

    def ask():
        count = run_js("(x) => x + 1")
        while not stop.is_set():
            times[0] = count(times[0])

    thread = threading.Thread(target=ask)
    thread.start()
    yield times
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def test_the_first_thread_may_compute(asking):
    while asking[0] < 20:
        pass


def test_the_first_thread_may_sleep_or_wait_for_input(asking):
    reading, writing = os.pipe()
    threading.Thread(target=lambda: ([None for _ in iter(lambda: asking[0] < 20, False)], os.write(writing, b"x"))).start()
    assert os.read(reading, 1) == b"x"
    before = asking[0]
    while asking[0] < before + 5:
        time.sleep(0.01)


def test_the_first_thread_may_wait_for_locks_and_queues(run_js):
    answers, lock = queue.Queue(), threading.Lock()
    lock.acquire()

    def work():
        answers.put(run_js("1 + 1"))
        run_js("1")
        lock.release()

    thread = threading.Thread(target=work)
    thread.start()
    assert answers.get(timeout=60) == 2
    assert lock.acquire(timeout=60)
    thread.join(60)


def test_many_threads_at_once(run_js):
    double = run_js("(x) => ({ twice: x.map((y) => y * 2) })")
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda number: [double([number, number]).twice.to_py() for _ in range(20)][-1], range(100))
        assert list(results) == [[number * 2] * 2 for number in range(100)]


def test_the_first_thread_serves_while_javascript_calls_python(run_js):
    assert run_js("(f) => [1, 2].map(f)")(lambda x, *_: in_thread(lambda: run_js("(x) => x * 2")(x))).to_py() == [2, 4]


def test_javascript_is_not_interrupted(run_js):
    """What another thread wants while JavaScript computes happens when it has ended."""
    run_js("globalThis.seen = []")
    push, started = run_js("(x) => { seen.push(x); }"), threading.Event()
    thread = threading.Thread(target=lambda: (started.wait(60), push("other")))
    thread.start()
    run_js("(go) => { go(); for (let i = 0; i < 3e6; i++); seen.push('first'); }")(started.set)
    thread.join(60)
    assert run_js("seen").to_py()[-1] == "other" or run_js("seen").to_py() == ["other", "first"]
    run_js("delete globalThis.seen")


def test_a_fork_by_another_thread_has_no_javascript(run_js):
    function = run_js("() => 1")

    def work():
        child = os.fork()
        if child == 0:
            try:
                function()
            except RuntimeError as error:
                os._exit(0 if "forked by another thread" in str(error) else 1)
            finally:
                os._exit(2)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert in_thread(work) == 0
    assert function() == 1


def test_a_fork_does_not_wait_for_what_its_parents_threads_wanted(run_js, asking):
    while asking[0] < 5:
        pass
    child = os.fork()
    if child == 0:
        os._exit(0 if run_js("1 + 1") == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_dead_proxies_and_buffers_are_errors_there_too(run_js):
    from pyodide.ffi import JsException

    proxy = run_js("(f) => { const c = f.copy(); c.destroy(); return [c]; }")(lambda: 1)
    with pytest.raises(JsException, match="destroyed"):
        in_thread(lambda: proxy[0])
    detached = run_js("(() => { const b = new ArrayBuffer(4); b.transfer(); return b; })()")
    assert in_thread(lambda: detached.byteLength) == 0


def test_the_signal_by_itself_does_nothing(run_js):
    os.kill(os.getpid(), signal.SIGURG)
    assert run_js("1") == 1
