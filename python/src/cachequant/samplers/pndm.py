"""Pseudo numerical methods: PLMS, or three Runge–Kutta steps first.

Source: Liu et al., Pseudo Numerical Methods for Diffusion Models on Manifolds, eq. 9, 12, 13 and algorithm 2,
https://arxiv.org/abs/2202.09778.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arithmetic import linear_combination
from ..errors import InvalidArgumentError, UnsupportedError
from .fields import NOISE_OR_VELOCITY, PIXEL_NOISE, boolean, spacing
from .method import Definition, Draw, Method, State, Step
from .noise_schedule import alpha_bars, noise_level
from .prediction import predicted_noise
from .spacing import spaced_timesteps

_RUNGE_KUTTA_STEPS = 3
_STAGES = 4

#: Adams–Bashforth weights by the number of outputs known, the newest first.
_WEIGHTS = (
    (1,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


class _Run:
    def __init__(self, config: dict[str, Any], steps: int):
        count = config["num_train_timesteps"]
        self.kind = config["prediction_type"]
        self.bars = alpha_bars(config)
        self.stride = count // steps
        self.final = 1.0 if config["set_alpha_to_one"] else float(self.bars[0])
        self.runge_kutta = not config["skip_prk_steps"]
        base = spaced_timesteps(steps, count, config["steps_offset"], config["timestep_spacing"])
        self.timesteps = self._runge_kutta_timesteps(base) if self.runge_kutta else [*base[:2], *base[1:]]

    def _runge_kutta_timesteps(self, base: list[int]) -> list[int]:
        if len(base) <= _RUNGE_KUTTA_STEPS:
            raise InvalidArgumentError(
                "too few steps to begin with Runge–Kutta",
                where="PNDMScheduler",
                expected=f"at least {_RUNGE_KUTTA_STEPS + 1} steps",
                got=len(base),
                hint="Take more steps, or set skip_prk_steps",
            )
        half = self.stride // 2
        stages = []
        for step in range(_RUNGE_KUTTA_STEPS):
            middle = base[step + 1] + half
            stages += [base[step], middle, middle, base[step + 1]]
        return [*stages, *base[_RUNGE_KUTTA_STEPS:]]

    def advance(self, state: State, output: np.ndarray, _: object, __: Draw) -> Step:
        if self.runge_kutta and state.call < _RUNGE_KUTTA_STEPS * _STAGES:
            return self._runge_kutta_call(state, output)
        if not self.runge_kutta and state.anchor is not None:
            return self._repeated_first_call(state, output)
        return self._multistep_call(state, output)

    def _runge_kutta_call(self, state: State, output: np.ndarray) -> Step:
        stage = state.call % _STAGES
        anchor = state.sample if stage == 0 else state.anchor
        history = (*state.history, output) if stage == 0 else state.history
        start = self.timesteps[state.call - stage]
        end = self.timesteps[state.call] - (self.stride // 2 if stage % 2 == 0 else 0)
        if stage < _STAGES - 1:
            sample = self._transfer(anchor, start, end, output)
            return Step(sample, history, (*state.stages, output), anchor)
        first, second, third = state.stages
        mean = linear_combination((1 / 6, first), (1 / 3, second), (1 / 3, third), (1 / 6, output))
        return Step(self._transfer(anchor, start, end, mean), history)

    def _multistep_call(self, state: State, output: np.ndarray) -> Step:
        timestep = self.timesteps[state.call]
        history = (*state.history[-3:], output)
        weights = _WEIGHTS[len(history) - 1]
        direction = linear_combination(*zip(weights, reversed(history)))
        sample = self._transfer(state.sample, timestep, timestep - self.stride, direction)
        return Step(sample, history, anchor=None if state.history else state.sample)

    def _repeated_first_call(self, state: State, output: np.ndarray) -> Step:
        """Repeats the first step with the mean of the outputs at both of its ends."""
        timestep = self.timesteps[state.call]
        mean = linear_combination((1 / 2, output), (1 / 2, state.history[0]))
        return Step(self._transfer(state.anchor, timestep + self.stride, timestep, mean), state.history)

    def _transfer(self, sample: np.ndarray, start: int, end: int, output: np.ndarray) -> np.ndarray:
        """Equation 9: from one timestep to another along a given output."""
        level = noise_level(self.bars[start])
        after = noise_level(self.bars[end] if end >= 0 else self.final)
        noise = predicted_noise(self.kind, level, sample, output)
        factor = 0.0
        if level.alpha_bar != after.alpha_bar:
            denominator = level.alpha_bar * after.noise + level.signal * level.noise * after.signal
            factor = (level.alpha_bar - after.alpha_bar) / denominator
        return linear_combination((after.signal / level.signal, sample), (factor, noise))


def _create(config: dict[str, Any], steps: int) -> Method:
    run = _Run(config, steps)
    return Method(
        run.timesteps,
        run.kind,
        run.advance,
        train_steps=config["num_train_timesteps"],
        level_at=lambda call: noise_level(run.bars[run.timesteps[call]]),
        call_of_step=_refuse_middle if run.runge_kutta else None,
    )


def _refuse_middle(step: int) -> int:
    if step == 0:
        return 0
    raise UnsupportedError(
        "Runge–Kutta steps cannot begin in the middle of a run",
        where="PNDMScheduler",
        hint="Set skip_prk_steps, or take the sampler plms",
    )


PNDM = Definition(
    "PNDMScheduler",
    ("pndm", "plms"),
    {
        **PIXEL_NOISE,
        "skip_prk_steps": boolean(False),
        "set_alpha_to_one": boolean(False),
        "prediction_type": NOISE_OR_VELOCITY,
        "timestep_spacing": spacing("leading"),
    },
    _create,
)
