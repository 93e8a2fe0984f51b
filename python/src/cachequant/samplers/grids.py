"""Timesteps and noise levels of the methods that work in σ or in log-SNR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arithmetic import fround, froundall, linspace, round_half_even
from ..errors import InvalidArgumentError
from .method import Layout
from .noise_schedule import (
    NoiseLevel,
    flow_level,
    level_of_ratio,
    noise_to_signal,
    non_zero_alpha_bars,
)
from .spacing import (
    conflict,
    even_timesteps,
    exponential_sigmas,
    karras_sigmas,
    leading_timesteps,
    respaced_sigmas,
    respacing_kind,
    shift_of_run,
    shift_sigmas,
    sigma_at,
    spaced_timesteps,
    stretch_to_terminal,
    timesteps_of,
    trailing_timesteps,
)

_MOST_FLOW = 1 - 1e-6


@dataclass(frozen=True)
class SigmaGrid:
    """One timestep and noise level a step, of the methods that work on x/α; one sigma more for the end."""

    timesteps: list[float]
    sigmas: list[float]
    init_noise_sigma: float
    train_sigmas: np.ndarray


def sigma_grid(config: dict[str, Any], steps: int) -> SigmaGrid:
    train = noise_to_signal(non_zero_alpha_bars(config))
    timesteps, sigmas = _spaced_levels(config, steps, train)
    last = float(train[0]) if config.get("final_sigmas_type") == "sigma_min" else 0.0
    rounded = froundall([*sigmas, last])
    largest = max(rounded)
    leading = config["timestep_spacing"] == "leading"
    return SigmaGrid(
        froundall(timesteps),
        rounded[: len(timesteps) + 1],
        fround(math.sqrt(largest * largest + 1)) if leading else largest,
        train,
    )


def _spaced_levels(config: dict[str, Any], steps: int, train: np.ndarray) -> tuple[list[float], list[float]]:
    count, spacing = config["num_train_timesteps"], config["timestep_spacing"]
    if spacing == "linspace":
        timesteps: list[float] = froundall(even_timesteps(steps, count))
    else:
        timesteps = spaced_timesteps(steps, count, config["steps_offset"], spacing)
    if config.get("interpolation_type") == "log_linear":
        ends = math.log(float(train[-1])), math.log(float(train[0]))
        sigmas = [math.exp(value) for value in linspace(*ends, steps + 1)]
    else:
        sigmas = [sigma_at(train, timestep) for timestep in timesteps]
    kind = respacing_kind(config)
    if kind is None:
        return timesteps, sigmas
    largest = config.get("sigma_max") or sigmas[0]
    smallest = config.get("sigma_min") or sigmas[-1]
    respaced = respaced_sigmas(kind, largest, smallest, steps)
    return timesteps_of(respaced, train), respaced


def unit_variance_scale(sigma: float) -> float:
    """The factor that brings a sample x0 + σ·ε to unit variance."""
    return 1 / math.sqrt(sigma * sigma + 1)


@dataclass(frozen=True)
class TwoCallGrid:
    """A run whose steps call the network twice, but for the last."""

    timesteps: list[float]
    sigmas: list[float]


def endpoint_calls(timesteps: list[float], sigmas: list[float]) -> TwoCallGrid:
    """The second call of each step is at the beginning of the next one."""
    return interleaved(timesteps, sigmas, timesteps[1:], sigmas[1:-1])


def interleaved(
    timesteps: list[float], sigmas: list[float], between_timesteps: list[float], between_sigmas: list[float]
) -> TwoCallGrid:
    """The second call of each step is at a noise level of its own."""

    def both(first: list[float], second: list[float]) -> list[float]:
        return [each for step, value in enumerate(first) for each in (value, *second[step : step + 1])]

    return TwoCallGrid(both(timesteps, between_timesteps), [*both(sigmas[:-1], between_sigmas), sigmas[-1]])


@dataclass(frozen=True)
class MultistepGrid:
    """Timesteps, and one noise level more, of the methods that work in log-SNR."""

    timesteps: list[float]
    sigmas: list[float]
    levels: list[NoiseLevel]


def multistep_grid(
    config: dict[str, Any],
    steps: int,
    layout: Layout,
    name: str,
    *,
    ends_with_run: bool = False,
    truncates_cosine: bool = False,
    flow_from_one: bool = False,
) -> MultistepGrid:
    """The layout of DPM-Solver, which the other multistep classes follow.

    ``ends_with_run``: ``sigma_min`` at the end means the last level of the run, and not the least of training.
    """
    _check_spacings(config)
    flows = config["use_flow_sigmas"]
    train = noise_to_signal(non_zero_alpha_bars(config))
    kind = respacing_kind(config) or ("lu" if config.get("use_lu_lambdas") else None)
    if kind is not None:
        timesteps, sigmas = _respaced(config, kind, steps, train, truncates_cosine)
    elif flows:
        timesteps, sigmas = _flowing(config, steps, layout, name, flow_from_one)
    else:
        timesteps, sigmas = _evenly(config, steps, train)
    rounded = froundall(sigmas)
    if any(after >= before for before, after in zip(rounded, rounded[1:])):
        raise InvalidArgumentError(
            f"{steps} steps are too many for this spacing", where=name, hint="Take fewer steps"
        )
    plain = respacing_kind(config) is None and not flows
    least = float(train[0]) if not ends_with_run or plain else rounded[-1]
    every = [*rounded, 0.0 if config["final_sigmas_type"] == "zero" else least]
    return MultistepGrid(timesteps, every, [(flow_level if flows else level_of_ratio)(each) for each in every])


def _respaced(
    config: dict[str, Any], kind: str, steps: int, train: np.ndarray, truncates_cosine: bool
) -> tuple[list[float], list[float]]:
    largest = config.get("sigma_max") or float(train[-1])
    smallest = config.get("sigma_min") or float(train[0])
    ratios = respaced_sigmas("exponential" if kind == "lu" else kind, largest, smallest, steps)
    if config["use_flow_sigmas"]:
        sigmas = [ratio / (ratio + 1) for ratio in ratios]
        return [math.trunc(sigma * config["num_train_timesteps"]) for sigma in sigmas], sigmas
    truncates = truncates_cosine and config["beta_schedule"] == "squaredcos_cap_v2"
    rounding = round_half_even if kind in ("karras", "lu") and not truncates else math.trunc
    return [rounding(timestep) for timestep in timesteps_of(ratios, train)], ratios


def _flowing(
    config: dict[str, Any], steps: int, layout: Layout, name: str, from_one: bool
) -> tuple[list[float], list[float]]:
    count = config["num_train_timesteps"]
    descending = linspace(1, 1 / count, steps + 1)
    even = descending[:-1] if from_one else [1 - alpha for alpha in descending][::-1][:-1]
    # Runs are laid out from even levels for Euler's method alone; others are given levels outright, or space their own.
    levels = list(layout.sigmas) if layout.sigmas is not None else even
    shifted = shift_sigmas(levels, shift_of_run(name, config, config["flow_shift"], layout))
    terminal = config.get("shift_terminal")
    sigmas = stretch_to_terminal(shifted, terminal) if terminal else shifted
    if from_one:
        sigmas = [_MOST_FLOW if abs(sigma - 1) < 1 - _MOST_FLOW else sigma for sigma in sigmas]
    return [math.trunc(sigma * count) for sigma in sigmas], sigmas


def _evenly(config: dict[str, Any], steps: int, train: np.ndarray) -> tuple[list[float], list[float]]:
    limit = config.get("lambda_min_clipped", -math.inf)
    last = sum(1 for sigma in train if -math.log(sigma) >= limit) if limit > -math.inf else len(train)
    count, spacing = config["num_train_timesteps"], config["timestep_spacing"]
    timesteps: list[float]
    if spacing == "linspace":
        timesteps = [round_half_even(each) for each in linspace(0, last - 1, steps + 1)][::-1][:-1]
    elif spacing == "leading":
        timesteps = leading_timesteps(steps + 1, last // (steps + 1), config["steps_offset"])[:-1]
    else:
        timesteps = trailing_timesteps(last, count / steps, steps)
    return timesteps, [sigma_at(train, timestep) for timestep in timesteps]


def _check_spacings(config: dict[str, Any]) -> None:
    flows, kind = config["use_flow_sigmas"], config["prediction_type"]
    if not flows and kind == "flow_prediction":
        raise conflict('prediction_type "flow_prediction" goes with use_flow_sigmas', "Set use_flow_sigmas")
    if flows and kind == "v_prediction":
        raise conflict('prediction_type "v_prediction" with use_flow_sigmas is not defined', "Set another one")


def refuse_two_spacings(config: dict[str, Any]) -> None:
    """Of the classes for which respacings exclude flow matching."""
    names = ("karras_sigmas", "lu_lambdas", "exponential_sigmas", "beta_sigmas", "flow_sigmas")
    asked = [f"use_{name}" for name in names if config.get(f"use_{name}")]
    if len(asked) > 1:
        raise conflict(f"{' and '.join(asked)} are true, which exclude each other", "Set one of them")
    if config["use_flow_sigmas"] and config.get("final_sigmas_type") == "sigma_min":
        raise conflict(
            'final_sigmas_type "sigma_min" with use_flow_sigmas would end at a noise level of the betas',
            'Set final_sigmas_type "zero"',
        )


@dataclass(frozen=True)
class EdmGrid:
    """Noise levels of Karras et al.'s models, and what the network is told of each: ln(σ)/4."""

    timesteps: list[float]
    sigmas: list[float]
    init_noise_sigma: float


def edm_grid(config: dict[str, Any], steps: int) -> EdmGrid:
    largest, smallest = config["sigma_max"], config["sigma_min"]
    karras = config["sigma_schedule"] == "karras"
    spaced = (
        karras_sigmas(largest, smallest, steps, config["rho"])
        if karras
        else exponential_sigmas(largest, smallest, steps)
    )
    sigmas = froundall(spaced)
    last = 0.0 if config["final_sigmas_type"] == "zero" else sigmas[-1]
    timesteps = [0.25 * math.log(sigma) for sigma in sigmas]
    return EdmGrid(timesteps, [*sigmas, last], math.sqrt(largest * largest + 1))
