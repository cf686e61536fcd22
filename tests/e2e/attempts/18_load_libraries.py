"""Loads a library that it has written itself. Native code can be run by other ways, and counts for nothing."""

import ctypes
import sysconfig
import tempfile
from pathlib import Path

# In a container the scratch folder is one of the machine's.
ONLY_FULL = {"load_from_scratch"}


def load_from_scratch(outside):
    library = next(Path(sysconfig.get_config_var("DESTSHARED")).glob("_struct*.so"), None)
    copy = Path(tempfile.mkdtemp()) / "library.so"
    copy.write_bytes((library or next(Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so"))).read_bytes())
    return ctypes.CDLL(str(copy))
