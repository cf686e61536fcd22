"""Before Cloudflare's SDK hands a value to a binding, it looks for what cannot be sent, item by item: at each byte of a
`Uint8Array` and each number of a vector, some microseconds each, which makes seconds of a megabyte. What holds nothing
but numbers or text needs no look.
"""

from types import NoneType

from pyodide.ffi import JsBuffer

_SENDABLE = (str, int, float, NoneType, bytes, memoryview, JsBuffer)


def amend(module) -> None:
    """Spares the SDK's check what passes it anyway. SDKs that have no such check stay as they are."""
    check = getattr(module, "_raise_on_disabled_type", None)
    if check is None:
        return

    def raise_on_disabled_type(value):
        if not isinstance(value, _SENDABLE):
            check(value)

    # The check calls itself by this name for what a value holds.
    module._raise_on_disabled_type = raise_on_disabled_type
