"""Runs the Python code that is posted to the Workers of the bindings' tests. The answer is the representation of the last
expression's value, or of the exception."""

import ast
import inspect

from js import Response
from pyodide.ffi import JsException


async def answer(request, names):
    """Runs the request's body, in which the names are known."""
    try:
        value = await evaluate(await request.text(), names)
    except JsException as error:
        return Response.new(f"{error.name}: {error.message}")
    except Exception as error:
        return Response.new(f"Python's {type(error).__name__}: {error}")
    return Response.new(repr(value))


async def evaluate(code, names):
    """The value of the last line of code, in which `await` may be used."""
    tree = ast.parse(code)
    tree.body[-1] = ast.Assign([ast.Name("result", ast.Store())], tree.body[-1].value)
    ast.fix_missing_locations(tree)
    running = eval(compile(tree, "posted.py", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(running):
        await running
    return names["result"]
