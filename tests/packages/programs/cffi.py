"""Calls C, and is called by it."""

REQUIRES = ["cffi"]


def main(port):
    import cffi

    ffi = cffi.FFI()
    ffi.cdef("int abs(int);")
    assert ffi.dlopen(None).abs(-3) == 3
    called = []
    callback = ffi.callback("int(int)", lambda n: called.append(n) or n)
    assert callback(4) == 4 and called == [4]
