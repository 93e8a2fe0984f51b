"""What a sampler is: states that are never changed, and a function from one to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np

from ..arithmetic import fround, linear_combination, linspace
from ..errors import InvalidArgumentError, UnsupportedError
from .noise_schedule import NoiseLevel

Draw = Callable[[], np.ndarray]


@dataclass(frozen=True)
class State:
    """Where a run stands; arrays are flat float32."""

    sample: np.ndarray
    call: int = 0
    #: Outputs of earlier steps, the oldest first.
    history: tuple[np.ndarray, ...] = ()
    #: Outputs of the earlier calls of the same step.
    stages: tuple[np.ndarray, ...] = ()
    #: The sample at which a step of several calls began.
    anchor: np.ndarray | None = None
    #: Noise that an earlier call of the same step has drawn.
    drawn: np.ndarray | None = None


@dataclass(frozen=True)
class Step:
    """The next state without its call index; what is left out is empty."""

    sample: np.ndarray
    history: tuple[np.ndarray, ...] = ()
    stages: tuple[np.ndarray, ...] = ()
    anchor: np.ndarray | None = None
    drawn: np.ndarray | None = None


@dataclass(frozen=True)
class Layout:
    """How runs are laid out for a model, beside what the sampler's own configuration says."""

    #: Tokens that the picture is in the network, by which some configurations shift the noise.
    image_tokens: float | None = None
    #: The logarithm of that shift itself.
    mu: float | None = None
    #: Noise levels before any shift, descending, without the end.
    sigmas: tuple[float, ...] | None = None
    #: Whether runs begin from the noise levels 1, 1 − 1/n, …, 1/n, where the sampler takes levels.
    even_sigmas: bool = False
    #: What the network is told of a timestep is this times it.
    timestep_scale: float = 1

    def levels(self, steps: int) -> list[float] | None:
        if self.sigmas is not None:
            return list(self.sigmas)
        return linspace(1, 1 / steps, steps) if self.even_sigmas else None


@dataclass(frozen=True)
class Method:
    """What is particular to a sampling method."""

    timesteps: list[float]
    prediction_type: str
    #: (state, prediction, variance or None, draw) to the next state.
    advance: Callable[[State, np.ndarray, np.ndarray | None, Draw], Step]
    sigmas: list[float] | None = None
    init_noise_sigma: float = 1.0
    stochastic: bool = False
    predicts_variance: bool = False
    input_scale: Callable[[int], float] | None = None
    #: Where timesteps are those of training.
    train_steps: int | None = None
    #: How much of signal and noise the sample holds at a call; without it no run begins with a picture.
    level_at: Callable[[int], NoiseLevel] | None = None
    #: The call that a run from this step on begins with; the step's own number when left out.
    call_of_step: Callable[[int], int] | None = None


@dataclass(frozen=True)
class Definition:
    """A class of diffusers: its fields, and what makes a method of them."""

    name: str
    short_names: tuple[str, ...]
    fields: dict[str, Callable[[str, str, Any], Any]]
    create: Callable[..., Method]
    process: str = "betas"
    #: Whether ``create`` takes a `Layout` as well.
    laid_out: bool = False


@dataclass(frozen=True)
class Sampler:
    """A sampler with its steps laid out, of one image."""

    name: str
    steps: int
    method: Method = field(repr=False)
    #: What the network is told of a timestep is this times it.
    timestep_scale: float = 1

    @property
    def timesteps(self) -> list[float]:
        if self.timestep_scale == 1:
            return self.method.timesteps
        return [fround(timestep * self.timestep_scale) for timestep in self.method.timesteps]

    @property
    def calls(self) -> int:
        return len(self.method.timesteps)

    @property
    def stochastic(self) -> bool:
        return self.method.stochastic

    def start(self, noise: np.ndarray) -> State:
        return State(linear_combination((self.method.init_noise_sigma, noise)))

    def first_call(self, strength: float) -> int:
        """The call that a run begins with which changes a picture: ``strength`` of the steps are left."""
        exact = self.steps * strength
        # diffusers' pipelines of flow models make a step that is left in part, those of others do not.
        is_flow = self.method.prediction_type == "flow_prediction"
        left = self.steps - math.floor(self.steps - exact) if is_flow else math.floor(exact)
        if left < 1:
            raise InvalidArgumentError(
                f"strength {strength} leaves none of {self.steps} steps",
                where=self.name,
                expected=f"a strength of at least {1 / self.steps}",
                hint="Use a greater strength, or more steps",
            )
        step = self.steps - left
        return step if self.method.call_of_step is None else self.method.call_of_step(step)

    def start_from(self, call: int, clean: np.ndarray, noise: np.ndarray) -> State:
        """The state of a picture before a call."""
        return State(self.renoise(call, clean, noise), call)

    def renoise(self, call: int, clean: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """A clean sample, as noisy as the sample of a run is before a call."""
        if self.method.level_at is None:
            raise UnsupportedError(f"{self.name} does not tell its noise levels", where="sampler")
        level = self.method.level_at(call)
        return linear_combination((level.signal, clean), (level.noise, noise))

    def model_input(self, state: State) -> np.ndarray:
        scale = self.method.input_scale
        return state.sample if scale is None else linear_combination((scale(state.call), state.sample))

    def step(self, state: State, output: np.ndarray, draw: Draw) -> State:
        """The state after one more call of the network, whose output may hold a variance behind the prediction."""
        size = state.sample.size
        variance = output[size:] if output.size == 2 * size and self.method.predicts_variance else None
        if output.size != size and variance is None:
            raise InvalidArgumentError(
                "the network output does not fit the sample", where=self.name, expected=size, got=output.size
            )
        made = self.method.advance(state, output[:size], variance, draw)
        return State(made.sample, state.call + 1, made.history, made.stages, made.anchor, made.drawn)


def require_timesteps(name: str, steps: int, method: Method) -> None:
    if method.train_steps is None:
        return
    outside = [each for each in method.timesteps if not 0 <= each <= method.train_steps - 1]
    if outside:
        raise InvalidArgumentError(
            f"{steps} steps lead to timestep {outside[0]}",
            where=name,
            expected=f"timesteps from 0 to {method.train_steps - 1}",
            hint="Take fewer steps",
        )


def require_finite(sampler: Sampler) -> None:
    """Refuses a noise schedule that the method divides by zero at, by one number through the whole run."""
    state = sampler.start(np.array([0.5], dtype=np.float32))
    prediction, drawn = np.array([0.25], dtype=np.float32), np.array([-0.75], dtype=np.float32)
    for call, timestep in enumerate(sampler.timesteps):
        try:
            given = sampler.model_input(state)
            state = sampler.step(state, prediction, lambda: drawn)
            finite = math.isfinite(given[0]) and math.isfinite(state.sample[0])
        except (ZeroDivisionError, ValueError, OverflowError) as error:
            if isinstance(error, InvalidArgumentError):
                raise
            finite = False
        if not finite:
            raise InvalidArgumentError(
                f"{sampler.name} gives no number at this noise schedule",
                where=f"scheduler config, call {call} (timestep {timestep})",
                hint="Look at beta_start, beta_end and trained_betas: a beta of 0 adds no noise",
            )
