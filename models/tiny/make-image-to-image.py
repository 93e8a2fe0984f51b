"""What diffusers makes of a picture with tiny pipelines that are there already.

    python models/tiny/make-image-to-image.py <folder with CLIP tokenizers>

The tokenizers are not read; the parts of the other scripts that are used here want them. Needs torch, diffusers and
transformers.
"""

import importlib
import sys
from pathlib import Path

import torch
from diffusers import (
    FluxImg2ImgPipeline,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
pictures = importlib.import_module("make-image-pipelines")
common = pictures.common


def cases(pipeline_class, name, requests, size={}, **load):
    pipeline = pipeline_class.from_pretrained(HERE / name, torch_dtype=torch.float32, **load)
    made = []
    for case in requests:
        asked = {"prompt": case["prompt"], "image": pictures.picture(), "strength": case["strength"]}
        asked |= size
        if "negativePrompt" in case:
            asked["negative_prompt"] = case["negativePrompt"]
        made.append(common.golden_of(pipeline, case, asked, case["steps"]))
    pictures.write(HERE / name / "image-to-image.json", made)


PROMPT = "a red shoe!"


def refined():
    """The base model makes the first calls of a run, and the refiner the last ones."""
    load = {"torch_dtype": torch.float32, "add_watermarker": False}
    base = StableDiffusionXLPipeline.from_pretrained(HERE / "sdxl", **load)
    refiner = StableDiffusionXLImg2ImgPipeline.from_pretrained(
        HERE / "sdxl-refiner", text_encoder=None, tokenizer=None, requires_aesthetics_score=True, **load
    )
    made = []
    for case in (
        {"prompt": PROMPT, "negativePrompt": "blurry", "guidanceScale": 5.0, "seed": 7, "steps": 6, "share": 0.7},
        {"prompt": PROMPT, "guidanceScale": 1.0, "seed": 8, "steps": 5, "share": 0.5},
    ):
        asked = {"prompt": case["prompt"], "negative_prompt": case.get("negativePrompt")}
        settings = {"num_inference_steps": case["steps"], "guidance_scale": case["guidanceScale"]}
        with torch.no_grad():
            latents = base(
                **asked,
                **settings,
                denoising_end=case["share"],
                generator=torch.Generator().manual_seed(case["seed"]),
                output_type="latent",
            ).images
        asked |= {"image": latents, "denoising_start": case["share"]}
        whole = common.golden_of(refiner, case, asked, case["steps"])
        handed = [round(float(value), 6) for value in latents.flatten()]
        made.append({**whole, "handed": handed})
    pictures.write(HERE / "sdxl-refiner" / "from-base.json", made)


if __name__ == "__main__":
    cases(
        StableDiffusionXLImg2ImgPipeline,
        "sdxl",
        [
            {"prompt": PROMPT, "negativePrompt": "blurry", "guidanceScale": 5.0, "seed": 7, "steps": 6, "strength": 0.5},
            {"prompt": PROMPT, "guidanceScale": 1.0, "seed": 8, "steps": 4, "strength": 0.8},
        ],
        add_watermarker=False,
    )
    third = {"text_encoder_3": None, "tokenizer_3": None}
    for name, without in (("sd3", {}), ("sd35", third)):
        cases(
            StableDiffusion3Img2ImgPipeline,
            name,
            [
                {"prompt": PROMPT, "guidanceScale": 5.0, "seed": 7, "steps": 6, "strength": 0.5},
                {"prompt": PROMPT, "guidanceScale": 1.0, "seed": 8, "steps": 4, "strength": 0.8},
            ],
            image_encoder=None,
            feature_extractor=None,
            **without,
        )
    for name in ("flux-dev", "flux-schnell"):
        cases(
            FluxImg2ImgPipeline,
            name,
            [{"prompt": PROMPT, "guidanceScale": 3.5, "seed": 7, "steps": 6, "strength": 0.6}],
            # Left out, the pipeline draws at a size of its own, whatever the picture's.
            {"height": pictures.SIZE, "width": pictures.SIZE},
            image_encoder=None,
            feature_extractor=None,
        )
    refined()
