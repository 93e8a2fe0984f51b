"""The sampler of a bundle: its configuration as the pipeline uses it, and the one that it was calibrated with."""

from __future__ import annotations

from typing import Any

from .errors import CacheQuantError
from .manifest import CheckedFiles
from .samplers import CATALOGUE, Layout, Sampler, create_sampler

#: Pipelines of diffusers that set these two fields for latents, whatever the file says.
_PIPELINES = frozenset(
    {
        "StableDiffusionPipeline",
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionPAGPipeline",
        "StableDiffusionPAGImg2ImgPipeline",
        "StableDiffusionPAGInpaintPipeline",
        "OnnxStableDiffusionPipeline",
        "ORTStableDiffusionPipeline",
    }
)
#: Classes whose default, made for pixels, clips the predicted clean sample.
_CLIPPING = frozenset({"DDIMScheduler", "DDPMScheduler", "LCMScheduler", "TCDScheduler"})


def scheduler_config(files: CheckedFiles) -> dict[str, Any]:
    """Source: ``StableDiffusionPipeline.__init__`` of diffusers 0.42."""
    config = files.json("scheduler/scheduler_config.json") or {}
    if (files.json("model_index.json") or {}).get("_class_name") not in _PIPELINES:
        return config
    default = config.get("_class_name") in _CLIPPING
    clips = config.get("clip_sample", default) is True
    return {**config, **({"clip_sample": False} if clips else {}), "steps_offset": 1}


def layout_of(made: dict[str, Any]) -> Layout:
    """How a bundle's runs are laid out, beside what its sampler's configuration says."""
    return Layout(
        image_tokens=made.get("imageTokens"),
        even_sigmas=bool(made.get("evenSigmas")),
        timestep_scale=made.get("timestepScale") or 1,
    )


def calibrated_sampler(config: dict[str, Any], made: dict[str, Any]) -> tuple[str, Sampler] | None:
    """The sampler that a bundle was calibrated with, and the name that makes it; None where there is none.

    Its class alone may mean another method: ``plms`` is PNDM without its first Runge–Kutta steps, whatever the
    configuration says. So the number of calls decides.
    """
    short = next((known.short_names for known in CATALOGUE if known.name == made["name"]), ())
    for name in (made["name"], *short):
        try:
            sampler = create_sampler(config, made["steps"], name, layout_of(made))
        except CacheQuantError:
            continue
        if sampler.calls == made["calls"]:
            return name, sampler
    return None
