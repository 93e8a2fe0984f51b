"""The fields of a ``scheduler_config.json`` that a class reads: their defaults, and what may stand in them."""

from __future__ import annotations

import json
import math
from typing import Any, Callable

from ..errors import InvalidArgumentError, UnsupportedError

_MISSING = object()

#: Reads one field of a configuration: (class name, field, value or _MISSING) to the value.
Field = Callable[[str, str, Any], Any]


def _refused(name: str, field: str, expected: str, got: Any) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{field} is not valid for {name}", where="scheduler config", expected=expected, got=json.dumps(got)
    )


def choice(*values: Any, default: Any) -> Field:
    def read(name: str, field: str, value: Any) -> Any:
        value = default if value is _MISSING else value
        if value in values:
            return value
        raise UnsupportedError(
            f"{field} is {json.dumps(value)}, which {name} does not support here",
            where="scheduler config",
            expected=" or ".join(json.dumps(each) for each in values if each is not None),
            got=json.dumps(value),
        )

    return read


def solver_type(*own: str) -> Field:
    """Types of other classes are read as the class's own, as in diffusers."""
    known = choice("midpoint", "heun", "logrho", "bh1", "bh2", default=own[0])

    def read(name: str, field: str, value: Any) -> str:
        found = known(name, field, value)
        return found if found in own else own[0]

    return read


def boolean(default: bool) -> Field:
    def read(name: str, field: str, value: Any) -> bool:
        value = default if value is _MISSING else value
        if isinstance(value, bool):
            return value
        raise _refused(name, field, "true or false", value)

    return read


def flag() -> Field:
    """False where it is null or left out."""
    plain = boolean(False)
    return lambda name, field, value: plain(name, field, False if value is None else value)


def number(default: float | None, test: Callable[[float], bool], expected: str, *, nullable: bool = False) -> Field:
    def read(name: str, field: str, value: Any) -> float | None:
        value = default if value is _MISSING else value
        if value is None and nullable:
            return default
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and test(value):
            return value
        raise _refused(name, field, expected, value)

    return read


def whole(default: int, least: int, most: int = 2**53 - 1) -> Field:
    inner = number(default, lambda value: float(value).is_integer() and least <= value <= most, f"{least} to {most}")
    return lambda name, field, value: int(inner(name, field, value))


def _betas(name: str, field: str, value: Any) -> list[float] | None:
    if value is _MISSING or value is None:
        return None
    if isinstance(value, list) and all(isinstance(beta, (int, float)) and 0 <= beta < 1 for beta in value):
        return value
    raise _refused(name, field, "a list of numbers from 0 to 1", value)


def _lambda(name: str, field: str, value: Any) -> float:
    if value is _MISSING or value is None:
        return -math.inf
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value):
        return value
    raise _refused(name, field, "a number or -Infinity", value)


def _whole_list(name: str, field: str, value: Any) -> list[int]:
    if value is _MISSING:
        return []
    if isinstance(value, list) and all(isinstance(each, int) and not isinstance(each, bool) for each in value):
        return value
    raise _refused(name, field, "a list of whole numbers", value)


LAMBDA: Field = _lambda
WHOLE_LIST: Field = _whole_list


def train_steps(count: int) -> Field:
    return whole(count, 2, 100_000)


def noise_fields(start: float, end: float, schedule: str, *more_schedules: str) -> dict[str, Field]:
    beta = lambda default: number(default, lambda value: 0 <= value < 1, "a number from 0 to 1")  # noqa: E731
    return {
        "num_train_timesteps": train_steps(1000),
        "beta_start": beta(start),
        "beta_end": beta(end),
        "beta_schedule": choice(
            "linear", "scaled_linear", "squaredcos_cap_v2", *more_schedules, default=schedule
        ),
        "trained_betas": _betas,
        "steps_offset": whole(0, 0),
    }


PIXEL_NOISE = noise_fields(0.0001, 0.02, "linear")
LATENT_NOISE = noise_fields(0.00085, 0.012, "linear")
DISTILLED_NOISE = noise_fields(0.00085, 0.012, "scaled_linear")

