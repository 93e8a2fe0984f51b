"""Writes pipeline-schedulers.json: what diffusers' StableDiffusionPipeline makes of scheduler configurations.

pip install diffusers==0.42.1 transformers torch; python make-pipeline-schedulers.py
"""

import json
import pathlib
import tempfile
import warnings

import diffusers
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel

NOISE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
CASES = [
    ("DDIMScheduler", {}),
    ("DDIMScheduler", dict(clip_sample=True, steps_offset=0)),
    ("DDIMScheduler", dict(clip_sample=False, steps_offset=1)),
    ("DDIMScheduler", dict(timestep_spacing="trailing", clip_sample=False)),
    ("DDPMScheduler", {}),
    ("PNDMScheduler", dict(skip_prk_steps=True)),
    ("PNDMScheduler", dict(skip_prk_steps=True, clip_sample=True, steps_offset=2)),
    ("EulerDiscreteScheduler", {}),
    ("EulerDiscreteScheduler", dict(timestep_spacing="leading")),
    ("EulerAncestralDiscreteScheduler", dict(timestep_spacing="leading", steps_offset=1)),
    ("DPMSolverMultistepScheduler", {}),
    ("DPMSolverMultistepScheduler", dict(timestep_spacing="leading")),
]
STEPS = 10


def pipeline_with(scheduler):
    blocks = dict(block_out_channels=(32, 32), layers_per_block=1)
    unet = UNet2DConditionModel(
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2, **blocks
    )
    return StableDiffusionPipeline(
        vae=AutoencoderKL(block_out_channels=[32]),
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def run(name, fields):
    config = {"_class_name": name, **NOISE, **fields}
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "scheduler_config.json").write_text(json.dumps(config))
    scheduler = pipeline_with(getattr(diffusers, name).from_pretrained(folder)).scheduler
    scheduler.set_timesteps(STEPS)
    return {
        "config": config,
        "clips": scheduler.config.get("clip_sample") is True,
        "timesteps": [float(t) for t in scheduler.timesteps],
    }


warnings.simplefilter("ignore")
cases = [run(name, fields) for name, fields in CASES]
text = ",\n".join(json.dumps(case) for case in cases)
pathlib.Path(__file__).with_name("pipeline-schedulers.json").write_text(
    f'{{"diffusers": "{diffusers.__version__}", "steps": {STEPS}, "cases": [\n{text}\n]}}\n'
)
