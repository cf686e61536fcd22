"""`bind_sig` and `bind_class`: Python's annotations decide how values cross."""

from asyncio import Future
from typing import Annotated

import pytest


@pytest.fixture(scope="module")
def jsbind():
    from _pyodide import jsbind

    return jsbind


def bound(run_js, source, signature):
    return run_js(source).bind_sig(signature)


def test_arguments_and_results_are_converted_as_annotated(run_js, jsbind):
    def signature(a: dict, b: Annotated[dict, jsbind.Deep], c: Annotated[dict, jsbind.Json], /) -> Annotated[
        list, jsbind.Deep
    ]: ...

    function = bound(run_js, "(a, b, c) => [a.get('x'), b.x, c.x]", signature)
    assert function({"x": 1}, {"x": 2}, {"x": 3}) == [1, 2, 3]


def test_proxies_made_for_a_call_end_with_it(run_js):
    def signature(a, /): ...

    keep = bound(run_js, "(a) => { globalThis.kept = a; }", signature)
    keep({})
    with pytest.raises(Exception, match="destroyed at the end of a function call"):
        run_js("kept.length")


def test_defaults_are_passed_and_none_is_left_out(run_js):
    def signature(a, b=2, /, *rest, c=3, d=None, **more): ...

    show = bound(run_js, "(...list) => JSON.stringify(list)", signature)
    assert show(1) == '[1,2,{"c":3}]'
    assert show(1, 5, 6, d=4, e=7) == '[1,5,6,{"d":4,"e":7,"c":3}]'


@pytest.mark.parametrize("arguments, keywords", [((), {}), ((1, 2), {}), ((1,), {}), ((1,), {"b": 1, "c": 1}), ((), {"a": 1, "b": 2})])
def test_wrong_arguments_are_refused_in_the_words_of_python(run_js, arguments, keywords):
    def signature(a, /, *, b): ...

    with pytest.raises(TypeError) as expected:
        signature(*arguments, **keywords)
    with pytest.raises(TypeError) as found:
        bound(run_js, "() => 1", signature)(*arguments, **keywords)
    assert found.value.args == expected.value.args


@pytest.mark.since(28)
def test_attributes_and_what_methods_return_have_signatures_too(run_js, jsbind):
    class Inner(jsbind.BindClass):
        list: Annotated[list, jsbind.Deep]

    class Outer(jsbind.BindClass):
        inner: Inner

        def make(self, /) -> Inner: ...

    thing = bound(run_js, "({inner: {list: [1]}, make() { return this.inner; }, plain: [3]})", Outer)
    assert thing.inner.list == [1]
    assert thing.make().list == [1]
    assert thing.plain.to_py() == [3]


@pytest.mark.since(28)
def test_a_bound_class_is_called_to_make_instances(run_js, jsbind):
    class Signature(jsbind.BindClass):
        items: Annotated[list, jsbind.Deep]

        def __init__(self, first, /): ...

    made = run_js("(class { constructor(first) { this.items = [first]; } })").bind_class(Signature)(4)
    assert made.items == [4]


def test_outcomes_of_promises_are_converted(run_js, run, jsbind):
    async def coroutine() -> Annotated[list, jsbind.Deep]: ...

    def future() -> Future[Annotated[list, jsbind.Deep]]: ...

    async def main():
        function = run_js("async () => [1, 2]")
        return [await function.bind_sig(coroutine)(), await function.bind_sig(future)()]

    assert run(main()) == [[1, 2], [1, 2]]


def test_a_function_that_must_promise_and_does_not_is_an_error(run_js):
    async def signature(): ...

    with pytest.raises(TypeError, match="Expected js func to return a promise"):
        bound(run_js, "() => 1", signature)()
