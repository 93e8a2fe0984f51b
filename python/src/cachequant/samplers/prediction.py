"""Clean samples and noise out of what a network predicts, and how clean samples are kept within bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arithmetic import linear_combination
from .noise_schedule import NoiseLevel, level_of_ratio
from .spacing import conflict


def clean_sample(kind: str, level: NoiseLevel, sample: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Source: Salimans and Ho, Progressive Distillation, appendix D, https://arxiv.org/abs/2202.00512."""
    if kind == "epsilon":
        return linear_combination((1 / level.signal, sample), (-level.noise / level.signal, output))
    if kind == "v_prediction":
        return linear_combination((level.signal, sample), (-level.noise, output))
    if kind == "sample":
        return output
    return linear_combination((1, sample), (-level.noise, output))


def clean_of_unscaled(kind: str, sigma: float, sample: np.ndarray, output: np.ndarray) -> np.ndarray:
    """The same for methods that keep x/α = x0 + σ·ε."""
    level = level_of_ratio(sigma)
    return clean_sample(kind, level, linear_combination((level.signal, sample)), output)


def predicted_noise(kind: str, level: NoiseLevel, sample: np.ndarray, output: np.ndarray) -> np.ndarray:
    if kind == "epsilon":
        return output
    if kind == "v_prediction":
        return linear_combination((level.signal, output), (level.noise, sample))
    if kind == "sample":
        return noise_behind(level, sample, output)
    return linear_combination((1, sample), (1 - level.noise, output))


def noise_behind(level: NoiseLevel, sample: np.ndarray, clean: np.ndarray) -> np.ndarray:
    return linear_combination((1 / level.noise, sample), (-level.signal / level.noise, clean))


def limit_sample(clean: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Dynamic thresholding or clipping, whichever the configuration asks for."""
    if config.get("thresholding"):
        ordered = np.sort(np.abs(clean))
        position = config["dynamic_thresholding_ratio"] * (ordered.size - 1)
        low, high = float(ordered[math.floor(position)]), float(ordered[math.ceil(position)])
        quantile = low + (high - low) * (position - math.floor(position))
        threshold = min(max(quantile, 1), config["sample_max_value"])
        return (clip(clean, threshold).astype(np.float64) / threshold).astype(np.float32)
    if config.get("clip_sample"):
        return clip(clean, config.get("clip_sample_range", 1))
    return clean


def clip(values: np.ndarray, bound: float) -> np.ndarray:
    return np.clip(values.astype(np.float64), -bound, bound).astype(np.float32)


def refuse_noise_from_pure_noise(kind: str, timesteps: list, bars: np.ndarray) -> None:
    """Where nothing of the signal is left, predicted noise says nothing about it."""
    if kind == "epsilon" and any(bars[int(timestep)] == 0 for timestep in timesteps):
        raise conflict(
            'prediction_type "epsilon" cannot start from a timestep without any signal (rescale_betas_zero_snr)',
            'Use prediction_type "v_prediction" if the model was trained so',
        )
