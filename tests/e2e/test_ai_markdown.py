"""Workers AI beside its models: documents as Markdown, batches of requests, and what stands where there is no gateway."""

import base64
import contextlib
import io
import json
import shutil
import sys
import zipfile

import pytest
from conftest import WORKERS, poster
from harness import Server, run
from hognose import documents
from model_server import ModelServer

MODELS = ["@cf/llava-hf/llava-1.5-7b-hf", "@cf/baai/bge-small-en-v1.5", "@cf/deepgram/aura-1"]
JAVASCRIPT = """\
export default {
  async fetch(request, env) {
    const { documents, options, one } = await request.json();
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const files = documents.map(({ name, type, data }) => ({ name, blob: new Blob([bytes(data)], { type }) }));
    try {
      const results = await env.AI.toMarkdown(one ? files[0] : files, { conversionOptions: options });
      return Response.json(results);
    } catch (error) {
      return Response.json({ name: error.name, message: error.message });
    }
  },
};
"""
CONFIGURATION = 'main = "index.js"\ncompatibility_date = "2026-01-01"\nai = { binding = "AI" }\n'
HTML = b"""<html><head><title>No</title><style>p {}</style></head><body><h1>Birds &amp; <em>bees</em></h1>
<p>A <a href="/owl?a=1">wise <b>owl</b></a>,<br>and one that sleeps<p>Next
<ul><li>one<li>two<ol><li>deep</ol></ul>
<table><tr><th>name<th>age<tr><td>a|b<td>2</table><pre>if x:
  y</pre><blockquote><p>said</blockquote><img src="p.png" alt="pic"><script>alert()</script></body></html>"""
MARKDOWN = """\
# Birds & _bees_

A [wise **owl**](https://birds.example/owl?a=1),
and one that sleeps

Next

- one
- two
  1. deep

| name | age |
| --- | --- |
| a\\|b | 2 |

```
if x:
  y
```

> said

![pic](https://birds.example/p.png)
"""
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
WORD = f"""<w:document {W} {R}><w:body>
<w:p><w:pPr><w:pStyle w:val="Heading2"/></w:pPr><w:r><w:t>Title</w:t></w:r></w:p>
<w:p><w:r><w:t>Some </w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>bold</w:t></w:r><w:r><w:t> and </w:t></w:r>
<w:hyperlink r:id="l1"><w:r><w:t>a link</w:t></w:r></w:hyperlink></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/></w:numPr></w:pPr><w:r><w:t>one</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr><w:ilvl w:val="1"/></w:numPr></w:pPr><w:r><w:t>two</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr>
<w:tr><w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl></w:body></w:document>"""
LINKS = '<Relationships xmlns="x"><Relationship Id="l1" Target="https://a.example/"/></Relationships>'
OPEN = """<o:document xmlns:o="o" xmlns:t="t" xmlns:b="b"><o:body>%s</o:body></o:document>"""
WRITER = OPEN % (
    '<o:text><t:h t:outline-level="1">Title</t:h><t:p>Some text</t:p>'
    "<t:list><t:list-item><t:p>one</t:p></t:list-item><t:list-item><t:p>two</t:p></t:list-item></t:list></o:text>"
)
CALC = OPEN % (
    '<o:spreadsheet><b:table b:name="First"><b:table-row><b:table-cell><t:p>a</t:p></b:table-cell>'
    '<b:table-cell b:number-columns-repeated="2"><t:p>x</t:p></b:table-cell><b:table-cell b:number-columns-repeated="16000"/>'
    '</b:table-row><b:table-row b:number-rows-repeated="1000000"><b:table-cell/></b:table-row></b:table></o:spreadsheet>'
)
BOOK = f'<workbook xmlns="m" {R}><sheets><sheet name="Ages" sheetId="1" r:id="s1"/></sheets></workbook>'
BOOK_LINKS = '<Relationships xmlns="x"><Relationship Id="s1" Target="worksheets/sheet1.xml"/></Relationships>'
STRINGS = '<sst xmlns="m"><si><t>name</t></si><si><r><t>a</t></r><r><t>da</t></r></si></sst>'
SHEET = """<worksheet xmlns="m"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>age</t></is></c></row>
<row r="2"><c r="A2" t="s"><v>1</v></c><c r="C2"><v>36</v></c><c r="D2" t="b"><v>1</v></c></row></sheetData></worksheet>"""


