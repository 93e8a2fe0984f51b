"""DPM-Solver++, UniPC and DEIS."""

from __future__ import annotations

from typing import Any

import numpy as np

from .fields import (
    ANY_OR_FLOW,
    FINAL_SIGMA,
    LAMBDA,
    MULTISTEP_FLOW,
    PIXEL_NOISE,
    POSITIVE_OR_NONE,
    RESPACING,
    TERMINAL,
    THRESHOLD,
    WHOLE_LIST,
    boolean,
    choice,
    flag,
    solver_type,
    spacing,
    whole,
)
from .grids import MultistepGrid, multistep_grid, refuse_two_spacings
from .method import Definition, Draw, Layout, Method, State, Step
from .prediction import clean_sample, limit_sample, noise_behind, predicted_noise
from .solvers import deis_update, dpm_singlestep_update, dpm_solver_update, multistep_order, unipc_update
from .spacing import conflict

_FEW_STEPS = 15

_COMMON = {**PIXEL_NOISE, **THRESHOLD, **RESPACING, **MULTISTEP_FLOW, "prediction_type": ANY_OR_FLOW}
_LEARNED = choice("learned", "learned_range", None, default=None)
#: Of both forms of DPM-Solver; the noise schedule and ``lower_order_final`` differ.
_DPM = {
    **_COMMON,
    "final_sigmas_type": FINAL_SIGMA,
    "solver_order": whole(2, 1, 3),
    "algorithm_type": choice("dpmsolver++", "sde-dpmsolver++", "deis", default="dpmsolver++"),
    "solver_type": solver_type("midpoint", "heun"),
    "lambda_min_clipped": LAMBDA,
    "variance_type": _LEARNED,
}


def _newest(values: list | tuple, call: int, order: int) -> list:
    """The ``order`` entries up to a call, the newest first."""
    return list(values[call + 1 - order : call + 1])[::-1]


def _refuse_third_order_noise(config: dict[str, Any], stochastic: bool) -> None:
    if stochastic and config["solver_order"] == 3:
        raise conflict('algorithm_type "sde-dpmsolver++" goes with solver_order 1 or 2', "Set solver_order 2")


def _dpm_multistep(config: dict[str, Any], steps: int, layout: Layout) -> Method:
    kind, order = config["prediction_type"], config["solver_order"]
    stochastic = config["algorithm_type"] == "sde-dpmsolver++"
    _refuse_third_order_noise(config, stochastic)
    refuse_two_spacings(config)
    grid = multistep_grid(config, steps, layout, "DPMSolverMultistepScheduler", truncates_cosine=True)

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        call = state.call
        clean = limit_sample(clean_sample(kind, grid.levels[call], state.sample, prediction), config)
        outputs = (*state.history, clean)[-order:]
        own = multistep_order(config, grid.sigmas, call, len(outputs))
        sample = dpm_solver_update(
            outputs[-own:][::-1],
            _newest(grid.levels, call, own),
            grid.levels[call + 1],
            state.sample,
            config["solver_type"],
            draw() if stochastic else None,
        )
        return Step(sample, outputs)

    return Method(
        grid.timesteps,
        kind,
        advance,
        sigmas=grid.sigmas,
        stochastic=stochastic,
        predicts_variance=config["variance_type"] is not None,
        train_steps=config["num_train_timesteps"],
        level_at=lambda call: grid.levels[call],
    )


#: Source: Lu et al., DPM-Solver++, algorithm 2, https://arxiv.org/abs/2211.01095.
DPM_MULTISTEP = Definition(
    "DPMSolverMultistepScheduler",
    ("dpm-solver++", "dpmsolver++"),
    {
        **_DPM,
        "lower_order_final": boolean(True),
        "euler_at_final": boolean(False),
        "use_lu_lambdas": flag(),
        "timestep_spacing": spacing("linspace"),
        "rescale_betas_zero_snr": boolean(False),
    },
    _dpm_multistep,
    laid_out=True,
)


