"""Prompts to token ids of one length, with the tokenizers of Hugging Face's ``tokenizers``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import tokenizers

from .errors import InvalidArgumentError, UnsupportedError
from .manifest import CheckedFiles

_START, _END, _CLIP_LENGTH = "<|startoftext|>", "<|endoftext|>", 77
_BERT_UNKNOWN, _BERT_START, _BERT_END, _BERT_PADDING = "[UNK]", "[CLS]", "[SEP]", "[PAD]"
_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


@dataclass(frozen=True)
class Tokens:
    """As many ids as the text encoder takes, special tokens and padding included."""

    ids: list[int]
    #: 1 for every token that is not padding.
    mask: list[int]
    #: Words of the prompt for which there was no room.
    dropped: list[str]


class Tokenizer:
    """A tokenizer of a bundle.

    ``longest`` is what the text encoder takes, where it says so; ``length`` that of all prompts, whatever tokenizer and
    text encoder say.
    """

    def __init__(self, files: CheckedFiles, folder: str, longest: int | None, length: int | None = None):
        config = {
            **(files.json(f"{folder}/special_tokens_map.json") or {}),
            **(files.json(f"{folder}/tokenizer_config.json") or {}),
        }
        where = str(files.path(folder))
        self._model, kind = _model(files, folder, config, where)
        self._whole = _words_of_several_tokens(self._model)
        own = config.get("model_max_length") or float("inf")
        # Python writes 10^30 for a tokenizer without a limit.
        limit = longest if longest is not None else (_CLIP_LENGTH if own > 1e6 else own)
        self.length = int(min(own, limit)) if length is None else length
        usual = _BERT_PADDING if kind == "WordPiece" else _END
        pad = _text(config.get("pad_token")) or _text(config.get("eos_token")) or usual
        padding = self._model.token_to_id(pad)
        if padding is None:
            raise InvalidArgumentError("the padding is not in the vocabulary", where=where, got=pad)
        self._padding = padding
        self._prefix, self._suffix = self._special_tokens(where)
        self._room = self.length - len(self._prefix) - len(self._suffix)
        if self._room < 1:
            raise InvalidArgumentError(
                "there is no room for a prompt", where=f"{where}, model_max_length", got=self.length
            )

    def encode(self, prompt: str) -> Tokens:
        content = self._content(prompt)
        used = [*self._prefix, *content[: self._room], *self._suffix]
        rest = self.length - len(used)
        dropped = self._words_beyond(prompt) if len(content) > self._room else []
        return Tokens([*used, *[self._padding] * rest], [1] * len(used) + [0] * rest, dropped)

    def _content(self, text: str) -> list[int]:
        ids = self._model.encode(text, add_special_tokens=False).ids
        return [each for id in ids for each in self._whole.get(id, (id,))] if self._whole else ids

    def _special_tokens(self, where: str) -> tuple[list[int], list[int]]:
        """What stands before and after every text, found by what is done to a letter."""
        whole, content = self._model.encode("a").ids, self._content("a")
        for start in range(len(whole) - len(content) + 1):
            if whole[start : start + len(content)] == content:
                return whole[:start], whole[start + len(content) :]
        raise UnsupportedError("special tokens are not around the text", where=where, got=whole)

    def _words_beyond(self, prompt: str) -> list[str]:
        words = prompt.split()
        for count in range(1, len(words) + 1):
            if len(self._content(" ".join(words[:count]))) > self._room:
                return words[count - 1 :]
        return []


def _text(token: Any) -> str | None:
    """A token as tokenizer files name it: as text, or as an object with its text in `content`."""
    return token.get("content") if isinstance(token, dict) else token


def _words_of_several_tokens(model: tokenizers.Tokenizer) -> dict[int, tuple[int, ...]]:
    """Words that textual inversion gave several vectors: ``<toy>`` is read as ``<toy>``, ``<toy>_1``, ….

    Source: ``maybe_convert_prompt`` of diffusers' TextualInversionLoaderMixin.
    """
    ids = {token.content: id for id, token in model.get_added_tokens_decoder().items()}
    whole = {}
    for content, id in ids.items():
        words = [id]
        while f"{content}_{len(words)}" in ids:
            words.append(ids[f"{content}_{len(words)}"])
        if len(words) > 1:
            whole[id] = tuple(words)
    return whole


def _model(
    files: CheckedFiles, folder: str, config: dict[str, Any], where: str
) -> tuple[tokenizers.Tokenizer, str | None]:
    """The model, and its kind as ``tokenizer.json`` names it."""
    definition = files.json(f"{folder}/tokenizer.json")
    if definition is None:
        is_bert = files.has(f"{folder}/vocab.txt")
        make = _bert_definition if is_bert else _clip_definition
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        added = (config.get("added_tokens_decoder") or {}).items()
        definition = {
            **make(files, folder, config, where),
            "added_tokens": [{**flags, **token, "id": int(number)} for number, token in added],
        }
    try:
        model = tokenizers.Tokenizer.from_str(json.dumps(definition))
    except Exception as error:
        raise InvalidArgumentError("the tokenizer cannot be built", where=where, got=str(error)) from error
    model.no_truncation()
    model.no_padding()
    # transformers adds the special tokens of the configuration in any case, padding too.
    listed = {token["content"] for token in definition.get("added_tokens") or []}
    for name in _SPECIAL:
        token = config.get(name)
        content = _text(token)
        if content is None or content in listed or model.token_to_id(content) is None:
            continue
        given = token if isinstance(token, dict) else {}
        flags = {flag: bool(given.get(flag)) for flag in ("single_word", "lstrip", "rstrip", "normalized")}
        model.add_special_tokens([tokenizers.AddedToken(content, **flags)])
    return model, (definition.get("model") or {}).get("type")


def _bert_definition(files: CheckedFiles, folder: str, config: dict[str, Any], where: str) -> dict[str, Any]:
    """The ``tokenizer.json`` that transformers makes of BERT's ``vocab.txt``: WordPiece between [CLS] and [SEP]."""
    tokens = files.path(f"{folder}/vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    vocab = {token.rstrip("\r"): id for id, token in enumerate(tokens)}
    missing = [token for token in (_BERT_UNKNOWN, _BERT_START, _BERT_END) if token not in vocab]
    if missing:
        raise UnsupportedError(
            f"the vocabulary has no {' and no '.join(missing)}", where=f"{where}/vocab.txt"
        )
    accents = config.get("strip_accents")
    special = lambda id: {"SpecialToken": {"id": id, "type_id": 0}}  # noqa: E731
    text = lambda id: {"Sequence": {"id": id, "type_id": 0}}  # noqa: E731
    ends = (_BERT_START, _BERT_END)
    return {
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": config.get("tokenize_chinese_chars") is not False,
            "strip_accents": accents if isinstance(accents, bool) else None,
            "lowercase": config.get("do_lower_case") is not False,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special(_BERT_START), text("A"), special(_BERT_END)],
            "pair": [special(_BERT_START), text("A"), special(_BERT_END), text("B"), special(_BERT_END)],
            "special_tokens": {id: {"id": id, "ids": [vocab[id]], "tokens": [id]} for id in ends},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": _BERT_UNKNOWN,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocab,
        },
    }


