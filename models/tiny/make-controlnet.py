"""Tiny pipelines that follow a ControlNet, of seeded weights, and what diffusers makes of them.

    python models/tiny/make-controlnet.py <folder with CLIP tokenizers>

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
    ControlNetModel,
    DDIMScheduler,
    PNDMScheduler,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLPipeline,
    UniPCMultistepScheduler,
)
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
common = importlib.import_module("make-pipelines")
pictures = importlib.import_module("make-image-pipelines")

SIZE = 32


def control_picture():
    """White lines on black: every eighth column, and a frame within rows 8 and 24."""
    y, x = numpy.mgrid[:SIZE, :SIZE]
    lines = (x % 8 == 3) | ((y == 8) | (y == 24)) & (x > 4)
    return Image.fromarray(numpy.stack([255 * lines] * 3, axis=-1).astype("uint8"))


def controlnet_of(unet):
    """With residuals that are as loud as what they are added to; those of an untrained one are zeros."""
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8))
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if parameter.ndim > 1 and float(parameter.abs().max()) == 0:
                parameter.copy_(torch.randn(parameter.shape) / parameter[0].numel() ** 0.5)
    return common.rounded(net)


SCHEDULERS = {
    "PNDMScheduler": PNDMScheduler,
    "DDIMScheduler": DDIMScheduler,
    "UniPCMultistepScheduler": UniPCMultistepScheduler,
}

OPTIONS = {
    "controlScale": "controlnet_conditioning_scale",
    "controlStart": "control_guidance_start",
    "controlEnd": "control_guidance_end",
    "guessMode": "guess_mode",
    "negativePrompt": "negative_prompt",
    "strength": "strength",
}


def made(pipeline, case, **inputs):
    """Final latents and the picture of a request."""
    if "sampler" in case:
        latent = {"clip_sample": False} if case["sampler"] == "DDIMScheduler" else {}
        pipeline.scheduler = SCHEDULERS[case["sampler"]].from_config(pictures.scheduler().config, **latent)
    asked = {
        "prompt": case["prompt"],
        "guidance_scale": case["guidanceScale"],
        "num_inference_steps": case["steps"],
        **{name: case[field] for field, name in OPTIONS.items() if field in case},
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


def stable_diffusion():
    torch.manual_seed(3)
    folder = HERE / "controlnet"
    plain = StableDiffusionPipeline.from_pretrained(HERE / "sd", torch_dtype=torch.float32, safety_checker=None)
    pipeline = StableDiffusionControlNetPipeline(
        **plain.components, controlnet=controlnet_of(plain.unet), requires_safety_checker=False
    )
    common.rounded(pipeline.unet), common.rounded(pipeline.vae), common.rounded(pipeline.text_encoder)
    # The rest of the pipeline is that of sd/, beside which the test puts it.
    pipeline.controlnet.half().save_pretrained(folder, safe_serialization=True)
    pipeline.controlnet.float()
    prompt = "a red shoe!"
    control = {"image": control_picture()}
    cases = [
        {"prompt": prompt, "guidanceScale": 5.0, "seed": 7, "steps": 4},
        {"prompt": prompt, "guidanceScale": 1.0, "seed": 8, "steps": 5, "controlScale": 0.6, "sampler": "DDIMScheduler"},
        {
            "prompt": prompt,
            "negativePrompt": "blurry",
            "guidanceScale": 3.0,
            "seed": 9,
            "steps": 6,
            "controlScale": 1.2,
            "controlStart": 0.2,
            "controlEnd": 0.7,
            "sampler": "UniPCMultistepScheduler",
        },
        {
            "prompt": prompt,
            "guidanceScale": 3.0,
            "seed": 10,
            "steps": 4,
            "controlScale": 0.8,
            "guessMode": True,
            "sampler": "DDIMScheduler",
        },
    ]
    write(folder / "golden.json", [made(pipeline, case, **control) for case in cases])
    changed = StableDiffusionControlNetImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    cases = [
        {
            "prompt": prompt,
            "guidanceScale": 4.0,
            "seed": 7,
            "steps": 6,
            "strength": 0.6,
            "controlScale": 0.9,
            "controlEnd": 0.5,
            "sampler": "PNDMScheduler",
        }
    ]
    inputs = {"image": pictures.picture(), "control_image": control_picture()}
    write(folder / "image-to-image.json", [made(changed, case, **inputs) for case in cases])


def xl():
    torch.manual_seed(4)
    folder = HERE / "controlnet-sdxl"
    plain = StableDiffusionXLPipeline.from_pretrained(HERE / "sdxl", torch_dtype=torch.float32, add_watermarker=False)
    pipeline = StableDiffusionXLControlNetPipeline(
        **plain.components, controlnet=controlnet_of(plain.unet), add_watermarker=False
    )
    pipeline.controlnet.half().save_pretrained(folder, safe_serialization=True)
    pipeline.controlnet.float()
    cases = [
        {
            "prompt": "a red shoe!",
            "negativePrompt": "blurry",
            "guidanceScale": 5.0,
            "seed": 7,
            "steps": 4,
            "controlScale": 0.7,
        },
        {"prompt": "a fox on green", "guidanceScale": 1.0, "seed": 8, "steps": 4, "controlScale": 0.5},
    ]
    write(folder / "golden.json", [made(pipeline, case, image=control_picture()) for case in cases])


if __name__ == "__main__":
    stable_diffusion()
    xl()
