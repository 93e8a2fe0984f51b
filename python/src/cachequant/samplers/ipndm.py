"""Improved pseudo linear multistep."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arithmetic import linear_combination
from .fields import PIXEL_NOISE
from .method import Definition, Draw, Method, State, Step
from .noise_schedule import NoiseLevel

#: Adams and Bashforth's weights of the newest prediction and those before it, for one to four of them.
_WEIGHTS = ((1,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
#: Below it a signal counts as this, as in diffusers.
_LEAST_SIGNAL = 1e-8


def _ipndm(config: dict[str, Any], steps: int) -> Method:
    noises = config["trained_betas"]
    if noises is None:
        noises = [math.sin((1 - i / steps) * math.pi / 2) ** 2 for i in range(steps + 1)]
    signals = [math.sqrt(1 - noise**2) for noise in noises]

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        call = state.call
        predicted = linear_combination((noises[call], state.sample), (signals[call], prediction))
        newest_first = (predicted, *state.history)[: len(_WEIGHTS)]
        step = linear_combination(*zip(_WEIGHTS[len(newest_first) - 1], newest_first))
        stretch = signals[call + 1] / max(signals[call], _LEAST_SIGNAL)
        sample = linear_combination((stretch, state.sample), (noises[call + 1] - stretch * noises[call], step))
        return Step(sample, newest_first)

    timesteps = [math.atan2(noise, signal) / math.pi * 2 for noise, signal in zip(noises[:steps], signals)]
    return Method(
        timesteps, "v_prediction", advance, level_at=lambda call: NoiseLevel(signals[call], noises[call], signals[call] ** 2)
    )


#: Source: Zhang and Chen, DEIS, appendix H.2, https://arxiv.org/abs/2204.13902, as diffusers has it.
IPNDM = Definition(
    "IPNDMScheduler",
    ("ipndm",),
    {field: PIXEL_NOISE[field] for field in ("num_train_timesteps", "trained_betas")},
    _ipndm,
    process="angle",
)
