"""DDIM, DDPM, and the samplers of models distilled in time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arithmetic import linear_combination
from ..errors import InvalidArgumentError
from .fields import (
    ANY_PREDICTION,
    CLIP,
    CLIP_RANGE,
    DISTILLED_NOISE,
    PIXEL_NOISE,
    THRESHOLD,
    boolean,
    choice,
    noise_fields,
    number,
    spacing,
    train_steps,
    whole,
)
from .method import Definition, Draw, Method, State, Step
from .noise_schedule import alpha_bars, noise_level, unscaled_level
from .prediction import (
    clean_sample,
    clip,
    limit_sample,
    predicted_noise,
    refuse_noise_from_pure_noise,
)
from .spacing import karras_sigma, spaced_timesteps

_SMALLEST_VARIANCE = 1e-20
_SIGMA_DATA = 0.5
_TCD_ETA = 0.3


def _ddim(config: dict[str, Any], steps: int) -> Method:
    count, kind = config["num_train_timesteps"], config["prediction_type"]
    bars = alpha_bars(config)
    timesteps = spaced_timesteps(steps, count, config["steps_offset"], config["timestep_spacing"])
    refuse_noise_from_pure_noise(kind, timesteps, bars)
    final = 1.0 if config["set_alpha_to_one"] else float(bars[0])
    stride = count // steps

    def advance(state: State, prediction: np.ndarray, _: object, __: Draw) -> Step:
        timestep = timesteps[state.call]
        level = noise_level(bars[timestep])
        following = timestep - stride
        after = noise_level(bars[following] if following >= 0 else final)
        clean = limit_sample(clean_sample(kind, level, state.sample, prediction), config)
        noise = predicted_noise(kind, level, state.sample, prediction)
        return Step(linear_combination((after.signal, clean), (after.noise, noise)))

    return Method(
        timesteps, kind, advance, train_steps=count, level_at=lambda call: noise_level(bars[timesteps[call]])
    )


#: Source: Song et al., Denoising Diffusion Implicit Models, eq. 12, https://arxiv.org/abs/2010.02502.
DDIM = Definition(
    "DDIMScheduler",
    ("ddim",),
    {
        **PIXEL_NOISE,
        **CLIP,
        **THRESHOLD,
        "set_alpha_to_one": boolean(True),
        "prediction_type": ANY_PREDICTION,
        "timestep_spacing": spacing("leading"),
        "rescale_betas_zero_snr": boolean(False),
    },
    _ddim,
)


def _ddpm(config: dict[str, Any], steps: int) -> Method:
    count, kind = config["num_train_timesteps"], config["prediction_type"]
    bars = alpha_bars(config)
    timesteps = spaced_timesteps(steps, count, config["steps_offset"], config["timestep_spacing"])
    refuse_noise_from_pure_noise(kind, timesteps, bars)

    def advance(state: State, prediction: np.ndarray, variance: np.ndarray | None, draw: Draw) -> Step:
        timestep = timesteps[state.call]
        bar = float(bars[timestep])
        last = state.call + 1 == len(timesteps)
        after = 1.0 if last else float(bars[timesteps[state.call + 1]])
        beta = 1 - bar / after
        clean = limit_sample(clean_sample(kind, noise_level(bar), state.sample, prediction), config)
        mean = linear_combination(
            ((math.sqrt(after) * beta) / (1 - bar), clean),
            ((math.sqrt(bar / after) * (1 - after)) / (1 - bar), state.sample),
        )
        if timestep == 0:
            return Step(mean)
        smallest = max(((1 - after) / (1 - bar)) * beta, _SMALLEST_VARIANCE)
        noise = draw()
        if variance is not None:
            return Step(_with_learned_noise(mean, noise, variance, smallest, beta))
        fixed = beta if config["variance_type"] == "fixed_large" else smallest
        return Step(linear_combination((1, mean), (math.sqrt(fixed), noise)))

    return Method(
        timesteps,
        kind,
        advance,
        stochastic=True,
        train_steps=count,
        predicts_variance=config["variance_type"] == "learned_range",
        level_at=lambda call: noise_level(bars[timesteps[call]]),
    )


def _with_learned_noise(
    mean: np.ndarray, noise: np.ndarray, fractions: np.ndarray, smallest: float, largest: float
) -> np.ndarray:
    """The network's number in [−1, 1] chooses between two variances, in logarithms."""
    weight = (fractions.astype(np.float64) + 1) / 2
    logarithm = weight * math.log(largest) + (1 - weight) * math.log(smallest)
    return (mean.astype(np.float64) + np.exp(0.5 * logarithm) * noise.astype(np.float64)).astype(np.float32)


#: Source: Ho et al., Denoising Diffusion Probabilistic Models, eq. 6, 7 and 15, https://arxiv.org/abs/2006.11239.
DDPM = Definition(
    "DDPMScheduler",
    ("ddpm",),
    {
        **noise_fields(0.0001, 0.02, "linear", "laplace", "sigmoid"),
        **CLIP,
        **THRESHOLD,
        "variance_type": choice(
            "fixed_small", "fixed_small_log", "fixed_large", "learned_range", default="fixed_small"
        ),
        "prediction_type": ANY_PREDICTION,
        "timestep_spacing": spacing("leading"),
        "rescale_betas_zero_snr": boolean(False),
    },
    _ddpm,
)

_DISTILLED = {
    **DISTILLED_NOISE,
    **THRESHOLD,
    "clip_sample": boolean(False),
    "clip_sample_range": CLIP_RANGE,
    "original_inference_steps": whole(50, 1),
    "set_alpha_to_one": boolean(True),
    "prediction_type": ANY_PREDICTION,
    "timestep_spacing": spacing("leading"),
    "timestep_scaling": number(10, lambda value: value > 0, "above 0"),
    "rescale_betas_zero_snr": boolean(False),
}


