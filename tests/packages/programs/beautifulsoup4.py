"""Mends HTML, and selects."""

REQUIRES = ["beautifulsoup4", "lxml"]


def main(port):
    from bs4 import BeautifulSoup

    soup = BeautifulSoup("<ul><li>a<li>b</ul>", "lxml")
    assert [item.text for item in soup.select("ul > li")] == ["a", "b"]
