"""Texts of office programs (DOCX, ODT) as Markdown: ZIP files whose XML says what is a heading, a list or a table."""

import io
import re
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

from .tables import table

__all__ = ["BadZipFile", "Package", "attribute", "child", "local", "word", "writer"]

UNPACKED_MAX_BYTES = 256 << 20
"""The most that one file of a package may have unpacked."""


class Package:
    """A ZIP file of XML."""

    def __init__(self, data):
        self.zip = ZipFile(io.BytesIO(data))

    def xml(self, name):
        """The root of a file's XML, or `None` where there is none."""
        if name not in self.zip.namelist():
            return None
        if self.zip.getinfo(name).file_size > UNPACKED_MAX_BYTES:
            raise ValueError(f"`{name}` has more than {UNPACKED_MAX_BYTES} bytes")
        with self.zip.open(name) as file:
            content = file.read(UNPACKED_MAX_BYTES + 1)
        # These formats have no document types; what has one wants its entities to unfold.
        if len(content) > UNPACKED_MAX_BYTES or b"<!DOCTYPE" in content:
            raise ValueError(f"`{name}` is no part of such a document")
        return ElementTree.fromstring(content)

    def required(self, name):
        root = self.xml(name)
        if root is None:
            raise ValueError(f"there is no `{name}` in it")
        return root


def local(element):
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def attribute(element, name):
    """An attribute by its name without its namespace."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def child(element, name):
    return next((inner for inner in element if local(inner) == name), None)


def word(data, plain, _options):
    package = Package(data)
    relations = package.xml("word/_rels/document.xml.rels")
    links = {} if relations is None else {one.get("Id"): one.get("Target", "") for one in relations}
    body = child(package.required("word/document.xml"), "body")
    if body is None:
        raise ValueError("the document has no body")
    return joined(Word(links, plain).blocks(body))


class Word:
    """Writes WordprocessingML."""

    def __init__(self, links, plain):
        self.links = links
        self.plain = plain

    def blocks(self, parent):
        for element in parent:
            kind = local(element)
            if kind == "p":
                yield self.paragraph(element)
            elif kind == "tbl":
                yield False, table(self.rows(element), self.plain)
            elif kind in ("sdt", "sdtContent"):
                yield from self.blocks(element)

    def rows(self, element):
        for row in (inner for inner in element if local(inner) == "tr"):
            cells = [cell for cell in row if local(cell) == "tc"]
            yield [" ".join(text for _, text in self.blocks(cell)) for cell in cells]

    def paragraph(self, element):
        """Whether it belongs to a list, and its text."""
        text = self.runs(element).strip()
        properties = child(element, "pPr")
        if self.plain or properties is None or not text:
            return False, text
        style = child(properties, "pStyle")
        level = re.fullmatch(r"Heading ?([1-6])", attribute(style, "val") or "") if style is not None else None
        if level:
            return False, f"{'#' * int(level[1])} {text}"
        numbering = child(properties, "numPr")
        if numbering is None:
            return False, text
        depth = child(numbering, "ilvl")
        return True, "  " * int(attribute(depth, "val") if depth is not None else 0) + f"- {text}"

    def runs(self, parent):
        parts = []
        for element in parent:
            kind = local(element)
            if kind == "r":
                parts.append(self.run(element))
            elif kind == "hyperlink":
                text, target = self.runs(element), self.links.get(attribute(element, "id"))
                parts.append(text if self.plain or not target else f"[{text}]({target})")
            elif kind in ("ins", "smartTag", "sdt", "sdtContent"):
                parts.append(self.runs(element))
        return "".join(parts)

    def run(self, element):
        text = "".join(TEXTS.get(local(inner), lambda inner: "")(inner) for inner in element)
        properties = child(element, "rPr")
        if self.plain or properties is None or not text.strip():
            return text
        for name, mark in (("b", "**"), ("i", "_")):
            if child(properties, name) is not None and attribute(child(properties, name), "val") not in ("0", "false"):
                text = f"{mark}{text.strip()}{mark}{' ' * text.endswith(' ')}"
        return text


TEXTS = {"t": lambda inner: inner.text or "", "tab": lambda inner: "\t", "br": lambda inner: "\n"}


def writer(data, plain, _options):
    body = child(Package(data).required("content.xml"), "body")
    body = body if body is None else child(body, "text")
    if body is None:
        raise ValueError("the document has no text")
    return joined(open_document(body, plain, 0))


def open_document(parent, plain, depth):
    for element in parent:
        kind = local(element)
        text = " ".join("".join(element.itertext()).split()) if kind in ("h", "p") else ""
        if kind == "h":
            level = min(int(attribute(element, "outline-level") or 1), 6)
            yield False, text if plain else f"{'#' * level} {text}"
        elif kind == "p":
            yield depth > 0, text if plain or not depth or not text else f"{'  ' * (depth - 1)}- {text}"
        elif kind == "list":
            yield from open_document(element, plain, depth + 1)
        elif kind in ("list-item", "section"):
            yield from open_document(element, plain, depth)
        elif kind == "table":
            rows = (row for row in element.iter() if local(row) == "table-row")
            cells = [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in rows]
            yield False, table(cells, plain)


def joined(blocks):
    """Blocks with an empty line between them, but for the items of a list."""
    written, in_list = "", False
    for is_item, text in blocks:
        if text:
            written += ("\n" if is_item and in_list else "\n\n") + text
            in_list = is_item
    return written
