"""The global `pyodide` of a JavaScript script: Pyodide's JavaScript API."""

import errno
import json

import pytest
from harness import run


@pytest.fixture
def evaluate(tmp_path):
    """Runs a script and gives what its `result` is, by way of JSON; `output` gets all that it printed before."""

    def evaluate(text, input=None):
        (tmp_path / "script.mjs").write_text(f"let result;\n{text}\nconsole.log(JSON.stringify(result));\n")
        code, output = run("run", "--allow-write", "script.mjs", folder=tmp_path, input=input)
        assert code == 0, output
        *evaluate.output, result = output.splitlines()
        return json.loads(result)

    return evaluate


def test_files_are_written_and_read(evaluate, tmp_path):
    found = evaluate("""
        const { FS } = pyodide;
        FS.mkdirTree("a/b");
        FS.writeFile("a/b/text", "héllo");
        FS.writeFile("a/b/bytes", new Uint8Array([1, 2, 3]).subarray(1));
        FS.rename("a/b/bytes", "a/b/moved");
        const { mode, size, mtime } = FS.stat("a/b/text");
        result = [
            FS.readFile("a/b/text", { encoding: "utf8" }), [...FS.readFile("a/b/moved")], FS.readdir("a/b"),
            FS.isFile(mode), FS.isDir(mode), size, mtime instanceof Date, FS.analyzePath("a/none").exists, FS.cwd(),
        ];
        FS.unlink("a/b/moved");
    """)
    assert found == ["héllo", [2, 3], [".", "..", "moved", "text"], True, False, 6, True, False, str(tmp_path)]
    assert [file.name for file in (tmp_path / "a/b").iterdir()] == ["text"]


def test_an_open_file_is_read_and_written_in_parts(evaluate):
    assert evaluate("""
        const file = pyodide.FS.open("data", "w+");
        const buffer = new Uint8Array(4);
        result = [pyodide.FS.write(file, new Uint8Array([1, 2, 3]), 1, 2), pyodide.FS.read(file, buffer, 1, 3, 0)];
        result.push(...buffer, pyodide.FS.llseek(file, -1, 2));
        pyodide.FS.close(file);
    """) == [2, 2, 0, 2, 3, 0, 1]


def test_an_error_of_a_file_has_the_systems_number(evaluate):
    assert evaluate("""
        try { pyodide.FS.readFile("none"); } catch (error) { result = [error.name, error.errno, error.code]; }
        result.push(error_is_known());
        function error_is_known() { return pyodide.ERRNO_CODES.ENOENT; }
    """) == ["ErrnoError", errno.ENOENT, "ENOENT", errno.ENOENT]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('pyodide.FS.open("x", "q")', "Unknown file open mode: q"),
        ('pyodide.FS.writeFile("x", {})', "Unsupported data type"),
        ('pyodide.FS.readFile("x", { encoding: "latin" })', 'Invalid encoding type "latin"'),
        ("pyodide.FS.mount({}, {}, '/x')", "there is nothing to mount"),
        ("pyodide.setStdin({ stdin() {}, error: true })", "At most one of stdin, read, and error"),
        ("pyodide.setStdin({ autoEOF: true })", "can only be used with the 'stdin' option"),
        ("pyodide.setStdout({ raw() {}, write() {} })", "At most one of 'raw', 'batched', and 'write'"),
        ("pyodide.setStderr({ batched() {}, isatty: true })", "Cannot set 'isatty' to true"),
        ("pyodide.unpackArchive([1], 'zip')", "to be an ArrayBuffer or an ArrayBuffer view"),
    ],
)
def test_misuse_is_explained(evaluate, expression, message):
    assert message in evaluate(f"try {{ {expression}; }} catch (error) {{ result = error.message; }}")


def test_paths(evaluate):
    assert evaluate("""
        const { PATH } = pyodide;
        result = [PATH.join("a", "../b", "c"), PATH.dirname("/x"), PATH.dirname("a/b"), PATH.dirname("a")];
        result.push(PATH.basename("a/b/"), PATH.isAbs("/a"), PATH.isAbs("a"));
    """) == ["b/c", "/", "a", ".", "b", True, False]


def test_output_goes_to_a_handler_and_back(evaluate):
    found = evaluate("""
        const lines = [], bytes = [], buffers = [];
        pyodide.setStdout({ batched: (line) => lines.push(line) });
        pyodide.runPython("import sys; print('one\\\\ntwo'); print('three', end=''); sys.stdout.flush()");
        pyodide.setStdout({ raw: (byte) => bytes.push(byte), isatty: true });
        pyodide.runPython("print('é'); assert sys.stdout.isatty()");
        pyodide.setStdout({ write(data) { buffers.push([...data]); return data.length; } });
        pyodide.runPython("print('x'); print('rest', end='')");
        pyodide.setStdout();
        pyodide.runPython("print('out')");
        result = [lines, bytes, buffers];
    """)
    assert found == [["one", "two", "three"], [195, 169, 10], [[120, 10], [114, 101, 115, 116]]]
    assert evaluate.output == ["out"]


