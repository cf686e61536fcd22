"""Vectorize as Python sees it, as the JavaScript object itself and through Cloudflare's SDK: every method, option, operator
of filters, metric, limit and error text."""

import contextlib
import shutil

import pytest
from conftest import WORKERS, poster
from harness import Server, run

INDEXES = {"cosine": "cosine", "euclidean": "euclidean", "dot": "dot-product"}
PROPERTIES = {"kind": "string", "size": "number", "is.new": "boolean", "text": "string"}

# Three vectors in a namespace of the test's own.
FEW = """\
await vec.upsert(p([
    {"id": "MINE-a", "values": v(1), "namespace": "MINE", "metadata": {"kind": "x", "size": 1, "is": {"new": True}}},
    {"id": "MINE-b", "values": v(1, 1), "namespace": "MINE", "metadata": {"kind": "y", "size": 2.5, "other": "o"}},
    {"id": "MINE-c", "values": v(-1), "namespace": "MINE", "metadata": {"size": "3", "kind": "xyz"}},
    {"id": "MINE-d", "values": v(0, 1), "namespace": "MINE"},
]))
async def ids(**options):
    options = {"namespace": "MINE", "topK": 10} | options
    found = await vec.query(p(v(1)), p(options))
    return [match.id.removeprefix('MINE-') for match in found.matches]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose indexes the commands have made."""
    folder = tmp_path_factory.mktemp("vectorize") / "vectorize"
    shutil.copytree(WORKERS / "vectorize", folder)
    for name, metric in INDEXES.items():
        vectorize(folder, "create", name, "--dimensions", "32", "--metric", metric)
    for path, kind in PROPERTIES.items():
        vectorize(folder, "create-metadata-index", "cosine", "--property-name", path, "--type", kind)
    with contextlib.closing(Server(["dev", str(folder), "--port", "0"], folder)) as server:
        yield server


def vectorize(folder, *arguments):
    code, output = run("vectorize", *arguments, folder=folder)
    assert code == 0, output


@pytest.fixture
def raw(server):
    return poster(server, "/raw", "MINE")


@pytest.fixture
def sdk(server):
    return poster(server, "/sdk", "MINE")


