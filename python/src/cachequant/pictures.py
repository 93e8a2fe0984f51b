"""Pictures: out of latents, and into files."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CacheQuantError, UnsupportedError
from .manifest import CheckedFiles
from .session import Session, require_finite


@dataclass(frozen=True)
class Picture:
    """A picture with what it was made from."""

    #: [height, width, 3], uint8.
    pixels: np.ndarray
    prompt: str | None
    seed: int
    #: [1, C, h, w], as the sampler left them, float32.
    latents: np.ndarray = field(repr=False)
    #: What the user should know of the request.
    warnings: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    def to_pil(self) -> Any:
        """The picture as a ``PIL.Image``; needs Pillow."""
        try:
            from PIL import Image
        except ImportError as error:
            raise CacheQuantError("Pillow is not installed", hint="pip install 'cachequant[images]'") from error
        return Image.fromarray(self.pixels)

    def save(self, path: str | Path) -> None:
        """Writes a PNG, without Pillow; for other formats use ``to_pil().save``."""
        if Path(path).suffix.lower() != ".png":
            raise UnsupportedError("only PNG is written", where=str(path), hint="Use to_pil().save")
        Path(path).write_bytes(encode_png(self.pixels))


def encode_png(pixels: np.ndarray) -> bytes:
    """[height, width, 3] uint8 as a PNG."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), dtype=np.uint8), pixels.reshape(height, width * 3)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class Decoder:
    """The decoder of an autoencoder, or none where samples are pixels."""

    def __init__(self, files: CheckedFiles, graph: str | None, threads: int):
        self._session = None
        self.factor = 1
        if graph is None:
            return
        config = files.json("vae_decoder/config.json") or {}
        self._scaling = config.get("scaling_factor", 0.18215)
        self._shift = config.get("shift_factor") or 0
        self.factor = config.get("pixels_per_latent") or 2 ** (len(config.get("block_out_channels", [64])) - 1)
        self._session = Session(files.path(graph), threads)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """One picture [height, width, 3] of latents [1, C, h, w]."""
        if self._session is None:
            return to_pixels(latents)
        scaled = (latents.astype(np.float64) / self._scaling).astype(np.float32).astype(np.float64) + self._shift
        name, output = next(iter(self._session.inputs)), next(iter(self._session.outputs))
        (pixels,) = self._session.run({name: self._session.convert(name, scaled.astype(np.float32))}, [output])
        return to_pixels(require_finite(pixels.astype(np.float32), "vae_decoder", "the decoder gives"))


def to_pixels(image: np.ndarray) -> np.ndarray:
    """[1, 3, H, W] or [1, 1, H, W] in [−1, 1], rounded as diffusers does: x/2 + 0.5, clamped, times 255."""
    if image.ndim != 4 or image.shape[1] not in (1, 3):
        raise UnsupportedError("there is no picture of these channels", where="decoder", got=list(image.shape))
    unit = np.clip(image[0] * np.float32(0.5) + np.float32(0.5), 0, 1)
    pixels = np.rint(unit * np.float32(255)).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(np.broadcast_to(pixels, (3, *pixels.shape[1:])), 0, -1))
