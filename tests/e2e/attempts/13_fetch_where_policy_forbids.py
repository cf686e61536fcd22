"""Fetches from a service of the machine that policy forbids, straight and by a redirect from one that it allows."""

import urllib.request

import js


async def fetch(outside):
    response = await js.fetch(f"http://127.0.0.1:{outside['port']}/")
    return await response.text()


async def fetch_by_name(outside):
    response = await js.fetch(f"http://localhost:{outside['port']}/")
    return await response.text()


async def fetch_by_a_redirect(outside):
    response = await js.fetch(f"http://127.0.0.1:{outside['redirects']}/")
    return await response.text()


def follow_a_redirect_on_sockets(outside):
    with urllib.request.urlopen(f"http://127.0.0.1:{outside['redirects']}/") as response:
        return response.read()