def archive(files):
    """A ZIP file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return data.getvalue()


SPREADSHEET = {
    "xl/workbook.xml": BOOK,
    "xl/_rels/workbook.xml.rels": BOOK_LINKS,
    "xl/sharedStrings.xml": STRINGS,
    "xl/worksheets/sheet1.xml": SHEET,
}
BOMB = f'<!DOCTYPE a [<!ENTITY b "{"x" * 100}">]><a>&b;</a>'


@pytest.fixture(scope="module")
def models():
    with contextlib.closing(ModelServer()) as models:
        yield models


@pytest.fixture(scope="module")
def tables(models):
    return "\n".join(f'[ai.models."{name}"]\nurl = "{models.url}/v1"\n' for name in MODELS)


@pytest.fixture(scope="module")
def server(tmp_path_factory, tables):
    """The Worker that runs posted code."""
    folder = tmp_path_factory.mktemp("ai") / "ai"
    shutil.copytree(WORKERS / "ai", folder)
    (folder / "hognose.toml").write_text(tables)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder, {"XDG_CONFIG_HOME": str(folder)})) as server:
        yield server


@pytest.fixture(params=["raw", "sdk"])
def post(request, server):
    return poster(server, f"/{request.param}")


@pytest.fixture(scope="module")
def convert(tmp_path_factory, tables):
    """A function that has documents converted, each a name, a type and bytes."""
    folder = tmp_path_factory.mktemp("markdown")
    for name, text in {"wrangler.toml": CONFIGURATION, "index.js": JAVASCRIPT, "hognose.toml": tables}.items():
        (folder / name).write_text(text)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder, {"XDG_CONFIG_HOME": str(folder)})) as server:

        def ask(*documents, one=False, **options):
            given = [{"name": name, "type": kind, "data": base64.b64encode(data).decode()} for name, kind, data in documents]
            asked = {"documents": given, "options": options, "one": one}
            return server.fetch("/", "POST", json.dumps(asked).encode()).json

        yield ask


@pytest.mark.parametrize(
    ("name", "kind", "data", "expected"),
    [
        ("a.html", "text/html", HTML, MARKDOWN),
        ("a.csv", "text/csv; charset=utf-8", b'a;b\n"x;y";2\n', "| a | b |\n| --- | --- |\n| x;y | 2 |\n"),
        ("a.json", "", b'{"a": 1}', '```json\n{"a": 1}\n```\n'),
        ("a.xml", "application/xml", b"<a/>", "```xml\n<a/>\n```\n"),
        ("a.txt", "", b"\xef\xbb\xbfplain", "plain\n"),
        (
            "a.docx",
            "",
            archive({"word/document.xml": WORD, "word/_rels/document.xml.rels": LINKS}),
            "## Title\n\nSome **bold** and [a link](https://a.example/)\n\n- one\n  - two\n\n| a | b |\n| --- | --- |\n| 1 |  |\n",
        ),
        ("a.odt", "", archive({"content.xml": WRITER}), "# Title\n\nSome text\n\n- one\n- two\n"),
        ("a.xlsx", "", archive(SPREADSHEET), "## Ages\n\n| name |  | age |  |\n| --- | --- | --- | --- |\n| ada |  | 36 | TRUE |\n"),
        ("a.ods", "", archive({"content.xml": CALC}), "## First\n\n| a | x | x |\n| --- | --- | --- |\n"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("a.") else "",
)
def test_documents(convert, name, kind, data, expected):
    [result] = convert((name, kind, data), html={"hostname": "birds.example"})
    assert result.get("data") == expected, result
    assert (result["name"], result["format"], result["tokens"]) == (name, "markdown", -(-len(expected.encode()) // 4))
    assert result["mimeType"] and result["id"]


def test_one_document_gives_one_result_and_text_has_no_marks(convert):
    result = convert(("a.html", "text/html", HTML), one=True, output={"format": "text"})
    assert result["format"] == "text"
    assert result["data"].startswith("Birds & bees\n\nA wise owl,\nand one that sleeps\n\nNext")


def test_what_is_wrong_with_one_document_is_its_own(convert):
    documents = [
        ("a.numbers", "application/vnd.apple.numbers", b"x"),
        ("a.docx", "", b"no archive"),
        ("a.odt", "", archive({"content.xml": BOMB})),
        ("a.json", "", b"{"),
        ("deep.html", "", b"<div>" * 5000),
        ("fine.txt", "", b"fine"),
    ]
    *errors, fine = convert(*documents)
    assert fine["data"] == "fine\n"
    assert [error["format"] for error in errors] == ["error"] * 5
    texts = [error["error"] for error in errors]
    assert texts[0].startswith("Unsupported file type: application/vnd.apple.numbers")
    assert texts[1].startswith("The document is damaged or of another type: ")
    assert "is no part of such a document" in texts[2]
    assert texts[3].startswith("The document is damaged")
    assert texts[4] == "The document is nested too deeply"


def test_a_pdf_that_is_none_says_so(convert):
    [result] = convert(("a.pdf", "application/pdf", b"%PDF"))
    assert result["error"].startswith("The document is damaged"), result


def test_without_what_reads_pdf_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(documents.DocumentError, match=r"need the package pypdf: install `hognose\[ai\]`"):
        documents.convert("a.pdf", "application/pdf", b"%PDF", {})


def pdf(text):
    """A PDF of one page with a line of text."""
    shown = b"BT /F1 12 Tf 20 100 Td (" + text + b") Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Title (Owls) >>",
    ]
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(data)
    return data + b"xref\n0 7\n" + table + trailer


def test_a_pdf_has_its_facts_and_the_text_of_its_pages(convert):
    owls = ("a.pdf", "application/pdf", pdf(b"Owls are wise"))
    contents = "## Contents\n\n### Page 1\n\nOwls are wise\n"
    [result] = convert(owls)
    assert result["data"] == f"# a.pdf\n\n## Metadata\n- PDFFormatVersion=1.4\n- Title=Owls\n\n{contents}"
    [result] = convert(owls, pdf={"metadata": False})
    assert result["data"] == f"# a.pdf\n\n{contents}"
    assert convert(owls, one=True, output={"format": "text"})["data"] == "Owls are wise\n"


def test_pictures_are_described_by_a_model(convert):
    [result] = convert(("a.png", "image/png", b"few"), image={"descriptionLanguage": "de"})
    assert result["data"].startswith("Describe this picture in detail, in German. data:image/")


def test_the_number_of_documents_has_a_limit(convert):
    documents = [("a.txt", "", b"x")] * 64
    assert len(convert(*documents)) == 64
    assert convert(*documents, documents[0]) == {
        "name": "AiInternalError",
        "message": "At most 64 documents are converted at once.",
    }


BATCH = "batch = await ai.run('@cf/baai/bge-small-en-v1.5', p({'requests': [{'text': 'abc'}, {}, {'text': 'a', 'external_reference': 'r'}]}), p({'queueRequest': True}))\n"
POLL = BATCH + "found = await ai.run('@cf/baai/bge-small-en-v1.5', p({'request_id': batch.request_id}))\n"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (BATCH + "[batch.status, batch.model, len(batch.request_id)]", "['queued', '@cf/baai/bge-small-en-v1.5', 32]"),
        (POLL + "[[one.id, one.success] for one in found.responses]", "[[0, True], [1, False], [2, True]]"),
        (POLL + "[found.responses[0].result.data[0][0], found.responses[2].external_reference]", "[3, 'r']"),
        (POLL + "found.responses[1].error.code", "5006"),
        (POLL + "again = await ai.run('@cf/baai/bge-small-en-v1.5', p({'request_id': batch.request_id}))\nlen(again.responses)", "3"),
        ("await ai.run('@cf/baai/bge-small-en-v1.5', p({'request_id': 'x'}))",
         "AiError: 5006: Error: there is no batch x of @cf/baai/bge-small-en-v1.5"),
        ("await ai.run('@cf/baai/bge-small-en-v1.5', p({'requests': [{}] * 101}), p({'queueRequest': True}))",
         "AiError: 5006: Error: must NOT have more than 100 items"),
        ("await ai.run('@cf/baai/bge-small-en-v1.5', p({}), p({'queueRequest': True}))",
         "AiError: 5006: Error: required properties at '/' are 'requests'"),
        ("(await ai.run('not mapped', p({'requests': [{}]}), p({'queueRequest': True, 'returnRawResponse': True}))).status", "400"),
        ("answer = await ai.gateway('g').run(p({'provider': 'workers-ai', 'endpoint': '@cf/baai/bge-small-en-v1.5', 'headers': {}, 'query': {'text': 'abc'}}))\n"
         "answer.status", "200"),
    ],
)
def test_batches_and_the_gateway(post, code, value):
    assert post(code) == value


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("await ai.gateway('g').run(p({'provider': 'openai', 'endpoint': 'x', 'query': {}}))", "of providers only \"workers-ai\" is known"),
        ("await ai.gateway('g').getLog('x')", "no logs are kept"),
        ("await ai.gateway('g').getUrl('openai')", "there is no URL"),
        ("await ai.autorag('x').search(p({'query': 'q'}))", "AI Search (AutoRAG) is not provided by hognose"),
        ("ai.aiSearch()", "AI Search (AutoRAG) is not provided by hognose"),
    ],
)
def test_what_is_not_there_says_so(post, code, words):
    assert words in post(code)


def test_a_model_is_asked_from_the_command_line(project, tables, tmp_path):
    folder = project(files={"wrangler.toml": CONFIGURATION, "index.js": JAVASCRIPT, "hognose.toml": tables, "a.png": "few"})

    def ask(*arguments):
        return run("ai", "run", *arguments, folder=folder)

    code, output = ask("@cf/baai/bge-small-en-v1.5", '{"text": "abc"}')
    assert (code, json.loads(output)["data"]) == (0, [[3.0, 1.0]])
    code, output = ask("@cf/llava-hf/llava-1.5-7b-hf", '{"prompt": "what?"}', "--file", "image=a.png")
    assert (code, json.loads(output)["description"]) == (0, f"what? data:image/jpeg;base64,{base64.b64encode(b'few').decode()}")
    assert ask("@cf/deepgram/aura-1", '{"text": "hi", "speaker": "luna"}') == (0, "luna says hi")
    code, output = ask("@cf/baai/bge-small-en-v1.5")
    assert code == 1 and "5006: Error: required properties at '/' are 'text'" in output
    code, output = ask("@cf/new/model", "{}")
    assert code == 1 and '[ai.models."@cf/new/model"]' in output
    code, output = ask("@cf/new/model", "[]")
    assert code == 1 and "The inputs are no JSON of an object" in output