def _orders_of_steps(config: dict[str, Any], calls: int) -> list[int]:
    """Steps of the full order, and what is left over in steps of a lower one."""
    order = config["solver_order"]
    ends_at_zero = config["final_sigmas_type"] == "zero"
    full, rest = divmod(calls, order)
    if order == 1:
        return [1] * calls
    if not (config["lower_order_final"] or ends_at_zero or rest):
        return [order] * full
    if rest:
        return [*[order] * full, *([1, 1] if rest == 2 and ends_at_zero else [rest])]
    return [*[order] * (full - 1), *((2, 1) if order == 3 else (1, 1))]


def _dpm_singlestep(config: dict[str, Any], steps: int, layout: Layout) -> Method:
    kind = config["prediction_type"]
    stochastic = config["algorithm_type"] == "sde-dpmsolver++"
    if stochastic and config["solver_order"] == 3 and config["solver_type"] == "heun":
        raise conflict(
            'algorithm_type "sde-dpmsolver++" of solver_order 3 goes with solver_type "midpoint"',
            'Set solver_type "midpoint", or solver_order 2',
        )
    refuse_two_spacings(config)
    spaced = {**config, "timestep_spacing": "linspace", "steps_offset": 0}
    grid = multistep_grid(spaced, steps, layout, "DPMSolverSinglestepScheduler")
    places = [place + 1 for order in _orders_of_steps(config, steps) for place in range(order)]

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        call = state.call
        # In the middle of a step there may be fewer outputs than its place.
        order = min(places[call], len(state.stages) + 1)
        clean = limit_sample(clean_sample(kind, grid.levels[call], state.sample, prediction), config)
        begin = state.sample if order == 1 else state.anchor
        outputs = (clean,) if order == 1 else (*state.stages, clean)
        sample = dpm_singlestep_update(
            outputs,
            grid.levels[call + 1 - order : call + 1],
            grid.levels[call + 1],
            begin,
            config["solver_type"],
            draw() if stochastic else None,
        )
        ends = call + 1 == len(places) or places[call + 1] == 1
        return Step(sample) if ends else Step(sample, stages=outputs, anchor=begin)

    return Method(
        grid.timesteps,
        kind,
        advance,
        sigmas=grid.sigmas,
        stochastic=stochastic,
        predicts_variance=config["variance_type"] is not None,
        train_steps=config["num_train_timesteps"],
        level_at=lambda call: grid.levels[call],
    )


#: Source: Lu et al., DPM-Solver++, algorithm 1 and appendix B, https://arxiv.org/abs/2211.01095.
DPM_SINGLESTEP = Definition(
    "DPMSolverSinglestepScheduler",
    ("dpm-solver-singlestep", "dpm-single"),
    {
        **{field: read for field, read in _DPM.items() if field != "steps_offset"},
        "lower_order_final": boolean(False),
    },
    _dpm_singlestep,
    laid_out=True,
)


def _deis(config: dict[str, Any], steps: int, layout: Layout) -> Method:
    kind, most = config["prediction_type"], config["solver_order"]
    refuse_two_spacings(config)
    ended = {**config, "final_sigmas_type": "sigma_min"}
    grid = multistep_grid(ended, steps, layout, "DEISMultistepScheduler", ends_with_run=True)

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        call, level = state.call, grid.levels[state.call]
        clean = limit_sample(clean_sample(kind, level, state.sample, prediction), config)
        outputs = (*state.history, noise_behind(level, state.sample, clean))[-most:]
        allowed = steps - call if config["lower_order_final"] and steps < _FEW_STEPS else most
        order = min(allowed, len(outputs))
        target = grid.levels[call + 1]
        sample = deis_update(outputs[-order:][::-1], _newest(grid.levels, call, order), target, state.sample)
        return Step(sample, outputs)

    return Method(
        grid.timesteps,
        kind,
        advance,
        sigmas=grid.sigmas,
        train_steps=config["num_train_timesteps"],
        level_at=lambda call: grid.levels[call],
    )


