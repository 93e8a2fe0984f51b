"""Tiny pipelines that begin with a picture, of seeded weights, and what diffusers makes of them.

    python models/tiny/make-image-pipelines.py <folder with CLIP tokenizers>

The tokenizers as for make-pipelines.py, of which this takes the parts that all pipelines have. Needs torch, diffusers
and transformers.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
common = importlib.import_module("make-pipelines")

SIZE = 32
SCHEDULERS = {
    "DDIMScheduler": DDIMScheduler,
    "PNDMScheduler": PNDMScheduler,
    "EulerDiscreteScheduler": EulerDiscreteScheduler,
    "EulerAncestralDiscreteScheduler": EulerAncestralDiscreteScheduler,
}


def picture():
    """Red from left to right, green from top to bottom, blue along the diagonals."""
    y, x = numpy.mgrid[:SIZE, :SIZE]
    return Image.fromarray(numpy.stack([8 * x, 8 * y, 4 * (x + y)], axis=-1).astype("uint8"))


def mask():
    """White, to be painted: to the right of column 12 and above row 20."""
    y, x = numpy.mgrid[:SIZE, :SIZE]
    return Image.fromarray((((x > 12) & (y < 20)) * 255).astype("uint8"))


def scheduler():
    return PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )


def parts(channels):
    tokenizer = CLIPTokenizer.from_pretrained(common.TOKENIZERS / "first")
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        sample_size=16,
        in_channels=channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        cross_attention_dim=16,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=SIZE,
        force_upcast=False,
    )
    return {
        "unet": common.rounded(unet),
        "vae": common.rounded(vae),
        "text_encoder": common.rounded(CLIPTextModel(common.text_config(16, 16, tokenizer))),
        "tokenizer": tokenizer,
        "scheduler": scheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def made(pipeline, case, **inputs):
    """Final latents and the picture of a request."""
    name = case.get("sampler", "PNDMScheduler")
    latent = {"clip_sample": False} if name == "DDIMScheduler" else {}
    pipeline.scheduler = SCHEDULERS[name].from_config(scheduler().config, **latent)
    asked = {
        "prompt": case["prompt"],
        "negative_prompt": case.get("negativePrompt"),
        "guidance_scale": case["guidanceScale"],
        "num_inference_steps": case["steps"],
        "strength": case["strength"],
        **inputs,
    }
    seeded = lambda: torch.Generator().manual_seed(case["seed"])
    with torch.no_grad():
        latents = pipeline(**asked, generator=seeded(), output_type="latent").images
        result = pipeline(**asked, generator=seeded(), output_type="np").images[0]
    return {
        **case,
        "latents": [round(float(value), 6) for value in latents.flatten()],
        "picture": numpy.round(result * 255).astype(int).flatten().tolist(),
    }


def write(path, cases):
    path.write_text(json.dumps(cases) + "\n")


def image_to_image():
    torch.manual_seed(1)
    folder = HERE / "sd"
    pipeline = StableDiffusionImg2ImgPipeline(**parts(4))
    common.save(pipeline, folder)
    prompt = "a red shoe!"
    cases = [
        {"prompt": prompt, "guidanceScale": 5.0, "seed": 7, "steps": 6, "strength": 0.6},
        {"prompt": prompt, "guidanceScale": 1.0, "seed": 8, "steps": 4, "strength": 1.0, "sampler": "DDIMScheduler"},
        {
            "prompt": prompt,
            "negativePrompt": "blurry",
            "guidanceScale": 3.0,
            "seed": 9,
            "steps": 5,
            "strength": 0.5,
            "sampler": "EulerAncestralDiscreteScheduler",
        },
    ]
    write(folder / "image-to-image.json", [made(pipeline, case, image=picture()) for case in cases])
    inpainting(folder, StableDiffusionInpaintPipeline(**pipeline.components, requires_safety_checker=False))


def inpainting(folder, pipeline):
    prompt = "a fox on green"
    cases = [
        {"prompt": prompt, "guidanceScale": 5.0, "seed": 7, "steps": 4, "strength": 1.0},
        {"prompt": prompt, "guidanceScale": 1.0, "seed": 8, "steps": 6, "strength": 0.6, "sampler": "EulerDiscreteScheduler"},
        {
            "prompt": prompt,
            "guidanceScale": 3.0,
            "seed": 9,
            "steps": 5,
            "strength": 0.8,
            "sampler": "EulerAncestralDiscreteScheduler",
        },
    ]
    inputs = {"image": picture(), "mask_image": mask(), "height": SIZE, "width": SIZE}
    write(folder / "inpainting.json", [made(pipeline, case, **inputs) for case in cases])


def inpainting_model():
    torch.manual_seed(2)
    folder = HERE / "sd-inpainting"
    pipeline = StableDiffusionInpaintPipeline(**parts(9))
    common.save(pipeline, folder)
    inpainting(folder, pipeline)


if __name__ == "__main__":
    image_to_image()
    inpainting_model()
