"""What a denoiser is conditioned on, as a bundle's manifest describes it: no family has to be known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .conditioning import (
    Conditioning,
    Encoded,
    Request,
    TextEncoder,
    Warn,
    graph_of,
    guidance_embedding,
    penultimate,
    warn_of_dropped,
)
from .errors import BundleError, UnsupportedError
from .manifest import CheckedFiles
from .session import Session, require_finite

_FIELDS = {
    *("family", "takesText", "guided", "embedsGuidance", "classes", "defaults", "sampling", "encoders", "inputs"),
    *("zerosWithoutText", "limitedBy", "windowed", "skipsLayers"),
}
_SAMPLING_FIELDS = {"evenSigmas", "timestepScale"}
_ENCODER_FIELDS = {"tokenizer", "hiddenStates", "pooled", "length", "padding", "lowerCase"}
_NUMBERS = ("height", "width", "aspect_ratio", "guidance_scale", "class_label")
_LEAVES = {
    "hidden_states": {"encoder"},
    "pooled": {"encoder"},
    "attention_mask": {"encoder"},
    "numbers": {"values", "unconditional", "dims", "dtype"},
    "zeros": {"dims"},
    "graph": {"folder", "input"},
    "guidance_embedding": {"channels"},
    "image_ids": {"pixelsPerToken"},
    "file": {"file"},
}
_CONCAT_FIELDS = {"axis", "parts", "widen"}
#: Of a token's place: nothing for pictures, its row, its column.
_AXES = 3
_TYPES = {"float32": np.float32, "int32": np.int32, "int64": np.int64}


class Recipe:
    """Evaluates the sources of a recipe; what this version does not do is refused by name when it is opened."""

    def __init__(self, files: CheckedFiles, recipe: dict[str, Any], inputs: dict[str, list[Any]], threads: int):
        _require_known(recipe)
        described = recipe["inputs"]
        if sorted(described) != sorted(inputs):
            raise BundleError(
                "the manifest describes other conditioning than the graph takes",
                where="conditioning.inputs",
                expected=", ".join(inputs) or "none",
                got=", ".join(described) or "none",
            )
        self.takes_text = bool(recipe["takesText"])
        self.guided = bool(recipe["guided"])
        self.embeds_guidance = bool(recipe.get("embedsGuidance"))
        #: How many classes requests choose from; None where they name none.
        self.classes = recipe.get("classes")
        self._inputs = described
        self._zeros = recipe.get("zerosWithoutText") or []
        self._lower = {name for name, each in recipe["encoders"].items() if each.get("lowerCase")}
        self._encoders = {
            name: _open_encoder(files, name, each, threads) for name, each in recipe["encoders"].items()
        }
        self._limited_by = recipe.get("limitedBy") or next(iter(self._encoders), None)
        leaves = [(name, leaf) for name, source in described.items() for leaf in _leaves(source)]
        folders = {leaf["folder"] for _, leaf in leaves if leaf["from"] == "graph"}
        self._graphs = {folder: _GraphEmbedding(files, folder, threads) for folder in folders}
        self._arrays = {
            leaf["file"]: _array(files, leaf["file"], name, inputs[name]) for name, leaf in leaves if leaf["from"] == "file"
        }

    def encode(self, text: str, half: str, request: Request, warn: Warn) -> Conditioning:
        texts = {
            name: encoder.encode(text.lower().strip() if name in self._lower else text)
            for name, encoder in self._encoders.items()
        }
        if self._limited_by in texts:
            warn_of_dropped(texts[self._limited_by], warn)
        made = _Made(texts, half == "conditional", request, self.classes, self._graphs, self._arrays)
        conditioning = {name: _evaluate(source, made) for name, source in self._inputs.items()}
        if half == "unconditional" and text == "":
            conditioning.update({name: np.zeros_like(conditioning[name]) for name in self._zeros})
        return conditioning


def open_recipe(files: CheckedFiles, recipe: Any, inputs: dict[str, list[Any]], threads: int) -> Recipe:
    """Opens what a manifest describes; ``inputs`` are the declared dimensions of the denoiser's, by name.

    Raises `UnsupportedError` for an input that comes from where this version takes nothing from, by its name.
    """
    try:
        return Recipe(files, recipe, inputs, threads)
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError("the manifest is damaged", where="conditioning", got=repr(error)) from error


def _open_encoder(files: CheckedFiles, name: str, described: dict[str, Any], threads: int) -> TextEncoder:
    states, pooled = described.get("hiddenStates"), described.get("pooled")

    def choose(outputs: list[str]) -> tuple[str, str | None]:
        hidden = penultimate(outputs)[0] if states == "penultimate" else states or "last_hidden_state"
        return hidden, pooled

    return TextEncoder(
        files,
        name,
        described["tokenizer"],
        threads,
        None if states is None and pooled is None else choose,
        length=described.get("length"),
        padding=described.get("padding"),
    )


class _GraphEmbedding:
    """A graph that gives a state for a number, such as a class's entry of a table."""

    def __init__(self, files: CheckedFiles, folder: str, threads: int):
        graph = graph_of(files, folder)
        if graph is None:
            raise BundleError("the bundle lacks a part", where=str(files.path(folder)))
        self._session = Session(files.path(graph), threads)
        self._where = folder

    def state_of(self, value: float) -> np.ndarray:
        """[1, 1, D], of a graph that takes numbers [B] or [B, 1] and gives states [B, D] or [B, 1, D]."""
        name, output = next(iter(self._session.inputs)), next(iter(self._session.outputs))
        shape = [1] * len(self._session.inputs[name].shape)
        feed = self._session.convert(name, np.full(shape, value, dtype=np.float64))
        (state,) = self._session.run({name: feed}, [output])
        return require_finite(state.astype(np.float32), self._where, "the graph gives").reshape(1, 1, -1)


