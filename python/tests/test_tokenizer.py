"""Tokenizers against the ids that transformers gives."""

import json

import pytest
from conftest import REPOSITORY

from cachequant.errors import InvalidArgumentError
from cachequant.tokenizer import Tokenizer

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