ANY_PREDICTION = choice("epsilon", "v_prediction", "sample", default="epsilon")
NOISE_OR_VELOCITY = choice("epsilon", "v_prediction", default="epsilon")
ANY_OR_FLOW = choice("epsilon", "v_prediction", "sample", "flow_prediction", default="epsilon")


def spacing(default: str) -> Field:
    return choice("linspace", "leading", "trailing", default=default)


THRESHOLD = {
    "thresholding": boolean(False),
    "dynamic_thresholding_ratio": number(0.995, lambda value: 0 < value <= 1, "above 0, at most 1"),
    "sample_max_value": number(1, lambda value: value >= 1, "at least 1"),
}
CLIP_RANGE = number(1, lambda value: value > 0, "above 0")
CLIP = {"clip_sample": boolean(True), "clip_sample_range": CLIP_RANGE}
RESPACING = {"use_karras_sigmas": flag(), "use_exponential_sigmas": flag(), "use_beta_sigmas": flag()}
FINAL_SIGMA = choice("zero", "sigma_min", default="zero")
POSITIVE_OR_NONE = number(None, lambda value: value > 0, "above 0", nullable=True)
TERMINAL = number(None, lambda value: 0 <= value < 1, "0 to 1", nullable=True)
MULTISTEP_FLOW = {
    "use_flow_sigmas": flag(),
    "flow_shift": number(1, lambda value: value > 0, "above 0"),
    "use_dynamic_shifting": flag(),
    "time_shift_type": choice("exponential", default="exponential"),
}
EDM = {
    "sigma_min": number(0.002, lambda value: value > 0, "above 0"),
    "sigma_max": number(80, lambda value: value > 0, "above 0"),
    "sigma_data": number(0.5, lambda value: value > 0, "above 0"),
    "sigma_schedule": choice("karras", "exponential", default="karras"),
    "num_train_timesteps": train_steps(1000),
    "prediction_type": NOISE_OR_VELOCITY,
    "rho": number(7, lambda value: value > 0, "above 0"),
    "final_sigmas_type": FINAL_SIGMA,
}


def read_fields(name: str, fields: dict[str, Field], record: dict[str, Any]) -> dict[str, Any]:
    """A class's own fields of a configuration, with its defaults; others are left out."""
    return {field: read(name, field, record.get(field, _MISSING)) for field, read in fields.items()}


#: Fields of diffusers' schedulers that are not here; a class ignores the fields of others, as in diffusers.
_OF_OTHERS = frozenset(
    """alpha_cum_end alpha_cum_start beta_max beta_min block_length correct_steps corrector_k corrector_order
    corrector_selection corrector_selection_tau corrector_steps editing_threshold entropy_bound eps eta
    final_step_size_scale gamma gamma_cum_end gamma_cum_start kwargs mask_token_id masking_schedule minimal_topk n_grid
    noise_mode num_inference_steps num_policy_substeps num_vec_classes predictor_order s s_churn s_max s_min
    sampling_eps scale_factors scaler schedule_mode scheduler_type snr snr_shift_scale stage_range stages t_lim_ode
    t_lim_ode_below t_max t_min tail_step_multiplier tail_steps tau_func threshold tsr_k tsr_sigma
    upscale_mode tensor_format""".split()
)


def refuse_unknown_fields(record: dict[str, Any], known: set[str]) -> None:
    """One that was misspelt or that is newer may ask for other numbers than would come out."""
    for field, value in record.items():
        nothing = value is None or value is False or value == []
        older = field == "predict_epsilon" and value is not False
        if field.startswith("_") or field in known or field in _OF_OTHERS:
            continue
        if older or (nothing and field != "predict_epsilon"):
            continue
        raise UnsupportedError(
            f"{field} is {json.dumps(value)}, and no sampler has this field",
            where="scheduler config",
            hint="Check its spelling; if it changes nothing, remove it from the configuration",
        )
