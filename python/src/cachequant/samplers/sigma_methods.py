"""Methods that work on x/α in σ, after k-diffusion: Euler, Heun, LMS, KDPM2, and their stochastic variants.

Sources: Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models,
https://arxiv.org/abs/2206.00364; Crowson, k-diffusion, https://github.com/crowsonkb/k-diffusion.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Sequence

import numpy as np

from ..arithmetic import linear_combination, round_half_even
from .fields import (
    ANY_PREDICTION,
    CLIP_RANGE,
    FINAL_SIGMA,
    LATENT_NOISE,
    NOISE_OR_VELOCITY,
    PIXEL_NOISE,
    POSITIVE_OR_NONE,
    RESPACING,
    boolean,
    choice,
    noise_fields,
    spacing,
    whole,
)
from .grids import SigmaGrid, endpoint_calls, interleaved, sigma_grid, unit_variance_scale
from .method import Definition, Draw, Method, State, Step
from .noise_schedule import unscaled_level
from .prediction import clean_of_unscaled, clip
from .solvers import lagrange_basis
from .spacing import timesteps_of

_LMS_ORDER = 4


def ancestral_split(start: float, end: float) -> tuple[float, float]:
    """How much new noise brings a step up to ``end``, and how far below it goes before: up² + down² = end².

    Source: Song et al., Score-Based Generative Modeling through SDEs, appendix F, https://arxiv.org/abs/2011.13456.
    """
    up_squared = (end**2 * (start**2 - end**2)) / start**2
    return math.sqrt(up_squared), math.sqrt(end**2 - up_squared)


def _method(config: dict[str, Any], timesteps: list[float], sigmas: list[float], grid: SigmaGrid, advance, **more):
    return Method(
        timesteps,
        config["prediction_type"],
        advance,
        sigmas=sigmas,
        init_noise_sigma=grid.init_noise_sigma,
        input_scale=lambda call: unit_variance_scale(sigmas[call]),
        level_at=lambda call: unscaled_level(sigmas[call]),
        **{"train_steps": config["num_train_timesteps"], **more},
    )


def _first_of_two(step: int) -> int:
    return 2 * step


def _euler(config: dict[str, Any], steps: int) -> Method:
    kind = config["prediction_type"]
    grid = sigma_grid(config, steps)
    sigmas = grid.sigmas

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        sigma = sigmas[state.call]
        clean = clean_of_unscaled(kind, sigma, state.sample, prediction)
        kept = sigmas[state.call + 1] / sigma
        return Step(linear_combination((kept, state.sample), (1 - kept, clean)))

    if config["timestep_type"] == "continuous" and kind == "v_prediction":
        timesteps = [0.25 * math.log(sigma) for sigma in sigmas[:-1]]
        return _method(config, timesteps, sigmas, grid, advance, train_steps=None)
    return _method(config, grid.timesteps, sigmas, grid, advance)


EULER = Definition(
    "EulerDiscreteScheduler",
    ("euler",),
    {
        **PIXEL_NOISE,
        **RESPACING,
        "final_sigmas_type": FINAL_SIGMA,
        "prediction_type": ANY_PREDICTION,
        "interpolation_type": choice("linear", "log_linear", default="linear"),
        "sigma_min": POSITIVE_OR_NONE,
        "sigma_max": POSITIVE_OR_NONE,
        "timestep_spacing": spacing("linspace"),
        "timestep_type": choice("discrete", "continuous", default="discrete"),
        "rescale_betas_zero_snr": boolean(False),
    },
    _euler,
)


def _euler_ancestral(config: dict[str, Any], steps: int) -> Method:
    kind = config["prediction_type"]
    grid = sigma_grid(config, steps)

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        sigma = grid.sigmas[state.call]
        clean = clean_of_unscaled(kind, sigma, state.sample, prediction)
        up, down = ancestral_split(sigma, grid.sigmas[state.call + 1])
        kept = down / sigma
        return Step(linear_combination((kept, state.sample), (1 - kept, clean), (up, draw())))

    return _method(config, grid.timesteps, grid.sigmas, grid, advance, stochastic=True)


EULER_ANCESTRAL = Definition(
    "EulerAncestralDiscreteScheduler",
    ("euler-ancestral", "euler-a"),
    {
        **PIXEL_NOISE,
        "prediction_type": NOISE_OR_VELOCITY,
        "timestep_spacing": spacing("linspace"),
        "rescale_betas_zero_snr": boolean(False),
    },
    _euler_ancestral,
)


def _heun(config: dict[str, Any], steps: int) -> Method:
    kind = config["prediction_type"]
    grid = sigma_grid(config, steps)
    run = endpoint_calls(grid.timesteps, grid.sigmas)

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        step, second = divmod(state.call, 2)
        sigma = run.sigmas[state.call]
        clean = clean_of_unscaled(kind, sigma, state.sample, prediction)
        clean = clip(clean, config["clip_sample_range"]) if config["clip_sample"] else clean
        if state.call == len(run.timesteps) - 1:
            return Step(clean)
        slope = linear_combination((1 / sigma, state.sample), (-1 / sigma, clean))
        length = grid.sigmas[step + 1] - grid.sigmas[step]
        if not second:
            sample = linear_combination((1, state.sample), (length, slope))
            return Step(sample, stages=(slope,), anchor=state.sample)
        return Step(linear_combination((1, state.anchor), (length / 2, state.stages[0]), (length / 2, slope)))

    return _method(config, run.timesteps, run.sigmas, grid, advance, call_of_step=_first_of_two)


HEUN = Definition(
    "HeunDiscreteScheduler",
    ("heun",),
    {
        **noise_fields(0.00085, 0.012, "linear", "exp"),
        **RESPACING,
        "clip_sample": boolean(False),
        "clip_sample_range": CLIP_RANGE,
        "prediction_type": ANY_PREDICTION,
        "timestep_spacing": spacing("linspace"),
    },
    _heun,
)


def _lms(config: dict[str, Any], steps: int) -> Method:
    kind = config["prediction_type"]
    grid = sigma_grid(config, steps)
    sigmas = grid.sigmas

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        call, sigma = state.call, sigmas[state.call]
        clean = clean_of_unscaled(kind, sigma, state.sample, prediction)
        slope = linear_combination((1 / sigma, state.sample), (-1 / sigma, clean))
        slopes = (*state.history, slope)[-_LMS_ORDER:]
        nodes = sigmas[call + 1 - len(slopes) : call + 1]
        weights = [_integral(basis, sigma, sigmas[call + 1]) for basis in lagrange_basis(nodes)]
        return Step(linear_combination((1, state.sample), *zip(weights, slopes)), slopes)

    return _method(config, grid.timesteps, sigmas, grid, advance)


def _integral(polynomial: Sequence[float], start: float, end: float) -> float:
    total = 0.0
    for power, coefficient in enumerate(polynomial):
        total += (coefficient * (end ** (power + 1) - start ** (power + 1))) / (power + 1)
    return total


LMS = Definition(
    "LMSDiscreteScheduler",
    ("lms",),
    {
        **PIXEL_NOISE,
        **RESPACING,
        "prediction_type": ANY_PREDICTION,
        "timestep_spacing": spacing("linspace"),
    },
    _lms,
)

_KDPM2_FIELDS = {
    **LATENT_NOISE,
    **RESPACING,
    "prediction_type": NOISE_OR_VELOCITY,
    "timestep_spacing": spacing("linspace"),
}


def _kdpm2_grid(config: dict[str, Any], steps: int) -> SigmaGrid:
    """The two classes of diffusers round the timesteps of Karras et al.'s spacing alone."""
    grid = sigma_grid(config, steps)
    if not config["use_karras_sigmas"]:
        return grid
    return replace(grid, timesteps=[round_half_even(timestep) for timestep in grid.timesteps])


