"""Writes and reads JSON."""

REQUIRES = ["orjson"]


def main(port):
    import datetime

    import orjson

    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
    assert orjson.dumps({"at": moment, "n": [1, 2.5, None]}) == b'{"at":"2026-01-02T00:00:00+00:00","n":[1,2.5,null]}'
    assert orjson.loads(b'{"a": [1, {"b": "\\u00e9"}]}')["a"][1]["b"] == "\u00e9"
