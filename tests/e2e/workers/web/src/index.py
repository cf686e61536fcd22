"""Runs the Python code that is posted, with these names."""

import asyncio  # noqa: F401 - for what is posted
import json  # noqa: F401 - for what is posted

import js
from js import (  # noqa: F401 - for what is posted
    URL,
    Blob,
    File,
    FormData,
    Headers,
    Object,
    Request,
    Response,
    URLSearchParams,
    caches,
    crypto,
)
from posted import answer
from pyodide.ffi import JsException, create_proxy, to_js  # noqa: F401 - for what is posted
from workers import import_from_javascript  # noqa: F401 - for what is posted

subtle = crypto.subtle


def options(**values):
    """A JavaScript object."""
    return to_js(values, dict_converter=Object.fromEntries)


async def sent(*arguments, **settings):
    """What a server saw of a request."""
    response = await js.fetch("http://service.test/echo", *arguments, **settings)
    return (await response.json()).to_py()


async def on_fetch(request, env, ctx):
    return await answer(request, globals() | {"request": request, "env": env, "ctx": ctx})
