"""How much signal and noise a sample holds at each timestep of training."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..arithmetic import fround, linspace
from ..errors import InvalidArgumentError

_MAX_BETA = 0.999
_NEARLY_ZERO = 2.0**-24


class NoiseLevel(NamedTuple):
    """x = signal · x0 + noise · ε."""

    signal: float
    noise: float
    alpha_bar: float


def noise_level(alpha_bar: float) -> NoiseLevel:
    alpha_bar = float(alpha_bar)
    return NoiseLevel(math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar), alpha_bar)


def level_of_ratio(ratio: float) -> NoiseLevel:
    """The level whose noise-to-signal ratio is given."""
    signal = 1 / math.sqrt(ratio * ratio + 1)
    return NoiseLevel(signal, ratio * signal, signal * signal)


def flow_level(sigma: float) -> NoiseLevel:
    """The level of flow matching, where signal and noise sum to 1."""
    return NoiseLevel(1 - sigma, sigma, (1 - sigma) ** 2)


def unscaled_level(sigma: float) -> NoiseLevel:
    """The level of methods that work on x/α, where the signal is never scaled."""
    return NoiseLevel(1.0, sigma, 1.0)


def half_log_snr(level: NoiseLevel) -> float:
    """λ = ln(α/σ); infinite where there is no noise, or no signal."""
    return _log(level.signal) - _log(level.noise)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def alpha_bars(config: dict[str, Any]) -> np.ndarray:
    """ᾱ of every training timestep, float32, rounded where diffusers rounds.

    Source: Ho et al., Denoising Diffusion Probabilistic Models, eq. 4, https://arxiv.org/abs/2006.11239.
    """
    betas = _betas(config)
    return _cumulative(_zero_terminal_snr(betas) if config.get("rescale_betas_zero_snr") else betas)


def non_zero_alpha_bars(config: dict[str, Any]) -> np.ndarray:
    """The same for methods that divide by ᾱ."""
    bars = alpha_bars(config)
    if config.get("rescale_betas_zero_snr"):
        bars[-1] = _NEARLY_ZERO
    return bars


def noise_to_signal(bars: np.ndarray) -> np.ndarray:
    """σ/α of every training timestep, float32."""
    rest = np.float32(1) - bars
    with np.errstate(divide="ignore"):
        return np.sqrt((rest / bars).astype(np.float64)).astype(np.float32)


def _betas(config: dict[str, Any]) -> np.ndarray:
    count, start, end = config["num_train_timesteps"], config["beta_start"], config["beta_end"]
    trained = config["trained_betas"]
    if trained is not None:
        if len(trained) != count:
            raise InvalidArgumentError(
                "trained_betas and num_train_timesteps disagree",
                where="scheduler config",
                expected=f"{count} betas",
                got=len(trained),
            )
        return np.array(trained, dtype=np.float32)
    kind = config["beta_schedule"]
    if kind == "linear":
        return np.array(linspace(start, end, count), dtype=np.float32)
    if kind == "scaled_linear":
        roots = np.array(linspace(math.sqrt(start), math.sqrt(end), count), dtype=np.float32)
        return roots * roots
    if kind == "sigmoid":
        values = [(end - start) / (1 + math.exp(-x)) + start for x in linspace(-6, 6, count)]
        return np.array(values, dtype=np.float32)
    bar = {"squaredcos_cap_v2": _cosine_bar, "exp": lambda t: math.exp(-12 * t), "laplace": _laplace_bar}[kind]
    betas = [min(1 - bar((i + 1) / count) / bar(i / count), _MAX_BETA) for i in range(count)]
    return np.array(betas, dtype=np.float32)


def _cosine_bar(t: float) -> float:
    return math.cos((((t + 0.008) / 1.008) * math.pi) / 2) ** 2


def _laplace_bar(t: float) -> float:
    log_snr = -0.5 * (-1 if t > 0.5 else 1) * math.log(1 - 2 * abs(0.5 - t) + 1e-6)
    snr = math.exp(log_snr)
    return math.sqrt(snr / (1 + snr))


def _cumulative(betas: np.ndarray) -> np.ndarray:
    return np.cumprod((np.float32(1) - betas).astype(np.float64)).astype(np.float32)


def _zero_terminal_snr(betas: np.ndarray) -> np.ndarray:
    """√ᾱ shifted and stretched so that it ends at 0.

    Source: Lin et al., Common Diffusion Noise Schedules and Sample Steps are Flawed, https://arxiv.org/abs/2305.08891.
    """
    roots = np.sqrt(_cumulative(betas).astype(np.float64)).astype(np.float32)
    first, last = float(roots[0]), float(roots[-1])
    stretch = fround(first / fround(first - last))
    scaled = ((roots - np.float32(last)).astype(np.float64) * stretch).astype(np.float32)
    bars = scaled * scaled
    ratios = np.concatenate([bars[:1], bars[1:] / bars[:-1]]).astype(np.float32)
    return np.float32(1) - ratios
