"""Trains, and takes a word apart."""

REQUIRES = ["tokenizers"]


def main(port):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(["low lower lowest"] * 10, trainers.BpeTrainer(special_tokens=["?"]))
    assert tokenizer.encode("lower").tokens == ["lower"]
