"""Samplers of models that were trained on straight paths to noise, and of Karras et al.'s."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arithmetic import froundall, linear_combination, linspace
from .fields import (
    EDM,
    RESPACING,
    THRESHOLD,
    TERMINAL,
    boolean,
    choice,
    flag,
    number,
    solver_type,
    train_steps,
    whole,
)
from .grids import edm_grid, endpoint_calls
from .method import Definition, Draw, Layout, Method, State, Step
from .noise_schedule import flow_level, unscaled_level
from .prediction import limit_sample
from .solvers import dpm_solver_update, multistep_order
from .spacing import (
    conflict,
    respaced_sigmas,
    respacing_kind,
    shift_of_run,
    shift_sigmas,
    stretch_to_terminal,
)


def _trained_sigmas(count: int, shift: float, steps: int) -> list[float]:
    """Equal distances between the largest and the smallest level of training, which are shifted already."""
    return linspace(1, shift_sigmas([1 / count], shift)[0], steps)


def _flow_euler(config: dict[str, Any], steps: int, layout: Layout) -> Method:
    count, shift = config["num_train_timesteps"], config["shift"]
    trained = _trained_sigmas(count, 1 if config["use_dynamic_shifting"] else shift, steps)
    levels = layout.levels(steps) or trained
    shifted = shift_sigmas(levels, shift_of_run("FlowMatchEulerDiscreteScheduler", config, shift, layout))
    terminal, kind = config["shift_terminal"], respacing_kind(config)
    stretched = stretch_to_terminal(shifted, terminal) if terminal else shifted
    spaced = respaced_sigmas(kind, stretched[0], stretched[-1], steps) if kind else stretched
    inverted = config["invert_sigmas"]
    sigmas = froundall(1 - sigma if inverted else sigma for sigma in spaced)
    timesteps = [sigma * count for sigma in sigmas]
    sigmas = [*sigmas, 1.0 if inverted else 0.0]
    stochastic = config["stochastic_sampling"]

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        sigma, after = sigmas[state.call], sigmas[state.call + 1]
        if not stochastic:
            return Step(linear_combination((1, state.sample), (after - sigma, prediction)))
        clean = linear_combination((1, state.sample), (-sigma, prediction))
        return Step(linear_combination((1 - after, clean), (after, draw())))

    return Method(
        timesteps,
        "flow_prediction",
        advance,
        sigmas=sigmas,
        stochastic=stochastic,
        level_at=lambda call: flow_level(sigmas[call]),
    )


#: Source: Esser et al., Scaling Rectified Flow Transformers, https://arxiv.org/abs/2403.03206.
FLOW_EULER = Definition(
    "FlowMatchEulerDiscreteScheduler",
    ("flow-match-euler", "flow-euler"),
    {
        "num_train_timesteps": train_steps(1000),
        "shift": number(1, lambda value: value > 0, "above 0"),
        "use_dynamic_shifting": flag(),
        "base_shift": number(0.5, lambda value: True, "a number", nullable=True),
        "max_shift": number(1.15, lambda value: True, "a number", nullable=True),
        "base_image_seq_len": number(256, lambda value: value > 0, "above 0"),
        "max_image_seq_len": number(4096, lambda value: value > 0, "above 0"),
        "invert_sigmas": flag(),
        "shift_terminal": TERMINAL,
        **RESPACING,
        "time_shift_type": choice("exponential", "linear", default="exponential"),
        "stochastic_sampling": flag(),
    },
    _flow_euler,
    "flow",
    laid_out=True,
)


def _flow_heun(config: dict[str, Any], steps: int) -> Method:
    count, shift = config["num_train_timesteps"], config["shift"]
    levels = froundall(shift_sigmas(_trained_sigmas(count, shift, steps), shift))
    sigmas = [*levels, 0.0]
    run = endpoint_calls([sigma * count for sigma in levels], sigmas)

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        step, second = divmod(state.call, 2)
        length = sigmas[step + 1] - sigmas[step]
        if second:
            first = state.stages[0]
            return Step(linear_combination((1, state.anchor), (length / 2, first), (length / 2, prediction)))
        sample = linear_combination((1, state.sample), (length, prediction))
        if state.call == len(run.timesteps) - 1:
            return Step(sample)
        return Step(sample, stages=(prediction,), anchor=state.sample)

    return Method(
        run.timesteps,
        "flow_prediction",
        advance,
        sigmas=run.sigmas,
        level_at=lambda call: flow_level(run.sigmas[call]),
        call_of_step=lambda step: 2 * step,
    )


FLOW_HEUN = Definition(
    "FlowMatchHeunDiscreteScheduler",
    ("flow-match-heun", "flow-heun"),
    {"num_train_timesteps": train_steps(1000), "shift": number(1, lambda value: value > 0, "above 0")},
    _flow_heun,
    "flow",
)


def _edm_clean(config: dict[str, Any], sigma: float, sample: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Source: Karras et al., Elucidating the Design Space, table 1, https://arxiv.org/abs/2206.00364."""
    data = config["sigma_data"]
    skip = data**2 / (sigma**2 + data**2)
    out = (sigma * data) / math.hypot(sigma, data)
    sign = 1 if config["prediction_type"] == "epsilon" else -1
    return linear_combination((skip, sample), (sign * out, output))


