"""Random graphs through both heaps, beside an oracle: what the roots reach is alive, and nothing else is."""

import functools
import gc
import random
import weakref

import pytest

GRAPHS = 40
OBJECTS = 60


@pytest.fixture(autouse=True, scope="module")
def frozen(freeze):
    freeze()
    yield
    gc.unfreeze()


class Node:
    def __init__(self):
        self.links = []


class Finalized(Node):
    """Uses what it leads to in its finalizer."""

    finalized = 0

    def __del__(self):
        Finalized.finalized += all(repr(link) is not None for link in self.links)


JAVASCRIPT = """
globalThis.graph = {
  watches: [],
  make() { const object = {links: []}; this.watches.push(new WeakRef(object)); return object; },
  alive() { return this.watches.map((watch) => watch.deref() !== undefined); },
  links: {
    plain(from, to) { from.links.push(to); },
    closure(from, to) { from.links.push(() => to); },
    map(from, to) { from.links.push(new Map([[to, 1]])); },
    weakMapValue(from, to) { const map = new WeakMap([[from, to]]); from.links.push(map); },
    promise(from, to) { const promise = new Promise(() => {}); promise.then(() => to); from.links.push(promise); },
    generator(from, to) { const made = (function* (held) { yield 1; yield held; })(to); made.next(); from.links.push(made); },
    bound(from, to) { from.links.push(Array.prototype.push.bind(to)); },
    weak(from, to) { from.links.push(new WeakRef(to)); },
  },
};
"""

JS_LINKS = ["plain", "closure", "map", "weakMapValue", "promise", "generator", "bound", "weak"]

PYTHON_LINKS = {
    "plain": lambda to: to,
    "closure": lambda to: lambda: to,
    "partial": lambda to: functools.partial(repr, to),
    "dict": lambda to: {"to": [to]},
    "generator": lambda to: started(to),
}


def started(held):
    def generate():
        yield 1
        yield held

    generator = generate()
    next(generator)
    return generator


class Graph:
    def __init__(self, chance, js):
        from pyodide.ffi import create_proxy

        self.chance, self.js, self.lend = chance, js, create_proxy
        self.in_js = [chance.random() < 0.5 for _ in range(OBJECTS)]
        self.roots = {number: self.make(is_js) for number, is_js in enumerate(self.in_js)}
        self.watches = {number: weakref.ref(self.roots[number]) for number, is_js in enumerate(self.in_js) if not is_js}
        self.edges = {number: set() for number in range(OBJECTS)}
        for _ in range(int(OBJECTS * chance.uniform(0.8, 2))):
            self.link(chance.randrange(OBJECTS), chance.randrange(OBJECTS))

    def make(self, is_js):
        return self.js.make() if is_js else self.chance.choice([Node, Finalized])()

    def link(self, source, target):
        if self.in_js[source]:
            kind = self.chance.choice(JS_LINKS)
            to = self.roots[target] if self.in_js[target] else self.lend(self.roots[target])
            getattr(self.js.links, kind)(self.roots[source], to)
            if kind == "weak":
                return
        else:
            kind = self.chance.choice(sorted(PYTHON_LINKS))
            self.roots[source].links.append(PYTHON_LINKS[kind](self.roots[target]))
        self.edges[source].add(target)

    def expected(self):
        reached, queue = set(), list(self.roots)
        while queue:
            number = queue.pop()
            if number not in reached:
                reached.add(number)
                queue.extend(self.edges[number])
        return reached

    def alive(self):
        in_js = self.js.alive().to_py()
        numbers = [number for number, is_js in enumerate(self.in_js) if is_js]
        found = {number for number, alive in zip(numbers, in_js, strict=True) if alive}
        return found | {number for number, watch in self.watches.items() if watch() is not None}

    def drop_some(self):
        for number in self.chance.sample(sorted(self.roots), self.chance.randint(1, len(self.roots))):
            del self.roots[number]


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_exactly_what_is_unreachable_goes(seed, run_js, counts):
    run_js(JAVASCRIPT)
    gc.collect()
    before = counts()[0]
    graph = Graph(random.Random(seed), run_js("graph"))
    while graph.roots:
        graph.drop_some()
        gc.collect()
        assert graph.alive() == graph.expected()
    del graph
    run_js("delete globalThis.graph")
    gc.collect()
    assert counts()[0] == before