@pytest.fixture(params=["raw", "sdk"])
def post(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (FEW + "await ids()", "['a', 'b', 'd', 'c']"),
        (FEW + "await ids(topK=2)", "['a', 'b']"),
        (FEW + "(await vec.query(p(v(1)), p({'namespace': 'MINE'}))).count", "4"),
        (FEW + "(await vec.query(p(v(1)), namespace='MINE', topK=1)).matches[0].id", "'MINE-a'"),
        (FEW + "[round(m.score, 6) for m in (await vec.query(p(v(1)), namespace='MINE')).matches]", "[1, 0.707107, 0, -1]"),
        (FEW + "(await vec.queryById('MINE-d', namespace='MINE', topK=2)).matches[1].id", "'MINE-b'"),
        (FEW + "await ids(namespace='none of them')", "[]"),
        (FEW + "match = (await vec.query(p(v(1)), p({'namespace': 'MINE'}))).matches[0]\nsorted(dict(js.Object.entries(p(match))"
         ".to_py() if hasattr(match, 'to_py') else match))", "['id', 'namespace', 'score']"),
        (FEW + "match = (await vec.query(p(v(1)), p({'namespace': 'MINE', 'returnValues': True, 'returnMetadata': 'all'}))).matches[1]\n"
         "[list(match['values'] if isinstance(match, dict) else match.values)[:3], match.metadata.other, match.namespace]", "[[1, 1, 0], 'o', 'MINE']"),
        (FEW + "match = (await vec.query(p(v(1)), p({'namespace': 'MINE', 'returnMetadata': True}))).matches[0]\nmatch.metadata.kind", "'x'"),
        (FEW + "match = (await vec.query(p(v(1)), p({'namespace': 'MINE', 'returnMetadata': 'indexed'}))).matches[1]\n"
         "[match.metadata.kind, match.metadata.size, getattr(match.metadata, 'other', None)]", "['y', 2.5, None]"),
        (FEW + "match = (await vec.query(p(v(1)), p({'namespace': 'MINE', 'returnMetadata': 'indexed'}))).matches[0]\n"
         "match.metadata['is']['new'] if isinstance(match, dict) else getattr(match.metadata, 'is').new", "True"),
        (FEW + "match = (await vec.query(p(v(1)), p({'namespace': 'MINE', 'returnMetadata': False}))).matches[0]\n"
         "'metadata' in match if isinstance(match, dict) else hasattr(match, 'metadata')", "False"),
        # Filters.
        (FEW + "await ids(filter={'kind': 'x'})", "['a']"),
        (FEW + "await ids(filter={'kind': {'$eq': 'y'}})", "['b']"),
        (FEW + "await ids(filter={'kind': {'$ne': 'x'}})", "['b', 'd', 'c']"),
        (FEW + "await ids(filter={'kind': {'$in': ['x', 'y']}})", "['a', 'b']"),
        (FEW + "await ids(filter={'kind': {'$nin': ['x', 'y']}})", "['d', 'c']"),
        (FEW + "await ids(filter={'size': {'$lt': 2.5}})", "['a']"),
        (FEW + "await ids(filter={'size': {'$lte': 2.5}})", "['a', 'b']"),
        (FEW + "await ids(filter={'size': {'$gt': 1}})", "['b']"),
        (FEW + "await ids(filter={'size': {'$gte': 1, '$lt': 2.5}})", "['a']"),
        (FEW + "await ids(filter={'kind': {'$gte': 'x', '$lt': 'y'}})", "['a', 'c']"),
        (FEW + "await ids(filter={'is.new': True})", "['a']"),
        (FEW + "await ids(filter={'is.new': {'$ne': True}})", "['b', 'd', 'c']"),
        (FEW + "await ids(filter={'kind': jsnull})", "['d']"),
        (FEW + "await ids(filter={'size': {'$ne': jsnull}})", "['a', 'b']"),
        (FEW + "await ids(filter={'size': {'$in': [jsnull, 1]}})", "['a', 'd', 'c']"),
        (FEW + "await ids(filter={'kind': 'x', 'size': 1})", "['a']"),
        (FEW + "await ids(filter={'kind': 'x', 'size': 2.5})", "[]"),
        (FEW + "await ids(filter={'other': 'o'})", "[]"),
        (FEW + "await ids(filter={'size': '3'})", "[]"),
        (FEW + "await ids(filter={'kind': 'x'}, topK=1)", "['a']"),
        ("long = 'ä' * 40\nawait vec.upsert(p([{'id': 'MINE', 'values': v(1), 'namespace': 'MINE', 'metadata': {'text': long}}]))\n"
         "one = await vec.query(p(v(1)), p({'namespace': 'MINE', 'filter': {'text': 'ä' * 33}, 'returnMetadata': 'indexed'}))\n"
         "[one.count, len(one.matches[0].metadata.text)]", "[1, 32]"),
        # Changes.
        (FEW + "(await vec.upsert(p([{'id': 'MINE-a', 'values': v(5)}])))\n"
         "found = (await vec.getByIds(p(['MINE-a'])))[0]\n[await ids(), 'metadata' in p(found).to_py() if not isinstance(found, dict) else "
         "'metadata' in found]", "[['b', 'd', 'c'], False]"),
        (FEW + "await vec.insert(p([{'id': 'MINE-a', 'values': v(5), 'namespace': 'MINE'}, {'id': 'MINE-e', 'values': v(2, 9), "
         "'namespace': 'MINE'}, {'id': 'MINE-e', 'values': v(1), 'namespace': 'MINE'}]))\nawait ids(filter={'kind': {'$ne': 'y'}})",
         "['a', 'e', 'd', 'c']"),
        (FEW + "await vec.deleteByIds(p(['MINE-a', 'never there']))\nawait ids()", "['b', 'd', 'c']"),
        (FEW + "await vec.deleteByIds(p(['MINE-a']))\nawait vec.upsert(p([{'id': 'MINE-a', 'values': v(-2, 1), 'namespace': 'MINE'}]))\n"
         "await ids()", "['b', 'd', 'a', 'c']"),
        ("await vec.upsert(p([{'id': 'MINE', 'values': v(1), 'namespace': 'MINE'}, {'id': 'MINE', 'values': v(2), 'namespace': 'MINE'}]))\n"
         "found = (await vec.getByIds(p(['MINE'])))[0]\n(found['values'] if isinstance(found, dict) else found.values)[0]", "2"),
        ("await vec.upsert(p([{'id': 'MINE', 'values': v(58.8)}]))\nfound = (await vec.getByIds(p(['MINE'])))[0]\n"
         "(found['values'] if isinstance(found, dict) else found.values)[0]", "58.79999923706055"),
        ("await vec.upsert(p([{'id': 'MINE', 'values': js.Float64Array.new(to_js(v(1, 0.5))), 'namespace': 'MINE'}]))\n"
         "(await vec.queryById('MINE', topK=1, namespace='MINE')).matches[0].id", "'MINE'"),
        (FEW + "[found.id for found in await vec.getByIds(p(['MINE-c', 'none', 'MINE-a']))]", "['MINE-c', 'MINE-a']"),
        ("change = await vec.upsert(p([{'id': 'MINE', 'values': v(1)}]))\nabout = await vec.describe()\n"
         "[about.dimensions, about.processedUpToMutation == change.mutationId, about.processedUpToDatetime[-1], about.vectorCount > 0]",
         "[32, True, 'Z', True]"),
        ("run_sync(vec.query(p(v(1)), p({'namespace': 'no such'}))).count", "0"),
        ("try:\n    await vec.upsert(p([{'id': 'MINE', 'values': v(1)}, {'id': 'MINE-bad', 'values': [1]}]))\nexcept JsException:\n    pass\n"
         "len(await vec.getByIds(p(['MINE', 'MINE-bad'])))", "0"),
    ],
)
def test_both_styles(post, code, value):
    assert post(code) == value


