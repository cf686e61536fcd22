"""Documents as Markdown, for `env.AI.toMarkdown`: with nothing but Python's own library (only PDF needs more), in the
process that runs models, so that a document that takes all memory or never ends takes that process with it and nothing
else.

`convert` goes by the type of the document, then by the ending of its name. Pictures are not for here: they are described by a
model.
"""

import csv
import io
import json

from . import html, office, pdf, sheets
from .tables import table


class DocumentError(Exception):
    """The document cannot be converted; the text says why."""


def convert(name, mime_type, data, options):
    """The Markdown of a document, or its plain text where the options ask for that."""
    kind = KINDS.get(mime_type.partition(";")[0].strip().lower()) or KINDS.get(name.rpartition(".")[2].lower())
    if kind is None:
        raise DocumentError(f"Unsupported file type: {mime_type or name}")
    plain = (options.get("output") or {}).get("format") == "text"
    try:
        return kind(data, plain, {**options, "name": name}).strip() + "\n"
    except (ValueError, KeyError, SyntaxError, NotImplementedError, EOFError, office.BadZipFile) as error:
        raise DocumentError(f"The document is damaged or of another type: {error}") from error
    except ImportError as error:
        raise DocumentError(f"Documents of this type need the package {error.name}: install `hognose[ai]`") from error
    except RecursionError as error:
        raise DocumentError("The document is nested too deeply") from error


def text(data, *_):
    return data.decode("utf-8-sig", "replace")


def fenced(language):
    """Source text as a block of code."""

    def convert_source(data, plain, _options):
        source = text(data)
        return source if plain else f"```{language}\n{source.strip()}\n```"

    return convert_source


def json_source(data, plain, options):
    json.loads(text(data))
    return fenced("json")(data, plain, options)


def separated(data, plain, _options):
    source = text(data)
    first = source.partition("\n")[0]
    separator = max(",;\t|", key=first.count)
    return table(list(csv.reader(io.StringIO(source, newline=""), delimiter=separator)), plain)


KINDS = {
    "text/html": html.convert,
    "application/xhtml+xml": html.convert,
    "html": html.convert,
    "htm": html.convert,
    "text/plain": text,
    "text/markdown": text,
    "txt": text,
    "md": text,
    "text/csv": separated,
    "csv": separated,
    "application/json": json_source,
    "json": json_source,
    "application/xml": fenced("xml"),
    "text/xml": fenced("xml"),
    "xml": fenced("xml"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": office.word,
    "docx": office.word,
    "application/vnd.oasis.opendocument.text": office.writer,
    "odt": office.writer,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": sheets.excel,
    "application/vnd.ms-excel.sheet.macroenabled.12": sheets.excel,
    "xlsx": sheets.excel,
    "xlsm": sheets.excel,
    "application/vnd.oasis.opendocument.spreadsheet": sheets.calc,
    "application/pdf": pdf.convert,
    "pdf": pdf.convert,
    "ods": sheets.calc,
}
"""What converts each kind: by its type, and by the ending of its name."""
