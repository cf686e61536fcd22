"""`hognose run`: one script in a cell with the whole FFI."""

import os
import signal
import subprocess

import pytest
from harness import TIMEOUT_S, Output, run, start


@pytest.fixture
def script(tmp_path):
    """A function that runs a script of this name and text."""

    def execute(name, text, *arguments, input=None):
        (tmp_path / name).write_text(text)
        return run("run", str(tmp_path / name), *arguments, folder=tmp_path, input=input)

    return execute


def test_python_with_top_level_await_and_js(script):
    text = "import js\nvalue = await js.Promise.resolve(js.JSON.parse('[1, 2]')[1])\nprint(value)\n"
    assert script("a.py", text) == (0, "2\n")


def test_javascript_with_top_level_await_and_pyodide(script):
    text = "const two = await Promise.resolve(pyodide.runPython('1 + 1'));\nconsole.log(two);\n"
    assert script("a.mjs", text) == (0, "2\n")


def test_a_script_has_the_webs_standards_where_workers_differ(script):
    text = "const { type } = await fetch('data:,a');\nconsole.log(type, Response.json(1).statusText === '');\n"
    assert script("a.mjs", text) == (0, "basic true\n")


def test_a_listener_of_rejections_goes_on_where_it_left_off(script):
    text = "addEventListener('unhandledrejection', async (e) => (e.preventDefault(), await 0, console.log(e.reason)));\n"
    assert script("a.mjs", text + "Promise.reject('seen');\n") == (0, "seen\n")


def test_arguments_and_standard_input_reach_the_script(script):
    text = "import sys\nprint(sys.argv[1:], sys.stdin.read())\n"
    assert script("a.py", text, "--one", "two", input="typed") == (0, "['--one', 'two'] typed\n")


@pytest.mark.parametrize(("statement", "code"), [("sys.exit(3)", 3), ("sys.exit()", 0), ("raise ValueError", 1)])
def test_the_exit_code_is_carried(script, statement, code):
    assert script("a.py", f"import sys\n{statement}\n")[0] == code


def test_an_exception_is_shown_with_the_scripts_line(script):
    code, output = script("a.py", "print('before')\nraise ValueError('on purpose')\n")
    assert code == 1
    assert 'a.py", line 2' in output
    assert "ValueError: on purpose" in output


def test_a_javascript_exception_ends_with_1(script):
    code, output = script("a.mjs", "throw new TypeError('on purpose');\n")
    assert code == 1
    assert "TypeError: on purpose" in output


def test_an_error_in_a_timer_ends_with_1(script):
    code, output = script("a.mjs", "setTimeout(() => { throw new Error('in the timer'); }, 1);\n")
    assert code == 1
    assert "Error: in the timer" in output


def test_an_interrupted_script_cleans_up(script):
    text = (
        "import asyncio, os, signal\n"
        "asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)\n"
        "try:\n    await asyncio.sleep(600)\nfinally:\n    await asyncio.sleep(0)\n    print('cleaned up')\n"
    )
    code, output = script("a.py", text)
    assert code == 130
    assert "cleaned up\n" in output


def test_a_rejection_that_nobody_handles_is_shown(script):
    text = "Promise.reject(new Error('unheard'));\nPromise.reject(new Error('heard')).catch(() => {});\n"
    code, output = script("a.mjs", text)
    assert code == 1
    assert "Error: unheard" in output
    assert "Error: heard" not in output


def test_the_run_ends_when_the_loop_is_empty(script):
    text = "setTimeout(() => console.log('second'), 10);\nconsole.log('first');\n"
    assert script("a.mjs", text) == (0, "first\nsecond\n")


def test_temporary_files_can_be_written(script):
    text = "import tempfile\nwith tempfile.TemporaryFile() as file:\n    print(file.write(b'abc'))\n"
    assert script("a.py", text) == (0, "3\n")


WRITES = "import pathlib\npathlib.Path(__file__).with_name('note').write_text('new')\nprint('wrote')\n"


def test_nothing_else_can_be_written(script, tmp_path):
    (tmp_path / "note").write_text("old")
    status, output = script("a.py", WRITES)
    assert (status, (tmp_path / "note").read_text()) == (1, "old")
    assert "PermissionError" in output and "with --allow-write, wherever you can" in output


