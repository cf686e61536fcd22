"""What the bridge remembers, so that it need not look each time, it forgets where that could be wrong."""

import traceback

import pytest
from pyodide.ffi import JsException, create_proxy


@pytest.fixture
def changed(run_js):
    """Changes a prototype of the language, until the test ends."""
    undo = []

    def change(prototype, name, value):
        run_js(f"({prototype})[{name}] = {value}")
        undo.append(f"delete ({prototype})[{name}]")

    yield change
    for source in undo:
        run_js(source)


def test_prototypes_of_plain_objects_may_change(run_js, changed):
    holder = run_js("({ plain: {}, arrow: () => 1 })")
    assert not hasattr(type(holder.plain), "__getitem__")
    changed("Object.prototype", '"get"', "function (key) { return key + '!'; }")
    assert holder.plain["a"] == "a!"
    assert holder.arrow["a"] == "a!"


def test_prototypes_of_functions_may_change(run_js, changed):
    holder = run_js("({ plain: {}, arrow: () => 1 })")
    assert not hasattr(type(holder.arrow), "__iter__")
    changed("Function.prototype", "Symbol.iterator", "function* () { yield 1; }")
    assert list(holder.arrow) == [1]
    assert not hasattr(type(holder.plain), "__iter__")


def test_prototypes_changed_by_a_callback_are_seen_in_it(run_js):
    holder = run_js("({ plain: {} })")
    seen = []

    def look():
        seen.append(hasattr(type(holder.plain), "__getitem__"))

    proxy = create_proxy(look)
    run_js("""(look) => {
        look();
        Object.prototype.get = () => 1;
        try { look(); } finally { delete Object.prototype.get; }
        look();
    }""")(proxy)
    proxy.destroy()
    assert seen == [False, True, False]


def test_own_properties_of_plain_objects_and_functions_count(run_js):
    holder = run_js("({ sized: { length: 2 }, error: { name: 'a', message: 'b', stack: 'c' }, pair: Object.assign(() => 1, { *[Symbol.iterator]() { yield 7; } }) })")
    assert len(holder.sized) == 2
    assert isinstance(holder.error, JsException)
    assert list(holder.pair) == [7]
    assert holder.pair() == 1


def test_methods_read_to_be_called_are_what_they_are_when_read_alone(run_js):
    holder = run_js("({ pair: Object.assign(function (a) { return [this === holder, a]; }, { *[Symbol.iterator]() { yield 7; } }), text: 'x' })")
    run_js("(h) => { globalThis.holder = h; }")(holder)
    for _ in range(20):
        assert holder.pair(3).to_py() == [True, 3]
        assert list(holder.pair) == [7]
        method = holder.pair
        assert list(method) == [7]
        assert method(4).to_py() == [True, 4]
    with pytest.raises(TypeError, match="not callable"):
        holder.text()
    with pytest.raises(AttributeError):
        holder.absent()
    run_js("delete globalThis.holder")


def test_a_python_function_is_called_as_itself(run_js):
    def double(x):
        return 2 * x

    holder = run_js("({})")
    holder.double = create_proxy(double)
    assert holder.double(4) == 8
    holder.double = None


def test_a_type_may_get_a_name_later(run_js):
    value = run_js("({ late: 1 })")
    for _ in range(3):
        assert value.late == 1
    kind = type(value)
    kind.late = property(lambda self: "python's")
    try:
        assert value.late == "python's"
    finally:
        del kind.late
    assert value.late == 1


def test_a_getter_may_use_more_names_than_are_remembered(run_js):
    many = run_js("Object.fromEntries(Array.from({ length: 6000 }, (_, i) => ['name' + i, i]))")

    def read_all():
        return sum(getattr(many, f"name{index}") for index in range(6000))

    proxy = create_proxy(read_all)
    holder = run_js("(f) => ({ get total() { return f(); }, __proto__: { get: 1 } })")(proxy)
    for _ in range(3):
        assert holder.total == sum(range(6000))
        with pytest.raises(AttributeError, match="nowhere"):
            _ = holder.nowhere
    proxy.destroy()


def test_keyword_arguments_are_spelt_as_they_stand(run_js):
    names = run_js("(o) => Object.keys(o)")
    assert names(from_=1, a=2, a_=3).to_py() == ["from_", "a", "a_"]


def test_indices_of_any_kind(run_js):
    class Two:
        def __index__(self):
            return 2

    array = run_js("[10, 11, 12]")
    assert [array[0], array[-1], array[True], array[Two()]] == [10, 12, 11, 12]
    for index in (3, -4, 2**40):
        with pytest.raises(IndexError):
            array[index]
    with pytest.raises(IndexError, match="cannot fit"):
        array[2**80]
    with pytest.raises(TypeError, match="must be integers or slices, not str"):
        array["0"]


def test_iteration_tells_holes_from_the_end(run_js):
    array = run_js("[1, , undefined, 4, ,]")
    assert list(iter(array)) == [1, None, None, 4, None]
    growing = run_js("[1, 2]")
    seen = []
    for item in growing:
        seen.append(item)
        if item == 1:
            growing.append(3)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("text", ["\U0001f600", "a\U0001f600b\u20ac", "\U0001f600" * 64, "\U0010ffff" * 1000 + "x", "\ud83d\U0001f600\ude00"])
def test_text_beyond_the_first_plane_returns(run_js, text):
    assert run_js("(s) => s")(text) == text
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert run_js("(s) => s.length")(text) == units


def recurse(depth):
    if depth:
        recurse(depth - 1)
    raise ValueError(f"after {depth}")


@pytest.mark.parametrize("depth", [0, 2, 3, 4, 9])
def test_the_text_of_a_traceback_is_pythons(run_js, depth):
    message = run_js("(f, n) => { try { f(n); } catch (error) { return error.message; } }")
    expected = None

    def fail(depth):
        nonlocal expected
        try:
            recurse(depth)
        except ValueError as error:
            expected = traceback.format_exception(error)
            raise

    proxy = create_proxy(fail)
    for _ in range(2):
        assert message(proxy, depth) == "".join(expected)
    proxy.destroy()


def test_a_traceback_tells_of_other_exceptions_too(run_js):
    message = run_js("(f) => { try { f(); } catch (error) { return error.message; } }")

    def fail():
        try:
            recurse(0)
        except ValueError as error:
            raise KeyError("second") from error

    proxy = create_proxy(fail)
    text = message(proxy)
    proxy.destroy()
    assert "ValueError: after 0" in text
    assert "direct cause" in text
    assert text.endswith("KeyError: 'second'\n")
