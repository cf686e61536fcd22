"""The Python half of a cell: what runs beside the user's code, inside the lock.

``boot`` prepares the interpreter of a base, ``loop`` is asyncio's event loop over the native one, ``entrypoints`` finds
a Worker's handlers and calls them, ``output`` sends what is printed to the supervisor. ``modules`` is a folder of
modules that Cloudflare's runtime offers to the SDK under their own names.
"""
