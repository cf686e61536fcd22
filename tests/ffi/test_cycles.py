"""Cycles that lead through both heaps: each kind is collected when nothing holds it, and lives as long as something does."""

import asyncio
import gc
import sys
import weakref

import pytest
from pyodide.ffi import JsException, create_once_callable, create_proxy, to_js


class Node:
    """A Python object that can be watched."""


@pytest.fixture(autouse=True, scope="module")
def frozen(freeze):
    """Only what the tests make is looked at, which saves time."""
    freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def undisturbed():
    """Collections happen where a test asks for them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def plain_object(run_js):
    node = Node()
    node.js = run_js("({})")
    node.js.back = node
    return node


def closure(run_js):
    node = Node()
    node.js = run_js("(held) => () => held")(create_proxy(node))
    return node


def python_closure(run_js):
    node = Node()
    node.js = run_js("({})")
    node.js.callback = lambda: node
    return node


def bound_method(run_js):
    class Handler(Node):
        def handle(self):
            pass

    node = Handler()
    node.js = run_js("({})")
    node.js.handler = node.handle
    return node


def pending_promise(run_js):
    node = Node()
    node.js = run_js("(held) => { const promise = new Promise(() => {}); promise.then(() => held); return {promise}; }")(create_proxy(node))
    return node


def resolved_promise(run_js):
    node = Node()
    node.js = run_js("(held) => Promise.resolve({held})")(create_proxy(node))
    return node


def python_generator(run_js):
    node = Node()

    def generate():
        yield node

    node.generator = generate()
    next(node.generator)
    node.js = run_js("({})")
    node.js.generator = node.generator
    return node


def js_generator(run_js):
    node = Node()
    node.js = run_js("(function* (held) { yield 1; yield held; })")(create_proxy(node))
    next(node.js)
    return node


def js_async_function(run_js):
    node = Node()
    node.js = run_js("(async (held) => { held.awaited = new Promise(() => {}); await held.awaited; return held; })")(
        create_proxy(node)
    )
    return node


def js_async_generator(run_js):
    node = Node()
    node.js = run_js("(async function* (held) { await new Promise(() => {}); yield held; })")(create_proxy(node))
    node.step = node.js.__anext__()
    return node


def coroutine(run_js):
    node = Node()

    async def wait(promise):
        await promise
        return node

    node.coroutine = wait(run_js("new Promise(() => {})"))
    node.coroutine.send(None)
    node.js = run_js("({})")
    node.js.coroutine = create_proxy(node.coroutine)
    return node


def async_generator(run_js):
    node = Node()

    async def generate():
        await asyncio.sleep(0)
        yield node

    node.generator = generate()
    node.js = run_js("({})")
    node.js.generator = node.generator
    return node


def event_listener(run_js):
    node = Node()
    node.js = run_js("({listeners: [], addEventListener(_, listener) { this.listeners.push(listener); }})")
    node.js.addEventListener("change", create_proxy(lambda event: node))
    return node


def once_callable(run_js):
    node = Node()
    node.js = run_js("(callback) => ({callback})")(create_once_callable(lambda: node))
    return node


def js_map(run_js):
    node = Node()
    node.js = run_js("new Map()")
    node.js["node"] = node
    return node


def js_set(run_js):
    node = Node()
    node.js = run_js("new Set()")
    node.js.add(create_proxy(node))
    return node


def weak_map(run_js):
    node = Node()
    node.js = run_js("(held) => { const key = {}; const map = new WeakMap([[key, held]]); return {key, map}; }")(
        create_proxy(node)
    )
    return node


def weak_reference(run_js):
    node = Node()
    node.js = run_js("(held) => ({held, weak: new WeakRef(held)})")(create_proxy(node))
    return node


def cached_attribute(run_js):
    node = Node()
    node.inner = Node()
    node.inner.outer = node
    node.js = run_js("(held) => { held.inner; return {held}; }")(create_proxy(node))
    return node


def copied_container(run_js):
    node = Node()
    node.js = to_js({"list": [1, node], "self": node})
    return node


def alias(run_js):
    def call(self):
        return node

    node = Node()
    node.call = call
    node.js = run_js("(f) => ({bound: f.bind({f}), capturing: f.captureThis(), f})")(create_proxy(call))
    call.node = node
    return node


def exception_with_traceback(run_js):
    node = Node()
    error = run_js("new Error('kept')")
    node.js = run_js("({})")
    try:
        local = node  # noqa: F841 - what the traceback's frame holds
        raise error
    except JsException as caught:
        node.js.error = create_proxy(caught)
        node.error = caught
    return node


def python_error_inside(run_js):
    node = Node()

    def fail():
        raise ValueError(node)

    node.js = run_js("(f) => { try { f(); } catch (error) { return {error, f}; } }")(create_proxy(fail))
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        vars(sys).pop(name, None)
    return node


def js_subclass_of_error(run_js):
    node = Node()
    try:
        run_js("(held) => { throw Object.assign(new Error('x'), {held}); }")(create_proxy(node))
    except JsException as caught:
        node.js = caught
    return node


def settler(run_js):
    """A future that settles a promise, whose reaction holds Python."""
    node = Node()
    node.future = asyncio.get_event_loop().create_future()
    node.js = run_js("(future, held) => { const promise = future.then(() => held); return {promise}; }")(
        create_proxy(node.future), create_proxy(node)
    )
    return node


KINDS = [
    plain_object,
    closure,
    python_closure,
    bound_method,
    pending_promise,
    resolved_promise,
    python_generator,
    js_generator,
    js_async_function,
    js_async_generator,
    coroutine,
    async_generator,
    event_listener,
    once_callable,
    js_map,
    js_set,
    weak_map,
    weak_reference,
    cached_attribute,
    copied_container,
    alias,
    settler,
    exception_with_traceback,
    python_error_inside,
    js_subclass_of_error,
]


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_cycle_is_collected_once_nothing_holds_it(make, run_js, run, counts):
    async def settle():
        await asyncio.sleep(0)

    make(run_js)
    run(settle())
    gc.collect()
    before = counts()
    node = make(run_js)
    watch = weakref.ref(node)
    run(settle())
    gc.collect()
    assert watch() is node
    assert node.js is not None
    del node
    assert watch() is not None, "there is no cycle in this kind"
    gc.collect()
    assert watch() is None
    assert counts() == before


def test_what_is_reachable_survives(run_js, counts):
    nodes = [make(run_js) for make in KINDS]
    alive = counts()
    for _ in range(3):
        gc.collect()
    assert all(node.js is not None for node in nodes)
    assert counts()[0] == alive[0]


def test_a_cycle_is_held_from_javascript(run_js):
    node = plain_object(run_js)
    watch = weakref.ref(node)
    run_js("(object) => { globalThis.heldHere = object; }")(node.js)
    del node
    gc.collect()
    assert watch().js.back is watch()
    run_js("delete globalThis.heldHere")
    gc.collect()
    assert watch() is None


def test_a_long_ring_is_collected_whole(run_js, counts):
    before = counts()
    first = last = Node()
    watches = []
    for _ in range(500):
        node = Node()
        watches.append(weakref.ref(node))
        node.js = run_js("({inner: {}})")
        node.js.inner.next = last
        last = node
    first.js = run_js("(last) => ({last})")(create_proxy(last))
    del node, last
    gc.collect()
    assert all(watch() for watch in watches)
    del first
    gc.collect()
    assert not any(watch() for watch in watches)
    assert counts() == before


class Finalized(Node):
    """Tells what its finalizer finds."""

    seen = []

    def __del__(self):
        Finalized.seen.append(self.js.back is self and self.js.label)


def finalized_ring(run_js, label, kind=Finalized):
    node = kind()
    node.js = run_js("(label) => ({label})")(label)
    node.js.back = node
    return node


def test_a_finalizer_finds_everything_in_its_place(run_js, counts):
    before = counts()
    Finalized.seen.clear()
    finalized_ring(run_js, "first")
    finalized_ring(run_js, "second")
    gc.collect()
    assert sorted(Finalized.seen) == ["first", "second"]
    assert counts() == before


def test_a_finalizer_rescues_its_object_once(run_js, counts):
    class Phoenix(Node):
        rescued = []
        calls = 0

        def __del__(self):
            Phoenix.calls += 1
            Phoenix.rescued.append(self)

    before = counts()
    finalized_ring(run_js, "phoenix", Phoenix)
    gc.collect()
    (phoenix,) = Phoenix.rescued
    assert phoenix.js.back is phoenix
    assert phoenix.js.label == "phoenix"
    gc.collect()
    assert phoenix.js.back is phoenix
    del phoenix
    Phoenix.rescued.clear()
    gc.collect()
    assert Phoenix.calls == 1
    assert Phoenix.rescued == []
    assert counts() == before


def test_a_finalizer_rescues_by_javascript(run_js, counts):
    class Phoenix(Node):
        def __del__(self):
            run_js("(object) => { globalThis.rescued = object; }")(self.js)

    finalized_ring(run_js, "phoenix", Phoenix)
    gc.collect()
    assert run_js("rescued.back.js.label") == "phoenix"
    run_js("delete globalThis.rescued")
    before = counts()
    gc.collect()
    assert counts()[0] == before[0] - 1


def test_a_finalizer_that_raises_is_reported(run_js, counts, monkeypatch):
    class Failing(Node):
        def __del__(self):
            run_js("throw new Error('in vain')")

    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reported.append(str(report.exc_value)))
    gc.collect()
    before = counts()
    finalized_ring(run_js, "failing", Failing)
    gc.collect()
    assert len(reported) == 1
    assert "in vain" in reported[0]
    assert counts()[0] == before[0]


def test_finalizers_that_make_garbage_come_to_an_end(run_js):
    class Hydra(Node):
        heads = 0

        def __del__(self):
            Hydra.heads += 1
            if Hydra.heads < 20:
                finalized_ring(run_js, "head", Hydra)

    finalized_ring(run_js, "head", Hydra)
    for _ in range(20):
        gc.collect()
    assert Hydra.heads == 20


def test_a_generator_runs_its_finally(run_js):
    seen = []

    def generate(js):
        try:
            yield js
        finally:
            seen.append(js.label)

    js = run_js("({label: 'closed'})")
    generator = generate(js)
    next(generator)
    js.generator = generator
    del js, generator
    gc.collect()
    assert seen == ["closed"]


def test_weak_references_end_with_the_cycle(run_js):
    called = []
    node = plain_object(run_js)
    watch = weakref.ref(node, lambda _: called.append("callback"))
    weak = run_js("(object) => ({weak: new WeakRef(object)})")(node.js)
    del node
    assert weak.weak.deref().back is watch()
    gc.collect()
    assert called == ["callback"]
    assert weak.weak.deref() is None


def test_a_finalization_registry_is_told(run_js):
    from conftest import ffi_module

    run_js("globalThis.ended = []; globalThis.registry = new FinalizationRegistry((name) => ended.push(name));")
    node = plain_object(run_js)
    run_js("(object) => registry.register(object, 'ring')")(node.js)
    del node
    gc.collect()
    ffi_module.run_jobs()
    assert run_js("ended.join()") == "ring"
    run_js("delete globalThis.registry; delete globalThis.ended")


def test_a_finalizer_runs_javascript_while_javascript_collects(run_js, run_js_gc):
    """Garbage of JavaScript alone, whose PyProxies hold the last references to objects with finalizers."""

    class Churning(Node):
        count = 0

        def __del__(self):
            made = run_js("Array.from({length: 300}, () => { const a = {}; a.b = {a}; return a; })")
            Churning.count += len(made)

    make = run_js("(held) => { const ring = {held}; ring.ring = {ring}; }")
    for _ in range(20):
        make(create_proxy(Churning()))
    run_js_gc()
    run_js("1")
    assert Churning.count == 6000


def test_dropping_the_last_reference_frees_at_once(run_js):
    node = Node()
    watch = weakref.ref(node)
    js = run_js("(held) => ({held})")(create_proxy(node))
    del node
    assert watch() is not None
    js.held = None
    assert watch() is None


def test_dropping_it_in_javascript_frees_before_python_is_entered(run_js):
    node = Node()
    watch = weakref.ref(node)
    run_js("(held) => { globalThis.holder = {held}; }")(create_proxy(node))
    del node
    assert run_js("(watch) => { delete globalThis.holder; return watch(); }")(watch) is None


def test_destroy_ends_a_cycle_without_a_collection(run_js):
    node = Node()
    watch = weakref.ref(node)
    proxy = create_proxy(node)
    node.js = run_js("(proxy) => ({proxy})")(proxy)
    del node
    assert watch() is not None
    proxy.destroy()
    assert watch() is None


def test_disabled_collections_stay_away(run_js, run):
    node = plain_object(run_js)
    watch = weakref.ref(node)
    del node
    for _ in range(3000):
        plain_object(run_js)

    async def turns():
        for _ in range(3):
            await asyncio.sleep(0)

    run(turns())
    assert watch() is not None
    gc.collect()
    assert watch() is None


def test_what_piles_up_is_collected_without_being_asked_for(run_js):
    gc.enable()
    alive = set()
    most = 0
    for _ in range(20_000):
        node = plain_object(run_js)
        weakref.finalize(node, alive.discard, id(node)).atexit = False
        alive.add(id(node))
        most = max(most, len(alive))
    assert most < 10_000


def test_an_idle_event_loop_collects_what_has_piled_up(run_js, idle):
    gc.enable()
    thresholds = gc.get_threshold()
    gc.set_threshold(10**6)
    try:
        watches = [weakref.ref(plain_object(run_js)) for _ in range(20_000)]
        assert all(watch() for watch in watches)
        idle(until=watches[0])
        assert not any(watch() for watch in watches)
    finally:
        gc.set_threshold(*thresholds)


def test_a_collection_on_another_thread_leaves_both_heaps_whole(run_js):
    import threading

    node = plain_object(run_js)
    watch = weakref.ref(node)
    del node
    thread = threading.Thread(target=gc.collect)
    thread.start()
    thread.join()
    assert watch() is not None
    gc.collect()
    assert watch() is None


def test_run_sync_keeps_what_its_stack_holds(run_js, run):
    from pyodide.ffi import run_sync

    watches = []

    async def wait(event):
        await event.wait()

    def block(event):
        node = plain_object(run_js)
        watches.append(weakref.ref(node))
        run_sync(wait(event))
        assert node.js.back is node

    async def main():
        event = asyncio.Event()
        task = asyncio.ensure_future(call(event))
        await asyncio.sleep(0)
        gc.collect()
        assert watches[0]() is not None
        event.set()
        await task

    async def call(event):
        block(event)

    run(main())
    gc.collect()
    assert watches[0]() is None
