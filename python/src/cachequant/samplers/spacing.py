"""Which timesteps and noise levels a run goes through."""

from __future__ import annotations

import math

import numpy as np

from ..arithmetic import linspace, round_half_even
from ..errors import UnsupportedError
from .method import Layout

_RHO = 7


def conflict(summary: str, hint: str) -> UnsupportedError:
    """Fields that contradict each other."""
    return UnsupportedError(summary, where="scheduler config", hint=hint)


def spaced_timesteps(steps: int, train_steps: int, offset: int, spacing: str) -> list[int]:
    """The whole timesteps of a run, descending.

    Source: Lin et al., Common Diffusion Noise Schedules and Sample Steps are Flawed, table 2,
    https://arxiv.org/abs/2305.08891.
    """
    if spacing == "linspace":
        return [round_half_even(value) for value in even_timesteps(steps, train_steps)]
    if spacing == "leading":
        return leading_timesteps(steps, train_steps // steps, offset)
    return trailing_timesteps(train_steps, train_steps / steps, steps)


def even_timesteps(steps: int, train_steps: int) -> list[float]:
    return linspace(0, train_steps - 1, steps)[::-1]


def leading_timesteps(count: int, stride: int, offset: int) -> list[int]:
    return [(count - 1 - i) * stride + offset for i in range(count)]


def trailing_timesteps(last: int, stride: float, count: int) -> list[int]:
    # The stride as numpy.arange has it, after a round trip; it decides how halves round.
    delta = last - stride - last
    return [round_half_even(last + i * delta) - 1 for i in range(count)]


def sigma_at(sigmas: np.ndarray, timestep: float) -> float:
    """The noise level at a fractional timestep, linear between its neighbours."""
    position = min(max(timestep, 0), len(sigmas) - 1)
    below = min(math.floor(position), max(len(sigmas) - 2, 0))
    low = float(sigmas[below])
    high = float(sigmas[below + 1]) if below + 1 < len(sigmas) else low
    return low + (high - low) * (position - below)


def timesteps_of(sigmas: list[float], train_sigmas: np.ndarray) -> list[float]:
    """The fractional timestep of each noise level: linear in log σ between neighbours."""
    with np.errstate(divide="ignore"):
        logs = np.log(train_sigmas.astype(np.float64)).astype(np.float32)
    found = []
    for sigma in sigmas:
        log_sigma = math.log(max(sigma, 1e-10))
        above = np.nonzero(logs > log_sigma)[0]
        upper = max(int(above[0]), 1) if above.size else len(logs) - 1
        low, high = float(logs[upper - 1]), float(logs[upper])
        if low == -math.inf:
            found.append(upper if sigma > 0 else upper - 1)
            continue
        found.append(upper - 1 + min(max((low - log_sigma) / (low - high), 0), 1))
    return found


def respacing_kind(config: dict) -> str | None:
    """Which other spacing of noise levels a configuration asks for."""
    names = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
    asked = [name for name in names if config.get(name)]
    if len(asked) > 1:
        raise conflict(f"{' and '.join(asked)} are true, which exclude each other", "Set one of them")
    return asked[0].split("_")[1] if asked else None


def respaced_sigmas(kind: str, largest: float, smallest: float, steps: int) -> list[float]:
    if not smallest > 0:
        raise conflict(f"use_{kind}_sigmas needs a smallest noise level above 0", "Set beta_start above 0")
    if kind == "karras":
        return karras_sigmas(largest, smallest, steps)
    if kind == "exponential":
        return exponential_sigmas(largest, smallest, steps)
    return [smallest + beta_quantile(1 - ramp) * (largest - smallest) for ramp in linspace(0, 1, steps)]


def karras_sigmas(largest: float, smallest: float, steps: int, rho: float = _RHO) -> list[float]:
    """Source: Karras et al., Elucidating the Design Space, eq. 5, https://arxiv.org/abs/2206.00364."""
    return [karras_sigma(largest, smallest, ramp, rho) for ramp in linspace(0, 1, steps)]


def karras_sigma(largest: float, smallest: float, ramp: float, rho: float = _RHO) -> float:
    low, high = smallest ** (1 / rho), largest ** (1 / rho)
    return (high + ramp * (low - high)) ** rho


def exponential_sigmas(largest: float, smallest: float, steps: int) -> list[float]:
    return [math.exp(value) for value in linspace(math.log(largest), math.log(smallest), steps)]


def shift_sigmas(sigmas: list[float], shift: float) -> list[float]:
    """Source: Esser et al., Scaling Rectified Flow Transformers, eq. 23, https://arxiv.org/abs/2403.03206."""
    return [(shift * sigma) / (1 + (shift - 1) * sigma) for sigma in sigmas]


def shift_of_run(name: str, config: dict, fixed: float, layout: Layout) -> float:
    """The shift of a run: ``fixed``, or with dynamic shifting e^μ (``linear``: μ), where μ grows with the tokens.

    Source: Black Forest Labs, Flux, get_lin_function, https://github.com/black-forest-labs/flux.
    """
    if not config["use_dynamic_shifting"]:
        return fixed
    mu = layout.mu if layout.mu is not None else _mu_of_tokens(config, layout.image_tokens)
    if mu is None:
        raise conflict(
            f"{name} with use_dynamic_shifting shifts by the size of the picture",
            "The bundle does not say how many tokens it has; optimize the model again",
        )
    return math.exp(mu) if config["time_shift_type"] == "exponential" else mu


def _mu_of_tokens(config: dict, tokens: float | None) -> float | None:
    if tokens is None:
        return None
    named = lambda field, default: default if config.get(field) is None else config[field]  # noqa: E731
    low, high = named("base_shift", 0.5), named("max_shift", 1.15)
    small, large = named("base_image_seq_len", 256), named("max_image_seq_len", 4096)
    return low + ((tokens - small) * (high - low)) / (large - small)


def stretch_to_terminal(sigmas: list[float], terminal: float) -> list[float]:
    stretch = (1 - sigmas[-1]) / (1 - terminal)
    return [1 - (1 - sigma) / stretch for sigma in sigmas]


def beta_quantile(probability: float) -> float:
    """Quantiles of the symmetric beta distribution with both parameters 0.6.

    Source: Lee et al., Beta Sampling is All You Need, https://arxiv.org/abs/2407.12173.
    """
    if probability <= 0 or probability >= 1:
        return float(probability >= 1)
    if probability > 0.5:
        return 1 - beta_quantile(1 - probability)
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        if _lower_tail(middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


_SHAPE = 0.6
_BETA = 2.4153442080024723


def _lower_tail(x: float) -> float:
    """Source: NIST Digital Library of Mathematical Functions, 8.17.22, https://dlmf.nist.gov/8.17#E22."""
    fraction = 1.0
    for index in range(40, 0, -1):
        m = index // 2
        if index % 2 == 0:
            part = (m * (_SHAPE - m) * x) / ((_SHAPE + 2 * m - 1) * (_SHAPE + 2 * m))
        else:
            part = (-(_SHAPE + m) * (2 * _SHAPE + m) * x) / ((_SHAPE + 2 * m) * (_SHAPE + 2 * m + 1))
        fraction = 1 + part / fraction
    return (x * (1 - x)) ** _SHAPE / (_SHAPE * _BETA) / fraction
