"""What the bridge reads in QuickJS's own memory, in the forms that are not the plain one."""

import pytest
from js import Object
from pyodide.code import run_js
from pyodide.ffi import to_js

# Runs of what takes one unit and of what takes two, of every length around the eight that are converted together.
MIXED = ["a", "é", "蛇", "\U0001f40d", "\ud800", "\udc00"]
TEXTS = [first * count + second * (17 - count) for first in MIXED for second in MIXED for count in (0, 1, 7, 8, 9, 16)]


def test_text_of_all_widths_comes_back_as_it_was():
    same = run_js("(text) => text")
    length = run_js("(text) => text.length")
    for text in TEXTS:
        # A lead and a trail side by side are one code point to JavaScript.
        assert same(text) == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        assert length(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize("piece", MIXED[:4])
def test_strings_in_pieces_and_parts_of_strings(piece):
    pieces = run_js("(piece) => { let text = piece.repeat(9000); for (const c of 'xyz') text += c; return text; }")
    assert pieces(piece) == piece * 9000 + "xyz"
    mixed = run_js("(piece) => { let text = 'a'.repeat(9000); text += piece; return text + 'b'.repeat(9000); }")
    assert mixed(piece) == "a" * 9000 + piece + "b" * 9000
    part = run_js("(piece) => piece.repeat(9000).slice(2, 8002)")
    assert part(piece) == (piece * 9000).encode("utf-16-le")[4:16004].decode("utf-16-le")


def test_properties_that_are_not_plain():
    value = run_js("""({
      get computed() { return 7; }, get fails() { throw new Error('no'); }, set only(value) {},
      inherits: Object.create({below: 1}), proxied: new Proxy({}, {get: (target, key) => 'got ' + String(key)}),
      typed: new Uint8Array(3), frozen: Object.freeze({a: 1}), bare: Object.assign(Object.create(null), {a: 1}),
    })""")
    assert value.computed == 7
    assert value.only is None
    assert value.inherits.below == 1
    assert value.proxied.anything == "got anything"
    assert value.typed.length == 3
    assert (value.frozen.a, value.bare.a) == (1, 1)
    with pytest.raises(Exception, match="no"):
        value.fails
    with pytest.raises(AttributeError):
        value.bare.toString


def test_lengths_that_a_script_changed():
    sizes = run_js("""({
      own: Object.defineProperty(new Map([[1, 2]]), 'size', {value: 5}),
      derived: new (class extends Map { get size() { return 9; } })(),
      plain: new Set([1, 2]), long: Object.assign([1], {length: 4}),
    })""")
    assert [len(sizes.own), len(sizes.derived), len(sizes.plain), len(sizes.long)] == [5, 9, 2, 4]
    assert list(sizes.long) == [1, None, None, None]
    assert sizes.long.to_py() == [1, None, None, None]
    with pytest.raises(IndexError):
        sizes.long[2]


def test_to_py_takes_indices_first_and_leaves_out_what_is_hidden():
    value = run_js("""Object.defineProperty({b: 1, 2: 'two', a: 3, 1: 'one', [Symbol('s')]: 4, get g() { return 5; }},
      'hidden', {value: 6})""")
    assert list(value.to_py().items()) == [("1", "one"), ("2", "two"), ("b", 1), ("a", 3), ("g", 5)]
    plain = run_js("Object.defineProperty({b: 1, a: [1, 'x', null, true, 1.5, 2n ** 70n]}, 'hidden', {value: 6})")
    assert plain.to_py()["a"][1:5] == ["x", plain.a[2], True, 1.5]
    assert plain.to_py()["a"][5] == 2**70


def test_to_py_while_a_converter_changes_the_object():
    value = run_js("({first: new (class Other {})(), second: 2, list: [new (class Other {})(), 1, 2]})")

    def convert(other, _convert, _cache):
        value.second = 3
        value.list.length = 1
        del value.first
        return "other"

    assert value.to_py(default_converter=convert) == {"first": "other", "second": 2, "list": ["other"]}


def test_a_dict_that_changes_while_it_is_converted():
    class Other:
        pass

    grows = {"a": Other(), "b": 1}

    def convert(_value, _convert, _cache):
        grows["more"] = 1
        return 0

    with pytest.raises(Exception, match="dictionary changed size during iteration|Conversion from python"):
        to_js(grows, dict_converter=Object.fromEntries, default_converter=convert)


def test_a_list_that_shrinks_while_it_is_converted():
    class Other:
        pass

    items = [1, Other(), 2, 3]

    def convert(_value, _convert, _cache):
        del items[2:]
        return 0

    assert to_js(items, default_converter=convert).to_py() == [1, 0]


def test_keys_that_are_indices_words_or_not_ascii():
    value = {"10": "a", "é": "b", "from_": "c", "": "d", 3: "e", "__proto__": "f"}
    made = to_js(value, dict_converter=Object.fromEntries)
    assert dict(made.to_py()) == {"3": "e", "10": "a", "é": "b", "from_": "c", "": "d", "__proto__": "f"}


def test_a_class_of_list_or_dict_iterates_in_its_own_way():
    class Backwards(list):
        def __iter__(self):
            return reversed([*super().__iter__()])

    class Doubled(dict):
        def items(self):
            return [(key, 2 * value) for key, value in super().items()]

    assert to_js(Backwards([1, 2])).to_py() == [2, 1]
    assert to_js(Doubled(a=1), dict_converter=Object.fromEntries).to_py() == {"a": 2}