def _geometric_middles(sigmas: list[float]) -> list[float]:
    return [math.sqrt(sigma * after) for sigma, after in zip(sigmas[:-2], sigmas[1:])]


def _kdpm2(config: dict[str, Any], steps: int) -> Method:
    kind = config["prediction_type"]
    grid = _kdpm2_grid(config, steps)
    middles = _geometric_middles(grid.sigmas)
    run = interleaved(grid.timesteps, grid.sigmas, timesteps_of(middles, grid.train_sigmas), middles)

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        step, second = divmod(state.call, 2)
        sigma = run.sigmas[state.call]
        clean = clean_of_unscaled(kind, sigma, state.sample, prediction)
        if state.call == len(run.timesteps) - 1:
            return Step(clean)
        slope = linear_combination((1 / sigma, state.sample), (-1 / sigma, clean))
        begin = state.sample if state.anchor is None else state.anchor
        end = grid.sigmas[step + 1] if second else run.sigmas[state.call + 1]
        sample = linear_combination((1, begin), (end - grid.sigmas[step], slope))
        return Step(sample) if second else Step(sample, anchor=state.sample)

    return _method(config, run.timesteps, run.sigmas, grid, advance, call_of_step=_first_of_two)


KDPM2 = Definition("KDPM2DiscreteScheduler", ("kdpm2", "dpm2"), _KDPM2_FIELDS, _kdpm2)


