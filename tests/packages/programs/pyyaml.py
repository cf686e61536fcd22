"""Reads and writes by the C library."""

REQUIRES = ["pyyaml"]


def main(port):
    import yaml

    assert yaml.load("a: [1, {b: c}]", yaml.CSafeLoader) == {"a": [1, {"b": "c"}]}
    assert yaml.dump({"a": [1]}, Dumper=yaml.CSafeDumper) == "a:\n- 1\n"