@pytest.mark.parametrize(
    ("index", "order", "scores"),
    [
        ("euclidean", "['MINE-near', 'MINE-far', 'MINE-away']", "[0, 4, 6]"),
        ("dot", "['MINE-far', 'MINE-near', 'MINE-away']", "[-20, -4, 8]"),
    ],
)
def test_metrics_order_by_the_best_first(post, index, order, scores):
    vectors = "[{'id': 'MINE-near', 'values': v(2)}, {'id': 'MINE-far', 'values': v(10)}, {'id': 'MINE-away', 'values': v(-4)}]"
    vectors = vectors.replace("v(10)", "v(6)") if index == "euclidean" else vectors
    put = f"for vector in {vectors}:\n    await {index}.upsert(p([vector | {{'namespace': 'MINE'}}]))\n"
    found = f"found = await {index}.query(p(v(2)), p({{'namespace': 'MINE'}}))\n"
    assert post(put + found + "[match.id for match in found.matches]") == order
    assert post(found + "1") == "1"
    assert post(put + found + "[match.score for match in found.matches]") == scores


DIMENSIONS = "expected 32 dimensions, and got"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("await vec.query(p([1.0] * 31))", f"VECTOR_QUERY_ERROR (code = 40006): invalid query vector, {DIMENSIONS} 31 dimensions"),
        ("await vec.query(p([]))", f"VECTOR_QUERY_ERROR (code = 40006): invalid query vector, {DIMENSIONS} 0 dimensions"),
        ("await vec.query(p(v(float('nan'))))", "VECTOR_QUERY_ERROR (code = 40006): invalid query vector, expected finite numbers"),
        ("await vec.insert(p([{'id': 'x', 'values': [1] * 33}]))",
         f'VECTOR_INSERT_ERROR (code = 40012): invalid vector for id="x", {DIMENSIONS} 33 dimensions'),
        ("await vec.upsert(p([{'id': 'x', 'values': [1] * 31}]))",
         f'VECTOR_UPSERT_ERROR (code = 40012): invalid vector for id="x", {DIMENSIONS} 31 dimensions'),
        ("await vec.upsert(p([{'id': 'x', 'values': v(float('inf'))}]))",
         'VECTOR_UPSERT_ERROR (code = 40023): failed to parse upsert vectors request: the values of id="x" are not all finite numbers'),
        ("await vec.upsert(p([{'id': 'x' * 65, 'values': v(1)}]))",
         "VECTOR_UPSERT_ERROR (code = 40008): id too long; max is 64 bytes, got 65 bytes"),
        ("await vec.upsert(p([{'id': 'x', 'values': v(1), 'namespace': 'ä' * 33}]))",
         'VECTOR_UPSERT_ERROR (code = 40023): failed to parse upsert vectors request: namespace of id="x" too long; max is 64 bytes, got 66 bytes'),
        ("await vec.upsert(p([{'id': 'x', 'values': v(1), 'metadata': {'a.b': 1}}]))",
         'VECTOR_UPSERT_ERROR (code = 40018): invalid metadata key "a.b" for id="x": keys must not be empty, start with \'$\', or contain '
         "'.' or '\"'"),
        ("await vec.upsert(p([{'id': 'x', 'values': v(1), 'metadata': {'a': 'x' * 10233}}]))",
         'VECTOR_UPSERT_ERROR (code = 40023): failed to parse upsert vectors request: metadata of id="x" has 10241 bytes; max is 10240 bytes'),
        ("await vec.getByIds(p(['x'] * 21))", "VECTOR_GET_ERROR (code = 40007): too many ids in payload; max id count is 20, got 21"),
        ("await vec.insert(p([{'id': 'x', 'values': v(1)}] * 1001))",
         "VECTOR_INSERT_ERROR (code = 40023): failed to parse insert vectors request: too many vectors in payload; max vector count is "
         "1000, got 1001"),
        ("await vec.deleteByIds(p(['x'] * 1001))",
         "VECTOR_DELETE_ERROR (code = 40007): too many ids in payload; max id count is 1000, got 1001"),
        ("await vec.query(p(v(1)), topK=101)", "VECTOR_QUERY_ERROR (code = 40025): max top K is 100, but got 101"),
        ("await vec.query(p(v(1)), topK=51, returnValues=True)",
         "VECTOR_QUERY_ERROR (code = 40025): with returnValues=true or returnMetadata=all, max top K is 50, but got 51; for a top K up to "
         "100, retry with returnValues=false and returnMetadata=indexed"),
        ("await vec.query(p(v(1)), topK=0)",
         "VECTOR_QUERY_ERROR (code = 40026): Failed to parse the request body as JSON: topK: expected a number from 1 to 100"),
        ("await vec.query(p(v(1)), returnMetadata='some')",
         'Invalid returnMetadata option. Expected: true, false, "none", "indexed" or "all"; got: some'),
        ("await vec.query(p(v(1)), p({'filter': {'kind': {'$regex': 'x'}}}))",
         'VECTOR_QUERY_ERROR (code = 40026): Failed to parse the request body as JSON: filter: unknown operator "$regex" of "kind"; '
         "expected $eq, $ne, $in, $nin, $lt, $lte, $gt or $gte"),
        ("await vec.queryById('never there')", 'VECTOR_QUERY_ERROR (code = 40026): there is no vector of id="never there"'),
        ("await missing.query(p(v(1)))",
         'VECTOR_QUERY_ERROR (code = 3000): there is no index "missing"; make it with `hognose vectorize create missing --dimensions <N> '
         "--metric <METRIC>`"),
    ],
)
def test_errors(post, code, error):
    assert post(code) == f"Error: {error}"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("(await vec.insert(p([{'id': f'MINE-{n}', 'values': v(1)} for n in range(1000)]))).mutationId[14]", "'7'"),
        ("await vec.upsert(p([{'id': 'x' * 64, 'values': v(1), 'namespace': 'ä' * 32, 'metadata': {'a': 'x' * 10232}}]))\n1", "1"),
        ("len(await vec.getByIds(p(['none'] * 20)))", "0"),
        ("(await vec.query(p(v(1)), topK=100, namespace='none')).count", "0"),
        ("(await vec.query(p(v(1)), topK=50, returnValues=True, namespace='none')).count", "0"),
    ],
)
def test_limits_are_within(post, code, value):
    assert post(code) == value


