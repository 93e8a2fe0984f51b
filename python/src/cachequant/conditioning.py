"""What a denoiser is conditioned on: the families of models, each with its text encoders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from .arithmetic import fround
from .errors import BundleError, UnsupportedError
from .manifest import CheckedFiles
from .session import Session, require_finite
from .tokenizer import Tokenizer

#: Tensors with the batch first, by the names of the denoiser's inputs.
Conditioning = dict[str, np.ndarray]
Warn = Callable[[str], None]

_CACHED_PROMPTS = 64

#: Of latent consistency models: takes the guidance scale.
_GUIDANCE_INPUT = "timestep_cond"

_KNOWN_EXTENSIONS = (
    (r"^(down_block|mid_block).*additional_residual|^controlnet_", "what a ControlNet follows"),
    (r"^(image_embeds|ip_adapter.*)$", "an image prompt"),
    (r"^class_labels$", "a class"),
)


@dataclass(frozen=True)
class Request:
    """What conditioning depends on beside the text."""

    #: Height and width in pixels.
    size: tuple[int, int]
    guidance_scale: float
    #: Of a model that draws classes, from 0.
    class_label: int | None = None


@dataclass(frozen=True)
class Encoded:
    """Hidden states [1, S, D], and one vector [1, D] for the whole prompt where it was asked for."""

    hidden: np.ndarray
    pooled: np.ndarray | None
    dropped: list[str]
    #: 1 for every token that is not padding.
    mask: list[int]


class TextEncoder:
    """A text encoder of a bundle with its tokenizer; remembers the latest prompts."""

    def __init__(
        self,
        files: CheckedFiles,
        encoder: str,
        tokenizer: str,
        threads: int,
        choose: Callable[[list[str]], tuple[str, str | None]] | None = None,
        *,
        length: int | None = None,
        padding: str | None = None,
    ):
        """``length`` of all prompts; ``padding`` is ``attended`` as if it were text, or ``masked``."""
        graph = graph_of(files, encoder)
        if graph is None or not files.lists(f"{tokenizer}/"):
            raise BundleError("the bundle lacks a part", where=str(files.path(encoder if graph is None else tokenizer)))
        config = files.json(f"{encoder}/config.json") or {}
        self._tokenizer = Tokenizer(files, tokenizer, config.get("max_position_embeddings"), length)
        self._session = Session(files.path(graph), threads)
        if padding == "masked" and "attention_mask" not in self._session.inputs:
            raise UnsupportedError("the text encoder cannot leave padding out", where=encoder)
        self._attends = padding == "attended"
        self._where = encoder
        self._hidden, self._pooled = (choose or self._last_hidden)(list(self._session.outputs))
        missing = [name for name in (self._hidden, self._pooled) if name and name not in self._session.outputs]
        if missing:
            raise UnsupportedError(
                f"the text encoder does not give {missing[0]}", where=encoder, got=", ".join(self._session.outputs)
            )
        self._cache: dict[str, Encoded] = {}

    def encode(self, prompt: str) -> Encoded:
        known = self._cache.get(prompt)
        if known is not None:
            return known
        tokens = self._tokenizer.encode(prompt)
        mask = [1] * len(tokens.mask) if self._attends else tokens.mask
        given = {"input_ids": tokens.ids, "attention_mask": mask}
        feeds = {}
        for name in self._session.inputs:
            if name not in given:
                raise UnsupportedError(f"the text encoder wants {name}", where=self._where)
            feeds[name] = self._session.convert(name, np.array([given[name]], dtype=np.int64))
        asked = [name for name in (self._hidden, self._pooled) if name]
        values = [value.astype(np.float32) for value in self._session.run(feeds, asked)]
        for value in values:
            require_finite(value, self._where, "the text encoder gives")
        encoded = Encoded(values[0], values[1] if self._pooled else None, tokens.dropped, tokens.mask)
        self._cache[prompt] = encoded
        if len(self._cache) > _CACHED_PROMPTS:
            del self._cache[next(iter(self._cache))]
        return encoded

    def _last_hidden(self, outputs: list[str]) -> tuple[str, None]:
        if "last_hidden_state" in outputs:
            return "last_hidden_state", None
        found = [name for name in outputs if len(self._session.outputs[name].shape) == 3]
        if not found:
            raise UnsupportedError("the text encoder gives no hidden states", where=self._where)
        return found[0], None


class Unconditional:
    """Models that are conditioned on nothing."""

    takes_text = False
    guided = False
    embeds_guidance = False
    classes = None

    def encode(self, text: str, half: str, request: Request, warn: Warn) -> Conditioning:
        return {}


class OneTextEncoder:
    """Stable Diffusion 1.x and 2.x, and others that take the hidden states of one text encoder."""

    takes_text = True
    guided = True
    embeds_guidance = False
    classes = None

    def __init__(self, files: CheckedFiles, inputs: list[str], threads: int):
        self._name = inputs[0]
        self._encoder = TextEncoder(files, "text_encoder", "tokenizer", threads)

    def encode(self, text: str, half: str, request: Request, warn: Warn) -> Conditioning:
        encoded = self._encoder.encode(text)
        warn_of_dropped(encoded, warn)
        return {self._name: encoded.hidden}


class StableDiffusionXL:
    """Hidden states before the last layer of two text encoders, the pooled vector of the second, and the size.

    Source: Podell et al., SDXL, 2023, https://arxiv.org/abs/2307.01952, as diffusers' StableDiffusionXLPipeline does
    it.
    """

    takes_text = True
    guided = True
    embeds_guidance = False
    classes = None

    def __init__(self, files: CheckedFiles, inputs: list[str], threads: int):
        self._first = TextEncoder(files, "text_encoder", "tokenizer", threads, penultimate)
        self._second = TextEncoder(
            files,
            "text_encoder_2",
            "tokenizer_2",
            threads,
            lambda outputs: (penultimate(outputs)[0], "text_embeds"),
        )
        self._zeros = bool((files.json("model_index.json") or {}).get("force_zeros_for_empty_prompt"))

    def encode(self, text: str, half: str, request: Request, warn: Warn) -> Conditioning:
        first, second = self._first.encode(text), self._second.encode(text)
        # Both tokenizers have the same words; what one leaves out, the other does too.
        warn_of_dropped(first, warn)
        height, width = request.size
        hidden, pooled = np.concatenate([first.hidden, second.hidden], axis=2), second.pooled
        if half == "unconditional" and text == "" and self._zeros:
            hidden, pooled = np.zeros_like(hidden), np.zeros_like(pooled)
        return {
            "encoder_hidden_states": hidden,
            "text_embeds": pooled,
            "time_ids": np.array([[height, width, 0, 0, height, width]], dtype=np.float32),
        }


class LatentConsistency:
    """What another family is conditioned on, and the guidance scale as a vector; there is no unconditional half.

    Source: Luo et al., Latent Consistency Models, 2023, https://arxiv.org/abs/2310.04378, as diffusers'
    LatentConsistencyModelPipeline does it: the scale that enters is the one of the request less 1.
    """

    takes_text = True
    guided = False
    embeds_guidance = True
    classes = None

    def __init__(self, base: Any, channels: int):
        self._base, self._channels = base, channels

    def encode(self, text: str, half: str, request: Request, warn: Warn) -> Conditioning:
        conditioning = self._base.encode(text, half, request, warn)
        return {**conditioning, _GUIDANCE_INPUT: guidance_embedding(request.guidance_scale, self._channels)}


def guidance_embedding(scale: float, channels: int) -> np.ndarray:
    """[1, channels]: sines, then cosines, of 1000 · (scale − 1) at falling frequencies.

    Source: ``get_guidance_scale_embedding`` of diffusers.
    """
    half = channels // 2
    weight = fround(1000 * fround(scale - 1))
    angles = np.array([fround(weight * fround(10_000 ** (-i / max(1, half - 1)))) for i in range(half)])
    embedding = np.zeros((1, channels), dtype=np.float32)
    embedding[0, :half], embedding[0, half : 2 * half] = np.sin(angles), np.cos(angles)
    return embedding


def open_conditioning(files: CheckedFiles, inputs: dict[str, Any], threads: int) -> Any:
    """The family of a model, by what the denoiser takes beside the sample and the timestep.

    ``inputs`` are their declared dimensions by name.
    """
    if _GUIDANCE_INPUT in inputs:
        rest = {name: dims for name, dims in inputs.items() if name != _GUIDANCE_INPUT}
        channels = inputs[_GUIDANCE_INPUT][1]
        if not isinstance(channels, int):
            channels = (files.json("denoiser/config.json") or {}).get("time_cond_proj_dim")
        base = _open_family(files, list(rest), threads)
        if not isinstance(channels, int) or not base.takes_text:
            raise UnsupportedError("the model does not say how guidance enters", where=f"input {_GUIDANCE_INPUT}")
        return LatentConsistency(base, channels)
    return _open_family(files, list(inputs), threads)


def _open_family(files: CheckedFiles, inputs: list[str], threads: int) -> Any:
    has_text = files.lists("text_encoder/")
    if sorted(inputs) == ["encoder_hidden_states", "text_embeds", "time_ids"]:
        return StableDiffusionXL(files, inputs, threads)
    if not inputs and not has_text:
        return Unconditional()
    known = [what for pattern, what in _KNOWN_EXTENSIONS if any(re.match(pattern, name) for name in inputs)]
    if len(inputs) == 1 and has_text and not known:
        return OneTextEncoder(files, inputs, threads)
    raise UnsupportedError(
        f"the denoiser wants {known[0]}" if known else "no model family of this version feeds these inputs",
        where="denoiser inputs",
        got=", ".join(inputs) or "none",
        hint="This package knows models without text, with one text encoder, Stable Diffusion XL, and latent consistency",
    )


def graph_of(files: CheckedFiles, folder: str) -> str | None:
    return next((path for path in (f"{folder}/model.onnx", f"{folder}/onnx/model.onnx") if files.has(path)), None)


def penultimate(outputs: list[str]) -> tuple[str, None]:
    """Outputs `hidden_states.0` to `hidden_states.L`: the embeddings, and what each of L layers gives."""
    layers = sum(bool(re.fullmatch(r"hidden_states\.\d+", name)) for name in outputs) - 1
    return f"hidden_states.{max(0, layers - 1)}", None


def warn_of_dropped(encoded: Encoded, warn: Warn) -> None:
    if encoded.dropped:
        warn(f"the prompt is too long; left out: {' '.join(encoded.dropped)}")
