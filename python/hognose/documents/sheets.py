"""Spreadsheets (XLSX, ODS) as Markdown: a table for each sheet, under its name."""

import re

from .office import Package, attribute, child, local
from .tables import table

COLUMNS_MAX = 16_384
"""What these programs have; what is repeated further is the empty rest of a sheet."""
ROWS_REPEATED_MAX = 1000


def excel(data, plain, _options):
    package = Package(data)
    strings = package.xml("xl/sharedStrings.xml")
    shared = [] if strings is None else ["".join(one.itertext()) for one in strings if local(one) == "si"]
    relations = package.required("xl/_rels/workbook.xml.rels")
    targets = {one.get("Id"): one.get("Target", "") for one in relations}
    sheets = child(package.required("xl/workbook.xml"), "sheets")
    parts = []
    for sheet in sheets if sheets is not None else ():
        target = targets.get(attribute(sheet, "id"), "").removeprefix("/xl/")
        root = package.xml(f"xl/{target}")
        if root is not None:
            parts.append((sheet.get("name", ""), excel_rows(root, shared)))
    return titled(parts, plain)


def excel_rows(root, shared):
    for row in root.iter():
        if local(row) != "row":
            continue
        cells = {}
        for position, cell in enumerate(row):
            letters = re.match("[A-Z]+", cell.get("r", ""))
            cells[column(letters[0]) if letters else position] = excel_value(cell, shared)
        yield [cells.get(index, "") for index in range(min(max(cells, default=-1) + 1, COLUMNS_MAX))]


def column(letters):
    """`A` is 0, `Z` 25, `AA` 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def excel_value(cell, shared):
    if cell.get("t") == "inlineStr":
        return "".join(cell.itertext())
    value = child(cell, "v")
    text = (value.text or "") if value is not None else ""
    if cell.get("t") == "s":
        return shared[int(text)]
    return {"1": "TRUE", "0": "FALSE"}.get(text, text) if cell.get("t") == "b" else text


def calc(data, plain, _options):
    body = child(Package(data).required("content.xml"), "body")
    body = body if body is None else child(body, "spreadsheet")
    if body is None:
        raise ValueError("the document has no sheets")
    sheets = (sheet for sheet in body if local(sheet) == "table")
    return titled([(attribute(sheet, "name") or "", calc_rows(sheet)) for sheet in sheets], plain)


def calc_rows(sheet):
    for row in (inner for inner in sheet.iter() if local(inner) == "table-row"):
        cells = []
        for cell in row:
            times = min(int(attribute(cell, "number-columns-repeated") or 1), COLUMNS_MAX - len(cells))
            cells += [" ".join("".join(cell.itertext()).split())] * times
        # An empty row says nothing, however often it is repeated.
        times = int(attribute(row, "number-rows-repeated") or 1) if any(cells) else 0
        yield from [cells] * min(times, ROWS_REPEATED_MAX)


def titled(sheets, plain):
    parts = []
    for name, rows in sheets:
        if written := table(rows, plain):
            parts += [name if plain else f"## {name}", written]
    return "\n\n".join(parts)