def _array(files: CheckedFiles, file: str, name: str, declared: list[Any]) -> np.ndarray:
    """An array of NumPy as the condition of one picture: [1, …]."""
    if not files.has(file):
        raise BundleError("the bundle lacks a file", where=str(files.path(file)))
    try:
        array = np.load(files.path(file), allow_pickle=False)
    except ValueError as error:
        raise BundleError("the file is no array", where=str(files.path(file)), got=str(error)) from error
    is_batch = bool(declared) and (not isinstance(declared[0], int) or declared[0] == 1)
    wanted = [1, *declared[1:]] if is_batch else [1, *declared]
    array = array[None] if array.ndim == len(wanted) - 1 else array
    sizes = zip(wanted, array.shape)
    if array.ndim != len(wanted) or any(isinstance(size, int) and size != own for size, own in sizes):
        raise BundleError("the array does not fit the input", where=f"{file}, for {name}", got=list(array.shape))
    return array


@dataclass(frozen=True)
class _Made:
    """What the inputs of one picture are made of."""

    texts: dict[str, Encoded]
    conditional: bool
    request: Request
    classes: int | None
    graphs: dict[str, _GraphEmbedding]
    arrays: dict[str, np.ndarray]


def _evaluate(source: dict[str, Any], made: _Made) -> np.ndarray:
    """What an input takes for one picture, [1, …]."""
    kind = source["from"]
    if kind == "hidden_states":
        return made.texts[source["encoder"]].hidden
    if kind == "pooled":
        return made.texts[source["encoder"]].pooled
    if kind == "attention_mask":
        return np.array([made.texts[source["encoder"]].mask], dtype=np.int32)
    if kind == "zeros":
        return np.zeros(source["dims"], dtype=np.float32)
    if kind == "guidance_embedding":
        return guidance_embedding(made.request.guidance_scale, source["channels"])
    if kind == "numbers":
        return np.resize(np.array(_numbers(source, made), dtype=_TYPES[source["dtype"]]), source["dims"])
    if kind == "graph":
        return made.graphs[source["folder"]].state_of(_numbers(source["input"], made)[0])
    if kind == "image_ids":
        return _image_ids(made.request.size, source["pixelsPerToken"])
    if kind == "file":
        return made.arrays[source["file"]]
    parts = [_evaluate(part, made).astype(np.float32) for part in source["parts"]]
    if source.get("widen"):
        width = max(part.shape[-1] for part in parts)
        parts = [np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, width - part.shape[-1])]) for part in parts]
    return np.concatenate(parts, axis=source["axis"])