def test_input_comes_from_a_handler_and_again_from_outside(evaluate):
    assert evaluate(
        """
        const given = ["first", new Uint8Array([98, 10]), 99, null][Symbol.iterator]();
        pyodide.setStdin({ stdin: () => given.next().value });
        const read = (code) => pyodide.runPython("import sys\\n" + code);
        result = [read("input()"), read("input()"), read("sys.stdin.read()"), read("sys.stdin.read()")];
        pyodide.setStdin();
        result.push(read("input()"));
    """,
        input="typed\n",
    ) == ["first", "b", "c", "", "typed"]


def test_input_of_a_handler_may_be_larger_than_a_read(evaluate):
    assert evaluate("""
        const given = ["é".repeat(20_000)][Symbol.iterator]();
        pyodide.setStdin({ stdin: () => given.next().value });
        result = pyodide.runPython("len(input())");
    """) == 20_000


def test_a_handler_that_fails_is_an_error_of_input_and_output(evaluate):
    assert evaluate("""
        pyodide.setStdin({ read() { throw new TypeError("in the handler"); } });
        result = pyodide.runPython(`
            import errno
            try:
                input()
            except OSError as error:
                found = error.errno == errno.EIO
            found
        `);
    """)
    assert any("in the handler" in line for line in evaluate.output)


def test_signals_come_through_the_interrupt_buffer(evaluate):
    assert evaluate("""
        const buffer = new Uint8Array(1);
        pyodide.setInterruptBuffer(buffer);
        pyodide.checkInterrupt();
        buffer[0] = 2;
        try { pyodide.checkInterrupt(); } catch (error) { result = [error.type, buffer[0]]; }
    """) == ["KeyboardInterrupt", 0]


def test_debugging_describes_what_was_destroyed(evaluate):
    message = evaluate("""
        const before = pyodide.setDebug(true);
        const list = pyodide.toPy([1, 2]);
        list.destroy();
        try { list.length; } catch (error) { result = [before, error.message]; }
    """)
    described = 'Object has already been destroyed\nThe object was of type "list" and had repr "[1, 2]"'
    assert message == [False, described]


def test_an_archive_is_unpacked(evaluate, tmp_path):
    assert evaluate("""
        const archive = pyodide.runPython(`
            import io, zipfile
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("inside", "text")
            file.getvalue()
        `).toJs();
        pyodide.unpackArchive(archive, "zip", { extractDir: "out" });
        result = pyodide.FS.readFile("out/inside", { encoding: "utf8" });
    """) == "text"


def test_packages_that_are_not_installed_are_named(evaluate):
    message = evaluate("try { await pyodide.loadPackage(['no-such']); } catch (error) { result = error.message; }")
    assert message == "pyodide.loadPackage is disabled: install no-such from PyPI beforehand, and import it"
    assert evaluate("result = await pyodide.loadPackage('pyodide-py');") == []


@pytest.mark.parametrize(
    ("thrown", "message"),
    [
        ("null", "A value of type object with tag [object Null] was thrown as an error!"),
        ("undefined", "A value of type undefined with tag [object Undefined] was thrown as an error!"),
        ("Object.create(null)", "A value of type object with tag [object Object] was thrown as an error!"),
        ("'text'", "text"),
        ("12n", "A value of type bigint with tag [object BigInt] was thrown as an error!"),
    ],
)
def test_whatever_is_thrown_becomes_an_exception(evaluate, thrown, message):
    assert evaluate(f"""
        globalThis.fail = () => {{ throw {thrown}; }};
        result = pyodide.runPython(`
            from js import fail
            from pyodide.ffi import JsException
            try:
                fail()
            except JsException as error:
                found = error.message
            found.splitlines()[0]
        `);
    """) == message


def test_a_destroyed_proxy_does_not_come_back(evaluate):
    assert "already been destroyed" in evaluate("""
        result = pyodide.runPython(`
            from pyodide.code import run_js
            from pyodide.ffi import create_proxy
            proxy = create_proxy([])
            proxy.destroy()
            try:
                run_js("(x) => x")(proxy)
            except Exception as error:
                found = str(error)
            found
        `);
    """)


def test_exit_ends_with_its_status(tmp_path):
    (tmp_path / "a.py").write_text("exit(4)\n")
    assert run("run", "a.py", folder=tmp_path)[0] == 4


def test_print_and_console_keep_their_order(tmp_path):
    (tmp_path / "a.py").write_text("import js\nprint(1)\njs.console.log(2)\nprint(3)\n")
    assert run("run", "a.py", folder=tmp_path) == (0, "1\n2\n3\n")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/plain, x/y, text/html", "text/html"),
        ("text/html;charset=gbk, text/html, */*", "text/html;charset=gbk"),
        ('text/html;a="b,c", no type', 'text/html;a="b,c"'),
        ("nothing", ""),
    ],
)
def test_a_blob_of_a_body_has_the_last_type_that_is_one(evaluate, header, expected):
    assert (
        evaluate(f"""
            const headers = {{ "content-type": {json.dumps(header)} }};
            result = (await new Response("", {{ headers }}).blob()).type;
        """)
        == expected
    )
