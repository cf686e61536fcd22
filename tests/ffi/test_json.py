"""`JSON.stringify` and `JSON.parse` do what they did, whichever of their two ways they take: with a function to ask it is the general one."""

import pytest
from pyodide.code import run_js

SAMPLES = """[
  0, -0, 7, -5, 2147483647, -2147483648, 1.5, 0.1 + 0.2, 0.000001, 1e-7, 1e20, 123456789012345680000, 1e21, 5e-324,
  4294967296.5, 1.7976931348623157e308, NaN, -Infinity, true, false, null, undefined, Symbol("s"), () => 1,
  "", "text", "\\u0000\\u001f\\"\\\\\\b\\f\\n\\r\\t\\x7f\\x80\\xff", "\\u86c7\\ud83d\\udc0d", "\\ud83d", "x\\udc0dy", "a".repeat(9000) + "\\n",
  [], [1, , 3], new Array(3), [undefined, () => 1, Symbol("s")], Object.assign([1, 2], {x: 1}), [[[{a: [{}]}]]],
  {}, {a: undefined}, {a: undefined, b: 1, c: () => 1, d: 2, e: undefined}, {b: 1, 2: 3, 1: 4}, {"\\xe9": 1, 'q"': 2, [Symbol("s")]: 3},
  Object.create(null), Object.create({below: 1}, {own: {value: 1, enumerable: true}, hidden: {value: 2}}),
  new (class { field = 1; #hidden = 2; get computed() { return 3; } })(), {get computed() { return 5; }}, new Proxy({a: 1}, {}),
  new Date(0), new Map([[1, 2]]), new Error("e"), new Uint8Array(2), [new Number(5), new String("x"), new Boolean(true)],
  {toJSON() { return 7; }}, {toJSON: 5}, Object.create({toJSON: (key) => "key " + key}),
]"""


@pytest.mark.parametrize("shape", ["value", "[value]", "{value}", "[{value}, value]"])
def test_both_ways_write_the_same(shape):
    differ = run_js(f"""
      {SAMPLES}.map((value) => ({shape if shape[0] != "{" else "(" + shape + ")"}))
        .filter((value) => JSON.stringify(value) !== JSON.stringify(value, (key, value) => value)).length
    """)
    assert differ == 0


def test_what_cannot_be_written_is_refused_as_before():
    with pytest.raises(Exception, match="circular"):
        run_js("const cycle = {}; cycle.both = [cycle, cycle]; JSON.stringify(cycle)")
    with pytest.raises(Exception, match="TypeError"):
        run_js("JSON.stringify([1, 2n])")
    with pytest.raises(Exception, match="TypeError"):
        run_js("new JSON.stringify()")


def test_a_prototype_that_learns_to_json_is_heard():
    assert run_js("""
      Array.prototype.toJSON = function () { return "taught"; };
      try { JSON.stringify({a: [1]}); } finally { delete Array.prototype.toJSON; }
    """) == '{"a":"taught"}'


def test_other_arguments_and_the_function_itself():
    assert run_js("JSON.stringify({a: [1]}, null, 1)") == '{\n "a": [\n  1\n ]\n}'
    assert run_js("JSON.stringify({a: 1, b: 2}, ['b'])") == '{"b":2}'
    assert run_js("JSON.stringify({a: 1}, null, '')") == '{"a":1}'
    assert run_js("JSON.stringify()") is None
    assert run_js("[JSON.stringify.length, JSON.stringify.name, typeof JSON.stringify].join()") == "3,stringify,function"
    deep = run_js("let deep = {}; for (let i = 0; i < 1000; i++) deep = {deep}; JSON.stringify(deep)")
    assert deep == '{"deep":' * 1000 + "{}" + "}" * 1000


TEXTS = [
    "0", "-0", "7", "-5", "123456789", "1234567890", "-2147483648", "12345678901234567890", "1.5", "1.0", "-0.0", "1e3", "1E-7", "2e+2",
    "1e400", "5e-324", "true", "false", "null", " [ 1 , 2\n]\t", "[]", "{}", '""', '"text"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\xe9"', '"\u86c7"',
    '"\\u00e9\\u86C7"', '"\\ud83d\\udc0d"', '"\\ud83d"', '{"a":{"b":[{"c":null}]}}', '{"b":1,"2":3,"1":4}', '{"a":1,"a":2}',
    '{"__proto__":1}', '{"\xe9":1}', '{"\\u0061":1,"":2}', "[" * 300 + "]" * 300, '{"a":"' + "x" * 3000 + '"}',
    "", " ", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{a:1}", "{'a':1}", "{1:1}",
    '"', '"a', '"\\', '"\\x"', '"\\u12"', '"\\u12g4"', '"a\nb"', '"\x01"', "01", "-", "-a", "1.", ".5", "+1", "1e", "1e+", "0x10", "1_0", "1n",
    "tru", "nul", "undefined", "NaN", "Infinity", "truefalse", "1 1", "[] []", "\x00", "\xa01", "// c\n1",
]  # fmt: skip


def test_both_ways_read_the_same():
    """With a function to ask the general way is taken."""
    read = run_js("""(text, reviver) => {
      try { return JSON.stringify(JSON.parse(text, reviver)) + Object.is(JSON.parse(text, reviver), -0); }
      catch (error) { return String(error); }
    }""")
    reviver = run_js("(key, value) => value")
    for text in TEXTS:
        assert read(text) == read(text, reviver), text


def test_other_arguments_of_parse():
    assert run_js("JSON.parse('[1,2]', (key, value) => Array.isArray(value) ? value.length : value)") == 2
    assert run_js("JSON.parse({toString: () => '[1]'}).length") == 1
    assert run_js("JSON.parse(5) + JSON.parse(true)") == 6
    assert run_js("[JSON.parse.length, JSON.parse.name].join()") == "2,parse"
    assert run_js("JSON.parse('{\"__proto__\": [1]}') instanceof Array") is False
    with pytest.raises(Exception, match="SyntaxError"):
        run_js("JSON.parse()")