def test_the_caller_can_let_it_write(script, tmp_path):
    (tmp_path / "a.py").write_text(WRITES)
    assert run("run", "--allow-write", str(tmp_path / "a.py"), folder=tmp_path) == (0, "wrote\n")
    assert (tmp_path / "note").read_text() == "new"


def test_the_temporary_folder_ends_with_the_script(script):
    status, folder = script("a.py", "import tempfile\nprint(tempfile.gettempdir())\n")
    assert status == 0 and "hognose-run-" in folder and not os.path.exists(folder.strip())


def test_the_scripts_own_folder_is_importable(script, tmp_path):
    (tmp_path / "beside.py").write_text("VALUE = 7\n")
    assert script("a.py", "import beside\nprint(beside.VALUE)\n") == (0, "7\n")


def test_a_missing_script_is_an_error(tmp_path):
    code, output = run("run", str(tmp_path / "none.py"), folder=tmp_path)
    assert code == 1
    assert "none.py" in output


@pytest.mark.parametrize(("end", "code"), [("", 0), ("raise SystemExit(3)", 3)])
def test_threads_are_joined_and_exit_functions_called(script, end, code):
    text = (
        "import atexit, threading\n"
        "atexit.register(print, 'exit function')\n"
        "started = threading.Event()\n"
        "threading.Thread(target=lambda: (started.wait(), print('thread'))).start()\n"
        f"started.set()\n{end}\n"
    )
    assert script("a.py", text) == (code, "thread\nexit function\n")


def test_arguments_after_the_file_pass_as_they_are(script):
    arguments = ["--ca-file", "x", "--", "-h", "--", "--version"]
    assert script("a.py", "import sys\nprint(sys.argv[1:])\n", *arguments) == (0, f"{arguments}\n")
    assert script("b.py", "import sys\nprint(sys.argv[1:])\n", "--", "x") == (0, "['--', 'x']\n")


def test_a_module_imports_files_by_relative_names(script, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/a.mjs").write_text("import { base } from '../base.js';\nexport default base + 1;\n")
    (tmp_path / "base.js").write_text("export const base = 40;\n")
    (tmp_path / "data.json").write_text('{"two": 2}')
    (tmp_path / "note").write_text("text")
    text = (
        "import one from './lib/a.mjs';\nimport data from './data.json' with { type: 'json' };\n"
        "import note from './note' with { type: 'text' };\n"
        "pyodide.pyimport('os').chdir('/');\nconst { base } = await import('./base.js');\n"
        "console.log(one, data.two, note, base);\n"
    )
    assert script("main.mjs", text) == (0, "41 2 text 40\n")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("import 'lodash';", 'No such module "lodash".'),
        ("import 'lodash';", 'A script imports files, by names that begin with "./", "../" or "/"'),
        ("import './none.mjs';", "none.mjs"),
        ("await import('./none.mjs');", "No such module"),
        ("import './note';", "No rule says what kind of module"),
        ("import './bad.mjs';", "SyntaxError"),
        ("import 'data:text/javascript,let = ;';", "SyntaxError"),
        ("import 'data:text/plain,a';", "only text/javascript and application/json are"),
        ("import 'data:text/javascript,%ff';", "its data is not UTF-8 text"),
        ("import 'data:none';", "this is not a URL with data"),
        ("await import('data:text/javascript,import \"lodash\"');", 'No such module "lodash".'),
    ],
)
def test_an_import_that_fails_is_explained(script, tmp_path, statement, message):
    (tmp_path / "note").write_text("text")
    (tmp_path / "bad.mjs").write_text("let = ;\n")
    code, output = script("main.mjs", f"{statement}\nconsole.log('went on');\n")
    assert code == 1
    assert message in output
    assert "went on" not in output


def test_a_module_may_be_a_data_url(script):
    text = (
        "import one from 'data:text/javascript;charset=utf-8,export default 40%2B1';\n"
        "import data from 'data:application/json;base64,eyJ0d28iOiAyfQ==';\n"
        "const { name } = await import('data:text/javascript,export const name = import.meta.url.slice(0, 5)');\n"
        "console.log(one, data.two, name);\n"
    )
    assert script("main.mjs", text) == (0, "41 2 data:\n")


