"""`hognose run`: one script in a cell with the whole FFI."""

import pytest
from harness import run


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