def _distilled_timesteps(name: str, config: dict[str, Any], steps: int) -> list[int]:
    """Every k-th timestep of training that a model was distilled on, at equal distances."""
    count, original = config["num_train_timesteps"], config["original_inference_steps"]
    if original > count or steps > original:
        raise InvalidArgumentError(
            f"{steps} steps are more than the model was distilled on",
            where=name,
            expected=f"at most original_inference_steps ({original})",
            got=steps,
        )
    stride = count // original
    return [(original - (i * original) // steps) * stride - 1 for i in range(steps)]


def _lcm(config: dict[str, Any], steps: int) -> Method:
    kind, bars = config["prediction_type"], alpha_bars(config)
    timesteps = _distilled_timesteps("LCMScheduler", config, steps)
    refuse_noise_from_pure_noise(kind, timesteps, bars)

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        timestep = timesteps[state.call]
        predicted = clean_sample(kind, noise_level(bars[timestep]), state.sample, prediction)
        limited = limit_sample(predicted, config)
        scaled = timestep * config["timestep_scaling"]
        length = math.hypot(scaled, _SIGMA_DATA)
        clean = linear_combination((scaled / length, limited), ((_SIGMA_DATA / length) ** 2, state.sample))
        if state.call == steps - 1:
            return Step(clean)
        after = noise_level(bars[timesteps[state.call + 1]])
        return Step(linear_combination((after.signal, clean), (after.noise, draw())))

    return Method(
        timesteps,
        kind,
        advance,
        stochastic=steps > 1,
        train_steps=config["num_train_timesteps"],
        level_at=lambda call: noise_level(bars[timesteps[call]]),
    )


#: Source: Luo et al., Latent Consistency Models, algorithm 3 and eq. 9, https://arxiv.org/abs/2310.04378.
LCM = Definition("LCMScheduler", ("lcm",), _DISTILLED, _lcm)


def _tcd(config: dict[str, Any], steps: int) -> Method:
    kind, bars = config["prediction_type"], alpha_bars(config)
    timesteps = _distilled_timesteps("TCDScheduler", config, steps)
    refuse_noise_from_pure_noise(kind, timesteps, bars)

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        level = noise_level(bars[timesteps[state.call]])
        last = state.call == steps - 1
        following = 0 if last else timesteps[state.call + 1]
        landing = noise_level(bars[math.floor((1 - _TCD_ETA) * following)])
        clean = clean_sample(kind, level, state.sample, prediction)
        noise = predicted_noise(kind, level, state.sample, prediction)
        landed = linear_combination((landing.signal, clean), (landing.noise, noise))
        if last:
            return Step(landed)
        kept = float(bars[following]) / landing.alpha_bar
        return Step(linear_combination((math.sqrt(kept), landed), (math.sqrt(1 - kept), draw())))

    return Method(
        timesteps,
        kind,
        advance,
        stochastic=steps > 1,
        train_steps=config["num_train_timesteps"],
        level_at=lambda call: noise_level(bars[timesteps[call]]),
    )


#: Source: Zheng et al., Trajectory Consistency Distillation, algorithm 4, https://arxiv.org/abs/2402.19159.
TCD = Definition("TCDScheduler", ("tcd",), _DISTILLED, _tcd)


def _consistency(config: dict[str, Any], steps: int) -> Method:
    largest, smallest, data = config["sigma_max"], config["sigma_min"], config["sigma_data"]
    count = config["num_train_timesteps"]
    stride = count // steps
    levels = [karras_sigma(largest, smallest, i * stride / (count - 1), config["rho"]) for i in range(steps)]
    sigmas = [float(np.float32(sigma)) for sigma in [*levels, smallest]]

    def advance(state: State, prediction: np.ndarray, _: object, draw: Draw) -> Step:
        sigma = sigmas[state.call]
        beyond = sigma - smallest
        skip = data**2 / (beyond**2 + data**2)
        out = (beyond * data) / math.hypot(sigma, data)
        clean = linear_combination((out, prediction), (skip, state.sample))
        clean = clip(clean, 1) if config["clip_denoised"] else clean
        if steps == 1:
            return Step(clean)
        after = min(max(sigmas[state.call + 1], smallest), largest)
        added = config["s_noise"] * math.sqrt(max(after**2 - smallest**2, 0))
        return Step(linear_combination((1, clean), (added, draw())))

    return Method(
        [250 * math.log(sigma) for sigma in levels],
        "consistency",
        advance,
        sigmas=sigmas,
        init_noise_sigma=largest,
        stochastic=steps > 1,
        input_scale=lambda call: 1 / math.hypot(sigmas[call], data),
        level_at=lambda call: unscaled_level(sigmas[call]),
    )


#: Source: Song et al., Consistency Models, algorithm 1 and appendix C, https://arxiv.org/abs/2303.01469.
CONSISTENCY = Definition(
    "CMStochasticIterativeScheduler",
    ("consistency", "cm"),
    {
        "num_train_timesteps": train_steps(40),
        "sigma_min": number(0.002, lambda value: value > 0, "above 0"),
        "sigma_max": number(80, lambda value: value > 0, "above 0"),
        "sigma_data": number(0.5, lambda value: value > 0, "above 0"),
        "s_noise": number(1, lambda value: value >= 0, "at least 0"),
        "rho": number(7, lambda value: value > 0, "above 0"),
        "clip_denoised": boolean(True),
    },
    _consistency,
    "consistency",
)
