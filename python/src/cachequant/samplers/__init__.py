"""Samplers out of a ``scheduler_config.json`` of diffusers, in numpy."""

from __future__ import annotations

import json
from typing import Any

from ..errors import CacheQuantError, InvalidArgumentError, UnsupportedError
from .fields import read_fields, refuse_unknown_fields
from .first_order import CONSISTENCY, DDIM, DDPM, LCM, TCD
from .flow_and_edm import EDM_DPM, EDM_EULER, FLOW_EULER, FLOW_HEUN
from .ipndm import IPNDM
from .method import Definition, Layout, Sampler, State, require_finite, require_timesteps
from .multistep import DEIS, DPM_MULTISTEP, DPM_SINGLESTEP, UNIPC
from .pndm import PNDM
from .sigma_methods import DPM_SDE, EULER, EULER_ANCESTRAL, HEUN, KDPM2, KDPM2_ANCESTRAL, LMS

__all__ = ["CATALOGUE", "Layout", "Sampler", "State", "create_sampler"]

#: Every sampler there is.
CATALOGUE: tuple[Definition, ...] = (
    DDIM,
    PNDM,
    DPM_MULTISTEP,
    EULER,
    EULER_ANCESTRAL,
    DDPM,
    UNIPC,
    DEIS,
    DPM_SINGLESTEP,
    DPM_SDE,
    HEUN,
    LMS,
    IPNDM,
    KDPM2,
    KDPM2_ANCESTRAL,
    LCM,
    TCD,
    FLOW_EULER,
    FLOW_HEUN,
    EDM_EULER,
    EDM_DPM,
    CONSISTENCY,
)


def create_sampler(
    config: dict[str, Any], steps: int, sampler: str | None = None, layout: Layout = Layout()
) -> Sampler:
    """Lays out a run.

    ``config`` is the content of a ``scheduler_config.json``; ``sampler`` a class or short name to use in place of its
    own class, with the same noise schedule. Raises `UnsupportedError` for a class, a field or a value that is not
    here, `InvalidArgumentError` for a malformed configuration or a number of steps that cannot be.
    """
    definition = _find(sampler if sampler is not None else config.get("_class_name"))
    refuse_unknown_fields(config, {field for known in CATALOGUE for field in known.fields})
    record = config if config.get("_class_name") == definition.name else _converted(config, definition)
    if sampler == "plms":
        record = {**record, "skip_prk_steps": True}
    fields = read_fields(definition.name, definition.fields, record)
    most = fields["num_train_timesteps"]
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= most:
        raise InvalidArgumentError(
            "the number of steps is invalid",
            where=definition.name,
            expected=f"an integer from 1 to {most} (num_train_timesteps)",
            got=repr(steps),
        )
    try:
        method = definition.create(fields, steps, layout) if definition.laid_out else definition.create(fields, steps)
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        if isinstance(error, CacheQuantError):
            raise
        raise InvalidArgumentError(
            f"{definition.name} gives no number at this noise schedule", where="scheduler config", got=str(error)
        ) from error
    require_timesteps(definition.name, steps, method)
    made = Sampler(definition.name, steps, method, layout.timestep_scale)
    require_finite(made)
    return made


def _find(name: object) -> Definition:
    for known in CATALOGUE:
        if name == known.name or name in known.short_names:
            return known
    available = ", ".join(f"{known.name} ({', '.join(known.short_names)})" for known in CATALOGUE)
    if isinstance(name, str):
        raise UnsupportedError(
            f"there is no sampler {json.dumps(name)} here", where="sampler", expected=f"one of {available}"
        )
    raise InvalidArgumentError(
        "the configuration does not name its class",
        where="scheduler config",
        expected=f"_class_name: one of {available}",
        got=json.dumps(name),
    )


def _converted(config: dict[str, Any], target: Definition) -> dict[str, Any]:
    """A configuration of another class. Where that class does not clip, this one does not begin to."""
    source = next((known for known in CATALOGUE if known.name == config.get("_class_name")), None)
    if source is not None and source.process != target.process:
        raise UnsupportedError(
            f"{target.name} does not fit a model of {source.name}",
            where="sampler",
            expected=f"a sampler for {source.process}",
            got=f"{target.name}, for {target.process}",
        )
    clips = config.get("_class_name") is None or (source is not None and "clip_sample" in source.fields)
    return {"clip_sample": False, **config} if "clip_sample" in target.fields and not clips else config