def test_open_url_waits_for_the_text(script):
    text = (
        "import asyncio\nfrom pyodide.ffi import run_sync\nfrom pyodide.http import open_url\n"
        "asked = []\n"
        "async def serve(reader, writer):\n"
        "    asked.append(await reader.readline())\n"
        "    writer.write(b'HTTP/1.1 404 Not Found\\r\\nContent-Length: 9\\r\\n\\r\\nsome text')\n"
        "    writer.close()\n"
        "server = await asyncio.start_server(serve, '127.0.0.1', 0)\n"
        "port = server.sockets[0].getsockname()[1]\n"
        "print(open_url(f'http://127.0.0.1:{port}/file').read(), asked)\n"
        "server.close()\n"
    )
    assert script("a.py", text) == (0, "some text [b'GET /file HTTP/1.1\\r\\n']\n")


def test_gc_frees_what_is_held_in_circles(script):
    text = (
        "globalThis.gone = [];\n"
        "const registry = new FinalizationRegistry((name) => gone.push(name));\n"
        "let circle = {};\ncircle.self = circle;\nregistry.register(circle, 'circle');\n"
        "const make = pyodide.runPython(`\n"
        "from js import gone\n"
        "class Both:\n"
        "    def __del__(self):\n"
        "        gone.push('both')\n"
        "Both`);\n"
        "let both = make();\nboth.held = { by: both };\n"
        "circle = both = undefined;\n"
        "gc();\nawait 0;\n"
        "console.log(gone.sort().join(' '));\n"
    )
    assert script("main.mjs", text) == (0, "both circle\n")


LOOPS = {
    "python.py": "print('begun', flush=True)\nwhile True: pass\n",
    "nested.py": "from pyodide.code import run_js\nrun_js('() => { console.log(\"begun\"); while (true); }')()\n",
    "top.mjs": "console.log('begun');\nwhile (true);\n",
    "script.js": "console.log('begun');\nwhile (true);\n",
    "timer.mjs": "setTimeout(() => { console.log('begun'); while (true); }, 0);\n",
    "job.mjs": "await 0;\nconsole.log('begun');\nwhile (true) { try { while (true); } catch {} }\n",
    "call.mjs": "console.log('begun');\npyodide.runPython('while True: pass');\n",
    "wait.py": "import asyncio\nprint('begun', flush=True)\nawait asyncio.Event().wait()\n",
}


@pytest.mark.parametrize("name", LOOPS)
def test_an_interrupt_ends_whatever_computes(tmp_path, name):
    (tmp_path / name).write_text(LOOPS[name])
    process = start(["run", name], tmp_path)
    output = Output(process.stdout)
    output.wait_for("begun")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 130
    output.wait_for_end()
    output.wait_for_times("KeyboardInterrupt", 1)


def test_a_python_handler_may_catch_the_interrupt(tmp_path):
    (tmp_path / "a.py").write_text(
        "from pyodide.code import run_js\n"
        "try:\n    run_js('console.log(\"begun\"); while (true);')\n"
        "except KeyboardInterrupt:\n    print('caught', run_js('1 + 1'))\n"
    )
    process = start(["run", "a.py"], tmp_path)
    output = Output(process.stdout)
    output.wait_for("begun")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 0
    output.wait_for("caught 2")


def test_input_is_watched_while_timers_go_on(tmp_path):
    (tmp_path / "a.py").write_text(
        "import asyncio, js, os\n"
        "from pyodide.ffi import create_proxy\n"
        "lines = asyncio.Queue()\n"
        "ticks = 0\n"
        "@create_proxy\n"
        "def tick():\n    global ticks\n    ticks += 1\n    if ticks == 2: print('ticking', flush=True)\n"
        "timer = js.setInterval(tick, 1)\n"
        "loop = asyncio.get_running_loop()\n"
        "loop.add_reader(0, lambda: lines.put_nowait(os.read(0, 100)))\n"
        "print(await lines.get(), ticks > 1)\n"
        "js.clearInterval(timer)\n"
        "loop.remove_reader(0)\n"
    )
    process = start(["run", "a.py"], tmp_path, stdin=subprocess.PIPE)
    output = Output(process.stdout)
    output.wait_for("ticking")
    process.stdin.write("typed\n")
    process.stdin.close()
    assert process.wait(TIMEOUT_S) == 0
    output.wait_for(r"b'typed\\n' True")
