"""The smallest build backend: one module and what makes a wheel of it."""

import zipfile


def build_wheel(directory, settings=None, metadata=None):
    name = "local_package-1.0-py3-none-any.whl"
    info = "local_package-1.0.dist-info"
    files = {
        "local_package.py": "GREETING = 'from a package'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: local-package\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
