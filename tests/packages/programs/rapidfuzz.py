"""Finds the nearest word."""

REQUIRES = ["rapidfuzz"]


def main(port):
    from rapidfuzz import fuzz, process

    assert process.extractOne("olso", ["oslo", "rome"], scorer=fuzz.ratio)[0] == "oslo"
