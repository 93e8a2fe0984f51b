"""Classifier-free guidance, its forecast at cached calls, and the smoothing of predictions."""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np

from .conditioning import Conditioning
from .denoiser import CachedDenoiser, Served
from .session import require_finite

#: How far the line through the last two differences is followed where nothing was fitted.
_REACH = 0.5


def is_guided(scale: float) -> bool:
    """Only above 1, as in diffusers: at 1 the unconditional half cancels out."""
    return scale > 1


class GuidanceForecast:
    """The guided difference of an image, for calls that compute the conditional half alone."""

    def __init__(self, fitted: Callable[[int], float | None]):
        self._fitted = fitted
        self._newest: tuple[int, np.ndarray] | None = None
        self._previous: tuple[int, np.ndarray] | None = None

    def observe(self, call: int, unconditional: np.ndarray, conditional: np.ndarray) -> None:
        self._previous, self._newest = self._newest, (call, conditional - unconditional)

    def at(self, call: int) -> np.ndarray | None:
        """The difference expected at a later call; None before any was observed."""
        if self._newest is None or self._previous is None:
            return None if self._newest is None else self._newest[1]
        (newest_call, newest), (previous_call, previous) = self._newest, self._previous
        fitted = self._fitted(call)
        reach = (_REACH * (call - newest_call)) / (newest_call - previous_call) if fitted is None else fitted
        change = (newest - previous).astype(np.float64)
        return (newest.astype(np.float64) + reach * change).astype(np.float32)


class PredictionSmoothing:
    """Takes a part of the prediction before into every prediction: ε̂ₜ = εₜ + wₜ · (εₜ₋₁ − εₜ)."""

    def __init__(self, weights: Sequence[float]):
        self._weights = weights
        self._before: np.ndarray | None = None

    def apply(self, call: int, prediction: np.ndarray) -> np.ndarray:
        before, self._before = self._before, prediction
        weight = self._weights[call] if call < len(self._weights) else 0
        if before is None or weight == 0:
            return prediction
        own = prediction.astype(np.float64)
        return (own + weight * (before.astype(np.float64) - own)).astype(np.float32)


class Guidance:
    """Both halves of guidance for one image, and how they are computed and joined."""

    def __init__(
        self,
        denoiser: CachedDenoiser,
        conditional: Conditioning,
        unconditional: Conditioning | None,
        scale: float,
        forecast: GuidanceForecast | None,
    ):
        self._denoiser, self._scale, self._forecast = denoiser, scale, forecast
        self._conditional, self._unconditional = conditional, unconditional
        self._joined = None
        if unconditional is not None and not denoiser.one_image:
            self._joined = {
                name: np.concatenate([unconditional[name], value]) for name, value in conditional.items()
            }

    def predict(self, served: Served, call: int, timestep: float, sample: np.ndarray) -> np.ndarray:
        """unconditional + scale · (conditional − unconditional); without guidance the conditional half alone."""

        def run(sample: np.ndarray, conditioning: Conditioning, stream: int = 0, half: bool = False) -> np.ndarray:
            output = self._denoiser.predict(served, call, timestep, sample, conditioning, stream, half)
            return require_finite(output, f"call {call} (timestep {timestep})", "the denoiser gives")

        if self._unconditional is None:
            return run(sample, self._conditional)
        one_by_one = self._joined is None
        if self._forecast is not None and call not in served.refreshes:
            difference = self._forecast.at(call)
            if difference is not None:
                own = run(sample, self._conditional, 1 if one_by_one else 0, not one_by_one)
                scaled = (self._scale - 1) * difference.astype(np.float64)
                return (own.astype(np.float64) + scaled).astype(np.float32)
        if one_by_one:
            first, second = run(sample, self._unconditional, 0), run(sample, self._conditional, 1)
        else:
            first, second = np.split(run(np.concatenate([sample, sample]), self._joined), 2)
        if self._forecast is not None:
            self._forecast.observe(call, first, second)
        # As torch rounds it.
        step = (self._scale * (second - first).astype(np.float64)).astype(np.float32)
        return first + step
