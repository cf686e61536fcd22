"""PDF documents as Markdown: the text of each page, as `pypdf` (of `hognose[ai]`) reads it. What a page only shows as a
picture is not read."""


def convert(data, plain, options):
    """What Cloudflare makes of a PDF: its name, what it says of itself, and its pages."""
    import io

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise ValueError("it is encrypted")
        pages = [page.extract_text().strip() for page in reader.pages]
        about = facts(reader)
    except PyPdfError as error:
        raise ValueError(str(error)) from error
    if plain:
        return "\n\n".join(pages)
    parts = [f"# {options['name']}"]
    if (options.get("pdf") or {}).get("metadata", True):
        parts.append("## Metadata\n" + "\n".join(f"- {name}={value}" for name, value in about))
    parts.append("## Contents")
    parts += [f"### Page {number}\n\n{text}" for number, text in enumerate(pages, 1)]
    return "\n\n".join(parts)


def facts(reader):
    """Names and values of what the document says of itself, each within a line."""
    yield "PDFFormatVersion", reader.pdf_header.removeprefix("%PDF-")
    for name, value in (reader.metadata or {}).items():
        yield name.removeprefix("/"), " ".join(str(value).split())
