"""Matches by properties, and nearly."""

REQUIRES = ["regex"]


def main(port):
    import regex

    assert regex.findall(r"\p{Lu}\p{Ll}+", "Oslo og Århus") == ["Oslo", "Århus"]
    assert regex.fullmatch(r"(?:colour){e<=1}", "color")
