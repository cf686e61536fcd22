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


async def fetch_by_a_number(outside):
    response = await js.fetch(f"http://2130706433:{outside['port']}/")
    return await response.text()


async def fetch_by_octal_digits(outside):
    response = await js.fetch(f"http://0177.0.1:{outside['port']}/")
    return await response.text()


async def fetch_by_digits_of_another_script(outside):
    response = await js.fetch(f"http://①②⑦.⓪.⓪.①:{outside['port']}/")
    return await response.text()


async def fetch_from_any_address(outside):
    response = await js.fetch(f"http://0.0.0.0:{outside['port']}/")
    return await response.text()


async def fetch_by_ipv6(outside):
    response = await js.fetch(f"http://[::ffff:7f00:1]:{outside['port']}/")
    return await response.text()


async def fetch_behind_another_name(outside):
    response = await js.fetch(f"http://example.com@127.0.0.1:{outside['port']}/")
    return await response.text()


async def open_a_web_socket(outside):
    """What answers is no server of WebSockets, and has been reached."""
    headers = js.Headers.new()
    headers.append("upgrade", "websocket")
    response = await js.fetch(f"http://localhost:{outside['port']}/", headers=headers)
    return response.status
