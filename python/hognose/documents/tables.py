"""Rows of cells as a Markdown table."""


def table(rows, plain=False):
    """The first row becomes the head; rows that are all empty are left out."""
    rows = [[" ".join(str(cell).split()) for cell in row] for row in rows]
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    while width > 1 and not any(len(row) >= width and row[width - 1] for row in rows):
        width -= 1
    rows = [(row + [""] * width)[:width] for row in rows]
    if plain:
        return "\n".join("\t".join(row) for row in rows)
    head, *rest = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" * width, *rest])
