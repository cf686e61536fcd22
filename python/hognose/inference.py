"""Runs models from folders, with the ONNX Runtime: the other end of what `hognose` calls a model process.

It reads a question per line (`folder`, `task`, `inputs`) and writes an answer per line: `output`, or `inputs` with what is
wrong with them, or `engine` with what is wrong here. A folder holds `model.onnx` and, by task, `tokenizer.json`,
`labels.txt` (a label a line). Models stay loaded until the process ends.
"""

import base64
import functools
import json
import resource
import sys
from pathlib import Path

from hognose import documents

INSTALL = "Models in folders need the ONNX Runtime: install `hognose[ai]`"
TEXTS_MAX = 100
TOKENS_MAX = 512
BATCH = 16
TOP = 5
OBJECT_SCORE_MIN = 0.5
"""How sure a model must be of an object, as in Hugging Face's pipelines."""
NAMES = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""The inputs of text models, and which of a tokenizer's results each is."""


class InputError(Exception):
    """The inputs are not what the model takes."""


class EngineError(Exception):
    """The model is none, or lacks something."""


class Model:
    """A model's folder, loaded."""

    def __init__(self, folder):
        import onnxruntime

        self.folder = folder
        if not (folder / "model.onnx").is_file():
            raise EngineError(f"`{folder}` has no `model.onnx`")
        try:
            self.session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        except Exception as error:
            raise EngineError(f"`{folder / 'model.onnx'}` cannot be used: {error}") from error
        self.inputs = [given.name for given in self.session.get_inputs()]

    @functools.cached_property
    def tokenizer(self):
        from tokenizers import Tokenizer

        path = self.folder / "tokenizer.json"
        if not path.is_file():
            raise EngineError(f"`{self.folder}` has no `tokenizer.json`")
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.enable_truncation(TOKENS_MAX)
        tokenizer.enable_padding()
        return tokenizer

    @functools.cached_property
    def labels(self):
        path = self.folder / "labels.txt"
        if not path.is_file():
            raise EngineError(f"`{self.folder}` has no `labels.txt`")
        return path.read_text().splitlines()

    def run_texts(self, texts):
        """The model's first output and the mask of its tokens, for each of the texts (or pairs of texts)."""
        import numpy

        order = sorted(range(len(texts)), key=lambda index: len(str(texts[index])))
        results = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            encoded = self.tokenizer.encode_batch([texts[index] for index in batch])
            given = {name: numpy.array([getattr(one, NAMES[name]) for one in encoded], "int64") for name in self.inputs}
            output = self.session.run(None, given)[0]
            for place, index in enumerate(batch):
                results[index] = output[place], numpy.array(encoded[place].attention_mask, "float32")
        return results

    def run_image(self, image):
        """The model's outputs for a picture, at the size it takes, with the values that ImageNet's models expect."""
        import numpy

        given = self.session.get_inputs()[0]
        channels_last = given.shape[-1] == 3
        height, width = given.shape[1:3] if channels_last else given.shape[2:4]
        size = [side if isinstance(side, int) else 224 for side in (width, height)]
        pixels = numpy.asarray(image.resize(size), "float32") / 255
        pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        pixels = pixels if channels_last else pixels.transpose(2, 0, 1)
        values = {given.name: pixels[None].astype("float32")}
        # DETR's models ask which pixels count: all of them.
        for mask in self.session.get_inputs()[1:]:
            values[mask.name] = numpy.ones([side if isinstance(side, int) else 1 for side in mask.shape], "int64")
        return self.session.run(None, values)


def embed(model, inputs):
    contexts = contexts_of(inputs, required=False)
    if contexts is None:
        texts = next((texts_of(inputs, key) for key in ("text", "queries", "documents") if key in inputs), None)
        if texts is None:
            raise InputError("required properties at '/' are 'text'")
        vectors = vectors_of(model, texts, inputs.get("pooling"))
        return {"shape": list(vectors.shape), "data": vectors.tolist(), "pooling": inputs.get("pooling") or "mean"}
    if "query" not in inputs:
        vectors = vectors_of(model, contexts)
        return {"response": vectors.tolist(), "shape": list(vectors.shape), "pooling": "mean"}
    vectors = vectors_of(model, [inputs["query"], *contexts])
    return ranked(vectors[1:] @ vectors[0], len(contexts))


def vectors_of(model, texts, pooling=None):
    """A vector of length 1 for each text: the output itself, or of outputs for each token their mean or the first."""
    import numpy

    vectors = []
    for output, mask in model.run_texts(texts):
        if output.ndim == 2:
            tokens = output[: len(mask)]
            output = tokens[0] if pooling == "cls" else (tokens * mask[:, None]).sum(0) / mask.sum()
        vectors.append(output / max(numpy.linalg.norm(output), 1e-12))
    return numpy.array(vectors)


def rerank(model, inputs):
    import numpy

    if not isinstance(inputs.get("query"), str):
        raise InputError("required properties at '/' are 'query'")
    contexts = contexts_of(inputs)
    outputs = model.run_texts([(inputs["query"], context) for context in contexts])
    logits = numpy.array([output.reshape(-1)[-1] for output, _ in outputs], "float64")
    return ranked(1 / (1 + numpy.exp(-logits)), inputs.get("top_k") or len(contexts))