def _clip_definition(files: CheckedFiles, folder: str, config: dict[str, Any], where: str) -> dict[str, Any]:
    """The ``tokenizer.json`` that stands for a CLIP vocabulary.

    Source: transformers, ``CLIPConverter`` of convert_slow_tokenizer.py.
    """
    vocab = files.json(f"{folder}/vocab.json")
    if vocab is None or not files.has(f"{folder}/merges.txt"):
        raise InvalidArgumentError(
            "the tokenizer is missing", where=where, expected="tokenizer.json, or vocab.json and merges.txt"
        )
    start, end = _text(config.get("bos_token")) or _START, _text(config.get("eos_token")) or _END
    missing = [token for token in (start, end) if token not in vocab]
    if missing:
        raise UnsupportedError(f"the vocabulary has no {' and no '.join(missing)}", where=f"{where}/vocab.json")
    lines = files.path(f"{folder}/merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [line.split(" ")[:2] for line in lines if line and not line.startswith("#version")]
    replace = {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}
    split = {"type": "Split", "pattern": {"Regex": _WORDS}, "behavior": "Removed", "invert": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, replace, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": [end, vocab[end]],
            "cls": [start, vocab[start]],
            "trim_offsets": False,
            "add_prefix_space": False,
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": _text(config.get("unk_token")) or end,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": "</w>",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocab,
            "merges": merges,
        },
    }
