"""The embeddings that one writes with onnxruntime and tokenizers: how many texts a second, in batches of 16."""

import sys
import time

import numpy
import onnxruntime
import tokenizers

TEXTS = [f"What is said in sentence {number} is of no matter, only how long it is." for number in range(100)]
BATCH = 16


def main():
    folder, times = sys.argv[1], int(sys.argv[2])
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
    tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.enable_truncation(512)
    tokenizer.enable_padding()
    names = {given.name for given in session.get_inputs()}

    def embed(texts):
        encoded = tokenizer.encode_batch(texts)
        mask = numpy.array([one.attention_mask for one in encoded], "int64")
        given = {
            "input_ids": numpy.array([one.ids for one in encoded], "int64"),
            "attention_mask": mask,
            "token_type_ids": numpy.array([one.type_ids for one in encoded], "int64"),
        }
        tokens = session.run(None, {name: given[name] for name in names})[0]
        vectors = (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)

    embed(TEXTS[:BATCH])
    before = time.perf_counter()
    for _ in range(times):
        for start in range(0, len(TEXTS), BATCH):
            embed(TEXTS[start : start + BATCH])
    print(times * len(TEXTS) / (time.perf_counter() - before))


if __name__ == "__main__":
    main()
