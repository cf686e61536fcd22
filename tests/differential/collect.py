"""Runs the programs of one topic inside of a runtime."""

import inspect
import json


async def collect(topic, source):
    """What each generator function of `source` yields, as JSON."""
    namespace = {"__name__": topic}
    exec(source, namespace)
    results = {}
    for name, program in list(namespace.items()):
        if inspect.isgeneratorfunction(program) or inspect.isasyncgenfunction(program):
            results[f"{topic}: {name}"] = await run(program)
    return json.dumps(results)


async def run(program):
    shown = []
    try:
        if inspect.isasyncgenfunction(program):
            async for value in program():
                shown.append(repr(value))
        else:
            for value in program():
                shown.append(repr(value))
    except BaseException as error:
        shown.append(f"raised {type(error).__name__}: {error}")
    return shown