def test_the_constructor_has_cloudflare_s_name(raw):
    assert raw("vec.constructor.name") == "'VectorizeIndexImpl'"


def test_values_are_required(post):
    assert post("await vec.insert(p([{'id': 'x'}]))").startswith("TypeError: ")


def test_the_cause_is_the_message_without_the_operation(raw):
    code = "try:\n    await vec.query(p([1.0]))\nexcept JsException as error:\n    message = error.js_error.cause.message if hasattr("
    code += "error, 'js_error') else error.cause.message\nmessage"
    assert raw(code) == f"'invalid query vector, {DIMENSIONS} 1 dimensions'"


def test_what_a_command_changes_is_seen_at_the_next_query(server, raw, tmp_path):
    assert raw("(await vec.query(p(v(1)), namespace='by command')).count") == "0"
    file = tmp_path / "vectors.ndjson"
    vector = "[1" + ", 0" * 31 + "]"
    file.write_text(f'{{"id": "by-command", "values": {vector}, "namespace": "by command"}}\n')
    vectorize(server.folder, "upsert", "cosine", "--file", str(file))
    assert raw("(await vec.query(p(v(1)), namespace='by command')).count") == "1"
    vectorize(server.folder, "delete-vectors", "cosine", "--ids", "by-command")
    assert raw("(await vec.query(p(v(1)), namespace='by command')).count") == "0"


def test_an_index_can_be_made_and_deleted_beside_a_server(server, raw):
    code = "try:\n    found = (await missing.query(p(v(1)))).count\nexcept JsException as error:\n    found = 'missing'\nfound"
    assert raw(code) == "'missing'"
    vectorize(server.folder, "create", "missing", "--dimensions", "32", "--metric", "cosine")
    assert raw(code) == "0"
    vectorize(server.folder, "delete", "missing")
    assert raw(code) == "'missing'"
    vectorize(server.folder, "create", "missing", "--dimensions", "32", "--metric", "euclidean")
    assert raw(code) == "0"
    vectorize(server.folder, "delete", "missing")
