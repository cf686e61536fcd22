"""Errors on their way through both languages."""

import js
from pyodide.code import run_js
from pyodide.ffi import JsException, JsProxy, to_js


def caught(function, *arguments):
    try:
        return function(*arguments)
    except BaseException as error:
        return error


def javascript_errors_in_python():
    for source in ("new Error('a')", "new TypeError('b')", "new RangeError('')", "new (class MyError extends Error {})('c')"):
        error = caught(run_js(f"() => {{ throw {source}; }}"))
        yield type(error).__name__, str(error), error.name, error.message, isinstance(error, Exception), isinstance(error, JsProxy)


def errors_carry_properties():
    error = caught(run_js("() => { throw Object.assign(new Error('m'), {code: 7}); }"))
    yield error.code, len(error.args), error.args[0].message, "Error" in repr(error), error.js_error.message


def odd_things_thrown():
    for source in ("null", "undefined", "1", "12n", "'text'", "({})", "Object.create(null)", "[1]", "true"):
        error = caught(run_js(f"() => {{ throw {source}; }}"))
        yield type(error).__name__, str(error)


def python_errors_in_javascript():
    inspect = run_js("(f) => { try { f(); } catch (e) { return [e.name, e.type, e.message.trimEnd().split('\\n').at(-1), e instanceof Error]; } }")
    for error in (ValueError("v"), KeyError("k"), ZeroDivisionError(), type("Own", (Exception,), {})("é"), KeyboardInterrupt()):

        def fail(error=error):
            raise error

        yield inspect(fail).to_py()


def an_exception_comes_home_as_itself():
    original = ValueError("home")

    def fail():
        raise original

    yield caught(run_js("(f) => f()"), fail) is original
    yield type(caught(run_js("(f) => { try { f(); } catch (e) { throw new Error('other', {cause: e}); } }"), fail)).__name__
    yield str(caught(run_js("(f) => { try { f(); } catch (e) { throw e; } }"), fail))


def errors_are_values_too():
    error = run_js("new TypeError('t')")
    yield isinstance(error, JsException), str(error), caught(lambda: (_ for _ in ()).throw(error)).message
    made = JsException("TypeError", "made")
    yield made.name, made.message, str(made), run_js("(e) => e instanceof TypeError")(made)


def getters_and_proxies_that_throw():
    thing = run_js("({get bad() { throw new Error('getter'); }})")
    yield str(caught(getattr, thing, "bad"))
    strange = run_js("new Proxy({}, {get(t, k) { if (k === 'x') throw new Error('trap'); return t[k]; }})")
    yield str(caught(getattr, strange, "x"))


def python_attributes_that_raise():
    class Thing:
        @property
        def bad(self):
            raise ValueError("property")

        def __len__(self):
            raise ValueError("length")

    read = run_js("(x, name) => { try { return String(x[name]); } catch (e) { return e.type; } }")
    yield read(Thing(), "bad"), read(Thing(), "length"), read(Thing(), "missing")


def conversion_errors():
    error = caught(to_js, {(1,): 2})
    yield type(error).__name__, str(error)
    error = caught(to_js, [object()], )
    yield type(error).__name__
    yield str(caught(js.JSON.parse, "[")).split(":")[0]


def recursion_ends():
    f = run_js("(g) => g()")

    def deeper():
        return f(deeper)

    yield type(caught(deeper)).__name__ in ("RecursionError", "JsException")