def _edm_euler(config: dict[str, Any], steps: int) -> Method:
    grid = edm_grid(config, steps)

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        sigma = grid.sigmas[state.call]
        clean = _edm_clean(config, sigma, state.sample, prediction)
        kept = grid.sigmas[state.call + 1] / sigma
        return Step(linear_combination((kept, state.sample), (1 - kept, clean)))

    return _edm_method(config, grid, advance)


def _edm_method(config: dict[str, Any], grid, advance, stochastic: bool = False) -> Method:
    return Method(
        grid.timesteps,
        config["prediction_type"],
        advance,
        sigmas=grid.sigmas,
        init_noise_sigma=grid.init_noise_sigma,
        stochastic=stochastic,
        input_scale=lambda call: 1 / math.hypot(grid.sigmas[call], config["sigma_data"]),
        level_at=lambda call: unscaled_level(grid.sigmas[call]),
    )


EDM_EULER = Definition("EDMEulerScheduler", ("edm-euler",), EDM, _edm_euler, "edm")


def _edm_dpm(config: dict[str, Any], steps: int) -> Method:
    stochastic = config["algorithm_type"] == "sde-dpmsolver++"
    if stochastic and config["solver_order"] == 3:
        raise conflict('algorithm_type "sde-dpmsolver++" goes with solver_order 1 or 2', "Set solver_order 2")
    grid = edm_grid(config, steps)
    levels = [unscaled_level(sigma) for sigma in grid.sigmas]

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        call = state.call
        predicted = _edm_clean(config, grid.sigmas[call], state.sample, prediction)
        outputs = (*state.history, limit_sample(predicted, config))[-config["solver_order"] :]
        order = multistep_order(config, grid.sigmas, call, len(outputs))
        sample = dpm_solver_update(
            outputs[-order:][::-1],
            levels[call + 1 - order : call + 1][::-1],
            levels[call + 1],
            state.sample,
            config["solver_type"],
            draw() if stochastic else None,
        )
        return Step(sample, outputs)

    return _edm_method(config, grid, advance, stochastic)


EDM_DPM = Definition(
    "EDMDPMSolverMultistepScheduler",
    ("edm-dpm-solver++", "edm-dpmsolver++"),
    {
        **EDM,
        **THRESHOLD,
        "solver_order": whole(2, 1, 3),
        "algorithm_type": choice("dpmsolver++", "sde-dpmsolver++", "deis", default="dpmsolver++"),
        "solver_type": solver_type("midpoint", "heun"),
        "lower_order_final": boolean(True),
        "euler_at_final": boolean(False),
    },
    _edm_dpm,
    "edm",
)
