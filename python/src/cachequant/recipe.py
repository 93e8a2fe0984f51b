"""What a denoiser is conditioned on, as a bundle's manifest describes it: no family has to be known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .conditioning import (
    Conditioning,
    Encoded,
    Request,
    TextEncoder,
    Warn,
    _penultimate,
    _warn_of_dropped,
    guidance_embedding,
)
from .errors import BundleError, UnsupportedError
from .manifest import CheckedFiles

_FIELDS = {
    *("family", "takesText", "guided", "embedsGuidance", "defaults", "encoders", "inputs", "zerosWithoutText"),
    *("limitedBy", "windowed", "skipsLayers"),
}
_ENCODER_FIELDS = {"tokenizer", "hiddenStates", "pooled", "lowerCase"}
_NUMBERS = ("height", "width", "aspect_ratio", "guidance_scale")
_TYPES = {"float32": np.float32, "int32": np.int32, "int64": np.int64}


class Recipe:
    """Evaluates the sources of a recipe; what this version does not do is refused by name when it is opened."""

    def __init__(self, files: CheckedFiles, recipe: dict[str, Any], inputs: list[str], threads: int):
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
        self._inputs = described
        self._zeros = recipe.get("zerosWithoutText") or []
        self._lower = {name for name, each in recipe["encoders"].items() if each.get("lowerCase")}
        self._encoders = {
            name: _open_encoder(files, name, each, threads) for name, each in recipe["encoders"].items()
        }
        self._limited_by = recipe.get("limitedBy") or next(iter(self._encoders), None)

    def encode(self, text: str, half: str, request: Request, warn: Warn) -> Conditioning:
        texts = {
            name: encoder.encode(text.lower().strip() if name in self._lower else text)
            for name, encoder in self._encoders.items()
        }
        if self._limited_by in texts:
            _warn_of_dropped(texts[self._limited_by], warn)
        conditioning = {name: _evaluate(source, texts, half, request) for name, source in self._inputs.items()}
        if half == "unconditional" and text == "":
            conditioning.update({name: np.zeros_like(conditioning[name]) for name in self._zeros})
        return conditioning


def open_recipe(files: CheckedFiles, recipe: Any, inputs: list[str], threads: int) -> Recipe:
    """Opens what a manifest describes.

    Raises `UnsupportedError` for an input that comes from where this version takes nothing from, by its name.
    """
    try:
        return Recipe(files, recipe, inputs, threads)
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError("the manifest is damaged", where="conditioning", got=repr(error)) from error


def _open_encoder(files: CheckedFiles, name: str, described: dict[str, Any], threads: int) -> TextEncoder:
    states, pooled = described.get("hiddenStates"), described.get("pooled")
    if states is None and pooled is None:
        return TextEncoder(files, name, described["tokenizer"], threads)

    def choose(outputs: list[str]) -> tuple[str, str | None]:
        hidden = _penultimate(outputs)[0] if states == "penultimate" else states or "last_hidden_state"
        return hidden, pooled

    return TextEncoder(files, name, described["tokenizer"], threads, choose)


def _evaluate(source: dict[str, Any], texts: dict[str, Encoded], half: str, request: Request) -> np.ndarray:
    kind = source["from"]
    if kind == "hidden_states":
        return texts[source["encoder"]].hidden
    if kind == "pooled":
        return texts[source["encoder"]].pooled
    if kind == "zeros":
        return np.zeros(source["dims"], dtype=np.float32)
    if kind == "guidance_embedding":
        return guidance_embedding(request.guidance_scale, source["channels"])
    if kind == "numbers":
        values = source["values"] if half == "conditional" else source.get("unconditional", source["values"])
        numbers = [_number(value, request) for value in values]
        return np.resize(np.array(numbers, dtype=_TYPES[source["dtype"]]), source["dims"])
    parts = [_evaluate(part, texts, half, request) for part in source["parts"]]
    if source.get("widen"):
        width = max(part.shape[-1] for part in parts)
        parts = [np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, width - part.shape[-1])]) for part in parts]
    return np.concatenate(parts, axis=source["axis"])


def _number(value: Any, request: Request) -> float:
    if isinstance(value, (int, float)):
        return value
    height, width = request.size
    return {
        "height": height,
        "width": width,
        "aspect_ratio": height / width,
        "guidance_scale": request.guidance_scale,
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
    for name, encoder in recipe["encoders"].items():
        for field in encoder:
            if field not in _ENCODER_FIELDS:
                refuse(f"{name} with '{field}'")
    for name, source in recipe["inputs"].items():
        for leaf in _leaves(source):
            _require_source(name, leaf, recipe, refuse)


def _require_source(name: str, source: dict[str, Any], recipe: dict[str, Any], refuse: Any) -> None:
    kind = source["from"]
    if kind in ("hidden_states", "pooled"):
        encoder = recipe["encoders"].get(source["encoder"])
        if encoder is None or (kind == "pooled" and "pooled" not in encoder):
            raise BundleError(
                "an input comes from an encoder that is not described", where=f"conditioning.inputs.{name}"
            )
    elif kind == "numbers":
        for value in [*source["values"], *source.get("unconditional", [])]:
            if not isinstance(value, (int, float)) and value not in _NUMBERS:
                refuse(f"{name} from {json.dumps(value)}")
    elif kind not in ("zeros", "guidance_embedding"):
        refuse(f"{name} from '{kind}'")


def _leaves(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [leaf for part in source["parts"] for leaf in _leaves(part)] if source["from"] == "concat" else [source]