def _kdpm2_ancestral(config: dict[str, Any], steps: int) -> Method:
    kind = config["prediction_type"]
    grid = _kdpm2_grid(config, steps)
    splits = [ancestral_split(sigma, after) for sigma, after in zip(grid.sigmas, grid.sigmas[1:])]
    middles = [math.sqrt(grid.sigmas[step] * down) for step, (_, down) in enumerate(splits[:-1])]
    run = interleaved(grid.timesteps, grid.sigmas, timesteps_of(middles, grid.train_sigmas), middles)

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        step, second = divmod(state.call, 2)
        sigma = run.sigmas[state.call]
        clean = clean_of_unscaled(kind, sigma, state.sample, prediction)
        if state.call == len(run.timesteps) - 1:
            return Step(clean)
        slope = linear_combination((1 / sigma, state.sample), (-1 / sigma, clean))
        start = grid.sigmas[step]
        if not second:
            sample = linear_combination((1, state.sample), (middles[step] - start, slope))
            return Step(sample, anchor=state.sample)
        up, down = splits[step]
        return Step(linear_combination((1, state.anchor), (down - start, slope), (up, draw())))

    return _method(
        config, run.timesteps, run.sigmas, grid, advance, stochastic=steps > 1, call_of_step=_first_of_two
    )


KDPM2_ANCESTRAL = Definition(
    "KDPM2AncestralDiscreteScheduler", ("kdpm2-ancestral", "kdpm2-a", "dpm2-a"), _KDPM2_FIELDS, _kdpm2_ancestral
)


def _dpm_sde(config: dict[str, Any], steps: int) -> Method:
    """Two stochastic half steps in log σ, both along one Brownian path of independent draws."""
    kind = config["prediction_type"]
    grid = sigma_grid(config, steps)
    middles = _geometric_middles(grid.sigmas)
    run = interleaved(grid.timesteps, grid.sigmas, timesteps_of(middles, grid.train_sigmas), middles)

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        step, second = divmod(state.call, 2)
        start, end = grid.sigmas[step], grid.sigmas[step + 1]
        clean = clean_of_unscaled(kind, run.sigmas[state.call], state.sample, prediction)
        if end == 0:
            return Step(clean)
        noise = draw()
        if not second:
            sample = _stochastic_step(start, middles[step], state.sample, clean, noise)
            return Step(sample, anchor=state.sample, drawn=noise)
        share = (start - middles[step]) / (start - end)
        whole_noise = linear_combination((math.sqrt(share), state.drawn), (math.sqrt(1 - share), noise))
        return Step(_stochastic_step(start, end, state.anchor, clean, whole_noise))

    return _method(
        config, run.timesteps, run.sigmas, grid, advance, stochastic=steps > 1, call_of_step=_first_of_two
    )


def _stochastic_step(start: float, end: float, sample: np.ndarray, clean: np.ndarray, noise: np.ndarray) -> np.ndarray:
    up, down = ancestral_split(start, end)
    kept = down / start
    return linear_combination((kept, sample), (1 - kept, clean), (up, noise))


DPM_SDE = Definition(
    "DPMSolverSDEScheduler",
    ("dpm-solver-sde", "dpm++-sde"),
    {
        **LATENT_NOISE,
        **RESPACING,
        "prediction_type": NOISE_OR_VELOCITY,
        "noise_sampler_seed": lambda name, field, value: None if not isinstance(value, int) else whole(0, -(2**53))(
            name, field, value
        ),
        "timestep_spacing": spacing("linspace"),
    },
    _dpm_sde,
)
