"""Pictures that are changed: into latents, masks, and what a run begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InvalidArgumentError, UnsupportedError
from .manifest import CheckedFiles
from .session import Session, require_finite
from .torch_random import TorchGenerator

#: Shares of red, green and blue in gray, of 65,536, as Pillow takes them.
_GRAY = np.array([19_595, 38_470, 7471])
_HALF = 128
#: Strength of a request that names none, as in diffusers: what a mask leaves stays anyway.
_STRENGTH, _STRENGTH_WITH_MASK = 0.8, 1
_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE = -30, 20

#: The name under which conditioning has what a model for inpainting takes behind the noisy channels: the mask, and the
#: latents of the picture without what it covers.
FURTHER = "further_channels"


@dataclass(frozen=True)
class Asked:
    """A picture to change as far as it can be looked at before anything runs."""

    #: [H, W, 3], uint8.
    image: np.ndarray
    #: [H, W], 1 where the picture is painted, 0 where it stays.
    mask: np.ndarray | None
    strength: float


def asked_change(
    image: Any, mask: Any, strength: float | None, size: tuple[int, int], further: int
) -> Asked | None:
    """The picture that a request changes; None where it makes one from noise.

    ``size`` of the bundle's pictures, [height, width]; ``further`` channels that the network takes beside the noisy ones.
    """
    if image is None:
        if mask is None and strength is None and not further:
            return None
        lone = "mask" if mask is not None else "strength"
        raise InvalidArgumentError(
            "there is no picture to change",
            where="image" if further else lone,
            expected="image and mask: the model is for inpainting" if further else f"image beside {lone}",
        )
    if mask is None and further:
        raise InvalidArgumentError(
            "the mask is missing", where="mask", expected="image and mask: the model is for inpainting"
        )
    if strength is not None and (
        isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 < strength <= 1
    ):
        raise InvalidArgumentError(
            "the strength is not possible", where="strength", expected="a number above 0, up to 1", got=repr(strength)
        )
    pixels = _pixels("image", image, size)
    covered = None if mask is None else _covered(_pixels("mask", mask, size))
    usual = _STRENGTH if mask is None else _STRENGTH_WITH_MASK
    return Asked(pixels, covered, usual if strength is None else strength)


def _pixels(where: str, given: Any, size: tuple[int, int]) -> np.ndarray:
    """[H, W, 3] uint8 of an array [H, W, 3] or [H, W], or of a ``PIL.Image``."""
    values = np.asarray(given.convert("RGB") if hasattr(given, "convert") else given)
    if values.ndim == 2:
        values = np.repeat(values[:, :, None], 3, axis=2)
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] != 3:
        raise InvalidArgumentError(
            "the picture is not one",
            where=where,
            expected="uint8 [height, width, 3], or a PIL.Image",
            got=f"{values.dtype} {list(values.shape)}",
        )
    if values.shape[:2] != size:
        raise InvalidArgumentError(
            "the picture has another size than the bundle makes",
            where=where,
            expected=f"{size[1]}x{size[0]}",
            got=f"{values.shape[1]}x{values.shape[0]}",
            hint="Resize it first",
        )
    return values


def _covered(pixels: np.ndarray) -> np.ndarray:
    gray = (pixels.astype(np.int64) @ _GRAY + 0x80_00) >> 16
    return (gray >= _HALF).astype(np.float32)


class Encoder:
    """Turns pictures into clean latents: by the encoder of an autoencoder, or not at all where samples are pixels.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, section 2.4, https://arxiv.org/abs/1312.6114, with
    diffusers' limits of the logarithm.
    """

    def __init__(self, files: CheckedFiles, threads: int, factor: int):
        self._factor = factor
        self._session = None
        graph = next((p for p in ("vae_encoder/model.onnx", "vae_encoder/onnx/model.onnx") if files.has(p)), None)
        if graph is None:
            if not files.lists("vae_decoder/"):
                return
            raise UnsupportedError(
                "the model has nothing that makes latents of pictures",
                where=str(files.path("vae_encoder")),
                hint="Optimize a model that has its VAE encoder; a bundle has what its source had",
            )
        config = files.json("vae_encoder/config.json") or {}
        vq = 3 if config.get("_class_name") == "VQModel" else 4
        self._channels = config.get("vq_embed_dim") or config.get("latent_channels") or vq
        self._scaling = config.get("scaling_factor", 0.18215)
        self._shift = config.get("shift_factor") or 0
        self._session = Session(files.path(graph), threads)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """What the graph gives for [1, 3, H, W] in [−1, 1]: latents, or mean and logarithm of the variance."""
        if self._session is None:
            return pixels
        name, output = next(iter(self._session.inputs)), next(iter(self._session.outputs))
        (encoded,) = self._session.run({name: self._session.convert(name, pixels)}, [output])
        encoded = require_finite(encoded.astype(np.float32), "vae_encoder", "the encoder gives")
        if encoded.ndim != 4 or encoded.shape[1] not in (self._channels, 2 * self._channels):
            raise UnsupportedError(
                "the encoder gives no latents",
                where="vae_encoder",
                expected=f"[1, {2 * self._channels}, h, w], or [1, {self._channels}, h, w]",
                got=list(encoded.shape),
            )
        return encoded

    def sample(self, encoded: np.ndarray, generator: TorchGenerator) -> np.ndarray:
        """Latents as samplers work on them; draws as many numbers as there are, where they are random."""
        if self._session is None:
            return encoded
        latents = _drawn(encoded, generator) if encoded.shape[1] == 2 * self._channels else encoded
        shifted = (latents.astype(np.float64) - self._shift).astype(np.float32)
        return (shifted.astype(np.float64) * self._scaling).astype(np.float32)

    def small(self, mask: np.ndarray) -> np.ndarray:
        """A mask at the size of latents, [1, 1, h, w]: of each square of pixels the first, as diffusers takes it."""
        return np.ascontiguousarray(mask[None, None, :: self._factor, :: self._factor])


def _drawn(encoded: np.ndarray, generator: TorchGenerator) -> np.ndarray:
    mean, logarithm = np.split(encoded, 2, axis=1)
    limited = np.clip(logarithm.astype(np.float64), _LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE)
    deviation = np.exp(0.5 * limited).astype(np.float32).astype(np.float64)
    noise = generator.randn(mean.size).reshape(mean.shape)
    return (mean.astype(np.float64) + deviation * noise.astype(np.float64)).astype(np.float32)


def _to_network(pixels: np.ndarray) -> np.ndarray:
    """A picture as networks take it: [1, 3, H, W] in [−1, 1], as diffusers rounds it."""
    unit = (pixels.astype(np.float64) / 255).astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(np.float32(2) * unit - np.float32(1), -1, 0)[None])


@dataclass(frozen=True)
class Start:
    """What a run begins with."""

    noise: np.ndarray
    generator: TorchGenerator
    first_call: int = 0
    #: Without noise; None where the run begins with noise alone and puts nothing back.
    clean: np.ndarray | None = None
    #: Whether the run begins with the picture, and not with noise alone.
    from_picture: bool = False
    #: [1, 1, h, w]: 1 where the picture is painted, 0 where it is put back after each call.
    mask: np.ndarray | None = None
    #: What the network takes behind the noisy channels.
    further: np.ndarray | None = None


def starting_point(
    seed: int, shape: tuple[int, ...], asked: Asked | None, first_call: int, encoder: Encoder | None, further: int
) -> Start:
    """Draws in the order of diffusers: the latents of the picture, the noise, the latents of the masked picture."""
    generator = TorchGenerator(seed)
    size = int(np.prod(shape))
    if asked is None or encoder is None:
        return Start(generator.randn(size).reshape(shape), generator)
    pixels = _to_network(asked.image)
    whole = asked.mask is not None and asked.strength == 1
    encoded = encoder.encode(pixels)
    clean = None if further and whole else encoder.sample(encoded, generator)
    noise = generator.randn(size).reshape(shape)
    if asked.mask is None:
        return Start(noise, generator, first_call, clean, True)
    small = encoder.small(asked.mask)
    # Drawn in any case, as in diffusers; without further channels, nothing looks at it.
    left = encoder.encode((pixels * (1 - asked.mask)).astype(np.float32)) if further else encoded
    masked = encoder.sample(left, generator)
    behind = np.concatenate([small, masked], axis=1) if further else None
    return Start(noise, generator, first_call, clean, not whole, None if further else small, behind)


def put_back(sample: np.ndarray, known: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture where it is not to be painted, as noisy as the sample is.

    Source: Avrahami et al., Blended Latent Diffusion, algorithm 1, https://arxiv.org/abs/2206.02779, as diffusers'
    StableDiffusionInpaintPipeline does it.
    """
    painted = mask.astype(np.float64)
    return ((1 - painted) * known.astype(np.float64) + painted * sample.astype(np.float64)).astype(np.float32)