def ranked(scores, most):
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return {"response": [{"id": index, "score": float(scores[index])} for index in order[:most]]}


def classify_text(model, inputs):
    [(output, _)] = model.run_texts(texts_of(inputs, "text")[:1])
    return labelled(model, output)


def classify_image(model, inputs):
    [output] = model.run_image(image_of(inputs))[:1]
    return labelled(model, output[0])[:TOP]


def labelled(model, logits):
    """Labels with their shares, the greatest first."""
    import numpy

    logits = numpy.asarray(logits, "float64").reshape(-1)
    is_share = logits.min() >= 0 and abs(logits.sum() - 1) < 1e-3
    shares = logits if is_share else numpy.exp(logits - logits.max())
    shares = shares / shares.sum()
    if len(shares) != len(model.labels):
        raise EngineError(f"`{model.folder / 'labels.txt'}` has {len(model.labels)} labels, the model {len(shares)}")
    order = numpy.argsort(-shares)
    return [{"label": model.labels[index], "score": float(shares[index])} for index in order]


def contexts_of(inputs, required=True):
    contexts = inputs.get("contexts")
    if contexts is None:
        if required:
            raise InputError("required properties at '/' are 'contexts'")
        return None
    if not all(isinstance(context, dict) and isinstance(context.get("text"), str) for context in contexts):
        raise InputError("must have required property 'text'")
    return limited([context["text"] for context in contexts])


def texts_of(inputs, key):
    given = inputs.get(key)
    texts = [given] if isinstance(given, str) else given
    if texts is None:
        raise InputError(f"required properties at '/' are '{key}'")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"Type mismatch of '/{key}', 'string' or 'array' of it is expected")
    return limited(texts)


def limited(texts):
    if len(texts) > TEXTS_MAX:
        raise InputError(f"must NOT have more than {TEXTS_MAX} items")
    if not texts:
        raise InputError("must NOT have fewer than 1 items")
    return texts


def image_of(inputs):
    import io

    from PIL import Image

    given = inputs.get("image")
    if given is None:
        raise InputError("required properties at '/' are 'image'")
    try:
        data = base64.b64decode(given.split(";base64,")[-1]) if isinstance(given, str) else bytes(given)
        return Image.open(io.BytesIO(data)).convert("RGB")
    except Exception as error:
        raise InputError(f"'image' is no picture: {error}") from error


def detect_objects(model, inputs):
    """What DETR-like models find: an output with a label for each of many boxes, and one with the boxes."""
    image = image_of(inputs)
    outputs = {output.name: value for output, value in zip(model.session.get_outputs(), model.run_image(image))}
    boxes = next((value[0] for value in outputs.values() if value.shape[-1] == 4), None)
    logits = next((value[0] for value in outputs.values() if value.shape[-1] != 4 and value.ndim == 3), None)
    if boxes is None or logits is None:
        raise EngineError(f"`{model.folder / 'model.onnx'}` has no outputs of labels and boxes, as DETR's models do")
    return detected(model.labels, logits, boxes, image.size)


def detected(labels, logits, boxes, size):
    """The objects, the surest first; a box comes as the shares of its centre and its sides."""
    import numpy

    shares = numpy.exp(logits - logits.max(-1, keepdims=True))
    shares = (shares / shares.sum(-1, keepdims=True))[:, :-1]  # The last label is for no object.
    found = []
    for share, (x, y, width, height) in zip(shares, boxes):
        label, score = int(share.argmax()), float(share.max())
        if score < OBJECT_SCORE_MIN or label >= len(labels):
            continue
        corners = {"xmin": x - width / 2, "ymin": y - height / 2, "xmax": x + width / 2, "ymax": y + height / 2}
        box = {name: round(float(share) * size["y" in name]) for name, share in corners.items()}
        found.append({"score": score, "label": labels[label], "box": box})
    return sorted(found, key=lambda one: -one["score"])


TASKS = {
    "object-detection": detect_objects,
    "text-embeddings": embed,
    "reranking": rerank,
    "text-classification": classify_text,
    "image-classification": classify_image,
}

load = functools.cache(Model)


def converted(inputs):
    """A document as Markdown, which needs none of the libraries that models do."""
    data = base64.b64decode(inputs["data"])
    return documents.convert(inputs["name"], inputs["mimeType"], data, inputs.get("options") or {})


def answer(question):
    task = TASKS.get(question["task"])
    try:
        if question["task"] == "to-markdown":
            return {"output": converted(question["inputs"])}
        if task is None:
            raise EngineError(f"Models in folders cannot do {question['task']}: give the model a `url` in hognose.toml")
        return {"output": task(load(Path(question["folder"])), question["inputs"])}
    except InputError as error:
        return {"inputs": str(error)}
    except (EngineError, documents.DocumentError) as error:
        return {"engine": str(error)}
    except ImportError:
        return {"engine": INSTALL}
    except MemoryError:
        return {"engine": "The model has no memory left"}
    except Exception as error:
        return {"engine": f"{type(error).__name__}: {error}"}


def main():
    if len(sys.argv) > 1:
        memory = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    answers, sys.stdout = sys.stdout, sys.stderr  # Whatever a library prints is no answer.
    for line in sys.stdin.buffer:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
