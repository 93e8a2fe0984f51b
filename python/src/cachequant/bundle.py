"""A bundle that draws pictures."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable

import numpy as np

from .change import FURTHER, Asked, Encoder, Start, asked_change, put_back, starting_point
from .conditioning import Request, open_conditioning
from .denoiser import CachedDenoiser, Graph, Served, serve
from .errors import BundleError, InvalidArgumentError, UnsupportedError
from .guidance import Guidance, GuidanceForecast, PredictionSmoothing, is_guided
from .manifest import CheckedFiles, read_manifest, unknown_fields
from .off_calibration import off_calibration_warnings
from .packed import SIDE
from .pictures import Decoder, Picture
from .recipe import open_recipe
from .samplers import Sampler, create_sampler
from .scheduler import calibrated_sampler, layout_of, scheduler_config
from .session import Session, require_finite

_LARGEST_SEED = 2**53 - 1


@dataclass(frozen=True)
class Step:
    """Where a picture stands after a network call."""

    #: Index of the call that was just made, from 0.
    call: int
    calls: int
    timestep: float
    #: ``full`` at a refresh, ``cached`` in between.
    kind: str
    #: [1, C, h, w], float32.
    latents: np.ndarray


def load(
    path: str | Path,
    *,
    threads: int | None = None,
    precision: str | None = None,
    check: str = "hashes",
    size: tuple[int, int] | None = None,
) -> Bundle:
    """Loads the folder that ``cachequant optimize`` wrote.

    ``threads`` that one operator may use, as many as the process has processors when left out; ``precision``
    (``float32`` or ``float16``) takes the graphs that compute in float, where the bundle has them; ``check`` compares
    files by their ``hashes`` or by their ``sizes`` alone; ``size``, width and height in pixels, takes the graphs of
    another size than the calibrated one, where the bundle has them.

    Raises `BundleError` naming the file that is missing, was altered, or is not listed, and `UnsupportedError` for a
    model or a correction that this version does not know.
    """
    return Bundle(Path(path), threads, precision, check, size)


class Bundle:
    """A loaded bundle; see `load`. Requests run one after another, from whatever thread they come."""

    def __init__(
        self,
        folder: Path,
        threads: int | None,
        precision: str | None,
        check: str,
        size: tuple[int, int] | None = None,
    ):
        if check not in ("hashes", "sizes"):
            raise InvalidArgumentError("the check is unknown", where="check", expected="hashes or sizes", got=check)
        if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
            raise InvalidArgumentError("the number of threads is wrong", where="threads", got=repr(threads))
        count = threads or _processors()
        self.manifest = read_manifest(folder)
        files = CheckedFiles(folder, self.manifest, check)
        variant = _variant(self.manifest, precision)
        corrections = self.manifest["corrections"]
        self._scheduler = scheduler_config(files)
        self._calibrated = calibrated_sampler(self._scheduler, self.manifest["sampler"])
        self._decoder = Decoder(files, _decoder_graph(files, variant), count)
        graphs, self._dims = _graphs_of(self.manifest, variant, size, self._decoder.factor)
        self._denoiser = CachedDenoiser(
            Graph(Session(files.path(graphs["full"]["file"]), count), graphs["full"]),
            Graph(Session(files.path(graphs["cached"]["file"]), count), graphs["cached"]),
            (variant or corrections)["anchors"],
        )
        full = self._denoiser.full
        inputs = {name: full.session.inputs[name].shape for name in full.conditioning}
        described = self.manifest.get("conditioning")
        self._conditioning = (
            open_recipe(files, described, inputs, count)
            if described
            else open_conditioning(files, inputs, count)
        )
        # It was fitted to what integers round.
        self._smoothing = None if variant else corrections.get("smoothing")
        self._lock = threading.Lock()
        self._further = self._require_sample()
        self._open_encoder = lambda: Encoder(files, count, self._decoder.factor)
        self._require_unchanged = files.require_unchanged
        self._encoder: Encoder | None = None
        # What was loaded is what was checked: nothing has been put in its place in between.
        files.require_unchanged()

    @property
    def takes_text(self) -> bool:
        """Whether pictures are made of a prompt."""
        return self._conditioning.takes_text

    @property
    def classes(self) -> int | None:
        """How many classes there are to draw; None for a model that draws none."""
        return self._conditioning.classes

    @property
    def width(self) -> int:
        """Pixels; a loaded bundle makes pictures of one size."""
        return self._dims[2] * self._decoder.factor

    @property
    def height(self) -> int:
        """Pixels; a loaded bundle makes pictures of one size."""
        return self._dims[1] * self._decoder.factor

    def generate(
        self,
        prompt: str | None = None,
        *,
        seed: int = 0,
        negative_prompt: str = "",
        guidance_scale: float | None = None,
        steps: int | None = None,
        sampler: str | None = None,
        class_label: int | None = None,
        image: Any = None,
        mask: Any = None,
        strength: float | None = None,
        strict: bool = False,
        on_step: Callable[[Step], None] | None = None,
    ) -> Picture:
        """Draws one picture: the same, to 1/255, that the Node packages draw on the same processor.

        ``image`` is a picture to change, uint8 [height, width, 3] or a ``PIL.Image`` of the bundle's size; ``mask`` is
        white where it is painted, and ``strength`` the share of the steps that are made: 0.8 when left out, 1 with a mask.

        What is left out is as the bundle was calibrated. ``strict`` refuses what would otherwise be a warning;
        ``on_step`` is called after each network call, and what it raises stops the picture.

        Raises `InvalidArgumentError` for a request that cannot be, `UnsupportedError` for an unknown sampler,
        `NonFiniteError` when a network gives NaN.
        """
        self._check_request(prompt, seed, negative_prompt, guidance_scale, class_label)
        asked = asked_change(image, mask, strength, (self.height, self.width), self._further)
        run = self._sampler(steps, sampler)
        first = 0 if asked is None else run.first_call(asked.strength)
        scale = self.manifest["guidanceScale"] if guidance_scale is None else guidance_scale
        guided, embeds = self._conditioning.guided, self._conditioning.embeds_guidance
        scale = scale if guided or embeds else 1
        # By which the two halves are joined; 1 where there is one half alone.
        halves = scale if guided else 1
        warnings = self._warnings(run, scale, halves, prompt, negative_prompt, first)

        def warn(message: str) -> None:
            if strict:
                raise InvalidArgumentError(message, where="generate, strict")
            if message not in warnings:
                warnings.append(message)

        for message in warnings if strict else ():
            warn(message)
        with self._lock:
            size = self.height, self.width
            request = Request(size, scale, class_label)
            shape = (1, *self._dims)
            start = starting_point(seed, shape, asked, first, self._encoder_for(asked), self._further)
            conditional = self._conditioning.encode(prompt or "", "conditional", request, warn)
            unconditional = None
            if is_guided(halves):
                unconditional = self._conditioning.encode(negative_prompt, "unconditional", request, warn)
            if start.further is not None:
                for conditioning in (conditional, unconditional):
                    if conditioning is not None:
                        conditioning[FURTHER] = start.further
            latents = self._sample(run, start, conditional, unconditional, halves, on_step)
            pixels = self._decoder.decode(latents)
        return Picture(pixels, prompt, seed, latents, tuple(warnings))

    def _encoder_for(self, asked: Asked | None) -> Encoder | None:
        """Loaded when it is first asked for."""
        if asked is not None and self._encoder is None:
            self._encoder = self._open_encoder()
            self._require_unchanged()
        return self._encoder

    def _sample(self, sampler: Sampler, start: Start, conditional, unconditional, scale: float, on_step) -> np.ndarray:
        """Denoises one image."""
        shape = start.noise.shape
        first, generator = start.first_call, start.generator
        served = self._serve(sampler).beginning(first)
        noise = start.noise.reshape(-1)
        clean = None if start.clean is None else start.clean.reshape(-1)
        state = sampler.start_from(first, clean, noise) if start.from_picture else sampler.start(noise)
        self._denoiser.reset()
        guidance = Guidance(self._denoiser, conditional, unconditional, scale, self._forecast(served))
        # Predictions that lie nearer or further apart want other weights.
        smoothing = self._smoothing if served.calibrated is None else None
        smooth = PredictionSmoothing(smoothing) if smoothing else None
        learned = str(self._scheduler.get("variance_type") or "").startswith("learned")
        for call, timestep in list(enumerate(sampler.timesteps))[first:]:
            where = f"call {call} (timestep {timestep})"
            sample = sampler.model_input(state).reshape(shape)
            output = require_finite(guidance.predict(served, call, timestep, sample), where, "guidance gives")
            output = smooth.apply(call, output) if smooth else output
            if not learned and output.shape[1] == 2 * shape[1]:
                output = output[:, : shape[1]]
            state = sampler.step(state, output.reshape(-1), lambda: generator.randn(state.sample.size))
            if start.mask is not None:
                known = sampler.renoise(state.call, clean, noise) if state.call < sampler.calls else clean
                kept = put_back(state.sample.reshape(shape), known.reshape(shape), start.mask)
                state = replace(state, sample=kept.reshape(-1))
            latents = require_finite(state.sample, where, f"{sampler.name} gives").reshape(shape)
            if on_step is not None:
                kind = "full" if call in served.refreshes else "cached"
                on_step(Step(call - first, sampler.calls - first, timestep, kind, latents.copy()))
        self._denoiser.reset()
        return latents

    def _serve(self, sampler: Sampler) -> Served:
        timesteps = self._calibrated[1].timesteps if self._calibrated else None
        return serve(sampler.timesteps, timesteps, self.manifest["schedule"]["refreshCalls"])

    def _forecast(self, served: Served) -> GuidanceForecast | None:
        corrections = self.manifest["corrections"]
        if corrections.get("guidance", "computed") != "forecast":
            return None
        reach = corrections.get("guidanceExtrapolation")

        def fitted(call: int) -> float | None:
            own = served.call(call)
            return reach[own] if reach is not None and own < len(reach) else None

        return GuidanceForecast(fitted)

    def _sampler(self, steps: int | None, sampler: str | None) -> Sampler:
        made = self.manifest["sampler"]
        own = self._calibrated[0] if self._calibrated else made["name"]
        count = made["steps"] if steps is None else steps
        run = create_sampler(self._scheduler, count, sampler or own, layout_of(made))
        other_steps = run.name == made["name"] and run.steps != made["steps"]
        if run.calls != made["calls"] and not (other_steps and self._calibrated):
            raise BundleError(
                "the bundle was made for another sampler",
                where="sampler",
                expected=f"{made['name']}, or {made['calls']} network calls as in its {made['steps']} steps",
                got=f"{run.steps} steps of {run.name} ({run.calls} network calls)",
                hint="Leave out the sampler, or optimize the model with it",
            )
        return run

    def _warnings(
        self, run: Sampler, scale: float, halves: float, prompt: str | None, negative_prompt: str, first: int
    ) -> list[str]:
        warnings = [
            f"The bundle says {name}, which this version does not know." for name in unknown_fields(self.manifest)
        ]
        if negative_prompt and not is_guided(halves):
            guided = self._conditioning.guided
            why = "there is guidance at scales above 1 alone" if guided else "the model takes none"
            warnings.append(f"The negative prompt has no effect: {why}.")
        return warnings + off_calibration_warnings(
            self.manifest, run.name, run.steps, scale, prompt, negative_prompt, first
        )

    def _check_request(self, prompt, seed, negative_prompt, guidance_scale, class_label) -> None:
        self._check_class(class_label)
        if self.takes_text != (prompt is not None):
            summary = "the prompt is missing" if self.takes_text else "the model takes no text"
            raise InvalidArgumentError(summary, where="prompt")
        for where, text in (("prompt", prompt), ("negative_prompt", negative_prompt)):
            if text is not None and not isinstance(text, str):
                raise InvalidArgumentError("the text is no text", where=where, got=repr(text))
        whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
        if not whole or abs(int(seed)) > _LARGEST_SEED:
            raise InvalidArgumentError(
                "the seed is no whole number", where="seed", expected="within ±(2^53 − 1)", got=repr(seed)
            )
        number = isinstance(guidance_scale, (int, float)) and not isinstance(guidance_scale, bool)
        if guidance_scale is not None and not (number and 0 <= guidance_scale < float("inf")):
            raise InvalidArgumentError(
                "the value is invalid", where="guidance_scale", expected="a number from 0", got=repr(guidance_scale)
            )

    def _check_class(self, label: Any) -> None:
        classes = self.classes
        if label is None and classes is None:
            return
        whole = isinstance(label, (int, np.integer)) and not isinstance(label, bool)
        if classes is not None and whole and 0 <= label < classes:
            return
        missing = "the class label is missing" if label is None else "there is no such class"
        raise InvalidArgumentError(
            "the model draws no classes" if classes is None else missing,
            where="class_label",
            expected=None if classes is None else f"a whole number from 0 to {classes - 1}",
            got=None if label is None else repr(label),
        )

    def _require_sample(self) -> int:
        """Channels that the network takes behind the noisy ones: a mask and a masked picture, or none."""
        graph = self._denoiser.full
        declared = graph.session.inputs[graph.sample].shape[1:]
        wanted = list(self._dims)
        further = 0
        if graph.further is not None:
            further = graph.session.inputs[graph.further].shape[1]
        elif not graph.packed and len(declared) == 3 and declared[0] == 2 * wanted[0] + 1:
            further = wanted[0] + 1
            wanted[0] += further
        if graph.packed:
            tokens = (wanted[1] // SIDE) * (wanted[2] // SIDE)
            wanted = [tokens, wanted[0] * SIDE**2]
        if not isinstance(further, int):
            raise BundleError("the graph does not say how many channels it takes", where=graph.where)
        if len(declared) != len(wanted) or any(isinstance(a, int) and a != b for a, b in zip(declared, wanted)):
            raise BundleError(
                "the graph takes another sample than the manifest says",
                where=graph.where,
                expected=wanted,
                got=list(declared),
            )
        return further


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _variant(manifest: dict[str, Any], precision: str | None) -> dict[str, Any] | None:
    if precision is None:
        return None
    variants = manifest["denoiser"].get("variants") or []
    for variant in variants:
        if variant["precision"] == precision:
            return variant
    raise UnsupportedError(
        "the bundle has no graphs in this precision",
        where="precision",
        expected=" or ".join(variant["precision"] for variant in variants) or "none: leave it out",
        got=precision,
        hint="Optimize the model again with --float-graphs always",
    )


def _graphs_of(
    manifest: dict[str, Any], variant: dict[str, Any] | None, size: tuple[int, int] | None, factor: int
) -> tuple[dict[str, Any], list[int]]:
    """The full and the cached graph of a size in pixels, and its latents' [C, h, w]."""
    own = manifest["latentDims"]
    main = own[2] * factor, own[1] * factor
    if size is None or tuple(size) == main:
        return variant or manifest["denoiser"], own
    further = manifest.get("sizes") or []
    for each in further:
        if (each["width"], each["height"]) != tuple(size):
            continue
        if variant is None:
            return each, each["latentDims"]
        for other in each["variants"]:
            if other["precision"] == variant["precision"]:
                return other, each["latentDims"]
    known = [main, *((each["width"], each["height"]) for each in further)]
    sizes = [f"{width}x{height}" for width, height in known]
    wanted = "x".join(str(side) for side in size)
    source = manifest["source"]
    raise InvalidArgumentError(
        "the bundle has no graphs for this size",
        where="size",
        expected=" or ".join(sizes),
        got=wanted,
        hint=f"This adds it: cachequant optimize {source.get('id', source['name'])} --out <bundle> "
        f"--size {','.join([*sizes, wanted])}",
    )


def _decoder_graph(files: CheckedFiles, variant: dict[str, Any] | None) -> str | None:
    if variant is not None and variant.get("vaeDecoder"):
        return variant["vaeDecoder"]
    if not files.lists("vae_decoder/"):
        return None
    for path in ("vae_decoder/model.onnx", "vae_decoder/onnx/model.onnx"):
        if files.has(path):
            return path
    raise BundleError("the file is missing", where=str(files.path("vae_decoder/model.onnx")))
