"""HTML as Markdown: a tree of the elements, of which each becomes blocks of text."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

from .tables import table

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
SKIPPED = frozenset("script style noscript template svg head iframe object canvas select button".split())
BLOCKS = frozenset(
    "address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr html li main nav ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
CLOSES = {
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "tr": {"tr", "td", "th"},
    "td": {"td", "th"},
    "th": {"td", "th"},
    "tbody": {"thead", "tbody", "tr", "td", "th"},
    "tfoot": {"thead", "tbody", "tr", "td", "th"},
}
"""Which open elements end where another begins; the list or table around them stays open."""
HOLDERS = frozenset(["ul", "ol", "dl", "table"])
MARKS = {"b": "**", "strong": "**", "i": "_", "em": "_", "del": "~~", "s": "~~"}


def convert(data, plain, options):
    given = options.get("html") or {}
    if given.get("cssSelector"):
        raise ValueError("`cssSelector` is not there; send only the part that you want")
    tree = Tree()
    tree.feed(data.decode("utf-8-sig", "replace"))
    tree.close()
    host = given.get("hostname")
    base = host if not host or "://" in host else f"https://{host}/"
    return "\n\n".join(Renderer(base, plain).blocks(tree.root))


class Element:
    """A tag, and what is in it: elements and texts."""

    def __init__(self, tag, attributes=()):
        self.tag = tag
        self.attributes = dict(attributes)
        self.children = []
        self.is_block = tag in BLOCKS


class Tree(HTMLParser):
    """Makes a tree, with the ends that HTML lets one leave out."""

    def __init__(self):
        super().__init__()
        self.root = Element("html")
        self.open = [self.root]

    def handle_starttag(self, tag, attributes):
        if tag in BLOCKS and self.open[-1].tag == "p":
            self.open.pop()
        while self.open[-1].tag in CLOSES.get(tag, ()):
            self.open.pop()
        element = Element(tag, attributes)
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth].tag == tag:
                del self.open[depth:]
                return
            if self.open[depth].tag in HOLDERS and tag not in HOLDERS:
                return

    def handle_data(self, text):
        self.open[-1].children.append(text)


class Renderer:
    """Writes a tree; `plain` without any marks."""

    def __init__(self, base, plain):
        self.base = base
        self.plain = plain

    def blocks(self, element):
        """The blocks within an element; what stands beside them becomes blocks, too."""
        found, beside = [], []

        def flush():
            text = "\n".join(line.strip() for line in re.sub(r"[ \t]+", " ", "".join(beside)).split("\n")).strip()
            beside.clear()
            if text:
                found.append(text)

        for child in element.children:
            if isinstance(child, str) or not holds_block(child):
                beside.append(self.inline(child))
            elif child.tag not in SKIPPED:
                flush()
                found.extend(self.block(child))
        flush()
        return found

    def block(self, element):
        tag = element.tag
        if tag == "pre":
            text = text_of(element).strip("\n")
            return [text if self.plain else f"```\n{text}\n```"]
        if tag == "hr":
            return [] if self.plain else ["---"]
        if tag == "table":
            return [written] if (written := table(self.rows(element), self.plain)) else []
        inner = self.blocks(element)
        if self.plain or not inner:
            return ["\n".join(inner)] if tag == "li" else inner
        if tag in ("ul", "ol"):
            return ["\n".join(self.items(element, tag == "ol"))]
        if tag == "blockquote":
            return ["\n".join(f"> {line}".rstrip() for line in "\n\n".join(inner).split("\n"))]
        if tag[0] == "h" and tag[1:].isdigit():
            return [f"{'#' * int(tag[1])} {' '.join(' '.join(inner).split())}"]
        return inner

    def items(self, element, numbered):
        items = [child for child in element.children if isinstance(child, Element) and child.tag == "li"]
        for number, item in enumerate(items, 1):
            mark = f"{number}. " if numbered else "- "
            lines = "\n".join(self.blocks(item)).split("\n")
            yield mark + f"\n{' ' * len(mark)}".join(lines)

    def rows(self, element):
        for child in element.children:
            if isinstance(child, str):
                continue
            if child.tag == "tr":
                cells = [cell for cell in child.children if isinstance(cell, Element) and cell.tag in ("td", "th")]
                yield [" ".join(self.blocks(cell)) for cell in cells]
            else:
                yield from self.rows(child)

    def inline(self, node):
        if isinstance(node, str):
            return re.sub(r"\s+", " ", node)
        tag = node.tag
        if tag in SKIPPED:
            return ""
        if tag == "br":
            return "\n"
        if tag == "img":
            return self.image(node)
        inner = "".join(map(self.inline, node.children))
        text = inner.strip()
        if self.plain or not text:
            return inner
        before, after = " " * inner.startswith(" "), " " * inner.endswith(" ")
        if tag == "a" and node.attributes.get("href"):
            return f"{before}[{text}]({self.link(node.attributes['href'])}){after}"
        if tag == "code":
            return f"{before}`{text}`{after}"
        mark = MARKS.get(tag, "")
        return f"{before}{mark}{text}{mark}{after}" if mark else inner

    def image(self, node):
        alternative, source = node.attributes.get("alt") or "", node.attributes.get("src") or ""
        if self.plain or source.startswith("data:") or not source:
            return alternative
        return f"![{alternative}]({self.link(source)})"

    def link(self, target):
        return urljoin(self.base, target) if self.base else target


def holds_block(element):
    return element.is_block or any(isinstance(child, Element) and holds_block(child) for child in element.children)


def text_of(node):
    if isinstance(node, str):
        return node
    return "\n" if node.tag == "br" else "".join(map(text_of, node.children))
