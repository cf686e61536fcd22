"""`Buffer`: what its methods take, and what they say of anything else."""

import json

import pytest
from harness import run

# Each is evaluated where `Buffer`, `transcode` and `inspect` are at hand. What is thrown shows its code and its message.
CASES = {
    'Buffer.from("abcdef").toString("utf8", 1, "3")': "bc",
    'Buffer.from("abcdef").toString("latin1", -2, NaN)': "",
    'Buffer.from("abc").toString(null)': "ERR_UNKNOWN_ENCODING: Unknown encoding: null",
    'Buffer.concat([Buffer.from("a"), Buffer.from("hi", "utf16le")]).toString("utf16le", 1)': "hi",
    'Buffer.from("abc").utf8Slice(1, 2)': "b",
    "inspect(Buffer.from([1, 171]))": "<Buffer 01 ab>",
    "inspect(Buffer.alloc(52)).slice(-23)": "00 00 ... 2 more bytes>",
    'inspect(Object.assign(Buffer.alloc(0), { key: "value" }))': "<Buffer key: 'value'>",
    'Buffer.alloc(4).write("abc", 2)': 2,
    'Buffer.alloc(4).write("abc", "hex")': 1,
    'Buffer.alloc(4).write("a", 5)': 'ERR_OUT_OF_RANGE: The value of "offset" is out of range. It must be >= 0 && <= 4. Received 5',
    'Buffer.alloc(4).write(1)': 'ERR_INVALID_ARG_TYPE: The "string" argument must be of type string. Received type number (1)',
    'Buffer.from("abcd").copy(Buffer.alloc(2), "1")': 1,
    'Buffer.from("abcd").copy(Buffer.alloc(2), 5)': 0,
    'Buffer.from("abcd").copy(Buffer.alloc(2), -1)': 'ERR_OUT_OF_RANGE: The value of "targetStart" is out of range. It must be >= 0. Received -1',
    'Buffer.from("abc").compare(Buffer.from("xabc"), 1)': 0,
    'Buffer.from("abc").compare("abc")': (
        'ERR_INVALID_ARG_TYPE: The "target" argument must be an instance of Buffer or Uint8Array. '
        "Received type string ('abc')"
    ),
    'Buffer.concat([Buffer.from("a"), "b"])': (
        'ERR_INVALID_ARG_TYPE: The "list[1]" argument must be an instance of Buffer or Uint8Array. '
        "Received type string ('b')"
    ),
    "Buffer.byteLength()": (
        'ERR_INVALID_ARG_TYPE: The "string" argument must be of type string or an instance of Buffer or ArrayBuffer. '
        "Received undefined"
    ),
    'Buffer.byteLength("é", "no such")': 2,
    'Buffer.alloc(5).fill("ab", 1, 4).toString("hex")': "0061626100",
    'Buffer.alloc(2).fill("zz", "hex")': "ERR_INVALID_ARG_VALUE: The argument 'value' is invalid. Received 'zz'",
    "Buffer.alloc(2).fill(1, 0, 3)": 'ERR_OUT_OF_RANGE: The value of "end" is out of range. It must be >= 0 && <= 2. Received 3',
    'Buffer.from("abcabc").indexOf("c", -3)': 5,
    'Buffer.from("abcabc").indexOf("", 9)': 6,
    'Buffer.from("abcabc").lastIndexOf("b", 3)': 1,
    'Buffer.from("ff").indexOf(Buffer.from("f"), 1, "ucs2")': -1,
    'Buffer.from("abc").includes({})': (
        'ERR_INVALID_ARG_TYPE: The "value" argument must be one of type number or string or an instance of Buffer or '
        "Uint8Array. Received an instance of Object"
    ),
    "Buffer.alloc(1).readUInt16LE(0)": "ERR_BUFFER_OUT_OF_BOUNDS: Attempt to access memory outside buffer bounds",
    "Buffer.alloc(4).readUInt16LE(3)": 'ERR_OUT_OF_RANGE: The value of "offset" is out of range. It must be >= 0 and <= 2. Received 3',
    "Buffer.alloc(4).readInt8(1.5)": 'ERR_OUT_OF_RANGE: The value of "offset" is out of range. It must be an integer. Received 1.5',
    "Buffer.from([255, 254, 253]).readIntBE(0, 3)": -259,
    "Buffer.alloc(8).readUIntLE(0, 7)": 'ERR_OUT_OF_RANGE: The value of "byteLength" is out of range. It must be >= 1 and <= 6. Received 7',
    "const b = Buffer.alloc(3); b.writeIntBE(-259, 0, 3); b.toString('hex')": "fffefd",
    "Buffer.alloc(6).writeUIntBE(2 ** 48, 0, 6)": (
        'ERR_OUT_OF_RANGE: The value of "value" is out of range. It must be >= 0 and < 2 ** 48. Received 281_474_976_710_656'
    ),
    "Buffer.alloc(8).writeBigInt64LE(2n ** 63n)": (
        'ERR_OUT_OF_RANGE: The value of "value" is out of range. It must be >= -(2n ** 63n) and < 2n ** 63n. '
        "Received 9_223_372_036_854_775_808n"
    ),
    'transcode(Buffer.from("aé€"), "utf8", "latin1").toString("hex")': "61e93f",
    'transcode(Buffer.from([65, 0, 66]), "utf16le", "utf8")': "undefined: Unable to transcode buffer",
    'Buffer.from({ length: "3" }).length': 0,
    'new File([], "name", { lastModified: null }).lastModified': 0,
}
SCRIPT = """
import { Buffer, transcode } from "node:buffer";
import { inspect } from "node:util";

Object.assign(globalThis, { Buffer, transcode, inspect });
const seen = {};
for (const source of SOURCES) {
  try {
    seen[source] = (0, eval)(source.startsWith("const") ? `{ ${source} }` : source);
  } catch (error) {
    seen[source] = `${error.code}: ${error.message}`;
  }
}
console.log(JSON.stringify(seen));
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("buffer")
    (folder / "cases.mjs").write_text(SCRIPT.replace("SOURCES", json.dumps(list(CASES))))
    code, output = run("run", "cases.mjs", folder=folder)
    assert code == 0, output
    return json.loads(output)


@pytest.mark.parametrize(("source", "expected"), CASES.items())
def test_what_a_method_gives_or_says(seen, source, expected):
    assert seen[source] == expected