#: Source: Zhang and Chen, Fast Sampling of Diffusion Models with Exponential Integrator,
#: https://arxiv.org/abs/2204.13902.
DEIS = Definition(
    "DEISMultistepScheduler",
    ("deis",),
    {
        **_COMMON,
        "solver_order": whole(2, 1, 3),
        "algorithm_type": choice("deis", "dpmsolver", "dpmsolver++", default="deis"),
        "solver_type": solver_type("logrho"),
        "lower_order_final": boolean(True),
        "timestep_spacing": spacing("linspace"),
    },
    _deis,
    laid_out=True,
)


def _unipc(config: dict[str, Any], steps: int, layout: Layout) -> Method:
    kind = config["prediction_type"]
    _check_unipc(config)
    grid = multistep_grid(config, steps, layout, "UniPCMultistepScheduler", ends_with_run=True, flow_from_one=True)

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        level = grid.levels[state.call]
        if config["predict_x0"]:
            output = limit_sample(clean_sample(kind, level, state.sample, prediction), config)
        else:
            output = predicted_noise(kind, level, state.sample, prediction)
        return _predict_and_correct(config, grid, state, output)

    return Method(
        grid.timesteps,
        kind,
        advance,
        sigmas=grid.sigmas,
        train_steps=config["num_train_timesteps"],
        level_at=lambda call: grid.levels[call],
    )


def _predict_and_correct(config: dict[str, Any], grid: MultistepGrid, state: State, output: np.ndarray) -> Step:
    """Each call's output first corrects the sample at which it was made, then predicts the next one."""
    call, levels = state.call, grid.levels
    clean, kind = config["predict_x0"], config["solver_type"]

    def order_at(at: int, known: int) -> int:
        most = config["solver_order"]
        return min(min(most, len(levels) - 1 - at) if config["lower_order_final"] else most, known)

    corrected = state.sample
    if state.anchor is not None and call - 1 not in config["disable_corrector"]:
        before = order_at(call - 1, len(state.history))
        corrected = unipc_update(
            clean,
            kind,
            state.anchor,
            state.history[-before:][::-1],
            list(levels[call - before : call])[::-1],
            levels[call],
            output,
        )
    outputs = (*state.history, output)[-config["solver_order"] :]
    order = order_at(call, len(outputs))
    newest = _newest(levels, call, order)
    sample = unipc_update(clean, kind, corrected, outputs[-order:][::-1], newest, levels[call + 1])
    return Step(sample, outputs, anchor=corrected)


def _check_unipc(config: dict[str, Any]) -> None:
    flows = config["use_flow_sigmas"]
    if config["shift_terminal"] is not None and not flows:
        raise conflict("shift_terminal goes with use_flow_sigmas", "Set use_flow_sigmas, or shift_terminal null")
    if flows and (config["use_exponential_sigmas"] or config["use_beta_sigmas"]):
        raise conflict(
            "use_flow_sigmas goes with use_karras_sigmas alone among the spacings",
            "Set use_exponential_sigmas and use_beta_sigmas to false",
        )
    if not config["predict_x0"] and (config["thresholding"] or config["prediction_type"] == "flow_prediction"):
        raise conflict(
            'predict_x0 false goes neither with thresholding nor with prediction_type "flow_prediction"',
            "Set predict_x0 true",
        )


#: Source: Zhao et al., UniPC, algorithms 1 and 2, https://arxiv.org/abs/2302.04867.
UNIPC = Definition(
    "UniPCMultistepScheduler",
    ("unipc", "uni-pc"),
    {
        **_COMMON,
        "time_shift_type": choice("exponential", "linear", default="exponential"),
        "solver_order": whole(2, 1, 5),
        "predict_x0": boolean(True),
        "solver_type": solver_type("bh2", "bh1"),
        "lower_order_final": boolean(True),
        "disable_corrector": WHOLE_LIST,
        "solver_p": choice(None, default=None),
        "timestep_spacing": spacing("linspace"),
        "final_sigmas_type": FINAL_SIGMA,
        "rescale_betas_zero_snr": boolean(False),
        "sigma_min": POSITIVE_OR_NONE,
        "sigma_max": POSITIVE_OR_NONE,
        "shift_terminal": TERMINAL,
    },
    _unipc,
    laid_out=True,
)
