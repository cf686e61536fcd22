"""Validates, with the native `rpds`."""

REQUIRES = ["jsonschema"]


def main(port):
    import jsonschema

    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
    jsonschema.validate({"a": 1}, schema)
    assert [error.validator for error in jsonschema.Draft202012Validator(schema).iter_errors({"a": "x"})] == ["type"]
