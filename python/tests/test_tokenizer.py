"""Tokenizers against the ids that transformers gives."""

import json

import pytest
from conftest import REPOSITORY

from cachequant.errors import InvalidArgumentError
from cachequant.tokenizer import Tokenizer

FIXTURES = REPOSITORY / "packages/pipeline/src/conditioning/__fixtures__"
CLIP = json.loads((FIXTURES / "tokenizer-cases.json").read_text())
WHOLE = json.loads((FIXTURES / "tokenizer-json-cases.json").read_text())
BERT = json.loads((FIXTURES / "bert-cases.json").read_text())
GOLDEN = json.loads((REPOSITORY / "fixtures/golden/fashion-sd.json").read_text())["cases"]


class Files:
    """Files of a folder, as `CheckedFiles` gives them."""

    def __init__(self, folder):
        self.folder = folder

    def has(self, path):
        return (self.folder / path).is_file()

    def path(self, path):
        return self.folder / path

    def json(self, path):
        return json.loads(self.path(path).read_text()) if self.has(path) else None


@pytest.fixture
def split(tmp_path):
    """The tokenizer of models/fashion-sd as vocabulary and merges, as older models have it."""
    source = REPOSITORY / "models/fashion-sd/tokenizer"
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    model = json.loads((source / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    (folder / "tokenizer_config.json").write_text((source / "tokenizer_config.json").read_text())
    return tmp_path


@pytest.mark.parametrize("case", GOLDEN, ids=range(len(GOLDEN)))
def test_ids_are_those_of_transformers(case):
    tokenizer = Tokenizer(Files(REPOSITORY / "models/fashion-sd"), "tokenizer", None)
    assert tokenizer.encode(case["prompt"]).ids == case["inputIds"]


@pytest.mark.parametrize("prompt", ["a photo of a red sneaker", "A  RED\tdress, size 12!", "", "<|endoftext|> bag"])
def test_vocabulary_and_merges_stand_for_the_same_tokenizer(split, prompt):
    whole = Tokenizer(Files(REPOSITORY / "models/fashion-sd"), "tokenizer", None)
    assert Tokenizer(Files(split), "tokenizer", None).encode(prompt) == whole.encode(prompt)


def test_words_without_room_are_named(split):
    tokens = Tokenizer(Files(split), "tokenizer", 6).encode("a photo of a red sneaker")
    assert len(tokens.ids) == 6 and tokens.dropped == ["red", "sneaker"]


def test_padding_is_not_attended_to(split):
    tokens = Tokenizer(Files(split), "tokenizer", None).encode("a")
    assert sum(tokens.mask) == 3 and len(tokens.mask) == 16


def test_a_length_without_room_is_refused(split):
    with pytest.raises(InvalidArgumentError, match="no room for a prompt"):
        Tokenizer(Files(split), "tokenizer", 2)


def wrong_ids(folder, prompts, case):
    tokenizer = Tokenizer(Files(folder), "tokenizer", None)
    given = ((prompt, tokenizer.encode(prompt).ids, ids) for prompt, ids in zip(prompts, case["ids"], strict=True))
    return [each for each in given if each[1] != each[2]]


def write(folder, **files):
    (folder / "tokenizer").mkdir()
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "tokenizer" / name.replace("__", ".")).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("case", CLIP["cases"], ids=[case["name"] for case in CLIP["cases"]])
def test_hard_prompts_of_clip_are_read_as_transformers_does(tmp_path, case):
    vocab = json.loads((FIXTURES / "clip-tokenizer/vocab.json").read_text())
    merges = (FIXTURES / "clip-tokenizer/merges.txt").read_text()
    if "definition" in case:
        pairs = [line.split(" ") for line in merges.splitlines() if line and not line.startswith("#version")]
        model = {**case["definition"]["model"], "vocab": vocab, "merges": pairs}
        write(tmp_path, tokenizer__json={**case["definition"], "model": model}, tokenizer_config__json=case["config"])
    else:
        write(tmp_path, vocab__json=vocab, merges__txt=merges, tokenizer_config__json=case["config"])
    assert wrong_ids(tmp_path, CLIP["prompts"], case) == []


@pytest.mark.parametrize("case", WHOLE["cases"], ids=[case["name"] for case in WHOLE["cases"]])
def test_hard_prompts_of_other_kinds_are_read_as_transformers_does(tmp_path, case):
    write(tmp_path, tokenizer__json=case["definition"], tokenizer_config__json=case["config"])
    assert wrong_ids(tmp_path, WHOLE["prompts"], case) == []


@pytest.mark.parametrize("case", BERT, ids=[case["prompt"] for case in BERT])
def test_a_vocabulary_of_bert_is_read_as_transformers_does(case):
    tokenizer = Tokenizer(Files(REPOSITORY / "models/tiny/ldm-text"), "tokenizer", 77)
    assert tokenizer.encode(case["prompt"]).ids == case["ids"]


def test_a_fixed_length_is_that_of_all_prompts():
    tokens = Tokenizer(Files(REPOSITORY / "models/tiny/ldm-text"), "tokenizer", 77, 20).encode("a red shoe")
    assert (len(tokens.ids), sum(tokens.mask)) == (20, 5)


def test_a_word_of_several_vectors_is_read_as_all_of_them(split):
    path = split / "tokenizer/tokenizer_config.json"
    config = json.loads(path.read_text())
    vocab = json.loads((split / "tokenizer/vocab.json").read_text())
    plain = {"special": False, "normalized": False, "single_word": False, "lstrip": False, "rstrip": False}
    listed = {str(vocab[token]): {"content": token, **plain} for token in ("<|startoftext|>", "<|endoftext|>")}
    first = len(vocab)
    for i, word in enumerate(("<toy>", "<toy>_1", "<toy>_2")):
        listed[str(first + i)] = {"content": word, **plain}
    path.write_text(json.dumps({**config, "added_tokens_decoder": listed}))
    ids = Tokenizer(Files(split), "tokenizer", None).encode("a <toy> bag").ids
    assert [id for id in ids if id >= first] == [first, first + 1, first + 2]
