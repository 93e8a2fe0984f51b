"""Latents as tokens, which some transformers take: squares of 2 × 2 latents.

Source: Black Forest Labs, Flux, https://github.com/black-forest-labs/flux.
"""

from __future__ import annotations

import numpy as np

from .errors import UnsupportedError

#: Side of the squares that are one token each.
SIDE = 2


def pack(latents: np.ndarray) -> np.ndarray:
    """[B, C, H, W] as [B, H/2 · W/2, 4·C]; a square's elements lie together, channel by channel."""
    batch, channels, height, width = latents.shape
    squares = latents.reshape(batch, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    tokens = squares.transpose(0, 2, 4, 1, 3, 5)
    return tokens.reshape(batch, (height // SIDE) * (width // SIDE), channels * SIDE**2)


def unpack(prediction: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What a graph predicts for latents of a shape, in their form."""
    if prediction.ndim != 3:
        return prediction
    batch, channels, height, width = shape
    if prediction.size != batch * channels * height * width:
        raise UnsupportedError(
            "the tokens are not those of the latents", where="denoiser output", expected=shape, got=prediction.shape
        )
    squares = prediction.reshape(batch, height // SIDE, width // SIDE, channels, SIDE, SIDE)
    return np.ascontiguousarray(squares.transpose(0, 3, 1, 4, 2, 5).reshape(shape))
