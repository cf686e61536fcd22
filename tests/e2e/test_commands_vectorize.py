"""`hognose vectorize`: indexes from the command line."""

import json

import pytest
from harness import run

CONFIGURATION = 'main = "src/index.py"\ncompatibility_date = "2025-08-01"\ncompatibility_flags = ["python_workers"]\n'


@pytest.fixture
def folder(project):
    return project(files={"wrangler.toml": CONFIGURATION, "src/index.py": ""})


def vectorize(folder, *arguments, fails=False):
    """What a command prints."""
    code, output = run("vectorize", *arguments, folder=folder)
    assert bool(code) == fails, output
    return output


def result(folder, *arguments):
    return json.loads(vectorize(folder, *arguments, "--json"))


def line(name, *values, **more):
    return json.dumps({"id": name, "values": list(values) + [0] * (32 - len(values)), **more})


@pytest.fixture
def filled(folder):
    vectorize(folder, "create", "docs", "--dimensions", "32", "--metric", "euclidean", "--description", "what we know")
    vectorize(folder, "create-metadata-index", "docs", "--property-name", "year", "--type", "number")
    lines = [line("a", 1), line("b", 2, metadata={"year": 2024}), "", line("c", 9, namespace="n", metadata={"year": 2020})]
    (folder / "vectors.ndjson").write_text("\n".join(lines))
    return folder


def test_an_index_is_made_listed_and_deleted(folder):
    assert "index_name = \"docs\"" in vectorize(folder, "create", "docs", "--dimensions", "1536", "--metric", "dot-product")
    assert vectorize(folder, "create", "small", "--preset", "@cf/baai/bge-small-en-v1.5").startswith("Created the index small.")
    assert vectorize(folder, "list") == "docs  1536 dimensions, dot-product\nsmall  384 dimensions, cosine\n"
    config = {"dimensions": 1536, "metric": "dot-product"}
    assert result(folder, "get", "docs") == {"name": "docs", "description": "", "config": config}
    assert vectorize(folder, "create", "docs", "--preset", "@cf/baai/bge-small-en-v1.5", fails=True) == (
        'error: there is an index "docs" already\n'
    )
    vectorize(folder, "delete", "docs")
    assert vectorize(folder, "list") == "small  384 dimensions, cosine\n"
    missing = 'error: there is no index "docs"; make it with `hognose vectorize create docs --dimensions <N> --metric <METRIC>`\n'
    assert vectorize(folder, "info", "docs", fails=True) == missing


@pytest.mark.parametrize("batch_size", ["1", "2", "1000"])
def test_a_file_is_stored_and_searched(filled, batch_size):
    assert vectorize(filled, "insert", "docs", "--file", "vectors.ndjson", "--batch-size", batch_size) == (
        "3 vectors were read and stored\n"
    )
    assert result(filled, "info", "docs")["vectorCount"] == 3
    near = [str(value) for value in [1.5] + [0] * 31]
    found = result(filled, "query", "docs", "--vector", *near, "--filter", '{"year": {"$gt": 2021}}', "--return-metadata", "all")
    assert found == {"count": 1, "matches": [{"id": "b", "score": 0.5, "metadata": {"year": 2024}}]}
    found = result(filled, "query", "docs", "--vector-id", "a", "--top-k", "2")
    assert [match["id"] for match in found["matches"]] == ["a", "b"]
    assert result(filled, "query", "docs", "--vector-id", "a", "--namespace", "n")["matches"][0]["id"] == "c"


def test_vectors_are_shown_listed_and_removed(filled):
    vectorize(filled, "upsert", "docs", "--file", "vectors.ndjson")
    shown = result(filled, "get-vectors", "docs", "--ids", "c", "x")
    assert shown == [{"id": "c", "namespace": "n", "metadata": {"year": 2020}, "values": [9] + [0] * 31}]
    page = result(filled, "list-vectors", "docs", "--count", "2")
    assert page == {"vectors": [{"id": "a"}, {"id": "b"}], "count": 2, "totalCount": 3, "isTruncated": True, "nextCursor": "b"}
    page = result(filled, "list-vectors", "docs", "--cursor", page["nextCursor"])
    assert page == {"vectors": [{"id": "c"}], "count": 1, "totalCount": 3, "isTruncated": False, "nextCursor": None}
    vectorize(filled, "delete-vectors", "docs", "--ids", "a", "c")
    assert vectorize(filled, "list-vectors", "docs") == "b\n"


def test_metadata_indexes_are_made_listed_and_removed(filled):
    assert vectorize(filled, "list-metadata-index", "docs") == "year  number\n"
    for number in range(9):
        vectorize(filled, "create-metadata-index", "docs", "--property-name", f"p{number}", "--type", "string")
    full = vectorize(filled, "create-metadata-index", "docs", "--property-name", "p9", "--type", "string", fails=True)
    assert full == "error: an index has at most 10 metadata indexes\n"
    vectorize(filled, "delete-metadata-index", "docs", "--property-name", "year")
    gone = vectorize(filled, "delete-metadata-index", "docs", "--property-name", "year", fails=True)
    assert gone.startswith("error: The index `docs` has no metadata index on `year`\n")


def test_bad_input_is_told(filled):
    for dimensions, fails in [("31", True), ("32", False), ("1536", False), ("1537", True)]:
        vectorize(filled, "create", f"d{dimensions}", "--dimensions", dimensions, "--metric", "cosine", fails=fails)
    assert "an index's name has 1 to 64 characters" in vectorize(
        filled, "create", "Upper", "--dimensions", "32", "--metric", "cosine", fails=True
    )
    vectorize(filled, "create", "x" * 64, "--dimensions", "32", "--metric", "cosine")
    vectorize(filled, "create", "x" * 65, "--dimensions", "32", "--metric", "cosine", fails=True)
    (filled / "bad.ndjson").write_text(line("a", 1) + "\n{\n")
    told = vectorize(filled, "upsert", "docs", "--file", "bad.ndjson", fails=True)
    assert told.startswith("error: Line 2 of `bad.ndjson` is not a vector\n"), told
    (filled / "bad.ndjson").write_text(json.dumps({"id": "a", "values": [1]}))
    told = vectorize(filled, "upsert", "docs", "--file", "bad.ndjson", fails=True)
    assert 'invalid vector for id="a", expected 32 dimensions, and got 1 dimensions' in told
    assert result(filled, "info", "docs")["vectorCount"] == 0