def _image_ids(size: tuple[int, int], pixels: float) -> np.ndarray:
    """[1, L, 3]: row and column of each token of the picture, behind a zero."""
    rows, columns = round(size[0] / pixels), round(size[1] / pixels)
    places = np.zeros((rows, columns, _AXES), dtype=np.float32)
    places[:, :, 1], places[:, :, 2] = np.arange(rows)[:, None], np.arange(columns)[None]
    return places.reshape(1, rows * columns, _AXES)


def _numbers(source: dict[str, Any], made: _Made) -> list[float]:
    values = source["values"] if made.conditional else source.get("unconditional") or source["values"]
    return [_number(value, made) for value in values]


def _number(value: Any, made: _Made) -> float:
    if isinstance(value, (int, float)):
        return value
    if value == "class_label":
        label = made.request.class_label
        return (made.classes or 0) if label is None else label
    height, width = made.request.size
    return {
        "height": height,
        "width": width,
        "aspect_ratio": height / width,
        "guidance_scale": made.request.guidance_scale,
    }[value]


def _require_known(recipe: dict[str, Any]) -> None:
    family = recipe["family"]

    def refuse(what: str) -> None:
        raise UnsupportedError(
            f"this version does not know {what}, of which the bundle ({family}) is conditioned",
            where="conditioning",
            hint="Use the Node packages, or a newer version of the Python package cachequant",
        )

    for name in recipe:
        if name not in _FIELDS:
            refuse(f"'{name}'")
    for name in recipe.get("sampling") or {}:
        if name not in _SAMPLING_FIELDS:
            refuse(f"'sampling.{name}'")
    for name, encoder in recipe["encoders"].items():
        for field in encoder:
            if field not in _ENCODER_FIELDS:
                refuse(f"{name} with '{field}'")
        if encoder.get("padding") not in (None, "attended", "masked"):
            refuse(f"{name} with padding {json.dumps(encoder['padding'])}")
    for name, source in recipe["inputs"].items():
        _require_source(name, source, recipe, refuse)


def _require_source(name: str, source: dict[str, Any], recipe: dict[str, Any], refuse: Any) -> None:
    kind = source["from"]
    known = _CONCAT_FIELDS if kind == "concat" else _LEAVES.get(kind)
    if known is None:
        refuse(f"{name} from '{kind}'")
    for field in source:
        if field != "from" and field not in known:
            refuse(f"{name} from '{kind}' with '{field}'")
    if kind == "concat":
        for part in source["parts"]:
            _require_source(name, part, recipe, refuse)
    elif "encoder" in known:
        encoder = recipe["encoders"].get(source["encoder"])
        if encoder is None or (kind == "pooled" and "pooled" not in encoder):
            raise BundleError(
                "an input comes from an encoder that is not described", where=f"conditioning.inputs.{name}"
            )
    elif kind in ("numbers", "graph"):
        _require_numbers(name, source if kind == "numbers" else source["input"], refuse)


def _require_numbers(name: str, source: dict[str, Any], refuse: Any) -> None:
    for value in [*source["values"], *(source.get("unconditional") or [])]:
        if not isinstance(value, (int, float)) and value not in _NUMBERS:
            refuse(f"{name} from {json.dumps(value)}")
    if source["dtype"] not in _TYPES:
        refuse(f"{name} of {json.dumps(source['dtype'])}")
    count = int(np.prod(source["dims"]))
    for values in (source["values"], source.get("unconditional") or source["values"]):
        if len(values) not in (1, count):
            raise BundleError(
                "an input is described with another number of values than it has",
                where=f"conditioning.inputs.{name}",
                expected=f"1 or {count}",
                got=len(values),
            )


def _leaves(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [leaf for part in source["parts"] for leaf in _leaves(part)] if source["from"] == "concat" else [source]
